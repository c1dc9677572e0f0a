/* SPDX-License-Identifier: MIT
 * Tests that the server's own plugins which use services are replaced while the server runs: login, presence, signal
 * and reminders. Each keeps what it knew and ends what it had begun. */
#include <csignal>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/plugin_folder.h"
#include "tests/support/server.h"

static const char *const ours[] = {"login", "presence", "signal", "reminders", "history"};

static int set_up(void **state)
{
	if (test_server_setup(state) != 0)
		return -1;
	plugin_folder_link(static_cast<test_server *>(*state));
	return 0;
}

static long long number(int64_t n)
{
	return static_cast<long long>(n);
}

/* Replaces the plugin, so many times. */
static void replace(test_server *s, const std::string &name, int times = 1)
{
	static int version = 0;

	for (int i = 0; i < times; i++) {
		plugin_folder_put(s, name, plugin_folder_version(name, ++version));
		plugin_folder_reload(s, "plugin replaced plugin=" + name + " ");
	}
	plugin_folder_wait_one(s, name);
}

/* ---- under load */

static void all_of_them_are_replaced_under_load_and_nobody_notices(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int rounds = getenv("CS_LONG") ? 500 : 15;
	size_t seen = 0;

	test_server_set(s, "core.log_level", "info");
	test_server_start(s);
	load *l = load_new(s, 8, 1);
	l->cuts_wanted = 0;
	l->rate = 500;
	assert_true(load_run_until(l, check_patience_ms(), [l] { return load_all_are_in(l); }));
	for (int i = 0; i < rounds; i++) {
		const char *name = ours[i % 5];

		plugin_folder_put(s, name, plugin_folder_version(name, 1000 + i));
		plugin_folder_reload_under(s, l, "configuration reloaded", &seen);
	}
	assert_int_equal(plugin_folder_lines(s, "plugin replaced"), rounds);
	for (const char *name : ours)
		plugin_folder_wait_one(s, name);
	load_settle(l, 3 * check_patience_ms());
	for (const player &p : l->players)
		assert_int_equal(p.logins, 1);
	load_check_nothing_is_left(l);
	load_report(l, "replacements");
	assert_int_equal(l->book.fault_count, 0);
	load_free(l);
	test_server_stop(s);
}

/* ---- login */

/* Each of many logins is at another step at the moment of a replacement. */
static void a_login_under_way_is_answered_once_and_its_session_is_whole(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<int64_t> ids;
	std::vector<test_client *> clients;

	test_server_set(s, "login.password_memory", "1M");
	test_server_start(s);
	for (int i = 0; i < 12; i++)
		ids.push_back(client_absent(s, "ann"));
	for (int round = 0; round < 4; round++) {
		for (const int64_t id : ids) {
			clients.push_back(client_open(s));
			client_sendf(clients.back(),
			             "{\"msgid\":1,\"req\":1,\"id\":%lld,\"password\":\"secret\",\"device\":\"d%d\","
			             "\"remember\":true}",
			             number(id), round);
		}
		replace(s, "login");
	}
	for (test_client *c : clients) {
		client_expect(c, "{\"msgid\":2,\"req\":1,\"errno\":0}");
		client_expect_quiet(c);
	}
	/* The instance in force knows each session: it ends those of an account whose password is changed. */
	for (size_t i = 0; i < ids.size(); i++) {
		const test_frame answer = CLIENT_ASK(
			clients[i], 0, R"({"msgid":112,"id":%lld,"old":"secret","new":"other")", number(ids[i]));
		assert_true(json_has(answer.json.get(), "token"));
	}
	for (size_t i = 0; i < clients.size(); i++) {
		if (i < ids.size())
			client_expect_quiet(clients[i]);
		else
			client_expect_end(clients[i]);
	}
	test_server_stop(s);
}

static void a_password_that_is_changed_meanwhile_ends_the_other_sessions_only(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "login.password_memory", "1M");
	test_server_start(s);
	for (int i = 0; i < 5; i++) {
		const int64_t id = client_absent(s, "ann");
		test_client *own = client_return(s, id, nullptr, ",\"device\":\"a\",\"remember\":true"),
			    *other = client_return(s, id, nullptr, ",\"device\":\"b\"");

		client_sendf(own, R"({"msgid":112,"req":9,"id":%lld,"old":"secret","new":"other"})", number(id));
		replace(s, "login");
		assert_true(json_has(client_expect(own, R"({"msgid":100,"req":9,"errno":0})").json.get(), "token"));
		client_expect_end(other);
		/* The own session is of the new series. */
		CLIENT_ASK(own, 0, R"({"msgid":112,"id":%lld,"old":"other","new":"third")", number(id));
		client_expect_quiet(own);
	}
	test_server_stop(s);
}

/* ---- presence */

static void who_is_watched_stays_watched_and_nobody_is_told_twice(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const char *wants = ",\"want\":[\"presence\"]";

	test_server_start(s);
	const int64_t b = client_absent(s, "bob"), d = client_absent(s, "dan");
	test_client *ann = client_enter(s, "ann", wants), *bob = client_return(s, b);
	for (const int64_t id : {b, d})
		CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", number(ann->id), number(id));
	client_expect(ann, check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"online\"}", number(b)));
	client_expect(ann, check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"offline\"}", number(d)));
	replace(s, "presence", 3);
	client_expect_quiet(ann);
	/* The absence began before a replacement, and is told after it. */
	client_logout(bob);
	replace(s, "presence", 2);
	client_expect(ann, check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"offline\"}", number(b)));
	(void)client_return(s, d);
	client_expect(ann, check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"online\"}", number(d)));
	client_expect_quiet(ann);
	test_server_stop(s);
}

/* ---- signal */

static void signals_go_on_and_those_that_wait_come_in_order(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const char *wants = ",\"want\":[\"signal\"]";

	test_server_start(s);
	for (int round = 0; round < 4; round++) {
		test_client *ann = client_enter(s, "ann", wants), *bob = client_enter(s, "bob", wants);

		for (int i = 0; i < 40; i++) {
			client_sendf(ann, "{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"typing\",\"n\":%d}",
			             number(ann->id), number(bob->id), i);
			if (i == 10)
				plugin_folder_put(s, "signal", plugin_folder_version("signal", 100 + round));
			if (i == 20)
				test_server_signal(s, SIGHUP);
		}
		for (int i = 0; i < 40; i++)
			client_expect(bob, check_format("{\"msgid\":122,\"n\":%d}", i));
		check_wait("the replacement", [&] {
			return plugin_folder_lines(s, "plugin replaced plugin=signal") ==
			       static_cast<size_t>(round) + 1;
		});
		plugin_folder_wait_one(s, "signal");
		/* Who blocks is asked anew, and contacts tell the new instance of it. */
		CLIENT_ASK(bob, 0, "{\"msgid\":131,\"id\":%lld,\"account\":%lld,\"blocked\":true", number(bob->id),
		           number(ann->id));
		client_sendf(ann, "{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"typing\",\"req\":3}",
		             number(ann->id), number(bob->id));
		client_expect(ann, "{\"msgid\":100,\"req\":3,\"errno\":0}");
		client_expect_quiet(bob);
	}
	assert_int_equal(plugin_folder_lines(s, "plugin replaced plugin=signal"), 4);
	test_server_stop(s);
}

/* ---- reminders */

static void reminders_are_said_once_and_those_for_a_login_wait_for_it(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::multiset<std::string> texts;
	const int count = 60;

	test_server_set(s, "reminders.interval", "10ms");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	/* What bob's login has set off is stored by then. */
	(void)client_chat_safely(bob, ann->id, "I am here");
	CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"login","text":"at the login","toid":%lld)", number(bob->id));
	for (int i = 0; i < count; i++) {
		CLIENT_ASK(ann, 0, R"({"msgid":1001,"cid":"%d","text":"%d","toid":%lld,"at":%d)", i, i, number(bob->id),
		           i);
		if (i % 15 == 14)
			replace(s, "reminders");
	}
	while (texts.size() < count)
		texts.insert(json_text(client_read(bob).json.get(), "msg"));
	assert_int_equal(std::set<std::string>(texts.begin(), texts.end()).size(), count);
	assert_int_equal(texts.count("at the login"), 0);
	client_expect_quiet(bob);
	client_logout(bob);
	client_login(bob, bob->id);
	client_expect(bob, R"({"msgid":6,"msg":"at the login"})");
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_of_them_are_replaced_under_load_and_nobody_notices),
		TEST(a_login_under_way_is_answered_once_and_its_session_is_whole),
		TEST(a_password_that_is_changed_meanwhile_ends_the_other_sessions_only),
		TEST(who_is_watched_stays_watched_and_nobody_is_told_twice),
		TEST(signals_go_on_and_those_that_wait_come_in_order),
		TEST(reminders_are_said_once_and_those_for_a_login_wait_for_it),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
