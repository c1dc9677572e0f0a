/* SPDX-License-Identifier: MIT
 * Plays the matrix of requests on a group over the wire. */
#include "tests/support/group_stage.h"

#include <string>

#include "tests/support/check.h"
#include "tests/support/server.h"

static constexpr int64_t stage_nobody = 4000000000;

static int64_t stage_account(const group_stage *stage, matrix_person person)
{
	return person == MATRIX_NOBODY ? stage_nobody : stage->people[person]->id;
}

/* Without the closing brace. */
static std::string stage_frame(const group_stage *stage, matrix_action action, matrix_person actor,
                               matrix_person target)
{
	struct words {
		int msgid;
		const char *more;
	};
	static const words all[] = {
		{141, ""},
		{141, ",\"ban\":true"},
		{142, ",\"role\":\"admin\""},
		{142, ",\"role\":\"normal\""},
		{142, ",\"role\":\"creator\""},
		{146, ",\"until\":9000000000000"},
		{146, ",\"until\":0"},
		{145, ""},
		{146, ",\"until\":9000000000000"},
		{143, ",\"groupdesc\":\"renamed\""},
		{9, ""},
	};
	std::string frame =
		check_format("{\"msgid\":%d,\"id\":%lld,\"groupid\":%lld%s", all[action].msgid,
	                     (long long)stage->people[actor]->id, (long long)stage->group, all[action].more);

	if (action == MATRIX_MUTE_ALL)
		frame += ",\"account\":0";
	else if (action < MATRIX_MUTE_ALL)
		frame += check_format(",\"account\":%lld", (long long)stage_account(stage, target));
	return frame;
}

static test_frame stage_ask(group_stage *stage, matrix_action action, matrix_person actor, matrix_person target,
                            int wire_errno = 0)
{
	return client_ask(stage->people[actor], wire_errno, test_at::current(), "%s",
	                  stage_frame(stage, action, actor, target).c_str());
}

/* The next frame of the group, which must have the members; frames of the groups before may still come. */
static void stage_expect(const group_stage *stage, test_client *c, const std::string &members)
{
	test_frame frame = client_read(c);

	while (json_integer(frame.json.get(), "groupid") != stage->group)
		frame = client_read(c);
	if (!json_matches(frame.json.get(), members))
		client_fail(c, test_at::current(), "expected %s, got %s", members.c_str(), frame.bytes.c_str());
}

/* Forgets what everybody was sent. */
static void stage_drain(group_stage *stage)
{
	for (test_client *c : stage->people)
		(void)client_read_all(c);
}

void group_stage_enter(group_stage *stage, std::span<test_server *const> servers)
{
	for (size_t i = 0; i < MATRIX_PEOPLE; i++)
		stage->people.push_back(client_enter(servers[i % servers.size()], "matrix", ",\"want\":[\"event\"]"));
}

void group_stage_fill(group_stage *stage, bool invite_only)
{
	stage->group = client_create_group(stage->people[MATRIX_CREATOR], client_new_name("matrix"));
	for (const matrix_person person :
	     {MATRIX_ADMIN, MATRIX_NORMAL, MATRIX_FORMER, MATRIX_BANNED, MATRIX_OTHER_ADMIN, MATRIX_OTHER_NORMAL})
		stage_ask(stage, MATRIX_JOIN, person, person);
	stage_ask(stage, MATRIX_MAKE_ADMIN, MATRIX_CREATOR, MATRIX_ADMIN);
	stage_ask(stage, MATRIX_MAKE_ADMIN, MATRIX_CREATOR, MATRIX_OTHER_ADMIN);
	stage_ask(stage, MATRIX_REMOVE, MATRIX_FORMER, MATRIX_FORMER);
	stage_ask(stage, MATRIX_BAN, MATRIX_ADMIN, MATRIX_BANNED);
	stage_ask(stage, MATRIX_INVITE, MATRIX_NORMAL, MATRIX_INVITED);
	stage_expect(stage, stage->people[MATRIX_INVITED], "{\"msgid\":145}");
	if (invite_only)
		CLIENT_ASK(stage->people[MATRIX_CREATOR], 0,
		           "{\"msgid\":143,\"id\":%lld,\"groupid\":%lld,\"join\":\"invite\"",
		           (long long)stage->people[MATRIX_CREATOR]->id, (long long)stage->group);
	stage->last_seq = client_group_chat_safely(stage->people[MATRIX_CREATOR], stage->group, "all are here");
	/* The members get it last, on every server. */
	for (const matrix_person person : {MATRIX_ADMIN, MATRIX_NORMAL, MATRIX_OTHER_ADMIN, MATRIX_OTHER_NORMAL})
		for (bool is_last = false; !is_last;) {
			const test_frame frame = client_read(stage->people[person]);
			is_last = json_integer(frame.json.get(), "msgid") == 10 &&
			          json_integer(frame.json.get(), "groupid") == stage->group;
		}
	stage_drain(stage);
}

/* What was done is told; what was refused or done before took no seq. */
static void stage_check_case(group_stage *stage, const matrix_case &c, const test_frame &answer)
{
	test_client *actor = stage->people[c.actor], *witness = stage->people[MATRIX_OTHER_NORMAL];

	if (c.outcome == MATRIX_ENTRY) {
		stage->last_seq++;
		if (json_integer(answer.json.get(), "seq") != stage->last_seq)
			client_fail(actor, test_at::current(), "not seq %lld", (long long)stage->last_seq);
		stage_expect(stage, witness,
		             check_format("{\"id\":%lld,\"groupid\":%lld,\"name\":%s,\"seq\":%lld}",
		                          (long long)actor->id, (long long)stage->group,
		                          json_quote(actor->name).c_str(), (long long)stage->last_seq));
	} else if (c.outcome == MATRIX_DONE && c.action == MATRIX_INVITE) {
		stage_expect(stage, stage->people[c.target],
		             check_format("{\"msgid\":145,\"id\":%lld,\"groupid\":%lld,\"account\":%lld,\"name\":%s}",
		                          (long long)actor->id, (long long)stage->group,
		                          (long long)stage->people[c.target]->id, json_quote(actor->name).c_str()));
	}
}

/* That the next seq is the one above the last. */
static void stage_check_last(group_stage *stage)
{
	stage->last_seq++;
	assert_int_equal(client_group_chat_safely(stage->people[MATRIX_OTHER_ADMIN], stage->group, "next"),
	                 stage->last_seq);
}

static int stage_errno(matrix_outcome outcome)
{
	switch (outcome) {
	case MATRIX_NOT_ALLOWED: return 8;
	case MATRIX_NO_USER: return 6;
	case MATRIX_EXISTS: return 9;
	default: return 0;
	}
}

static void stage_play_case(group_stage *stage, const matrix_case &c)
{
	const bool changes = c.outcome == MATRIX_ENTRY || c.outcome == MATRIX_DONE;

	if (changes)
		group_stage_fill(stage, c.invite_only);
	stage_check_case(stage, c, stage_ask(stage, c.action, c.actor, c.target, stage_errno(c.outcome)));
	if (changes && c.target != MATRIX_OTHER_ADMIN)
		stage_check_last(stage);
}

void group_stage_play(std::span<test_server *const> servers)
{
	group_stage stage;
	size_t count = 0;

	group_stage_enter(&stage, servers);
	for (const bool changing : {false, true})
		for (const bool invite_only : {false, true}) {
			if (!changing)
				group_stage_fill(&stage, invite_only);
			group_matrix_each([&](const matrix_case &c) {
				const bool changes = c.outcome == MATRIX_ENTRY || c.outcome == MATRIX_DONE;

				if (changes != changing || c.invite_only != invite_only)
					return;
				stage_play_case(&stage, c);
				count++;
			});
			if (!changing)
				stage_check_last(&stage);
		}
	assert_true(count > 500);
}
