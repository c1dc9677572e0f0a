/* SPDX-License-Identifier: MIT
 * Owns the proof of durability = relay: what an online receiver takes at once is not stored, all else is, and
 * the order is kept over both. It must not know how the mailbox decides. */
#include <cstdlib>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static int relay_setup(void **state)
{
	test_server *s = test_server_new();

	*state = s;
	test_server_set(s, "mailbox.durability", "relay");
	test_server_start(s);
	return 0;
}

static void a_relayed_message_has_no_seq_and_is_not_kept(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	for (int i = 0; i < 50; i++) {
		client_chat(ann, bob->id, check_format("%d", i), ",\"req\":3");
		const test_frame ack =
			client_expect(ann, "{\"msgid\":100,\"of\":6,\"req\":3,\"errno\":0,\"seq\":null}");
		const test_frame got =
			client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\",\"seq\":null}", i));
		assert_true(json_integer(got.json.get(), "ts") > 0);
	}
	client_logout(bob);
	assert_false(json_has(client_login(bob, bob->id).json.get(), "offlinemsg"));
	client_expect_quiet(ann);
}

static void for_somebody_away_it_is_stored_with_a_seq(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	client_logout(bob);
	for (int i = 1; i <= 300; i++)
		assert_int_equal(client_chat_safely(ann, bob->id, check_format("%d", i)), i);
	const test_frame ack = client_login(bob, bob->id);
	int next = 1;
	for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
		assert_int_equal(json_integer(kept.get(), "seq"), next++);
	for (; next <= 300; next++)
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\",\"seq\":%d}", next, next));
	client_chat(ann, bob->id, "relayed again");
	client_expect(bob, "{\"msg\":\"relayed again\",\"seq\":null}");
}

static void a_message_with_a_cid_is_always_committed(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	for (int i = 0; i < 3; i++)
		assert_int_equal(client_chat_safely(ann, bob->id, "x", ",\"cid\":\"c\""), 1);
	client_expect(bob, "{\"msg\":\"x\",\"seq\":1}");
	client_expect_quiet(bob);
}

static void relayed_and_stored_messages_keep_one_order(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	for (int i = 0; i < 600; i++)
		client_chat(ann, bob->id, check_format("%d", i),
		            i % 3 == 1 ? check_format(",\"cid\":\"%d\"", i) : "");
	for (int i = 0; i < 600; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\"}", i));
	client_expect_quiet(bob);
	client_expect_quiet(ann);
}

static void a_group_message_is_always_committed(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"),
		    *cid = client_enter(s, "cid");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	client_join_group(cid, group);
	client_logout(cid);
	assert_int_equal(client_group_chat_safely(ann, group, "to all"), 1);
	client_expect(bob, "{\"msgid\":10,\"msg\":\"to all\",\"seq\":1}");
	assert_int_equal(json_parse_all(client_login(cid, cid->id).json.get(), "offlinemsg").size(), 1);
}

static void somebody_who_comes_and_goes_gets_every_message_in_order(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	int next = 0, sent = 0;
	const auto take = [&](const cJSON *json) {
		if (json_text(json, "msg") != check_format("%d", next))
			client_fail(bob, test_at::current(), "expected %d, got %s", next,
			            json_text(json, "msg").c_str());
		next++;
	};

	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 10; i++)
			client_chat(ann, bob->id, check_format("%d", sent++));
		client_sendf(bob, "{\"msgid\":3,\"id\":%lld,\"req\":1}", (long long)bob->id);
		for (test_frame frame = client_read(bob); json_integer(frame.json.get(), "msgid") == 6;
		     frame = client_read(bob))
			take(frame.json.get());
		for (int i = 0; i < 5; i++)
			client_chat(ann, bob->id, check_format("%d", sent++));
		client_sendf(bob, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)bob->id);
		const test_frame ack = client_expect(bob, "{\"msgid\":2,\"errno\":0}");
		for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
			take(kept.get());
	}
	while (next < sent)
		take(client_expect(bob, "{\"msgid\":6}").json.get());
	client_expect_quiet(bob);
	client_expect_quiet(ann);
}

/* Its output is over the soft mark, so the rest is stored; nothing that was acknowledged by a commit is lost. */
static void a_reader_that_does_not_read_gets_the_rest_from_the_store(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *lazy = client_open(s, 4096);
	const int64_t id = client_absent(s, "lazy");
	const std::string tail(30000, '.');
	int next = 0;

	client_login(lazy, id);
	for (int i = 0; i < 300; i++)
		client_chat(ann, id, check_format("%d%s", i, tail.c_str()));
	while (next < 300) {
		const test_frame frame = client_expect(lazy, "{\"msgid\":6}");

		if (atoi(json_text(frame.json.get(), "msg").c_str()) != next)
			client_fail(lazy, test_at::current(), "expected %d, got %s", next,
			            json_text(frame.json.get(), "msg").substr(0, 20).c_str());
		next++;
	}
	client_expect_quiet(lazy);
}

static void a_chat_to_nobody_is_refused_here_too(void **state)
{
	test_client *ann = client_enter((test_server *)*state, "ann");

	CLIENT_ASK(ann, 6, "{\"msgid\":6,\"id\":%lld,\"toid\":4000000,\"msg\":\"x\",\"time\":\"\"",
	           (long long)ann->id);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_relayed_message_has_no_seq_and_is_not_kept),
		TEST(for_somebody_away_it_is_stored_with_a_seq),
		TEST(a_message_with_a_cid_is_always_committed),
		TEST(relayed_and_stored_messages_keep_one_order),
		TEST(a_group_message_is_always_committed),
		TEST(somebody_who_comes_and_goes_gets_every_message_in_order),
		TEST(a_reader_that_does_not_read_gets_the_rest_from_the_store),
		TEST(a_chat_to_nobody_is_refused_here_too),
	};

	return cmocka_run_group_tests(tests, relay_setup, test_server_group_teardown);
}
