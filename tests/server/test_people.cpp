/* SPDX-License-Identifier: MIT
 * Tests contacts, blocks, strangers, the search for names, and presence on a real server. */
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using wide = long long;

static const char *const wants_all = ",\"want\":[\"presence\",\"signal\"]";

static void add_friend(test_client *c, int64_t of)
{
	CLIENT_ASK(c, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (wide)c->id, (wide)of);
}

static void set_contact(test_client *c, int64_t of, const char *what, int wire_errno = 0)
{
	CLIENT_ASK(c, wire_errno, "{\"msgid\":131,\"id\":%lld,\"account\":%lld,%s", (wide)c->id, (wide)of, what);
}

static test_frame say(test_client *c, int64_t to, int wire_errno, const char *more = "")
{
	return CLIENT_ASK(c, wire_errno, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\"%s", (wide)c->id,
	                  (wide)to, more);
}

static void signal_to(test_client *c, int64_t to)
{
	CLIENT_ASK(c, 0, "{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"typing\"", (wide)c->id, (wide)to);
}

/* "ID state friend friend_of blocked; " for each contact */
static std::string contacts_of(test_client *c)
{
	const test_frame answer = CLIENT_ASK(c, 0, "{\"msgid\":132,\"id\":%lld", (wide)c->id);
	const cJSON *item;
	std::string text;

	cJSON_ArrayForEach(item, cJSON_GetObjectItem(answer.json.get(), "contacts"))
	{
		text += std::to_string(json_integer(item, "account")) + " " + json_text(item, "state");
		for (const char *key : {"friend", "friend_of", "blocked"})
			text += cJSON_IsTrue(cJSON_GetObjectItem(item, key)) ? std::string(" ") + key : "";
		text += "; ";
	}
	return text;
}

static void contacts_show_both_sides(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", wants_all);
	const int64_t carl = client_absent(s, "carl");

	add_friend(ann, bob->id);
	client_expect(bob,
	              check_format("{\"msgid\":134,\"id\":%lld,\"name\":\"%s\"}", (wide)ann->id, ann->name.c_str()));
	set_contact(bob, carl, "\"blocked\":true");
	assert_string_equal(contacts_of(ann).c_str(), check_format("%lld online friend; ", (wide)bob->id).c_str());
	assert_string_equal(
		contacts_of(bob).c_str(),
		check_format("%lld online friend_of; %lld offline blocked; ", (wide)ann->id, (wide)carl).c_str());
	set_contact(bob, carl, "\"blocked\":false");
	set_contact(ann, bob->id, "\"friend\":false");
	assert_string_equal(contacts_of(ann).c_str(), "");
	assert_string_equal(contacts_of(bob).c_str(), "");
	client_expect_quiet(bob);
}

static void who_is_blocked_is_refused_and_sees_nobody(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", wants_all);
	const int64_t b = bob->id;

	add_friend(ann, b);
	client_expect(bob, "{\"msgid\":134}");
	const int64_t seq = json_integer(say(ann, b, 0, ",\"cid\":\"c\"").json.get(), "seq");
	client_expect(bob, "{\"msgid\":6}");
	set_contact(bob, ann->id, "\"blocked\":true");
	const test_frame refusal = say(ann, b, 8);
	assert_string_equal(json_text(refusal.json.get(), "errmsg").c_str(), "this account takes nothing from you");
	/* A repetition is answered before it is judged. */
	assert_int_equal(json_integer(say(ann, b, 0, ",\"cid\":\"c\"").json.get(), "seq"), seq);
	signal_to(ann, b);
	set_contact(ann, b, "\"friend\":false");
	set_contact(ann, b, "\"friend\":true");
	client_expect_quiet(bob);
	assert_string_equal(contacts_of(ann).c_str(), check_format("%lld offline friend; ", (wide)b).c_str());
	/* Also in what a login says, in lists of friends and of groups. */
	const int64_t group = client_create_group(bob, client_new_name("g"));
	client_join_group(ann, group);
	client_logout(ann);
	const test_frame ack = client_login(ann, ann->id);
	for (const json_ptr &one : json_parse_all(ack.json.get(), "friends"))
		assert_string_equal(json_text(one.get(), "state").c_str(), "offline");
	for (const json_ptr &one : json_parse_all(ack.json.get(), "groups"))
		for (const json_ptr &user : json_parse_all(one.get(), "users"))
			assert_string_equal(json_text(user.get(), "state").c_str(),
			                    json_integer(user.get(), "id") == b ? "offline" : "online");
	/* Groups do not care, and who blocks may write. */
	client_group_chat_safely(ann, group, "hello");
	client_expect(bob, "{\"msgid\":10,\"msg\":\"hello\"}");
	say(bob, ann->id, 0);
	client_expect(ann, "{\"msgid\":6}");
	set_contact(bob, ann->id, "\"blocked\":false");
	say(ann, b, 0);
	client_expect(bob, "{\"msgid\":6}");
	signal_to(ann, b);
	client_expect(bob, "{\"msgid\":122}");
}

static void names_are_found_exactly(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");
	const std::string name = client_new_name("B\u00e4r ");
	test_client *other = client_open(s);
	const int64_t bob = client_register(other, name);
	const auto ask = [&](const std::string &of, int wire_errno) {
		return CLIENT_ASK(ann, wire_errno, "{\"msgid\":133,\"id\":%lld,\"name\":%s", (wide)ann->id,
		                  json_quote(of).c_str());
	};

	const test_frame found = ask(name, 0);
	assert_int_equal(json_integer(found.json.get(), "account"), bob);
	assert_string_equal(json_text(found.json.get(), "name").c_str(), name.c_str());
	ask(name + " ", 6);
	ask(name.substr(0, name.size() - 1), 6);
	ask("", 6);
	client_sendf(ann, "{\"msgid\":133,\"id\":%lld,\"name\":\"x\"}", (wide)ann->id);
	client_expect(ann, "{\"msgid\":100,\"of\":133,\"errno\":4}");
	client_sendf(ann, "{\"msgid\":132,\"id\":%lld}", (wide)ann->id);
	client_expect(ann, "{\"msgid\":100,\"of\":132,\"errno\":4}");
}

/* After 10 s of absence; meanwhile who comes back at once is no news. */
static void who_comes_and_goes_is_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", wants_all), *old = client_enter(s, "old");
	const int64_t bob = client_absent(s, "bob");

	add_friend(ann, bob);
	add_friend(old, bob);
	test_client *c = client_return(s, bob);
	/* ann may be told that bob is offline when it comes on the list; then there is no other change for 10 s. */
	test_frame frame = client_read(ann);
	if (json_matches(frame.json.get(), "{\"state\":\"offline\"}") &&
	    !client_try_read(ann, &frame, static_cast<int>(10000 + check_patience_ms())))
		check_fail(test_at::current(), "nobody says that bob is online");
	assert_true(json_matches(frame.json.get(),
	                         check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"online\"}", (wide)bob)));
	assert_true(json_integer(frame.json.get(), "ts") > 1600000000000);
	client_close(c);
	c = client_return(s, bob);
	client_expect_quiet(ann);
	const int64_t gone = check_now();
	client_close(c);
	if (!client_try_read(ann, &frame, static_cast<int>(10000 + check_patience_ms())))
		check_fail(test_at::current(), "nobody says that bob is offline");
	assert_true(json_matches(frame.json.get(),
	                         check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"offline\"}", (wide)bob)));
	assert_true(check_now() - gone >= 9900);
	client_expect_quiet(old);
}

/* ---- servers of their own */

static void strangers_are_refused_where_the_option_says_so(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "mailbox.strangers", "refuse");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", wants_all);
	const test_frame refusal = say(ann, bob->id, 8);
	assert_string_equal(json_text(refusal.json.get(), "errmsg").c_str(), "this account takes nothing from you");
	signal_to(ann, bob->id);
	client_expect_quiet(bob);
	say(ann, ann->id, 0);
	client_expect(ann, "{\"msgid\":6}");
	say(ann, 999999, 6);
	/* bob is not on the list of ann, but may write once ann lists it; then ann may answer. */
	add_friend(ann, bob->id);
	client_expect(bob, "{\"msgid\":134}");
	say(ann, bob->id, 8);
	say(bob, ann->id, 0);
	client_expect(ann, "{\"msgid\":6}");
	say(ann, bob->id, 0);
	client_expect(bob, "{\"msgid\":6}");
	test_server_set(s, "mailbox.strangers", "allow");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	test_client *eve = client_enter(s, "eve");
	say(eve, bob->id, 0);
	test_server_stop(s);
}

static void limits_of_blocks_and_searches_are_kept(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "people.max_blocked", "2");
	test_server_set(s, "people.find_user_limit", "3");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	std::vector<int64_t> others;
	for (int i = 0; i < 3; i++)
		others.push_back(client_absent(s, "other"));
	set_contact(ann, others[0], "\"blocked\":true");
	set_contact(ann, others[1], "\"blocked\":true");
	set_contact(ann, others[2], "\"blocked\":true", 16);
	set_contact(ann, others[2], "\"blocked\":true,\"friend\":true", 16);
	set_contact(ann, others[1], "\"blocked\":true");
	set_contact(ann, others[0], "\"blocked\":false");
	set_contact(ann, others[2], "\"blocked\":true");
	for (int i = 0; i < 5; i++)
		CLIENT_ASK(ann, i < 3 ? 0 : 10, "{\"msgid\":133,\"id\":%lld,\"name\":\"%s\"", (wide)ann->id,
		           bob->name.c_str());
	CLIENT_ASK(bob, 0, "{\"msgid\":133,\"id\":%lld,\"name\":\"%s\"", (wide)bob->id, ann->name.c_str());
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define TEST_OWN(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest shared[] = {
		TEST(contacts_show_both_sides),
		TEST(who_is_blocked_is_refused_and_sees_nobody),
		TEST(names_are_found_exactly),
		TEST(who_comes_and_goes_is_told),
	};
	const struct CMUnitTest own[] = {
		TEST_OWN(strangers_are_refused_where_the_option_says_so),
		TEST_OWN(limits_of_blocks_and_searches_are_kept),
	};
	const int failed = cmocka_run_group_tests(shared, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own, nullptr, nullptr);
}
