/* SPDX-License-Identifier: MIT
 * Tests that a message with a cid is stored and delivered once, however often it is sent. */
#include <cstdlib>
#include <map>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void the_same_cid_again_gets_the_first_seq_and_is_delivered_once(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	for (int i = 0; i < 5; i++)
		assert_int_equal(client_chat_safely(ann, bob->id, "once", ",\"cid\":\"m-1\""), 1);
	assert_int_equal(client_chat_safely(ann, bob->id, "other", ",\"cid\":\"m-2\""), 2);
	assert_int_equal(client_chat_safely(ann, bob->id, "changed", ",\"cid\":\"m-1\""), 1);
	assert_int_equal(client_chat_safely(ann, bob->id, "no cid"), 3);
	assert_int_equal(client_chat_safely(ann, bob->id, "no cid"), 4);
	client_expect(bob, "{\"msg\":\"once\",\"seq\":1,\"cid\":\"m-1\"}");
	client_expect(bob, "{\"msg\":\"other\",\"seq\":2}");
	client_expect(bob, "{\"msg\":\"no cid\",\"seq\":3}");
	client_expect(bob, "{\"msg\":\"no cid\",\"seq\":4}");
	client_expect_quiet(bob);
}

static void a_hundred_with_one_cid_in_one_write_are_one_message(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	std::string all;

	for (int i = 0; i < 100; i++)
		all += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"%d\",\"time\":\"\","
		                    "\"cid\":\"c%d\",\"req\":%d}\n",
		                    (long long)ann->id, (long long)bob->id, i, i % 3, i);
	client_send(ann, all);
	for (int i = 0; i < 100; i++)
		client_expect(ann, check_format("{\"msgid\":100,\"req\":%d,\"errno\":0,\"seq\":%d}", i, i % 3 + 1));
	for (int i = 0; i < 3; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\",\"seq\":%d}", i, i + 1));
	client_expect_quiet(bob);
}

static void another_connection_and_a_restart_change_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann");
	const int64_t a = ann->id, b = client_absent(s, "bob");

	assert_int_equal(client_chat_safely(ann, b, "x", ",\"cid\":\"first\""), 1);
	client_close(ann);
	ann = client_return(s, a);
	assert_int_equal(client_chat_safely(ann, b, "x", ",\"cid\":\"first\""), 1);
	s->clients.clear();
	test_server_restart(s);
	ann = client_return(s, a);
	assert_int_equal(client_chat_safely(ann, b, "x", ",\"cid\":\"first\""), 1);
	s->clients.clear();
	test_server_kill(s);
	test_server_start(s);
	ann = client_return(s, a);
	assert_int_equal(client_chat_safely(ann, b, "x", ",\"cid\":\"first\""), 1);
	assert_int_equal(client_chat_safely(ann, b, "x", ",\"cid\":\"second\""), 2);
	test_frame ack;
	client_return(s, b, &ack);
	assert_int_equal(json_parse_all(ack.json.get(), "offlinemsg").size(), 2);
}

static void a_cid_belongs_to_its_msgid(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string head = check_format(",\"id\":%lld,\"toid\":%lld,\"msg\":\"new\",\"time\":\"\"",
	                                      (long long)ann->id, (long long)bob->id);

	assert_int_equal(client_chat_safely(ann, bob->id, "old", ",\"cid\":\"m-1\""), 1);
	client_send(ann, "{\"msgid\":160" + head + ",\"of\":1,\"cid\":\"m-1\",\"req\":5}\n");
	client_expect(ann,
	              "{\"msgid\":100,\"of\":160,\"req\":5,\"errno\":4,\"errmsg\":\"cid is that of another request\"}");
	for (int i = 0; i < 2; i++) {
		client_send(ann, "{\"msgid\":160" + head + ",\"of\":1,\"cid\":\"e-1\",\"req\":6}\n");
		client_expect(ann, "{\"msgid\":100,\"of\":160,\"req\":6,\"errno\":0,\"seq\":2}");
	}
	client_send(ann, "{\"msgid\":6" + head + ",\"cid\":\"e-1\",\"req\":7}\n");
	client_expect(ann, "{\"msgid\":100,\"of\":6,\"req\":7,\"errno\":4}");
}

static void a_cid_belongs_to_its_sender(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *eve = client_enter(s, "eve"), *bob = client_enter(s, "bob");

	assert_int_equal(client_chat_safely(ann, bob->id, "ann's", ",\"cid\":\"c\""), 1);
	assert_int_equal(client_chat_safely(eve, bob->id, "eve's", ",\"cid\":\"c\""), 1);
	assert_int_equal(client_chat_safely(bob, ann->id, "bob's", ",\"cid\":\"c\""), 2);
	client_expect(bob, "{\"msg\":\"ann's\"}");
	client_expect(bob, "{\"msg\":\"eve's\"}");
	client_expect(ann, "{\"msg\":\"bob's\"}");
	client_expect_quiet(bob);
}

static void escapes_in_a_cid_make_no_difference_and_64_bytes_fit(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string longest = ",\"cid\":\"" + std::string(64, 'c') + "\"";

	assert_int_equal(client_chat_safely(ann, bob->id, "x", ",\"cid\":\"a/b\""), 1);
	assert_int_equal(client_chat_safely(ann, bob->id, "x", ",\"cid\":\"\\u0061\\/b\""), 1);
	assert_int_equal(client_chat_safely(ann, bob->id, "x", ",\"cid\":\"A/b\""), 2);
	assert_int_equal(client_chat_safely(ann, bob->id, "x", ",\"cid\":\"a/b \""), 3);
	assert_int_equal(client_chat_safely(ann, bob->id, "x", longest), 4);
	assert_int_equal(client_chat_safely(ann, bob->id, "x", longest), 4);
	for (int seq = 1; seq <= 4; seq++)
		client_expect(bob, check_format("{\"msgid\":6,\"seq\":%d}", seq));
	client_expect_quiet(bob);
}

static void a_cid_works_in_groups_too(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	for (int i = 0; i < 3; i++)
		assert_int_equal(client_group_chat_safely(ann, group, "x", ",\"cid\":\"g1\""), 3);
	assert_int_equal(client_group_chat_safely(ann, group, "y", ",\"cid\":\"g2\""), 4);
	client_expect(bob, "{\"msg\":\"x\",\"seq\":3}");
	client_expect(bob, "{\"msg\":\"y\",\"seq\":4}");
	client_expect_quiet(bob);
}

/* Repetitions make the writer run a batch again, carefully: its other messages must not suffer. */
static void repetitions_among_others_lose_and_double_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *senders[6], *bob = client_enter(s, "bob");
	std::string text[6];

	for (int k = 0; k < 6; k++) {
		senders[k] = client_enter(s, "sender");
		for (int i = 0; i < 200; i++)
			text[k] += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"%d\","
			                        "\"time\":\"\",\"cid\":\"%d\",\"req\":%d}",
			                        (long long)senders[k]->id, (long long)bob->id, i - i % 7, i - i % 7, i);
	}
	for (int k = 0; k < 6; k++)
		client_send(senders[k], text[k]);
	for (int k = 0; k < 6; k++)
		for (int i = 0; i < 200; i++)
			client_expect(senders[k], check_format("{\"req\":%d,\"errno\":0,\"seq\":%d}", i, i / 7 + 1));
	std::map<int64_t, int> next;
	for (const test_frame &frame : client_read_many(bob, 6 * 29)) {
		int &expected = next[json_integer(frame.json.get(), "id")];

		assert_int_equal(atoi(json_text(frame.json.get(), "msg").c_str()), expected);
		expected += 7;
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_same_cid_again_gets_the_first_seq_and_is_delivered_once),
		TEST(a_hundred_with_one_cid_in_one_write_are_one_message),
		TEST(another_connection_and_a_restart_change_nothing),
		TEST(a_cid_belongs_to_its_msgid),
		TEST(a_cid_belongs_to_its_sender),
		TEST(escapes_in_a_cid_make_no_difference_and_64_bytes_fit),
		TEST(a_cid_works_in_groups_too),
		TEST(repetitions_among_others_lose_and_double_nothing),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
