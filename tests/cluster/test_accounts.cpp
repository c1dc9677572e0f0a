/* SPDX-License-Identifier: MIT
 * Tests the verbs about accounts on two nodes: sessions on the other node, logins there at that moment, and a node that
 * dies while it erases. */
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/database.h"
#include "tests/support/operator.h"

using wide = long long;

static int set_up(void **state)
{
	cluster *c = cluster_new(2);

	for (const cluster_node &node : c->nodes)
		operator_allow(node.server);
	*state = c;
	cluster_start(c);
	return 0;
}

static test_client *enter_at(cluster *c, size_t node, int64_t id, const char *more = "")
{
	test_client *session = client_open(c->nodes[node].server);

	client_login(session, id, more);
	return session;
}

static int64_t result_of(cluster *c, size_t node, int64_t id, const std::string &proof)
{
	test_client *session = client_open(c->nodes[node].server);

	client_sendf(session, R"({"msgid":1,"id":%lld,"device":"late",%s})", (wide)id, proof.c_str());
	const int64_t result = json_integer(client_read(session).json.get(), "errno");
	client_close(session);
	return result;
}

static void order(test_client *o, int msgid, int64_t id, const char *more = "")
{
	(void)CLIENT_ASK(o, 0, R"({"msgid":%d,"account":%lld%s)", msgid, (wide)id, more);
}

static void a_lock_and_a_new_password_end_the_sessions_of_all_nodes_at_once(void **state)
{
	auto *c = static_cast<cluster *>(*state);
	test_client *o = operator_open(c->nodes[0].server);
	const int64_t id = client_absent(c->nodes[0].server, "ann");

	for (const int msgid : {922, 921}) {
		test_client *here = enter_at(c, 0, id, R"(,"device":"here")"),
			    *there = enter_at(c, 1, id, R"(,"device":"there")");
		const int64_t begun = check_now();

		order(o, msgid, id, R"(,"password":"better")");
		client_expect_end(here);
		client_expect_end(there);
		assert_true(check_now() - begun < check_soon_ms());
		assert_int_equal(result_of(c, 1, id, R"("password":"secret")"), 1);
		order(o, 923, id);
	}
	assert_int_equal(result_of(c, 1, id, R"("password":"better")"), 0);
}

static void a_login_at_the_moment_of_a_lock_does_not_stay(void **state)
{
	auto *c = static_cast<cluster *>(*state);
	test_client *o = operator_open(c->nodes[0].server);
	const int64_t id = client_absent(c->nodes[0].server, "ann");

	for (int round = 0; round < (cluster_is_long() ? 200 : 20); round++) {
		test_client *late = client_open(c->nodes[1].server);
		test_frame frame;

		client_sendf(late, R"({"msgid":1,"id":%lld,"device":"late","password":"secret"})", (wide)id);
		order(o, 922, id);
		/* It is refused, or let in and then closed. */
		if (client_try_read(late, &frame, static_cast<int>(check_patience_ms())) &&
		    json_integer(frame.json.get(), "errno") == 0)
			client_expect_end(late);
		client_close(late);
		order(o, 923, id);
	}
}

static void a_session_that_begins_after_an_unlock_on_another_node_stays(void **state)
{
	auto *c = static_cast<cluster *>(*state);
	test_client *one = operator_open(c->nodes[0].server), *other = operator_open(c->nodes[1].server);
	const int64_t id = client_absent(c->nodes[0].server, "ann");

	/* The first session is alone on the node that has locked the account; then it is not alone any more. */
	order(one, 922, id);
	order(other, 923, id);
	test_client *here = enter_at(c, 0, id, R"(,"device":"here","want":["echo"])"),
		    *there = enter_at(c, 1, id, R"(,"device":"there","want":["echo"])");
	/* What is said there comes here behind the news that the session here is not alone, and the other way. */
	for (const auto &[from, to] : {std::pair(there, here), {here, there}, {there, here}}) {
		(void)client_chat_safely(from, id, "still here");
		client_expect(to, R"({"msgid":6,"msg":"still here"})");
	}
	(void)client_chat_safely(here, id, "at last");
}

static std::string state_of(test_client *o, int64_t id)
{
	return json_text(CLIENT_ASK(o, 0, R"({"msgid":925,"account":%lld)", (wide)id).json.get(), "state");
}

static int64_t reminders_of(const cluster *c, int64_t id)
{
	test_database d;

	database_make_mysql(&d, c->database, c->nodes[0].server->options.at("db_mysql.database"));
	cs_db *db = database_open(&d);
	const int64_t count =
		database_number(db, "SELECT COUNT(*) FROM reminders_reminder WHERE account = " + std::to_string(id));
	db->driver->close(db);
	return count;
}

static void another_node_goes_on_for_one_that_dies_while_it_erases(void **state)
{
	auto *c = static_cast<cluster *>(*state);
	test_client *o = operator_open(c->nodes[0].server), *watch = operator_open(c->nodes[1].server);
	test_client *ann = client_enter(c->nodes[0].server, "ann"), *bob = client_enter(c->nodes[1].server, "bob");
	const int64_t id = ann->id, group = client_create_group(ann, client_new_name("group"));

	client_join_group(bob, group);
	for (int i = 0; i < 150; i++)
		client_chat(ann, bob->id, "a secret");
	(void)client_chat_safely(ann, bob->id, "a secret");
	(void)client_group_chat_safely(ann, group, "a secret");
	(void)CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"tea","text":"tea","at":9007199254740991)");
	assert_int_equal(reminders_of(c, id), 1);
	order(o, 927, id);
	cluster_kill_node(c, 0);
	/* It takes the lease over when that has ended. */
	const int64_t begun = check_now();
	while (state_of(watch, id) != "erased") {
		assert_true(check_now() - begun < 6 * check_patience_ms());
		check_sleep_ms(100);
	}
	assert_int_equal(reminders_of(c, id), 0);
	for (const auto &[whose, of] : {std::pair{"peer", id}, std::pair{"groupid", group}}) {
		const test_frame page =
			CLIENT_ASK(bob, 0, R"({"msgid":105,"id":%lld,"%s":%lld)", (wide)bob->id, whose, (wide)of);

		assert_true(page.bytes.find("secret") == std::string::npos);
	}
	const test_frame members =
		CLIENT_ASK(bob, 0, R"({"msgid":144,"id":%lld,"groupid":%lld)", (wide)bob->id, (wide)group);
	assert_true(members.bytes.find(R"("role":"creator")") != std::string::npos);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(members.json.get(), "members")), 1);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_and_a_new_password_end_the_sessions_of_all_nodes_at_once),
		cmocka_unit_test(a_login_at_the_moment_of_a_lock_does_not_stay),
		cmocka_unit_test(a_session_that_begins_after_an_unlock_on_another_node_stays),
		cmocka_unit_test(another_node_goes_on_for_one_that_dies_while_it_erases),
	};

	return cmocka_run_group_tests(tests, set_up, cluster_teardown);
}
