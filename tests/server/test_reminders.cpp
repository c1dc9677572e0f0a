/* SPDX-License-Identifier: MIT
 * Tests the example plugin reminders in a real server: what was acknowledged is said once, whenever the server dies. */
#include <set>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static test_server *server_of(void **state)
{
	return static_cast<test_server *>(*state);
}

/* interval: how often the workers look for what is due. */
static void start(test_server *s, const char *interval)
{
	test_server_set(s, "reminders.interval", interval);
	test_server_start(s);
}

static void a_reminder_comes_when_it_is_due(void **state)
{
	test_server *s = server_of(state);

	start(s, "20ms");
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"1","text":"tea is ready","at":1)");
	client_expect(ann, check_format(R"({"msgid":6,"id":%lld,"toid":%lld,"msg":"tea is ready"})", (long long)ann->id,
	                                (long long)ann->id));
	CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"2","text":"hi","toid":%lld,"at":1)", (long long)bob->id);
	client_expect(bob, check_format(R"({"msgid":6,"id":%lld,"msg":"hi","seq":1})", (long long)ann->id));
	client_chat_safely(ann, bob->id, "mark");
	client_expect(bob, R"({"msg":"mark","seq":2})");
}

static void a_reminder_without_a_time_comes_after_the_next_login(void **state)
{
	test_server *s = server_of(state);

	start(s, "20ms");
	test_client *ann = client_enter(s, "ann");
	const int64_t b = client_absent(s, "bob");
	CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"1","text":"call me","toid":%lld)", (long long)b);
	test_frame ack;
	test_client *bob = client_return(s, b, &ack);
	assert_false(json_has(ack.json.get(), "offlinemsg"));
	client_expect(bob, R"({"msgid":6,"msg":"call me","seq":1})");
}

/* The next count messages, those in the ACK of the login first. */
static std::set<std::string> read_texts(test_client *c, const test_frame &ack, size_t count)
{
	std::set<std::string> texts;

	for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
		texts.insert(json_text(kept.get(), "msg"));
	while (texts.size() < count)
		texts.insert(json_text(client_read(c).json.get(), "msg"));
	return texts;
}

static void what_was_acknowledged_survives_a_crash_and_is_said_once(void **state)
{
	test_server *s = server_of(state);

	start(s, "1h");
	test_client *ann = client_enter(s, "ann");
	const int64_t a = ann->id, b = client_absent(s, "bob");
	for (int i = 0; i < 5; i++)
		CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"due %d","text":"%d","toid":%lld,"at":%d)", i, i,
		           (long long)b, i);
	CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"login","text":"5","toid":%lld)", (long long)b);
	test_server_kill(s);

	start(s, "20ms");
	test_frame ack;
	test_client *bob = client_return(s, b, &ack);
	assert_true((read_texts(bob, ack, 6) == std::set<std::string>{"0", "1", "2", "3", "4", "5"}));
	ann = client_return(s, a);
	CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"last","text":"last","toid":%lld,"at":1)", (long long)b);
	client_expect(bob, R"({"msg":"last","seq":7})");
}

static void a_reminder_is_said_although_its_cid_was_used_before(void **state)
{
	test_server *s = server_of(state);

	start(s, "20ms");
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	CLIENT_ASK(ann, 0,
	           R"({"msgid":6,"id":%lld,"toid":%lld,"name":"%s","msg":"one","time":"","cid":"reminders-tea")",
	           (long long)ann->id, (long long)bob->id, ann->name.c_str());
	client_expect(bob, R"({"msg":"one","seq":1})");
	test_frame said;
	for (int seq = 2; seq <= 3; seq++) {
		/* The cid is free when the reminder that was said is removed; until then a request changes nothing. */
		check_wait("the reminder to be said", [&] {
			CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"tea","text":"tea","toid":%lld,"at":1)",
			           (long long)bob->id);
			return client_try_read(bob, &said, 50);
		});
		assert_true(json_matches(said.json.get(), check_format(R"({"msg":"tea","seq":%d})", seq)));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reminder_comes_when_it_is_due),
		TEST(a_reminder_without_a_time_comes_after_the_next_login),
		TEST(a_reminder_is_said_although_its_cid_was_used_before),
		TEST(what_was_acknowledged_survives_a_crash_and_is_said_once),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
