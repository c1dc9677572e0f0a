/* SPDX-License-Identifier: MIT
 * Tests orders of operators that all nodes carry out: kick, notice, bans; and what is said when the bus is away. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/operator.h"

static int set_up(void **state)
{
	cluster *c = cluster_new(2);

	for (const cluster_node &node : c->nodes)
		operator_allow(node.server);
	*state = c;
	cluster_start(c);
	cluster_wait_bus(c);
	return 0;
}

static void kick_ends_the_sessions_of_all_nodes(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *phone = client_enter(c->nodes[0].server, "ann");
	test_client *laptop = client_open(c->nodes[1].server), *ben = client_enter(c->nodes[1].server, "ben");
	test_client *o = operator_open(c->nodes[0].server);

	client_login(laptop, phone->id, ",\"device\":\"laptop\"");
	const test_frame answer = CLIENT_ASK(o, 0, R"({"msgid":903,"account":%lld)", static_cast<long long>(phone->id));
	assert_true(json_matches(answer.json.get(), R"({"ended":1,"node":"node1","bus":"joined"})"));
	const cJSON *nodes = cJSON_GetObjectItem(answer.json.get(), "nodes");
	assert_int_equal(cJSON_GetArraySize(nodes), 1);
	assert_true(json_matches(cJSON_GetArrayItem(nodes, 0), R"({"node":"node2","ended":1})"));
	for (test_client *one : {phone, laptop}) {
		client_expect(one, R"({"msgid":100,"of":0,"errno":13,"reason":"kicked"})");
		client_expect_end(one);
	}
	client_expect_quiet(ben);
}

static void a_device_is_ended_on_whatever_node_it_is(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *plain = client_enter(c->nodes[0].server, "ann"), *laptop = client_open(c->nodes[1].server);
	test_client *o = operator_open(c->nodes[0].server);

	client_login(laptop, plain->id, ",\"device\":\"laptop\"");
	(void)CLIENT_ASK(o, 0, R"({"msgid":903,"account":%lld,"device":1)", static_cast<long long>(plain->id));
	client_expect(laptop, R"({"errno":13,"reason":"kicked"})");
	client_expect_quiet(plain);
}

static void a_notice_reaches_the_sessions_of_all_nodes(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *ann = client_enter(c->nodes[0].server, "ann", ",\"want\":[\"notice\"]");
	test_client *ben = client_enter(c->nodes[1].server, "ben", ",\"want\":[\"notice\"]");
	test_client *cid = client_enter(c->nodes[1].server, "cid");
	test_client *o = operator_open(c->nodes[1].server);
	const test_frame answer = CLIENT_ASK(o, 0, R"({"msgid":910,"text":"tea \"now\"")");
	const cJSON *nodes = cJSON_GetObjectItem(answer.json.get(), "nodes");

	assert_true(json_matches(answer.json.get(), R"({"reached":1,"sessions":2,"node":"node2"})"));
	assert_int_equal(cJSON_GetArraySize(nodes), 1);
	assert_true(json_matches(cJSON_GetArrayItem(nodes, 0), R"({"node":"node1","reached":1,"sessions":1})"));
	client_expect(ann, R"({"msgid":124,"text":"tea \"now\""})");
	client_expect(ben, R"({"msgid":124,"text":"tea \"now\""})");
	client_expect_quiet(cid);
}

static bool is_refused(test_server *s, const char *address)
{
	test_frame frame;
	test_client *c = client_open_from(s, "127.0.0.1");
	const bool sent = client_send_raw(c, check_format("PROXY TCP4 %s 198.51.100.1 4660 6000\r\n", address));
	const bool answered = sent && client_try_send(c, "{\"msgid\":102}\n") && client_try_read(c, &frame, 5000);
	const bool refused = answered && json_matches(frame.json.get(), R"({"errmsg":"this address is banned"})");

	client_close(c);
	return refused;
}

static void a_ban_holds_on_all_nodes_within_ten_seconds(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *o = operator_open(c->nodes[0].server);
	const int64_t begun = check_now();

	(void)CLIENT_ASK(o, 0, R"({"msgid":943,"address":"192.0.2.7")");
	assert_true(is_refused(c->nodes[0].server, "192.0.2.7"));
	check_wait("the ban on the other node", [c] { return is_refused(c->nodes[1].server, "192.0.2.7"); });
	(void)CLIENT_ASK(o, 0, R"({"msgid":944,"address":"192.0.2.7")");
	check_wait("the end of the ban", [c] { return !is_refused(c->nodes[1].server, "192.0.2.7"); });
	assert_true(check_now() - begun < 10000 * check_patience_factor());
	/* Without the bus the store tells. */
	relay_set(c->nodes[1].to_redis, RELAY_CUT);
	(void)CLIENT_ASK(o, 0, R"({"msgid":943,"address":"192.0.2.8")");
	check_wait("the ban on the node that is cut off", [c] { return is_refused(c->nodes[1].server, "192.0.2.8"); });
	relay_set(c->nodes[1].to_redis, RELAY_PASS);
	cluster_wait_bus(c);
}

static void while_the_bus_is_away_the_answer_says_so(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *ann = client_enter(c->nodes[0].server, "ann"), *o = operator_open(c->nodes[0].server);

	redis_kill(c->bus);
	check_wait("the bus to be away", [o] {
		const test_frame status = CLIENT_ASK(o, 0, R"({"msgid":900)");

		return json_matches(cJSON_GetObjectItem(status.json.get(), "bus"), R"({"state":"away"})");
	});
	const test_frame answer = CLIENT_ASK(o, 0, R"({"msgid":903,"account":%lld)", static_cast<long long>(ann->id));
	assert_true(json_matches(answer.json.get(), R"({"ended":1,"node":"node1","bus":"away"})"));
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(answer.json.get(), "nodes")), 0);
	redis_start(c->bus);
	cluster_wait_bus(c);
}

int main()
{
#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)
	const struct CMUnitTest tests[] = {
		TEST(kick_ends_the_sessions_of_all_nodes),        TEST(a_device_is_ended_on_whatever_node_it_is),
		TEST(a_notice_reaches_the_sessions_of_all_nodes), TEST(a_ban_holds_on_all_nodes_within_ten_seconds),
		TEST(while_the_bus_is_away_the_answer_says_so),
	};

	return cmocka_run_group_tests_name("orders", tests, set_up, cluster_teardown);
}
