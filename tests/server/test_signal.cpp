/* SPDX-License-Identifier: MIT
 * Tests SIGNAL and LOGIN's `want` on a real server: who gets a signal, and that old clients notice nothing. */
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const char *const wants = ",\"want\":[\"signal\",\"no such word\"]";

static void signal_send(test_client *c, int64_t to, std::string_view more = "")
{
	client_send(c, check_format("{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"typing\"",
	                            static_cast<long long>(c->id), static_cast<long long>(to)) +
	                       std::string(more) + "}\n");
}

static void a_login_that_wants_something_is_told_what_there_is(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int64_t ann = client_absent(s, "ann");
	test_client *c = client_open(s);
	const test_frame ack = client_login(c, ann, wants);
	test_client *old = client_open(s);
	const test_frame plain = client_login(old, client_absent(s, "bob"));

	assert_true(json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":0,\"have\":[\"presence\",\"signal\"]}"));
	assert_true(json_matches(plain.json.get(), "{\"msgid\":2,\"errno\":0,\"have\":null}"));
}

static void a_want_that_is_no_list_of_texts_is_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const long long ann = client_absent(s, "ann");
	test_client *c = client_open(s);

	for (const char *want : {"\"signal\"", "[1]", "{}", "7", "[[\"signal\"]]"}) {
		client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\",\"want\":%s}", ann, want);
		client_expect(c, "{\"msgid\":100,\"of\":1,\"errno\":4}");
	}
	client_login(c, ann, ",\"want\":[]");
}

static void a_signal_reaches_who_wants_it_and_nobody_else(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", wants), *bob = client_enter(s, "bob", wants),
		    *old = client_enter(s, "old");

	signal_send(old, bob->id, ",\"x\":[1,2]");
	client_expect(bob, "{\"msgid\":122,\"kind\":\"typing\",\"x\":[1,2],\"seq\":null,\"ts\":null}");
	signal_send(bob, old->id, ",\"req\":5");
	client_expect(bob, "{\"msgid\":100,\"of\":122,\"req\":5,\"errno\":0}");
	signal_send(bob, bob->id);
	client_expect_quiet(old);
	client_expect_quiet(bob);
	client_expect_quiet(ann);
}

static void a_signal_is_kept_for_nobody(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", wants);
	const int64_t bob = client_absent(s, "bob");

	signal_send(ann, bob, ",\"req\":1");
	client_expect(ann, "{\"msgid\":100,\"of\":122,\"req\":1,\"errno\":0}");
	test_client *c = client_open(s);
	const test_frame ack = client_login(c, bob, wants);
	assert_true(json_matches(ack.json.get(), "{\"offlinemsg\":null}"));
	client_expect_quiet(c);
}

static void after_logout_nothing_comes_any_more(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", wants), *bob = client_enter(s, "bob", wants);

	client_logout(bob);
	signal_send(ann, bob->id, ",\"req\":1");
	client_expect(ann, "{\"msgid\":100,\"of\":122,\"req\":1,\"errno\":0}");
	client_expect_quiet(bob);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_login_that_wants_something_is_told_what_there_is),
		TEST(a_want_that_is_no_list_of_texts_is_refused),
		TEST(a_signal_reaches_who_wants_it_and_nobody_else),
		TEST(a_signal_is_kept_for_nobody),
		TEST(after_logout_nothing_comes_any_more),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
