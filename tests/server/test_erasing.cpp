/* SPDX-License-Identifier: MIT
 * Tests that plugins remove what they keep about an account that is erased, whatever fails, dies or is replaced
 * meanwhile. */
#include <cstdlib>
#include <fstream>
#include <string>

#include "test_store_shell.h"
#include "tests/support/plugin_folder.h"

using wide = long long;

/* The first column of the first row. */
static int64_t number(const test_server *s, const std::string &sql)
{
	if (!mariadb_wanted()) {
		const store_output run = run_shell(s, "sqlite3 " + test_server_database(s) + " \"" + sql + "\"");

		assert_int_equal(run.status, 0);
		return atoll(run.text.c_str());
	}
	test_database d;

	database_make_mysql(&d, s->database, s->options.at("db_mysql.database"));
	cs_db *db = database_open(&d);
	const int64_t found = database_number(db, sql);
	db->driver->close(db);
	return found;
}

static void erase(const test_server *s, int64_t account)
{
	ctl_done(s, "account erase " + std::to_string(account) + " yes");
}

static bool is_in_state(const test_server *s, int64_t account, const char *name)
{
	return strstr(ctl(s, "account show " + std::to_string(account)).text.c_str(),
	              check_format(" %s\n", name).c_str()) != nullptr;
}

static void wait_until_erased(const test_server *s, int64_t account, test_at at = test_at::current())
{
	check_wait(
		"an erased account", [=] { return is_in_state(s, account, "erased"); }, at);
}

static void what_reminders_keep_about_the_account_is_gone(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_set(s, "reminders.interval", "1h");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t a = ann->id, b = bob->id;
	for (const auto &[who, to] : {std::pair(ann, a), {ann, b}, {bob, a}, {bob, b}})
		CLIENT_ASK(who, 0, R"({"msgid":1001,"cid":"%lld","text":"tea","toid":%lld,"at":9007199254740991)",
		           (wide)to, (wide)to);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 4);
	erase(s, a);
	wait_until_erased(s, a);
	assert_int_equal(number(s, "SELECT COUNT(*) FROM reminders_reminder"), 1);
	assert_int_equal(number(s, "SELECT account FROM reminders_reminder"), b);
	CLIENT_ASK(bob, 6, R"({"msgid":1001,"cid":"late","text":"tea","toid":%lld)", (wide)a);
}

/* ---- the test plugin wipe */

static std::string wipe_file(const test_server *s, const char *name)
{
	return s->folder + "/wipe." + name;
}

static void write_file(const std::string &path, const std::string &text)
{
	std::ofstream(path) << text;
	assert_string_equal(check_read_file(path).c_str(), text.c_str());
}

static size_t calls(const test_server *s)
{
	size_t lines = 0;

	for (const char c : access(wipe_file(s, "calls").c_str(), F_OK) ? "" : check_read_file(wipe_file(s, "calls")))
		lines += c == '\n';
	return lines;
}

static std::string wipe_bytes()
{
	return plugin_folder_read(plugin_folder_built("tests/plugin/loaded/wipe.so"));
}

static void start_with_wipe(test_server *s)
{
	plugin_folder_link(s);
	plugin_folder_put(s, "wipe", wipe_bytes());
	for (const char *name : {"calls", "holds", "fails"})
		test_server_set(s, (std::string("wipe.") + name).c_str(), wipe_file(s, name));
	test_server_start(s);
	change(s, "CREATE TABLE wipe_row (account BIGINT NOT NULL, n BIGINT NOT NULL)");
}

static void keep_rows(const test_server *s, int64_t account)
{
	for (int n = 1; n <= 3; n++)
		change(s, check_format("INSERT INTO wipe_row VALUES (%lld, %d)", (wide)account, n));
}

static int64_t rows(const test_server *s, int64_t account)
{
	return number(s, check_format("SELECT COUNT(*) FROM wipe_row WHERE account = %lld", (wide)account));
}

static void a_plugin_that_fails_keeps_only_that_account_waiting_also_after_a_crash(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	static const char warning[] = "a plugin cannot remove what it keeps about an account, whose erasing is tried";

	start_with_wipe(s);
	const int64_t ann = client_absent(s, "ann"), bob = client_absent(s, "bob");
	keep_rows(s, ann);
	keep_rows(s, bob);
	write_file(wipe_file(s, "fails"), std::to_string(ann));
	erase(s, ann);
	check_wait("a warning", [=] { return plugin_folder_lines(s, warning) > 0; });
	assert_int_equal(plugin_folder_lines(s, check_format(" account=%lld keeper=wipe result=-2", (wide)ann)), 1);
	erase(s, bob);
	wait_until_erased(s, bob);
	assert_int_equal(rows(s, bob), 0);
	assert_true(is_in_state(s, ann, "erasing"));
	assert_int_equal(rows(s, ann), 3);
	assert_int_equal(plugin_folder_lines(s, warning), 1);

	test_server_kill(s);
	const size_t before = calls(s);
	test_server_start(s);
	check_wait("another call", [=] { return calls(s) > before; });
	assert_true(is_in_state(s, ann, "erasing"));
	assert_int_equal(rows(s, ann), 3);
	(void)unlink(wipe_file(s, "fails").c_str());
	wait_until_erased(s, ann);
	assert_int_equal(rows(s, ann), 0);
}

static void what_a_plugin_removed_before_a_crash_stays_removed_and_the_rest_follows(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	start_with_wipe(s);
	const int64_t ann = client_absent(s, "ann");
	keep_rows(s, ann);
	write_file(wipe_file(s, "holds"), "3");
	erase(s, ann);
	check_wait("the third call", [=] { return calls(s) == 3; });
	test_server_kill(s);
	assert_int_equal(rows(s, ann), 1);
	(void)unlink(wipe_file(s, "holds").c_str());
	test_server_start(s);
	wait_until_erased(s, ann);
	assert_int_equal(rows(s, ann), 0);
}

static void a_plugin_that_is_replaced_while_it_is_asked_stays_until_it_has_answered(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	start_with_wipe(s);
	const int64_t ann = client_absent(s, "ann");
	keep_rows(s, ann);
	write_file(wipe_file(s, "holds"), "1");
	erase(s, ann);
	check_wait("a call", [=] { return calls(s) == 1; });
	plugin_folder_put(s, "wipe", wipe_bytes() + "version 2");
	plugin_folder_reload(s, "plugin replaced plugin=wipe");
	assert_int_equal(plugin_folder_loaded(s, "wipe"), 2);
	(void)unlink(wipe_file(s, "holds").c_str());
	wait_until_erased(s, ann);
	assert_int_equal(rows(s, ann), 0);
	plugin_folder_wait_one(s, "wipe");
}

int main(void)
{
	const CMUnitTest tests[] = {
		OWN(what_reminders_keep_about_the_account_is_gone),
		OWN(a_plugin_that_fails_keeps_only_that_account_waiting_also_after_a_crash),
		OWN(a_plugin_that_is_replaced_while_it_is_asked_stays_until_it_has_answered),
	};

	/* Where others may write, too, the lease of the server that died is waited for: see cluster/test_accounts. */
	const CMUnitTest sqlite_tests[] = {
		OWN(what_a_plugin_removed_before_a_crash_stays_removed_and_the_rest_follows),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return failed + (mariadb_wanted() ? 0 : cmocka_run_group_tests(sqlite_tests, nullptr, nullptr));
}
