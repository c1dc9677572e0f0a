/* SPDX-License-Identifier: MIT
 * Tests plugins that are replaced while the server runs: by a reload, under load, by good and by bad files. CS_LONG=1:
 * 1,000 replacements. */
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <sys/stat.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/load.h"
#include "tests/support/plugin_folder.h"
#include "tests/support/server.h"

static const char all_is_loaded[] = "configuration reloaded";

static int set_up(void **state)
{
	if (test_server_setup(state) != 0)
		return -1;
	plugin_folder_link(static_cast<test_server *>(*state));
	return 0;
}

/* Asks a route of the plugin turn, which answers now or later. */
static void ask(test_client *c, int msgid, const char *more = "")
{
	client_sendf(c, "{\"msgid\":%d,\"req\":7%s}", msgid, more);
}

static void expect_version(test_client *c, int version, test_at at = test_at::current())
{
	client_expect(c, check_format("{\"msgid\":100,\"req\":7,\"errno\":0,\"version\":%d}", version), at);
}

static constexpr int turn_who = 2001, turn_work = 2002, turn_hook = 2003, turn_post = 2004, turn_timer = 2005,
		     turn_route = 2006;

static void a_changed_plugin_takes_over_and_knows_what_the_old_one_knew(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> clients;
	int64_t sessions = 0;

	plugin_folder_put_turn(s, "old");
	test_server_start(s);
	for (int i = 0; i < 6; i++)
		clients.push_back(client_enter(s, "ann"));
	ask(clients[0], turn_who);
	expect_version(clients[0], 1);
	plugin_folder_put_turn(s, "new");
	plugin_folder_reload(s, "plugin replaced plugin=turn version=2 before=1");
	for (test_client *c : clients) {
		ask(c, turn_who);
		const test_frame frame = client_expect(c, "{\"version\":2,\"restored\":1}");

		assert_true(json_integer(frame.json.get(), "sessions") <= 6);
		sessions = std::max(sessions, json_integer(frame.json.get(), "sessions"));
		ask(c, turn_route); /* the new instances have subscriptions of their own */
		expect_version(c, 2);
	}
	assert_true(sessions >= 3);
	client_logout(clients[0]);
	client_expect_quiet(clients[1]);
	plugin_folder_wait_one(s, "turn");
	test_server_stop(s);
}

static void without_saving_the_new_one_hears_of_each_session(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> clients;
	int64_t least = 6, most = 0;

	plugin_folder_put_turn(s, "old");
	test_server_start(s);
	for (int i = 0; i < 6; i++)
		clients.push_back(client_enter(s, "ann"));
	plugin_folder_put_turn(s, "plain");
	plugin_folder_reload(s, "plugin replaced plugin=turn version=3");
	for (test_client *c : clients) {
		ask(c, turn_who);
		const test_frame frame = client_expect(c, "{\"version\":3,\"restored\":0}");

		least = std::min(least, json_integer(frame.json.get(), "sessions"));
		most = std::max(most, json_integer(frame.json.get(), "sessions"));
	}
	/* All on one worker, or some on each. */
	assert_true(most == 6 || least + most == 6);
	test_server_stop(s);
}

static void what_the_old_one_has_under_way_it_finishes_and_then_it_is_unloaded(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	plugin_folder_put_turn(s, "old");
	test_server_set(s, "turn.until", s->folder + "/end");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	test_client *worked = client_open(s), *held = client_open(s), *posted = client_open(s), *timed = client_open(s),
		    *other = client_open(s);
	ask(worked, turn_work);
	ask(posted, turn_post);
	ask(timed, turn_timer);
	ask(held, turn_hook, ",\"wait\":1");
	ask(other, turn_who);
	expect_version(other, 1);
	plugin_folder_put_turn(s, "new");
	plugin_folder_reload(s, "plugin replaced plugin=turn version=2");
	ask(other, turn_who);
	expect_version(other, 2);
	assert_int_equal(plugin_folder_loaded(s, "turn"), 2);
	assert_figure(http_get(admin_port(s), "/metrics"), "chatserverd_plugins_leaving 1");
	std::ofstream(s->folder + "/end") << "now\n";
	for (test_client *c : {worked, posted, timed})
		expect_version(c, 1);
	/* The hook of the old one has passed it, so that of the new one is not asked; the handler is the new one's. */
	expect_version(held, 2);
	for (test_client *c : {worked, posted, timed, held}) {
		ask(c, turn_who);
		expect_version(c, 2);
	}
	plugin_folder_wait_one(s, "turn");
	test_server_wait_log(s, "plugin unloaded plugin=turn version=1");
	assert_figure(http_get(admin_port(s), "/metrics"), "chatserverd_plugins_leaving 0");
	test_server_stop(s);
}

static void a_new_one_that_fails_leaves_the_old_one_working(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string good = plugin_folder_read(plugin_folder_built("tests/plugin/loaded/turn_new.so"));

	plugin_folder_put_turn(s, "old");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const auto is_refused = [&](const std::string &bytes, const std::string &why) {
		plugin_folder_put(s, "turn", bytes);
		plugin_folder_reload(s, why);
		ask(ann, turn_who);
		expect_version(ann, 1);
	};
	is_refused(plugin_folder_read(plugin_folder_built("tests/plugin/loaded/turn_fails.so")),
	           "worker 1 is none of mine");
	for (const size_t size : {size_t{0}, size_t{30}, size_t{1000}, good.size() / 2, good.size() - 1})
		is_refused(good.substr(0, size), "its end is missing");
	is_refused("echo this is a script, and it is long enough for the head of a shared object #####", "invalid ELF");
	is_refused(plugin_folder_read(plugin_folder_built("tests/plugin/loaded/bad_wrong_abi.so")),
	           "was built for plugin ABI");
	is_refused(plugin_folder_read(plugin_folder_built("tests/plugin/loaded/bad_nothing.so")),
	           "is named bad_nothing inside");
	plugin_folder_wait_one(s, "turn");
	/* What is good is not put into force with what is bad. */
	plugin_folder_put(s, "chat", "");
	is_refused(good, "chat.so: cannot be loaded: its end is missing");
	plugin_folder_put(s, "chat", plugin_folder_version("chat", 1));
	plugin_folder_reload(s, "plugin replaced plugin=turn version=2 before=1");
	ask(ann, turn_who);
	expect_version(ann, 2);
	test_server_stop(s);
}

static void a_file_that_is_overwritten_in_place_harms_nobody(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string good = plugin_folder_read(plugin_folder_built("tests/plugin/loaded/turn_new.so"));

	plugin_folder_put_turn(s, "old");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	std::ofstream(plugin_folder_path(s, "turn"), std::ios::binary) << good.substr(0, 100);
	ask(ann, turn_who);
	expect_version(ann, 1);
	std::ofstream(plugin_folder_path(s, "turn"), std::ios::binary) << good;
	ask(ann, turn_who);
	expect_version(ann, 1);
	plugin_folder_reload(s, "plugin replaced plugin=turn version=2");
	ask(ann, turn_who);
	expect_version(ann, 2);
	test_server_stop(s);
}

static void a_new_file_is_loaded_and_what_needs_a_restart_is_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	std::filesystem::remove(plugin_folder_path(s, "signal"));
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	client_sendf(ann, "{\"msgid\":1000,\"req\":1,\"text\":\"hello\"}");
	client_expect(ann, "{\"msgid\":100,\"of\":1000,\"errno\":5}");
	plugin_folder_put(s, "skeleton", plugin_folder_version("skeleton", 1));
	test_server_set(s, "skeleton.longest", "20");
	test_server_write_conf(s);
	plugin_folder_reload(s, "plugin loaded plugin=skeleton");
	client_sendf(ann, "{\"msgid\":1000,\"req\":1,\"text\":\"hello\"}");
	client_expect(ann, "{\"msgid\":100,\"of\":1000,\"errno\":0,\"text\":\"HELLO\"}");
	client_sendf(ann, "{\"msgid\":1000,\"req\":1,\"text\":\"hello hello hello hello\"}");
	client_expect(ann, "{\"msgid\":100,\"of\":1000,\"errno\":12}");
	/* Its options are bound to the table of the new file, also those that a reload does not change otherwise. */
	test_server_set(s, "skeleton.interval", "7s");
	test_server_write_conf(s);
	plugin_folder_put(s, "skeleton", plugin_folder_version("skeleton", 2));
	plugin_folder_reload(s, "plugin replaced plugin=skeleton");
	assert_int_equal(plugin_folder_lines(s, "option=skeleton.interval"), 0);
	plugin_folder_put(s, "mailbox", plugin_folder_version("mailbox", 1));
	plugin_folder_reload(s, all_is_loaded);
	test_server_wait_log(s, "plugin changed, which needs a restart plugin=mailbox why=\"it provides a service\"");
	/* It would give functions to others, which would keep them if the reload were refused. */
	plugin_folder_put(s, "say", plugin_folder_read(plugin_folder_built("tests/plugin/loaded/say.so")));
	plugin_folder_reload(s, all_is_loaded);
	test_server_wait_log(s, "plugin added, which needs a restart plugin=say why=\"it uses services");
	std::filesystem::remove(plugin_folder_path(s, "skeleton"));
	plugin_folder_reload(s, "plugin removed, which needs a restart plugin=skeleton");
	client_sendf(ann, "{\"msgid\":1000,\"req\":1,\"text\":\"hello\"}");
	client_expect(ann, "{\"msgid\":100,\"of\":1000,\"errno\":0,\"text\":\"HELLO\"}");
	test_server_stop(s);
}

/* It looks for the number of its word when it starts. */
static void a_word_of_login_that_a_new_plugin_gives_has_its_effect_at_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	std::filesystem::remove(plugin_folder_path(s, "history"));
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	(void)client_chat_safely(ann, bob, "hello");
	plugin_folder_put(s, "history", plugin_folder_version("history", 1));
	plugin_folder_reload(s, "plugin loaded plugin=history");
	test_client *b = client_return(s, bob, nullptr, ",\"device\":\"a\",\"want\":[\"read\"]");
	test_client *other = client_return(s, bob, nullptr, ",\"device\":\"b\",\"want\":[\"read\"]");
	CLIENT_ASK(b, 0, R"({"msgid":120,"id":%lld,"peer":%lld,"seq":1)", static_cast<long long>(bob),
	           static_cast<long long>(ann->id));
	client_expect(other, R"({"msgid":120,"seq":1})");
	test_server_stop(s);
}

static void a_reload_that_comes_during_another_is_not_lost(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	plugin_folder_put_turn(s, "old");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	for (int i = 0; i < 10; i++) {
		for (const char *version : {"plain", "old", "new"}) {
			plugin_folder_put_turn(s, version);
			test_server_signal(s, SIGHUP);
		}
		check_wait("the last version", [&] {
			ask(ann, turn_who);
			return json_integer(client_read(ann).json.get(), "version") == 2;
		});
	}
	plugin_folder_wait_one(s, "turn");
	test_server_stop(s);
}

/* ---- under load */

/* Eight people talk; none of them ever loses its connection. */
static load *begin_load(test_server *s, uint64_t rate)
{
	load *l = load_new(s, 8, 1);

	l->cuts_wanted = 0;
	l->rate = rate;
	assert_true(load_run_until(l, check_patience_ms(), [l] { return load_all_are_in(l); }));
	return l;
}

static void end_load(load *l, const char *what)
{
	load_settle(l, 3 * check_patience_ms());
	for (const player &p : l->players)
		assert_int_equal(p.logins, 1);
	load_check_nothing_is_left(l);
	load_report(l, what);
	assert_int_equal(l->book.fault_count, 0);
	assert_true(l->book.acknowledged > 0);
	load_free(l);
}

static void replacements_under_load_lose_nothing_and_disconnect_nobody(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int rounds = getenv("CS_LONG") ? 1000 : 30;
	const char *const names[] = {"chat", "group", "skeleton"};
	int64_t resident = 0;
	size_t seen = 0, files = 0;

	plugin_folder_put(s, "skeleton", plugin_folder_version("skeleton", 0));
	test_server_set(s, "core.log_level", "info");
	test_server_start(s);
	load *l = begin_load(s, 500);
	for (int i = 1; i <= rounds; i++) {
		plugin_folder_put(s, names[i % 3], plugin_folder_version(names[i % 3], i));
		plugin_folder_reload_under(s, l, all_is_loaded, &seen);
		if (i == rounds / 2) {
			resident = test_server_resident_kib(s);
			files = test_server_open_files(s);
		}
	}
	assert_int_equal(plugin_folder_lines(s, "plugin replaced"), rounds);
	for (const char *name : names)
		plugin_folder_wait_one(s, name);
	const int64_t grown = test_server_resident_kib(s) - resident;
	print_message("%d replacements: the second half took %lld KiB and %d files\n", rounds,
	              static_cast<long long>(grown), static_cast<int>(test_server_open_files(s) - files));
	assert_true(test_server_open_files(s) <= files + 6);
	end_load(l, "replacements");
	test_server_stop(s);
}

static void a_hundred_reloads_good_and_bad_in_turn_disturb_nobody(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	size_t good = 0, bad = 0;

	test_server_set(s, "core.log_level", "info");
	test_server_start(s);
	load *l = begin_load(s, 500);
	for (int i = 1; i <= 100; i++) {
		const bool is_bad = i % 2 == 0;
		const char *const wrong[] = {"core.log_level", "login.password_ops", "core.nosuch", "group.max_groups"};
		const char *key = wrong[i / 2 % 4];
		const std::string right = s->options[key];

		test_server_set(s, "core.max_frame", i % 4 == 1 ? "32K" : "64K");
		test_server_set(s, "group.members_max", std::to_string(100 + i));
		if (is_bad)
			test_server_set(s, key, "wrong");
		test_server_write_conf(s);
		if (is_bad)
			plugin_folder_reload_under(s, l, "configuration kept", &bad);
		else
			plugin_folder_reload_under(s, l, all_is_loaded, &good);
		test_server_set(s, key, right);
	}
	end_load(l, "reloads");
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_changed_plugin_takes_over_and_knows_what_the_old_one_knew),
		TEST(without_saving_the_new_one_hears_of_each_session),
		TEST(what_the_old_one_has_under_way_it_finishes_and_then_it_is_unloaded),
		TEST(a_new_one_that_fails_leaves_the_old_one_working),
		TEST(a_file_that_is_overwritten_in_place_harms_nobody),
		TEST(a_new_file_is_loaded_and_what_needs_a_restart_is_told),
		TEST(a_word_of_login_that_a_new_plugin_gives_has_its_effect_at_once),
		TEST(a_reload_that_comes_during_another_is_not_lost),
		TEST(replacements_under_load_lose_nothing_and_disconnect_nobody),
		TEST(a_hundred_reloads_good_and_bad_in_turn_disturb_nobody),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
