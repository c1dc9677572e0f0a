/* SPDX-License-Identifier: MIT
 * Tests what a reload refuses or leaves for a restart: files that are no plugins, other schema files, providers,
 * removed plugins, and its bounds of time and number. */
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/plugin_folder.h"
#include "tests/support/server.h"

static constexpr int turn_who = 2001, turn_timer = 2005;

static int set_up(void **state)
{
	test_server *s;

	if (test_server_setup(state) != 0)
		return -1;
	s = static_cast<test_server *>(*state);
	plugin_folder_link(s);
	operator_allow(s);
	test_server_set(s, "turn.until", s->folder + "/end");
	plugin_folder_put_turn(s, "old");
	return 0;
}

static int64_t ask_who(test_client *c, const char *member = "version", test_at at = test_at::current())
{
	client_sendf(c, "{\"msgid\":%d,\"req\":7}", turn_who);
	return json_integer(client_expect(c, "{\"msgid\":100,\"req\":7,\"errno\":0}", at).json.get(), member);
}

/* What an operator is answered. */
static void order_reload(test_client *operator_, const std::string &members, test_at at = test_at::current())
{
	client_sendf(operator_, "{\"msgid\":908,\"req\":1}");
	client_expect(operator_, members, at);
}

/* The list of `restart` in the answer. */
static std::string order_restart(test_client *operator_)
{
	std::string text;
	const cJSON *item;

	client_sendf(operator_, "{\"msgid\":908,\"req\":1}");
	const test_frame answer = client_expect(operator_, "{\"msgid\":100,\"req\":1,\"errno\":0}");
	cJSON_ArrayForEach(item, cJSON_GetObjectItem(cJSON_GetObjectItem(answer.json.get(), "reload"), "restart"))
		text += (text.empty() ? "" : ", ") + std::string(item->valuestring);
	return text;
}

static void what_provides_a_service_or_was_removed_is_listed_for_a_restart(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *c = client_enter(s, "ann"), *o = operator_open(s);
	for (const char *name : {"mailbox", "people", "db_sqlite"})
		plugin_folder_put(s, name, plugin_folder_version(name, 1));
	assert_string_equal(order_restart(o).c_str(), "plugin db_sqlite, plugin mailbox, plugin people");
	for (const char *name : {"mailbox", "people", "db_sqlite"})
		test_server_wait_log(s, std::string("plugin changed, which needs a restart plugin=") + name +
		                                " why=\"it provides a service\"");
	for (const char *name : {"mailbox", "people", "db_sqlite"})
		plugin_folder_put(s, name,
		                  plugin_folder_read(plugin_folder_built("plugins/" + std::string(name) + ".so")));
	std::filesystem::remove(plugin_folder_path(s, "turn"));
	/* With a section of a plugin that is not there, the server would not start. */
	order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":8}");
	test_server_set(s, "turn.until", "");
	test_server_write_conf(s);
	assert_string_equal(order_restart(o).c_str(), "plugin turn, turn.until");
	test_server_wait_log(s, "plugin removed, which needs a restart plugin=turn");
	assert_int_equal(ask_who(c), 1);
	test_server_restart(s);
	c = client_enter(s, "ann");
	client_sendf(c, "{\"msgid\":%d,\"req\":7}", turn_who);
	client_expect(c, "{\"msgid\":100,\"req\":7,\"errno\":5}");
	test_server_stop(s);
}

/* ---- schema files */

static void copy_schema(test_server *s)
{
	std::filesystem::copy("conf/schema/sqlite", s->folder + "/schema");
	test_server_set(s, "db_sqlite.schema", s->folder + "/schema");
}

static void put_schema(const test_server *s, const char *name, const char *text)
{
	std::ofstream(s->folder + "/schema/" + name) << text;
}

static void a_plugin_with_a_new_schema_file_waits_for_a_restart(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	copy_schema(s);
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *o = operator_open(s);
	const auto remind = [](test_client *c, const char *cid) {
		CLIENT_ASK(c, 0, "{\"msgid\":1001,\"cid\":\"%s\",\"text\":\"tea\",\"at\":1", cid);
		client_expect(c, "{\"msgid\":6,\"msg\":\"tea\"}");
	};
	put_schema(s, "reminders-002.sql", "ALTER TABLE reminders_reminder ADD COLUMN color INTEGER;");
	plugin_folder_put(s, "reminders", plugin_folder_version("reminders", 1));
	plugin_folder_put_turn(s, "new");
	assert_string_equal(order_restart(o).c_str(), "plugin reminders");
	test_server_wait_log(
		s, "plugin changed, which needs a restart plugin=reminders why=\"there are other schema files\"");
	/* The others are replaced, and the one that was there goes on. */
	assert_int_equal(ask_who(ann), 2);
	remind(ann, "1");
	/* A new plugin with tables, too. */
	put_schema(s, "skeleton-001.sql", "CREATE TABLE skeleton_one (id INTEGER);");
	plugin_folder_put(s, "skeleton", plugin_folder_version("skeleton", 1));
	assert_string_equal(order_restart(o).c_str(), "plugin skeleton, plugin reminders");
	test_server_restart(s);
	ann = client_enter(s, "ann");
	remind(ann, "2");
	o = operator_open(s);
	plugin_folder_put(s, "reminders", plugin_folder_version("reminders", 2));
	assert_string_equal(order_restart(o).c_str(), "");
	test_server_wait_log(s, "plugin replaced plugin=reminders");
	remind(ann, "3");
	test_server_stop(s);
}

static void after_an_update_of_the_servers_own_schema_nothing_is_replaced(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	copy_schema(s);
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *o = operator_open(s);
	put_schema(s, "900.sql", "CREATE TABLE body_more (id INTEGER);");
	plugin_folder_put(s, "chat", plugin_folder_version("chat", 1));
	plugin_folder_put_turn(s, "new");
	assert_string_equal(order_restart(o).c_str(), "plugin turn, plugin chat");
	assert_int_equal(ask_who(ann), 1);
	test_server_stop(s);
}

/* ---- files that are none */

static void what_is_no_file_is_refused_and_two_changes_are_one(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = plugin_folder_path(s, "turn");

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *o = operator_open(s);
	const auto is_refused = [&](const char *why) {
		order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":8}");
		test_server_wait_log(s, why);
		assert_int_equal(ask_who(ann), 1);
		std::filesystem::remove_all(path);
	};
	std::filesystem::remove(path);
	assert_int_equal(mkfifo(path.c_str(), 0600), 0);
	is_refused("turn.so: is not a file");
	std::filesystem::create_directory(path);
	is_refused("turn.so: is not a file");
	std::filesystem::create_symlink("/dev/zero", path);
	is_refused("turn.so: is not a file");
	/* Two versions came since the last reload: the second one counts. */
	plugin_folder_put_turn(s, "plain");
	plugin_folder_put_turn(s, "new");
	order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":0}");
	assert_int_equal(ask_who(ann), 2);
	test_server_wait_log(s, "plugin replaced plugin=turn version=2 before=1");
	plugin_folder_wait_one(s, "turn");
	test_server_stop(s);
}

/* A file grows while the server reloads again and again: no part of it is ever run. */
static void a_file_that_is_being_written_is_loaded_when_it_is_whole(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string bytes = plugin_folder_read(plugin_folder_built("tests/plugin/loaded/turn_new.so"));
	const size_t part = bytes.size() / 20 + 1;

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	{
		std::ofstream file(plugin_folder_path(s, "turn"), std::ios::binary);

		for (size_t at = 0; at < bytes.size(); at += part) {
			file.write(bytes.data() + at,
			           static_cast<std::streamsize>(std::min(part, bytes.size() - at - 1)));
			file.flush();
			test_server_signal(s, SIGHUP);
			assert_int_equal(ask_who(ann), 1);
		}
		file.write(&bytes.back(), 1);
	}
	plugin_folder_reload(s, "plugin replaced plugin=turn version=2");
	assert_int_equal(ask_who(ann), 2);
	test_server_stop(s);
}

/* ---- at the same time, and the bounds */

/* A client whose connection is on that worker. */
static test_client *enter_on(test_server *s, int64_t worker)
{
	for (;;) {
		test_client *c = client_enter(s, "ann");

		if (ask_who(c, "worker") == worker)
			return c;
	}
}

static void while_a_reload_runs_an_operator_is_told_so_and_a_signal_makes_one_more(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *o = operator_open(s), *other = operator_open(s);
	plugin_folder_put_turn(s, "late");
	client_sendf(o, "{\"msgid\":908,\"req\":1}");
	test_server_wait_log(s, "turn starts worker=1");
	order_reload(other, "{\"msgid\":100,\"req\":1,\"errno\":10}");
	plugin_folder_put_turn(s, "new");
	test_server_signal(s, SIGHUP);
	std::ofstream(s->folder + "/end") << "now\n";
	client_expect(o, "{\"msgid\":100,\"req\":1,\"errno\":0}");
	check_wait("the version that came last", [&] { return ask_who(ann) == 2; });
	plugin_folder_wait_one(s, "turn");
	test_server_stop(s);
}

static void a_worker_that_is_held_up_keeps_the_plugins_as_they_are(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string free = s->folder + "/free";

	test_server_start(s);
	test_client *held = enter_on(s, 0), *other = enter_on(s, 1), *o = operator_open(s);
	plugin_folder_put_turn(s, "late");
	client_sendf(o, "{\"msgid\":908,\"req\":1}");
	test_server_wait_log(s, "turn starts worker=0");
	test_server_wait_log(s, "turn starts worker=1");
	/* The first worker has answered, and does not come to the switch. */
	client_sendf(held, "{\"msgid\":2007,\"req\":3,\"until\":\"%s\"}", free.c_str());
	test_server_wait_log(s, "turn hangs");
	std::ofstream(s->folder + "/end") << "now\n";
	test_server_wait_log(s, "error configuration kept: a worker was held up, so the plugins could not be replaced");
	assert_int_equal(ask_who(other), 1);
	std::ofstream(free) << "now\n";
	client_expect(held, "{\"msgid\":100,\"req\":3,\"errno\":0}");
	client_expect(o, "{\"msgid\":100,\"req\":1,\"errno\":8}");
	for (test_client *c : {held, other})
		assert_int_equal(ask_who(c), 1);
	plugin_folder_wait_one(s, "turn");
	order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":0}");
	for (test_client *c : {held, other})
		assert_int_equal(ask_who(c), 5);
	test_server_stop(s);
}

static void while_64_plugins_leave_no_more_are_replaced(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> waiting;

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *o = operator_open(s);
	for (int i = 0; i < 64; i++) {
		waiting.push_back(client_open(s));
		client_sendf(waiting.back(), "{\"msgid\":%d,\"req\":7}", turn_timer);
		client_sendf(waiting.back(), "{\"msgid\":%d,\"req\":8}", turn_who);
		/* It is pending when the instance leaves: the next one is asked after the switch. */
		client_sendf(ann, "{\"msgid\":%d,\"req\":7}", turn_who);
		client_expect(ann, "{\"req\":7}");
		plugin_folder_put_turn(s, i % 2 ? "old" : "new");
		order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":0}");
	}
	plugin_folder_put_turn(s, "plain");
	order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":8}");
	test_server_wait_log(s, "error configuration kept: too many plugins that were replaced have not finished");
	assert_int_equal(ask_who(ann), 1);
	std::ofstream(s->folder + "/end") << "now\n";
	for (size_t i = 0; i < waiting.size(); i++) {
		client_expect(waiting[i], check_format("{\"req\":7,\"errno\":0,\"version\":%d}", i % 2 ? 2 : 1));
		client_expect(waiting[i], "{\"req\":8,\"errno\":0,\"version\":1}");
	}
	plugin_folder_wait_one(s, "turn");
	order_reload(o, "{\"msgid\":100,\"req\":1,\"errno\":0}");
	assert_int_equal(ask_who(ann), 3);
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_provides_a_service_or_was_removed_is_listed_for_a_restart),
		TEST(a_plugin_with_a_new_schema_file_waits_for_a_restart),
		TEST(after_an_update_of_the_servers_own_schema_nothing_is_replaced),
		TEST(what_is_no_file_is_refused_and_two_changes_are_one),
		TEST(a_file_that_is_being_written_is_loaded_when_it_is_whole),
		TEST(while_a_reload_runs_an_operator_is_told_so_and_a_signal_makes_one_more),
		TEST(a_worker_that_is_held_up_keeps_the_plugins_as_they_are),
		TEST(while_64_plugins_leave_no_more_are_replaced),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
