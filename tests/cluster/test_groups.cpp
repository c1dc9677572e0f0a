/* SPDX-License-Identifier: MIT
 * Tests requests on groups from two nodes: the matrix of roles, and races. */
#include <algorithm>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/duel.h"
#include "tests/support/group_stage.h"

static int rounds(void)
{
	return cluster_is_long() ? 1000 : 50;
}

static void every_request_does_what_the_role_permits_on_two_nodes(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	test_server *const servers[] = {c->nodes[0].server, c->nodes[1].server};
	group_stage_play(servers);
}

/* Two clients on two nodes, a group of the first one. */
struct race {
	test_client *one, *two;
	int64_t group;
};

static race race_begin(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	race r = {client_enter(c->nodes[0].server, "one"), client_enter(c->nodes[1].server, "two"), 0};
	r.group = client_create_group(r.one, client_new_name("race"));
	return r;
}

/* With a req. */
static std::string request(test_client *c, int msgid, int64_t group, const std::string &more, int64_t *req_r)
{
	*req_r = c->next_req++;
	return check_format("{\"msgid\":%d,\"id\":%lld,\"groupid\":%lld,\"req\":%lld%s}", msgid, (long long)c->id,
	                    (long long)group, (long long)*req_r, more.c_str());
}

/* Sends with a req, which is returned. */
static int64_t send(test_client *c, int msgid, int64_t group, const std::string &more)
{
	int64_t req = 0;

	client_send(c, request(c, msgid, group, more, &req) + c->ending);
	return req;
}

static std::string about(const test_client *c)
{
	return check_format(",\"account\":%lld", (long long)c->id);
}

static void nothing_of_a_member_takes_a_seq_behind_the_answer_to_its_removal(void **state)
{
	const race r = race_begin(state);
	int64_t written = 0;

	for (int i = 0; i < rounds(); i++) {
		std::vector<int64_t> reqs;
		int64_t last = 0;

		client_join_group(r.two, r.group);
		for (int n = 0; n < 5; n++)
			reqs.push_back(send(r.two, 10, r.group, ",\"msg\":\"x\""));
		const int64_t removal = send(r.one, 141, r.group, about(r.two));
		for (int n = 0; n < 5; n++)
			reqs.push_back(send(r.two, 10, r.group, ",\"msg\":\"x\""));
		const test_frame removed = client_read_answer(r.one, removal);
		const int64_t end = json_integer(removed.json.get(), "seq");
		assert_true(end > 0);
		reqs.push_back(send(r.two, 10, r.group, ",\"msg\":\"x\""));
		for (const int64_t req : reqs) {
			const test_frame answer = client_read_answer(r.two, req);
			if (json_integer(answer.json.get(), "errno") == 0)
				last = json_integer(answer.json.get(), "seq");
			else
				assert_int_equal(json_integer(answer.json.get(), "errno"), 8);
			written += json_integer(answer.json.get(), "errno") == 0;
			assert_true(last < end && (req != reqs.back() || !json_has(answer.json.get(), "seq")));
		}
		r.one->kept.clear();
		r.two->kept.clear();
	}
	assert_true(written > 0);
}

static void a_group_never_has_more_members_than_it_may_have(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_set(c, "group.members_max", "2");
	const race r = race_begin(state);
	test_client *const joiners[] = {r.two, client_enter(c->nodes[0].server, "three")};
	duel d;

	for (int i = 0; i < rounds(); i++) {
		int64_t reqs[2], numbers[2];
		std::string frames[2];

		for (int n = 0; n < 2; n++)
			frames[n] = request(joiners[n], 9, r.group, "", &reqs[n]);
		duel_send(&d, joiners[0], frames[0], joiners[1], frames[1]);
		for (int n = 0; n < 2; n++)
			numbers[n] = json_integer(client_read_answer(joiners[n], reqs[n]).json.get(), "errno");
		assert_int_equal(std::min(numbers[0], numbers[1]), 0);
		assert_int_equal(std::max(numbers[0], numbers[1]), 16);
		test_client *in = joiners[numbers[0] == 0 ? 0 : 1];
		client_ask(in, 0, test_at::current(), "{\"msgid\":141,\"id\":%lld,\"groupid\":%lld%s",
		           (long long)in->id, (long long)r.group, about(in).c_str());
		duel_note(&d, in == joiners[0]);
	}
	duel_judge(&d, "the one", "the other");
}

static void a_group_always_has_one_creator(void **state)
{
	const race r = race_begin(state);
	test_client *creator = r.one, *other = r.two;
	int64_t over = 0, leave = 0;
	duel d;

	for (int i = 0; i < rounds(); i++) {
		client_join_group(other, r.group);
		const std::string over_frame =
			request(creator, 142, r.group, about(other) + ",\"role\":\"creator\"", &over);
		const std::string leave_frame = request(other, 141, r.group, about(other), &leave);
		duel_send(&d, creator, over_frame, other, leave_frame);
		const int64_t over_errno = json_integer(client_read_answer(creator, over).json.get(), "errno");
		const int64_t leave_errno = json_integer(client_read_answer(other, leave).json.get(), "errno");
		/* The one or the other, never both and never none. */
		assert_true((over_errno == 0 && leave_errno == 8) || (over_errno == 6 && leave_errno == 0));
		duel_note(&d, over_errno == 0);
		if (over_errno == 0) {
			std::swap(creator, other);
			CLIENT_ASK(other, 0, "{\"msgid\":141,\"id\":%lld,\"groupid\":%lld%s", (long long)other->id,
			           (long long)r.group, about(other).c_str());
		}
		const test_frame answer = CLIENT_ASK(creator, 0, "{\"msgid\":144,\"id\":%lld,\"groupid\":%lld",
		                                     (long long)creator->id, (long long)r.group);
		const cJSON *members = cJSON_GetObjectItem(answer.json.get(), "members");
		assert_int_equal(cJSON_GetArraySize(members), 1);
		assert_string_equal(json_text(cJSON_GetArrayItem(members, 0), "role").c_str(), "creator");
	}
	duel_judge(&d, "handing over", "leaving");
}

static int two_nodes(void **state)
{
	*state = cluster_new(2);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, two_nodes, cluster_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_request_does_what_the_role_permits_on_two_nodes),
		TEST(nothing_of_a_member_takes_a_seq_behind_the_answer_to_its_removal),
		TEST(a_group_never_has_more_members_than_it_may_have),
		TEST(a_group_always_has_one_creator),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
