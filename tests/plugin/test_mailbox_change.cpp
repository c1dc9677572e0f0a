/* SPDX-License-Identifier: MIT
 * Tests mailbox->change: the server changes a group, without a connection. */
#include "mailbox_stage.h"

#include <cstring>

#include <chatserverd/msgid.h>

/* A change, its effect, and what it came to. */
struct change {
	memory_log *log = nullptr;
	cs_account joins = 0, leaves = 0, actor = 0; /* actor: whom the effect names; 0: it leaves that as it is */
	int answers = 0; /* what the effect answers */
	int runs = 0;
	int calls = 0, result = 0;
	uint64_t seq = 0;
	cs_effect effect = {};
};

static int run_change(cs_db *, cs_effect *effect, void *arg)
{
	change *c = static_cast<change *>(arg);

	c->runs++;
	if (!effect->conversation)
		return CS_ERRNO_NO_SUCH_GROUP;
	if (c->answers) {
		effect->errmsg = "no";
		return c->answers;
	}
	if (c->actor)
		effect->actor = c->actor;
	if (c->joins)
		memory_log_join(c->log, effect->conversation, effect->joins = c->joins, effect->seq);
	if (c->leaves)
		memory_log_leave(c->log, effect->conversation, effect->leaves = c->leaves, effect->seq);
	return 0;
}

static void tell(void *arg, int result, uint64_t seq, const cs_effect *effect)
{
	change *c = static_cast<change *>(arg);

	c->calls++;
	c->result = result;
	c->seq = seq;
	c->effect = *effect;
}

static cs_mailbox_change change_of(uint64_t group, cs_account account, const char *members, const char *cid = nullptr)
{
	cs_mailbox_change asked = {};

	asked.group = group;
	asked.msgid = CS_MSGID_MUTE;
	asked.account = account;
	asked.members = members;
	asked.members_size = members ? strlen(members) : 0;
	asked.cid = cid;
	asked.cid_size = cid ? strlen(cid) : 0;
	asked.effect = run_change;
	return asked;
}

static int ask(stage *st, const cs_mailbox_change &asked, change *c, unsigned worker = 0)
{
	c->log = &st->log;
	return st->w.mailbox->change(fake_self_state(st->w.workers[worker]), &asked, tell, c);
}

static const char *const mute = ",\"account\":2,\"until\":9,\"operator\":true";

/* Without its ts. */
static std::string text_of(const stage *st, cs_conn conn, size_t i)
{
	const std::string &text = st->seen.at(conn)[i].text;

	return text.substr(0, text.find(",\"ts\":"));
}

/* Also those of the account that it names, with echo and without. */
static void a_change_goes_to_every_session_of_a_member_that_wants_events(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	const cs_conn ann = stage_login_wanting(st, 0, 1, "event"), bob = stage_login_wanting(st, 1, 2, "event"),
		      cid = stage_login_wanting(st, 2, 3, "event echo"), eve = stage_login_wanting(st, 3, 4, "event");
	change c;

	assert_int_equal(ask(st, change_of(group, 1, mute), &c, 1), 0);
	assert_int_equal(c.calls, 0);
	world_settle(&st->w);
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.result, 0);
	assert_int_equal(c.seq, 1);
	assert_int_equal(c.effect.conversation, group);
	for (const cs_conn conn : {ann, bob, cid})
		assert_string_equal(text_of(st, conn, 0).c_str(),
		                    ("{\"msgid\":146,\"id\":1,\"name\":\"user \\\"1\\\"\",\"groupid\":" +
		                     std::to_string(group) + mute + ",\"seq\":1")
		                            .c_str());
	assert_string_equal(stage_seqs(st, eve).c_str(), "");
}

/* By catch-up; others pass over it. */
static void a_change_waits_for_members_that_are_away(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	change c;

	assert_int_equal(ask(st, change_of(group, 1, mute), &c), 0);
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, stage_login_wanting(st, 0, 1, "event")).c_str(), "1");
	assert_string_equal(stage_seqs(st, stage_login_wanting(st, 0, 2, "event")).c_str(), "1");
	const cs_conn plain = stage_login(st, 0, 3);
	assert_string_equal(stage_seqs(st, plain).c_str(), "");
	world_advance(&st->w, 1000);
	assert_int_equal(memory_log_cursor(&st->log, 3, group), 1);
}

static void changes_and_messages_of_a_group_share_one_order(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login_wanting(st, 0, 2, "event");
	change first, last;

	assert_int_equal(ask(st, change_of(group, 1, mute), &first), 0);
	(void)stage_chat_as(st, ann, CS_CONVERSATION_GROUP, group, 2, nullptr);
	world_step_request(&st->w, ann);
	assert_int_equal(ask(st, change_of(group, 1, mute), &last), 0);
	world_settle(&st->w);
	assert_int_equal(first.seq, 1);
	assert_int_equal(last.seq, 3);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2 3");
}

/* The entry is the last of the one that leaves, on any node. */
static void whoever_a_change_removes_gets_it_and_nothing_more(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login_wanting(st, 0, 1, "event"), bob = stage_login_wanting(st, 1, 2, "event");
	change c;

	c.leaves = 2;
	assert_int_equal(ask(st, change_of(group, 2, ",\"account\":2"), &c), 0);
	world_settle(&st->w);
	(void)stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, 2, nullptr);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	assert_true(stage_session(st, bob)->groups.empty());
}

static void whoever_a_change_makes_a_member_gets_what_follows(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login_wanting(st, 1, 2, "event");
	change c;

	c.joins = 2;
	assert_int_equal(ask(st, change_of(group, 2, nullptr), &c), 0);
	world_settle(&st->w);
	(void)stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, 2, nullptr);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2");
}

static void the_effect_can_say_whom_the_entry_names(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn bob = stage_login_wanting(st, 0, 2, "event");
	change c, nobody, none;

	c.actor = 1;
	nobody.actor = 77;
	assert_int_equal(ask(st, change_of(group, 0, mute), &c), 0);
	assert_int_equal(ask(st, change_of(group, 0, mute), &nobody), 0);
	assert_int_equal(ask(st, change_of(group, 0, mute), &none), 0);
	world_settle(&st->w);
	assert_non_null(strstr(text_of(st, bob, 0).c_str(), "\"id\":1,\"name\":\"user \\\"1\\\"\""));
	for (const change *bad : {&nobody, &none})
		assert_true(bad->calls == 1 && bad->result == CS_ERRNO_NO_SUCH_USER && bad->seq == 0);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
}

static void a_change_that_its_effect_refuses_says_why(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	change there, without, refused, no_group, good;

	there.answers = CS_EFFECT_IS_THERE;
	without.answers = CS_EFFECT_NO_ENTRY;
	refused.answers = CS_ERRNO_NOT_ALLOWED;
	st->w.hold_writes = true; /* one batch */
	for (change *c : {&there, &without, &refused})
		assert_int_equal(ask(st, change_of(group, 1, mute), c), 0);
	assert_int_equal(ask(st, change_of(77, 1, mute), &no_group), 0);
	assert_int_equal(ask(st, change_of(group, 1, mute), &good), 0);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(there.result, CS_EFFECT_IS_THERE);
	assert_int_equal(without.result, CS_EFFECT_NO_ENTRY);
	assert_int_equal(refused.result, CS_ERRNO_NOT_ALLOWED);
	assert_string_equal(refused.effect.errmsg, "no");
	assert_int_equal(no_group.result, CS_ERRNO_NO_SUCH_GROUP);
	for (const change *c : {&there, &without, &refused, &no_group})
		assert_true(c->calls == 1 && c->seq == 0);
	assert_int_equal(good.seq, 1);
}

static void a_change_with_the_cid_of_an_earlier_one_is_made_once(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn bob = stage_login_wanting(st, 0, 2, "event");
	change first, again;

	assert_int_equal(ask(st, change_of(group, 1, mute, "x:1"), &first), 0);
	world_settle(&st->w);
	assert_int_equal(ask(st, change_of(group, 1, mute, "x:1"), &again), 0);
	world_settle(&st->w);
	assert_int_equal(again.calls, 1);
	assert_int_equal(again.result, 0);
	assert_int_equal(again.seq, first.seq);
	assert_int_equal(again.runs, 0);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	assert_non_null(strstr(text_of(st, bob, 0).c_str(), "\"operator\":true,\"cid\":\"x:1\""));
}

static void a_commit_of_unknown_outcome_makes_a_change_once(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	change c;

	st->w.host->unknown_outcomes = true;
	stage_fail(st, FAKE_BATCH, {FAKE_UNHEARD});
	const cs_conn bob = stage_login_wanting(st, 0, 2, "event");
	c.leaves = 2;
	assert_int_equal(ask(st, change_of(group, 2, ",\"account\":2"), &c), 0);
	world_settle(&st->w);
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.result, 0);
	assert_int_equal(c.seq, 1);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	assert_null(strstr(text_of(st, bob, 0).c_str(), "cid"));
}

static void a_store_that_fails_is_told_and_changes_nothing(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	change away, bad;

	stage_fail(st, FAKE_BATCH, {CS_ENOSTORE, CS_DB_BAD_VALUE});
	assert_int_equal(ask(st, change_of(group, 1, mute), &away), 0);
	world_settle(&st->w);
	assert_int_equal(ask(st, change_of(group, 1, mute), &bad), 0);
	world_settle(&st->w);
	assert_true(away.calls == 1 && away.result == CS_ENOSTORE && away.seq == 0);
	assert_true(bad.calls == 1 && bad.result == CS_ERRNO_BAD_FRAME && bad.seq == 0);
	assert_int_equal(st->log.conversations[group].messages.size(), 0);
}

static void a_change_that_no_frame_can_be_made_of_is_refused_at_once(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1}), beyond = UINT64_C(1) << 53;
	const std::string long_members = "," + std::string(CS_MAILBOX_TEXT_MAX, 'x');
	const std::string long_cid(CS_MAILBOX_CID_MAX + 1, 'x');
	change c;
	std::vector<cs_mailbox_change> wrong(7, change_of(group, 1, mute));

	wrong[0].group = 0;
	wrong[1].group = beyond;
	wrong[2].msgid = 0;
	wrong[3].effect = nullptr;
	wrong[4].account = beyond;
	wrong[5].spare[1] = &c;
	wrong[6].spare_flags = 1;
	for (const char *members : {"\"account\":2", ",\"a\":\"\xff\"", long_members.c_str()})
		wrong.push_back(change_of(group, 1, members));
	for (const char *cid : {"", "\xff", long_cid.c_str()})
		wrong.push_back(change_of(group, 1, mute, cid));
	for (const cs_mailbox_change &asked : wrong)
		assert_int_equal(ask(st, asked, &c), CS_EINVAL);
	const cs_mailbox_change right = change_of(group, 1, mute);
	assert_int_equal(st->w.mailbox->change(fake_self_state(st->w.workers[0]), &right, nullptr, &c), CS_EINVAL);
	world_settle(&st->w);
	assert_int_equal(c.calls + c.runs, 0);
}

static void more_than_256_posts_and_changes_of_a_worker_under_way_are_refused(void **state)
{
	stage *st = stage_open(state, 2);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	change c;

	st->w.hold_writes = true;
	for (unsigned i = 0; i < 256; i++)
		assert_int_equal(ask(st, change_of(group, 1, mute), &c), 0);
	assert_int_equal(ask(st, change_of(group, 1, mute), &c), CS_EBUSY);
	assert_int_equal(ask(st, change_of(group, 1, mute), &c, 1), 0);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(c.calls, 257);
	assert_int_equal(c.seq, 257);
}

static void the_end_of_the_server_tells_what_became_of_every_change(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	change stored, waiting;

	st->w.hold_commits = true;
	assert_int_equal(ask(st, change_of(group, 1, mute), &stored), 0);
	world_settle(&st->w);
	st->w.hold_writes = true;
	assert_int_equal(ask(st, change_of(group, 1, mute), &waiting), 0);
	world_settle(&st->w);
	assert_int_equal(stored.calls + waiting.calls, 0);
	stage_close(st);
	assert_true(stored.calls == 1 && stored.result == 0);
	assert_true(waiting.calls == 1 && waiting.result == CS_ECANCELED);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_goes_to_every_session_of_a_member_that_wants_events),
		TEST(a_change_waits_for_members_that_are_away),
		TEST(changes_and_messages_of_a_group_share_one_order),
		TEST(whoever_a_change_removes_gets_it_and_nothing_more),
		TEST(whoever_a_change_makes_a_member_gets_what_follows),
		TEST(the_effect_can_say_whom_the_entry_names),
		TEST(a_change_that_its_effect_refuses_says_why),
		TEST(a_change_with_the_cid_of_an_earlier_one_is_made_once),
		TEST(a_commit_of_unknown_outcome_makes_a_change_once),
		TEST(a_store_that_fails_is_told_and_changes_nothing),
		TEST(a_change_that_no_frame_can_be_made_of_is_refused_at_once),
		TEST(more_than_256_posts_and_changes_of_a_worker_under_way_are_refused),
		TEST(the_end_of_the_server_tells_what_became_of_every_change),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
