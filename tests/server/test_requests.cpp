/* SPDX-License-Identifier: MIT
 * Tests the messages of chatserverd-protocol(7) except login, presence and groups: REGISTER, CHAT, ADD_FRIEND, PING
 * and req. */
#include <ctime>
#include <set>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void register_answers_with_an_id_and_the_id_logs_in(void **state)
{
	test_client *c = client_open((test_server *)*state);
	const std::string name = client_new_name("zhang san");

	c->ending = std::string(1, '\0');
	client_sendf(c, "{\"msgid\":4,\"name\":\"%s\",\"password\":\"123456\"}", name.c_str());
	const test_frame ack = client_expect(c, "{\"msgid\":5,\"errno\":0,\"errmsg\":null}");
	const long long id = json_integer(ack.json.get(), "id");
	assert_true(id >= 1);
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"123456\"}", id);
	const test_frame in = client_expect(
		c, check_format("{\"msgid\":2,\"errno\":0,\"id\":%lld,\"name\":\"%s\"}", id, name.c_str()));
	for (const char *absent : {"offlinemsg", "friends", "groups", "errmsg", "req"})
		if (json_has(in.json.get(), absent))
			client_fail(c, test_at::current(), "%s must be left out", absent);
	assert_true(client_frame_ends_with(&in, '\0'));
}

static void expect_register(test_client *c, const std::string &name, const char *password, int number,
                            test_at at = test_at::current())
{
	client_sendf(c, "{\"msgid\":4,\"name\":%s,\"password\":%s}", name.c_str(), password);
	const test_frame ack = client_expect(c, check_format("{\"msgid\":5,\"errno\":%d}", number), at);

	if (number != 0 && (json_text(ack.json.get(), "errmsg").empty() || json_has(ack.json.get(), "id")))
		client_fail(c, at, "a refusal has an errmsg and no id");
}

static std::string repeated(const char *text, int count)
{
	std::string all;

	for (int i = 0; i < count; i++)
		all += text;
	return all;
}

static void names_have_1_to_50_characters_one_visible_and_are_unique(void **state)
{
	test_client *c = client_open((test_server *)*state);
	const std::string umlauts = "\"" + repeated("\xc3\xa4", 50) + "\"";

	expect_register(c, "\"" + repeated("n", 50) + "\"", "\"p\"", 0);
	expect_register(c, "\"" + repeated("n", 50) + "\"", "\"p\"", 1);
	expect_register(c, "\"" + repeated("n", 51) + "\"", "\"p\"", 12);
	expect_register(c, "\"\"", "\"p\"", 1);
	expect_register(c, umlauts, "\"p\"", 0);
	expect_register(c, umlauts, "\"p\"", 1);
	expect_register(c, "\"" + repeated("\\u00e4", 50) + "\"", "\"p\"", 1);
	expect_register(c, "\"" + repeated("\xf0\x9f\x98\x80", 50) + "\"", "\"p\"", 0);
	expect_register(c, "\"" + repeated("\xf0\x9f\x98\x80", 51) + "\"", "\"p\"", 12);
	expect_register(c, "\"   \"", "\"p\"", 1);
	expect_register(c, "\"\xe2\x80\x8b\"", "\"p\"", 1);
}

static void login_and_register_echo_req(void **state)
{
	test_client *c = client_open((test_server *)*state);
	const std::string name = client_new_name("req");

	client_sendf(c, "{\"msgid\":4,\"name\":\"%s\",\"password\":\"secret\",\"req\":0}", name.c_str());
	const test_frame ack = client_expect(c, "{\"msgid\":5,\"errno\":0,\"req\":0}");
	const long long id = json_integer(ack.json.get(), "id");
	client_sendf(c, "{\"msgid\":4,\"name\":\"%s\",\"password\":\"secret\",\"req\":11}", name.c_str());
	client_expect(c, "{\"msgid\":5,\"errno\":1,\"req\":11}");
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"wrong\",\"req\":12}", id);
	client_expect(c, "{\"msgid\":2,\"errno\":1,\"req\":12}");
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\",\"req\":9007199254740991}", id);
	client_expect(c, "{\"msgid\":2,\"errno\":0,\"req\":9007199254740991}");
	client_expect_quiet(c);
}

static void ping_is_answered_logged_in_or_not(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (int round = 0; round < 2; round++) {
		client_sendf(c, "{\"msgid\":102}");
		const test_frame pong = client_expect(c, "{\"msgid\":103,\"req\":null,\"errno\":null}");
		assert_string_equal(pong.bytes.c_str(), "{\"msgid\":103}");
		client_sendf(c, "{\"msgid\":102,\"req\":4}");
		client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":4,\"errno\":0,\"errmsg\":null}");
		if (round == 0)
			client_login(c, client_register(c, client_new_name("ping")));
	}
}

static void a_chat_reaches_the_receiver_with_the_senders_own_bytes(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string frame =
		check_format("{ \"x\" : [1.50, \"\\u00e9\\/\", "
	                     "{\"y\":null}],\"msgid\":6.0,\"id\":%lld,\r\n\t\"toid\":%lld,"
	                     "\"msg\":\"a \\\"quoted\\\" \xc3\xa9 "
	                     "\xf0\x9f\x98\x80\",\"time\":\"whenever\",\"big\":123456789012345678901234567890 }",
	                     static_cast<long long>(ann->id), static_cast<long long>(bob->id));

	client_send(ann, frame + "\n");
	const test_frame got =
		client_expect(bob, check_format("{\"msgid\":6,\"id\":%lld,\"seq\":1}", (long long)ann->id));
	const std::string head = frame.substr(0, frame.size() - 1);
	if (got.bytes.compare(0, head.size(), head) != 0)
		client_fail(bob, test_at::current(), "the bytes were changed: %s", got.bytes.c_str());
	const std::string tail = got.bytes.substr(head.size());
	if (tail.rfind(",\"seq\":1,\"ts\":", 0) != 0)
		client_fail(bob, test_at::current(), "added: %s", tail.c_str());
	assert_true(json_integer(got.json.get(), "ts") / 1000 - time(nullptr) < 5);
	assert_true(time(nullptr) - json_integer(got.json.get(), "ts") / 1000 < 60);
	client_expect_quiet(ann);
}

static void without_req_nothing_is_answered_on_success(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const long long a = ann->id, b = bob->id;

	client_chat(ann, b, "hello");
	client_sendf(ann, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld}", a, b);
	client_sendf(ann, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\",\"groupdesc\":\"d\"}", a,
	             client_new_name("g").c_str());
	client_expect(bob, "{\"msgid\":6,\"msg\":\"hello\"}");
	client_expect_quiet(ann);
	client_sendf(ann, "{\"msgid\":3,\"id\":%lld}", a);
	client_expect_quiet(ann);
}

static void seq_counts_both_directions_of_a_pair_from_one(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *cid = client_enter(s, "cid");

	for (int i = 1; i < 20; i += 2) {
		assert_int_equal(client_chat_safely(ann, bob->id, "ping"), i);
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"ping\",\"seq\":%d}", i));
		assert_int_equal(client_chat_safely(bob, ann->id, "pong"), i + 1);
		client_expect(ann, check_format("{\"msgid\":6,\"msg\":\"pong\",\"seq\":%d}", i + 1));
	}
	assert_int_equal(client_chat_safely(ann, cid->id, "another pair"), 1);
	client_expect(cid, "{\"seq\":1}");
	client_expect_quiet(bob);
}

static void a_message_to_oneself_arrives(void **state)
{
	test_client *ann = client_enter((test_server *)*state, "ann");

	client_chat(ann, ann->id, "note");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"note\",\"seq\":1}");
	client_chat(ann, ann->id, "note 2", ",\"req\":5");
	const test_frame one = client_read(ann), other = client_read(ann);
	const bool first_is_ack = json_integer(one.json.get(), "msgid") == 100;
	assert_true(json_matches((first_is_ack ? one : other).json.get(),
	                         "{\"msgid\":100,\"of\":6,\"req\":5,\"errno\":0,\"seq\":2}"));
	assert_true(
		json_matches((first_is_ack ? other : one).json.get(), "{\"msgid\":6,\"msg\":\"note 2\",\"seq\":2}"));
}

static void friends_are_one_way_and_twice_is_harmless(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t a = ann->id, b = bob->id;
	test_frame ack;

	for (int i = 0; i < 2; i++)
		CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (long long)a, (long long)b);
	const std::string name = bob->name;
	client_logout(ann);
	client_logout(bob);
	ack = client_login(ann, a);
	const std::vector<json_ptr> friends = json_parse_all(ack.json.get(), "friends");
	assert_int_equal(friends.size(), 1);
	assert_true(json_matches(friends[0].get(), check_format("{\"id\":%lld,\"name\":\"%s\",\"state\":\"offline\"}",
	                                                        (long long)b, name.c_str())));
	ack = client_login(bob, b);
	assert_false(json_has(ack.json.get(), "friends"));
}

static void names_with_quotes_and_other_scripts_survive_the_nested_texts(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *c = client_open(s);
	const std::string name = client_new_name("\"b\\o\xc3\xb6 \xe5\xbc\xa0\xf0\x9f\x98\x80");
	const int64_t id = client_register(c, name);

	CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (long long)ann->id, (long long)id);
	client_logout(ann);
	const test_frame ack = client_login(ann, ann->id);
	const std::vector<json_ptr> friends = json_parse_all(ack.json.get(), "friends");
	assert_int_equal(friends.size(), 1);
	assert_string_equal(json_text(friends[0].get(), "name").c_str(), name.c_str());
	const test_frame in = client_login(c, id);
	assert_string_equal(json_text(in.json.get(), "name").c_str(), name.c_str());
	client_chat(c, ann->id, "hi");
	client_expect(ann, check_format("{\"msgid\":6,\"name\":%s}", json_quote(name).c_str()));
}

/* One conversation's connections are on whatever workers the kernel chose: with this many pairs, surely on
 * different ones. */
static void sender_and_receiver_may_be_on_different_workers(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> all;

	for (int i = 0; i < 24; i++)
		all.push_back(client_enter(s, "worker"));
	for (size_t i = 0; i < all.size(); i++)
		for (size_t j = 0; j < 5; j++)
			client_chat(all[i], all[(i + j + 1) % all.size()]->id, check_format("%zu", i));
	for (size_t i = 0; i < all.size(); i++) {
		std::set<std::string> from;

		for (int j = 0; j < 5; j++)
			from.insert(json_text(client_expect(all[i], "{\"msgid\":6,\"seq\":1}").json.get(), "msg"));
		assert_int_equal(from.size(), 5);
		client_expect_quiet(all[i]);
	}
}

static void pipelined_chats_keep_their_order(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	std::string all;

	for (int i = 1; i <= 1000; i++)
		all += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"%d\",\"time\":\"\",\"req\":%d}",
		                    static_cast<long long>(ann->id), static_cast<long long>(bob->id), i, i);
	client_send(ann, all);
	for (int i = 1; i <= 1000; i++) {
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\",\"seq\":%d}", i, i));
		client_expect(ann, check_format("{\"msgid\":100,\"of\":6,\"req\":%d,\"errno\":0,\"seq\":%d}", i, i));
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(register_answers_with_an_id_and_the_id_logs_in),
		TEST(names_have_1_to_50_characters_one_visible_and_are_unique),
		TEST(login_and_register_echo_req),
		TEST(ping_is_answered_logged_in_or_not),
		TEST(a_chat_reaches_the_receiver_with_the_senders_own_bytes),
		TEST(without_req_nothing_is_answered_on_success),
		TEST(seq_counts_both_directions_of_a_pair_from_one),
		TEST(a_message_to_oneself_arrives),
		TEST(friends_are_one_way_and_twice_is_harmless),
		TEST(names_with_quotes_and_other_scripts_survive_the_nested_texts),
		TEST(sender_and_receiver_may_be_on_different_workers),
		TEST(pipelined_chats_keep_their_order),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
