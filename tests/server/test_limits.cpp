/* SPDX-License-Identifier: MIT
 * Tests the limits on friends, groups and members on a real server, also by people who ask at the same time. */
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void add_friend(test_client *c, int64_t of, int wire_errno)
{
	CLIENT_ASK(c, wire_errno, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (long long)c->id, (long long)of);
}

static void join(test_client *c, int64_t group, int wire_errno)
{
	CLIENT_ASK(c, wire_errno, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld", (long long)c->id, (long long)group);
}

static void create(test_client *c, int wire_errno)
{
	CLIENT_ASK(c, wire_errno, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\"", (long long)c->id,
	           client_new_name("group").c_str());
}

static size_t count_of(test_client *c, const char *list)
{
	client_logout(c);
	const test_frame ack = client_login(c, c->id);

	return json_has(ack.json.get(), list) ? json_parse_all(ack.json.get(), list).size() : 0;
}

static void a_list_of_friends_gets_full(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<int64_t> people;

	test_server_set(s, "people.max_friends", "3");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	for (int i = 0; i < 4; i++)
		people.push_back(client_absent(s, "friend"));
	for (int i = 0; i < 3; i++)
		add_friend(ann, people[(size_t)i], 0);
	add_friend(ann, people[3], 16);
	add_friend(ann, people[0], 0); /* it is there already */
	add_friend(ann, 999999, 6);
	assert_int_equal(count_of(ann, "friends"), 3);
	test_server_set(s, "people.max_friends", "0");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	add_friend(ann, people[3], 0);
	assert_int_equal(count_of(ann, "friends"), 4);
	test_server_stop(s);
}

static void an_account_is_in_so_many_groups(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "group.max_groups", "2");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *eve = client_enter(s, "eve");
	const int64_t first = client_create_group(bob, client_new_name("group"));
	const int64_t second = client_create_group(eve, client_new_name("group"));

	create(ann, 0);
	join(ann, first, 0);
	join(ann, second, 16);
	create(ann, 16);
	join(ann, first, 9); /* it is there already */
	join(ann, 999999, 7);
	assert_int_equal(count_of(ann, "groups"), 2);
	join(bob, second, 0);
	test_server_stop(s);
}

static void a_group_has_so_many_members_also_when_all_join_at_once(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> crowd;
	int joined = 0, refused = 0;

	test_server_set(s, "group.members_max", "10");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t group = client_create_group(ann, client_new_name("group"));

	for (int i = 0; i < 30; i++)
		crowd.push_back(client_enter(s, "crowd"));
	for (test_client *c : crowd)
		client_sendf(c, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld,\"req\":1}", (long long)c->id,
		             (long long)group);
	for (test_client *c : crowd) {
		const int64_t wire_errno = json_integer(client_read_answer(c, 1).json.get(), "errno");

		joined += wire_errno == 0;
		refused += wire_errno == 16;
	}
	assert_int_equal(joined, 9);
	assert_int_equal(refused, 21);
	join(ann, group, 9);
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_of_friends_gets_full),
		TEST(an_account_is_in_so_many_groups),
		TEST(a_group_has_so_many_members_also_when_all_join_at_once),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
