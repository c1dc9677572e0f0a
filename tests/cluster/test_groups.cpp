/* SPDX-License-Identifier: MIT
 * Tests requests on groups from two nodes: the matrix of roles, and races. */
#include <algorithm>
#include <set>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/duel.h"
#include "tests/support/group_stage.h"
#include "tests/support/operator.h"

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

/* Dissolves the group in parts; both orders are on their way at the same time. Whether it has ended. */
static bool dissolve_from_both(test_client *const operators[2], int64_t group)
{
	int64_t reqs[2];
	bool ended = true;

	for (int n = 0; n < 2; n++) {
		reqs[n] = operators[n]->next_req++;
		client_sendf(operators[n], "{\"msgid\":%d,\"groupid\":%lld,\"req\":%lld}", CS_MSGID_GROUP_DISSOLVE,
		             (long long)group, (long long)reqs[n]);
	}
	for (int n = 0; n < 2; n++) {
		const int64_t number = json_integer(client_read_answer(operators[n], reqs[n]).json.get(), "errno");

		assert_true(number == 0 || number == CS_ERRNO_NO_SUCH_GROUP);
		ended &= number == CS_ERRNO_NO_SUCH_GROUP;
	}
	return ended;
}

/* Members in several parts of a dissolving. The creator goes last, and so sees each one go. */
static void two_operators_on_two_nodes_dissolve_a_group_and_each_member_goes_once(void **state)
{
	const race r = race_begin(state);
	cluster *c = static_cast<cluster *>(*state);
	test_client *const operators[] = {operator_open(c->nodes[0].server), operator_open(c->nodes[1].server)};
	const int64_t creator = r.one->id;
	std::set<int64_t> gone;
	std::vector<int64_t> reqs;
	int64_t last = 0, end = 0;

	client_join_group(r.two, r.group);
	for (int i = 0; i < 43; i++) {
		test_client *member = client_enter(c->nodes[i % 2].server, "member");

		client_join_group(member, r.group);
		client_close(member);
	}
	client_close(r.one);
	test_client *watch = client_open(c->nodes[0].server);
	client_login(watch, creator, R"(,"want":["event"])");
	do
		reqs.push_back(send(r.two, 10, r.group, R"(,"msg":"x")"));
	while (!dissolve_from_both(operators, r.group));
	while (!gone.contains(creator)) {
		const test_frame frame = client_read(watch);

		if (json_integer(frame.json.get(), "msgid") != 141)
			continue;
		const int64_t account = json_integer(frame.json.get(), "account");
		assert_true(gone.insert(account).second);
		if (account == r.two->id)
			end = json_integer(frame.json.get(), "seq");
	}
	assert_int_equal(gone.size(), 45);
	for (const int64_t req : reqs) {
		const test_frame answer = client_read_answer(r.two, req);

		if (json_integer(answer.json.get(), "errno") == 0)
			last = json_integer(answer.json.get(), "seq");
	}
	assert_in_range(last, 1, end - 1);
}

static int two_nodes(void **state)
{
	cluster *c = cluster_new(2);

	for (const cluster_node &node : c->nodes)
		operator_allow(node.server);
	*state = c;
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
		TEST(two_operators_on_two_nodes_dissolve_a_group_and_each_member_goes_once),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
