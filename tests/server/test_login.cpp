/* SPDX-License-Identifier: MIT
 * Tests logins: who gets in, as which account, on which connection. */
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void a_wrong_password_and_an_unknown_id_get_one_answer(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_open(s);
	const long long id = client_absent(s, "ann");

	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"wrong\"}", id);
	const test_frame wrong = client_expect(c, "{\"msgid\":2,\"errno\":1,\"id\":null,\"name\":null}");
	client_sendf(c, "{\"msgid\":1,\"id\":8888888,\"password\":\"wrong\"}");
	const test_frame unknown = client_expect(c, "{\"msgid\":2,\"errno\":1}");
	assert_string_equal(wrong.bytes.c_str(), unknown.bytes.c_str());
	client_login(c, id);
}

static void an_account_is_online_once(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *second = client_open(s);

	client_sendf(second, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)ann->id);
	const test_frame refused = client_expect(second, "{\"msgid\":2,\"errno\":2}");
	assert_false(json_text(refused.json.get(), "errmsg").empty());
	client_sendf(second, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"time\":\"\"}", (long long)ann->id,
	             (long long)ann->id);
	client_expect(second, "{\"msgid\":100,\"of\":6,\"errno\":3}");
	client_sendf(second, "{\"msgid\":1,\"id\":%lld,\"password\":\"wrong\"}", (long long)ann->id);
	client_expect(second, "{\"msgid\":2,\"errno\":1}");
	client_expect_quiet(ann);
}

static void a_second_login_on_one_connection_is_refused(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann");
	const long long bob = client_absent(s, "bob");

	client_sendf(ann, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)ann->id);
	client_expect(ann, "{\"msgid\":2,\"errno\":2}");
	client_sendf(ann, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\",\"req\":4}", bob);
	client_expect(ann, "{\"msgid\":100,\"of\":1,\"req\":4,\"errno\":8}");
	client_chat(ann, ann->id, "still myself");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"still myself\"}");
	client_return(s, bob);
}

static void after_logout_the_connection_logs_in_as_somebody_else(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_enter(s, "ann"), *eve = client_enter(s, "eve");
	const int64_t ann = c->id, bob = client_absent(s, "bob");

	client_logout(c);
	CLIENT_ASK(c, 3, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"time\":\"\"", (long long)ann,
	           (long long)bob);
	client_chat_safely(eve, ann, "for ann");
	client_chat_safely(eve, bob, "for bob");
	const test_frame ack = client_login(c, bob);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 1);
	assert_string_equal(json_text(kept[0].get(), "msg").c_str(), "for bob");
	CLIENT_ASK(c, 8, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"time\":\"\"", (long long)ann,
	           (long long)eve->id);
	client_chat_safely(c, eve->id, "from bob");
	client_expect(eve, check_format("{\"msgid\":6,\"id\":%lld}", (long long)bob));
	client_logout(c);
	const test_frame again = client_login(c, ann);
	assert_int_equal(json_parse_all(again.json.get(), "offlinemsg").size(), 1);
}

static void logout_login_and_chat_may_be_pipelined(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_enter(s, "ann"), *eve = client_enter(s, "eve");
	const long long ann = c->id, bob = client_absent(s, "bob"), e = eve->id;

	client_send(c, check_format("{\"msgid\":3,\"id\":%lld}{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}"
	                            "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"1\",\"time\":\"\"}"
	                            "{\"msgid\":3,\"id\":%lld}{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}"
	                            "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"2\",\"time\":\"\"}",
	                            ann, bob, bob, e, bob, ann, ann, e));
	client_expect(c, check_format("{\"msgid\":2,\"errno\":0,\"id\":%lld}", bob));
	client_expect(c, check_format("{\"msgid\":2,\"errno\":0,\"id\":%lld}", ann));
	client_expect(eve, check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"1\"}", bob));
	client_expect(eve, check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"2\"}", ann));
	client_expect_quiet(c);
}

/* More messages than may be under way: the server reads on, and LOGOUT, when some are stored. */
static void all_messages_before_a_logout_are_answered_and_delivered(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int count = 600;
	std::string all;

	for (int i = 0; i < count; i++)
		all += check_format("{\"msgid\":6,\"req\":%d,\"id\":%lld,\"toid\":%lld,\"msg\":\"%d\",\"time\":\"\"}",
		                    i, (long long)ann->id, (long long)bob->id, i);
	client_send(ann, all + check_format("{\"msgid\":3,\"req\":%d,\"id\":%lld}", count, (long long)ann->id));
	std::set<int64_t> answered;
	for (const test_frame &frame : client_read_many(ann, count + 1)) {
		assert_int_equal(json_integer(frame.json.get(), "errno"), 0);
		answered.insert(json_integer(frame.json.get(), "req"));
	}
	assert_int_equal(answered.size(), count + 1);
	for (int i = 0; i < count; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\",\"seq\":%d}", i, i + 1));
	(void)client_login(ann, ann->id);
}

static void register_login_and_chat_in_one_segment_all_work(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *bob = client_enter(s, "bob");

	for (const std::string &ending : {std::string(1, '\0'), std::string("\n"), std::string()}) {
		test_client *c = client_open(s);
		const long long id = client_absent(s, "ann");
		std::string all = check_format("{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", id) + ending;

		for (int i = 0; i < 20; i++)
			all += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"%d\",\"time\":\"\"}", id,
			                    (long long)bob->id, i) +
			       ending;
		client_send(c, all);
		const test_frame ack = client_expect(c, check_format("{\"msgid\":2,\"errno\":0,\"id\":%lld}", id));
		assert_true(client_frame_ends_with(&ack, ending == std::string(1, '\0') ? '\0' : '\n'));
		for (int i = 0; i < 20; i++)
			client_expect(bob, check_format("{\"msgid\":6,\"id\":%lld,\"msg\":\"%d\"}", id, i));
		client_expect_quiet(c);
	}
}

static void one_name_registered_many_times_at_once_is_given_once(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string name = client_new_name("contested");
	std::vector<test_client *> all;
	int given = 0, refused = 0;

	for (int i = 0; i < 20; i++)
		all.push_back(client_open(s));
	for (test_client *c : all)
		client_sendf(c, "{\"msgid\":4,\"name\":\"%s\",\"password\":\"secret\"}", name.c_str());
	for (test_client *c : all) {
		const int64_t number = json_integer(client_expect(c, "{\"msgid\":5}").json.get(), "errno");

		given += number == 0;
		refused += number == 1;
	}
	assert_int_equal(given, 1);
	assert_int_equal(refused, 19);
}

static int64_t median(std::vector<int64_t> times)
{
	std::sort(times.begin(), times.end());
	return times[times.size() / 2];
}

/* The answer must not tell whether the id exists, and neither may the time that it takes. A machine that stands still
 * delays single answers. */
static void an_unknown_id_takes_as_long_as_a_wrong_password(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<int64_t> times[2];

	test_server_set(s, "login.password_ops", "3");
	test_server_set(s, "login.password_memory", "19M");
	test_server_start(s);
	/* Several of each: nobody has to wait for having guessed too often. */
	int64_t known[4];
	for (int64_t &id : known)
		id = client_absent(s, "ann");
	test_client *c = client_open(s);
	for (int i = 0; i < 20; i++) {
		const int64_t start = check_now();

		client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"wrong\"}",
		             (long long)(i % 2 ? known[i / 2 % 4] : 7777777 + i / 2 % 4));
		client_expect(c, "{\"msgid\":2,\"errno\":1}");
		times[i % 2].push_back(check_now() - start);
	}
	const int64_t unknown = median(times[0]), wrong = median(times[1]);
	if (unknown * 3 < wrong || wrong * 3 < unknown || unknown < 5)
		client_fail(c, test_at::current(), "an unknown id took %lld ms, a wrong password %lld ms",
		            (long long)unknown, (long long)wrong);
	test_server_stop(s);
}

static void the_password_is_nowhere_in_the_log(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_open(s);

	client_sendf(c, "{\"msgid\":4,\"name\":\"%s\",\"password\":\"hunter2-xyzzy\"}",
	             client_new_name("secretive").c_str());
	const long long id = json_integer(client_expect(c, "{\"msgid\":5,\"errno\":0}").json.get(), "id");
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"hunter2-xyzzy\"}", id);
	client_expect(c, "{\"msgid\":2,\"errno\":0}");
	client_sendf(c, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"private-plugh\",\"time\":\"\"}", id, id);
	client_expect(c, "{\"msgid\":6}");
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"hunter2-xyzzy\",\"id\":1}", id);
	client_expect(c, "{\"msgid\":100,\"errno\":4}");
	assert_true(test_server_log(s).find("xyzzy") == std::string::npos);
	assert_true(test_server_log(s).find("plugh") == std::string::npos);
}

static void with_kick_the_younger_login_wins(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann, *old, *young;

	test_server_set(s, "login.duplicate_login", "kick");
	test_server_start(s);
	ann = client_enter(s, "ann");
	old = client_enter(s, "bob");
	client_chat_safely(ann, old->id, "one");
	client_expect(old, "{\"msgid\":6,\"msg\":\"one\"}");
	for (int i = 0; i < 20; i++) {
		young = client_open(s);
		const test_frame ack = client_login(young, old->id);
		if (json_has(ack.json.get(), "offlinemsg"))
			client_fail(young, test_at::current(), "what the older session got came again");
		client_read_to_end(old);
		client_chat_safely(ann, young->id, "two");
		client_expect(young, "{\"msgid\":6,\"msg\":\"two\"}");
		client_expect_quiet(young);
		old = young;
	}
	test_server_stop(s);
}

static void with_kick_many_logins_at_once_leave_one_session(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;
	int alive = 0;

	test_server_set(s, "login.duplicate_login", "kick");
	test_server_start(s);
	const int64_t bob = client_absent(s, "bob");
	for (int i = 0; i < 20; i++)
		all.push_back(client_open(s));
	for (test_client *c : all)
		client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)bob);
	for (test_client *c : all) {
		test_frame frame;

		if (client_try_read(c, &frame, (int)check_patience_ms()))
			assert_true(json_matches(frame.json.get(), "{\"msgid\":2}"));
	}
	check_sleep_ms(50);
	test_client *ann = client_enter(s, "ann");
	client_chat_safely(ann, bob, "to the one");
	for (test_client *c : all) {
		test_frame frame;

		while (client_try_read(c, &frame, 20))
			alive += json_matches(frame.json.get(), "{\"msgid\":6,\"msg\":\"to the one\"}");
	}
	assert_int_equal(alive, 1);
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_wrong_password_and_an_unknown_id_get_one_answer),
		TEST(an_account_is_online_once),
		TEST(a_second_login_on_one_connection_is_refused),
		TEST(after_logout_the_connection_logs_in_as_somebody_else),
		TEST(logout_login_and_chat_may_be_pipelined),
		TEST(all_messages_before_a_logout_are_answered_and_delivered),
		TEST(register_login_and_chat_in_one_segment_all_work),
		TEST(one_name_registered_many_times_at_once_is_given_once),
		TEST(the_password_is_nowhere_in_the_log),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(an_unknown_id_takes_as_long_as_a_wrong_password),
		OWN_SERVER(with_kick_the_younger_login_wins),
		OWN_SERVER(with_kick_many_logins_at_once_leave_one_session),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
