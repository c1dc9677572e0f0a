/* SPDX-License-Identifier: MIT
 * Tests several devices of one account on several nodes. */
#include <cstring>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"

static test_client *enter(test_server *s, const test_client *as, const std::string &device)
{
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":1,"name":"%s","password":"secret","device":"%s"})", as->name.c_str(),
	             device.c_str());
	assert_int_equal(json_integer(client_read(c).json.get(), "errno"), 0);
	c->id = as->id;
	c->name = as->name;
	return c;
}

static void expect_messages(test_client *c, int from, int to)
{
	for (int i = from; i <= to; i++)
		client_expect(c, check_format(R"({"msgid":6,"msg":"%d","seq":%d})", i, i));
	client_expect_quiet(c);
}

static void each_device_on_any_node_gets_each_message_once_and_in_order(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	test_client *ann = client_enter(c->nodes[0].server, "ann");
	test_client *phone = enter(c->nodes[1].server, ann, "phone"), *desk = enter(c->nodes[1].server, ann, "desk");

	for (int i = 1; i <= 30; i++) {
		test_client *bob = client_enter(c->nodes[static_cast<size_t>(i) % 3].server, "bob");

		client_chat_safely(bob, ann->id, "hello");
		for (test_client *to : {ann, phone, desk})
			client_expect(to, check_format(R"({"msgid":6,"id":%lld,"seq":1})", (long long)bob->id));
		client_close(bob);
	}
	for (test_client *to : {ann, phone, desk})
		client_expect_quiet(to);
}

/* Reads on, without a gap, up to that seq. seq: the last one that came before; 0: none. */
static void read_up_to(test_client *c, int64_t seq, int64_t last)
{
	while (seq < last) {
		const int64_t next = json_integer(client_read(c).json.get(), "seq");

		assert_true(seq == 0 || next == seq + 1);
		seq = next;
	}
}

/* At first the node of the sender does not know that the account has a session elsewhere. */
static void a_login_elsewhere_misses_nothing_that_is_sent_meanwhile(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	test_client *ann = client_enter(c->nodes[0].server, "ann"), *bob = client_enter(c->nodes[0].server, "bob");
	int64_t sent = 0;

	for (int round = 0; round < 20; round++) {
		test_client *phone = client_open(c->nodes[1].server);
		test_frame ack;
		int64_t seq = 0;

		client_sendf(phone, R"({"msgid":1,"name":"%s","password":"secret","device":"p%d"})", ann->name.c_str(),
		             round % 5);
		while (!client_try_read(phone, &ack, 0))
			sent = client_chat_safely(bob, ann->id, "now");
		assert_int_equal(json_integer(ack.json.get(), "errno"), 0);
		for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
			seq = json_integer(kept.get(), "seq");
		sent = client_chat_safely(bob, ann->id, "later");
		read_up_to(phone, seq, sent);
		client_close(phone);
	}
	read_up_to(ann, 0, sent);
}

static void a_device_is_ended_on_another_node_at_once(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	test_client *ann = client_enter(c->nodes[0].server, "ann");
	test_client *phone = enter(c->nodes[1].server, ann, "phone");
	const int64_t begun = check_now();

	CLIENT_ASK(ann, 0, R"({"msgid":111,"id":%lld,"device":"phone")", (long long)ann->id);
	client_expect_end(phone);
	assert_true(check_now() - begun < check_soon_ms());
	/* It begins anew. */
	phone = enter(c->nodes[2].server, ann, "phone");
	test_client *again = enter(c->nodes[1].server, ann, "phone");
	client_expect(phone, R"({"msgid":100,"of":0,"errno":13,"reason":"replaced"})");
	client_expect_end(phone);
	client_expect_quiet(again);
	client_expect_quiet(ann);
}

static void the_end_of_one_node_takes_only_its_devices(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	test_client *bob = client_enter(c->nodes[2].server, "bob"), *ann = client_enter(c->nodes[0].server, "ann");
	(void)enter(c->nodes[1].server, ann, "phone");

	cluster_kill_node(c, 1);
	client_chat_safely(bob, ann->id, "1");
	client_chat_safely(bob, ann->id, "2");
	expect_messages(ann, 1, 2);
	test_client *phone = client_open(c->nodes[2].server);
	client_sendf(phone, R"({"msgid":1,"name":"%s","password":"secret","device":"phone"})", ann->name.c_str());
	const test_frame ack = client_read(phone);
	assert_int_equal(json_integer(ack.json.get(), "errno"), 0);
	assert_int_equal(json_parse_all(ack.json.get(), "offlinemsg").size(), 2);
	client_chat_safely(bob, ann->id, "3");
	expect_messages(phone, 3, 3);
	expect_messages(ann, 3, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_device_on_any_node_gets_each_message_once_and_in_order),
		TEST(a_login_elsewhere_misses_nothing_that_is_sent_meanwhile),
		TEST(a_device_is_ended_on_another_node_at_once),
		TEST(the_end_of_one_node_takes_only_its_devices),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
