/* SPDX-License-Identifier: MIT
 * Tests the migrations of db_sqlite, the place of its file, and :memory:. */
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>

#include "test_db_sqlite.h"

#include <cstdarg>
#include <setjmp.h>

extern "C" {
#include <cmocka.h>
}

static int set_up(void **state)
{
	test_store *store = new test_store;

	test_store_make(store);
	*state = store;
	return 0;
}

static int tear_down(void **state)
{
	test_store *store = static_cast<test_store *>(*state);

	test_store_remove(store);
	delete store;
	return 0;
}

static test_store *store_of(void **state)
{
	return static_cast<test_store *>(*state);
}

/* A schema folder of the test's own. */
static std::string schema_make(test_store *store)
{
	const std::string folder = store->folder + "/schema";

	mkdir(folder.c_str(), 0755);
	test_conf_set_schema(store, folder);
	return folder;
}

static void schema_write(const std::string &folder, const char *name, const char *text)
{
	FILE *file = fopen((folder + "/" + name).c_str(), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int migrate(test_store *store, cs_error *e, const char *plugin = nullptr)
{
	const char *const plugins[] = {plugin, nullptr};

	*e = {};
	return store->driver->migrate(store->conf.memory.data(), plugins, e);
}

static int64_t number_in(test_store *store, const char *sql)
{
	cs_error e = {};
	cs_db *db = nullptr;

	assert_int_equal(store->driver->open(store->conf.memory.data(), &db, &e), CS_DB_OK);
	const int64_t number = test_number(db, sql);
	db->driver->close(db);
	return number;
}

static void the_shipped_schema_is_made_once(void **state)
{
	test_store *store = store_of(state);
	cs_error e;

	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(number_in(store, "SELECT count(*) FROM schema_version WHERE version = 1"), 1);
	assert_int_equal(number_in(store, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ("
	                                  "'account', 'friend', 'conversation', 'member', 'message', 'cursor')"),
	                 6);
}

static void later_files_run_in_order_and_once(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "002.sql", "INSERT INTO t VALUES (2);");
	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);");
	schema_write(folder, "notes.txt", "not SQL");
	schema_write(folder, "0003.sql", "not SQL either");
	assert_int_equal(migrate(store, &e), 0);
	schema_write(folder, "010.sql", "INSERT INTO t VALUES (10);");
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(number_in(store, "SELECT sum(n) FROM t"), 13);
	assert_int_equal(number_in(store, "SELECT max(version) FROM schema_version"), 10);
}

static void a_file_with_a_mistake_changes_nothing_and_is_named(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(folder, "002.sql", "INSERT INTO t VALUES (1); INSERT INTO nowhere VALUES (1);");
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "002.sql"));
	assert_non_null(strstr(e.text, "nowhere"));
	assert_int_equal(number_in(store, "SELECT count(*) FROM t"), 0);
	schema_write(folder, "002.sql", "INSERT INTO t VALUES (1);");
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(number_in(store, "SELECT count(*) FROM t"), 1);
}

static void a_newer_database_is_refused(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(folder, "002.sql", "SELECT 1;");
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(remove((folder + "/002.sql").c_str()), 0);
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "newer"));
}

static void the_files_of_a_loaded_plugin_run_after_the_servers_and_once(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);");
	schema_write(folder, "notes-001.sql", "CREATE TABLE notes_note AS SELECT n FROM t;");
	schema_write(folder, "other-001.sql", "not SQL, of a plugin that is not loaded");
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(number_in(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'notes_note'"), 0);
	assert_int_equal(migrate(store, &e, "notes"), 0);
	schema_write(folder, "notes-002.sql", "ALTER TABLE notes_note ADD COLUMN m INTEGER;");
	schema_write(folder, "002.sql", "INSERT INTO t VALUES (2);");
	assert_int_equal(migrate(store, &e, "notes"), 0);
	assert_int_equal(migrate(store, &e, "notes"), 0);
	assert_int_equal(number_in(store, "SELECT count(m IS NULL) FROM notes_note"), 1);
	assert_int_equal(number_in(store, "SELECT max(version) FROM schema_version WHERE plugin = 'notes'"), 2);
	assert_int_equal(number_in(store, "SELECT count(*) FROM schema_version WHERE plugin = ''"), 2);
}

/* Whatever such a file may do, and what only looks like something else. */
static void a_plugins_file_may_do_all_with_its_own_tables(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);");
	schema_write(folder, "notes-001.sql",
	             "-- DROP TABLE t;\n/* DROP TABLE t; */;\n"
	             "create table if not exists \"notes_a\" (n INTEGER, text TEXT DEFAULT 'it''s; DROP TABLE t;');\n"
	             "CREATE TABLE `notes_b` (n INTEGER REFERENCES t (n)); CREATE TABLE notes_c AS SELECT n FROM t;\n"
	             "CREATE UNIQUE INDEX IF NOT EXISTS notes_i ON notes_a (n);\n"
	             "INSERT OR IGNORE INTO notes_a (n) SELECT n FROM t; REPLACE INTO notes_a (n) VALUES (2);\n"
	             "UPDATE OR IGNORE notes_a SET n = 3 WHERE n = 2; DELETE FROM notes_a WHERE n IN (0, 1);\n"
	             "ALTER TABLE notes_b RENAME TO notes_d; ALTER TABLE notes_a RENAME COLUMN n TO m;\n"
	             "ALTER TABLE notes_a RENAME m TO t; -- as n\n--\n"
	             "DROP INDEX notes_i; DROP TABLE IF EXISTS notes_c");
	assert_int_equal(migrate(store, &e, "notes"), 0);
	assert_int_equal(number_in(store, "SELECT sum(t) FROM notes_a"), 3);
	assert_int_equal(number_in(store, "SELECT count(*) FROM t"), 1);
}

static void a_plugins_file_may_change_nothing_else(void **state)
{
	static const char *const refused[][2] = {
		{"CREATE TABLE t2 (n INTEGER)", "1: t2 "},
		{"\n\nCREATE TABLE IF NOT EXISTS t2 (n INTEGER)", "3: t2 "},
		{"CREATE TABLE notes_a (n INTEGER);\n/* \n */ CREATE INDEX i ON notes_a (n)", "3: i "},
		{"CREATE INDEX notes_i ON t (n)", "1: t "},
		{"CREATE TABLE notes_a.b (n INTEGER)", "1: notes_a "},
		{"CREATE TABLE main.notes_a (n INTEGER)", "1: main "},
		{"CREATE TRIGGER notes_x AFTER INSERT ON t BEGIN SELECT 1; END", "1: CREATE "},
		{"CREATE TEMP TABLE notes_a (n INTEGER)", "1: CREATE "},
		{"ALTER TABLE t ADD COLUMN m", "1: t "},
		{"ALTER TABLE notes_a RENAME TO t2", "1: t2 "},
		{"DROP TABLE notes_a, t", "1: t "},
		{"INSERT INTO schema_version VALUES ('', 9, '')", "1: schema_version "},
		{"UPDATE t SET n = 1", "1: t "},
		{"DELETE FROM \"t\"", "1: t "},
		{"DELETE", "1: DELETE "},
		{"DROP TABLE", "1: a name is missing"},
		{"SELECT 1;\nCOMMIT", "1: SELECT "},
		{"/*! DROP TABLE t */", "1: / "},
		{"INSERT INTO notes_a VALUES ('\\'; DROP TABLE t; --')", "1: write a quote"},
		{"'", "1: "},
		{"UPDATE notes_a, t SET t.n = 1", "1: , "},
		{"UPDATE notes_a AS a JOIN t SET t.n = 1", "1: JOIN "},
		{"DELETE FROM notes_a, t USING notes_a JOIN t", "1: , "},
		{"DELETE FROM notes_a USING t AS notes_a", "1: USING "},
		{"ALTER TABLE notes_a RENAME t2", "1: t2 "},
		{"CREATE TABLE notes_a (n INTEGER);\nINSERT INTO notes_a VALUES (1) --'\n; DROP TABLE t; --'",
	         "2: put "},
	};
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	for (const auto &[text, why] : refused) {
		schema_write(folder, "notes-001.sql", text);
		assert_int_equal(migrate(store, &e, "notes"), CS_EINVAL);
		assert_non_null(strstr(e.text, (std::string("notes-001.sql:") + why).c_str()));
	}
}

static void a_plugin_with_tables_that_is_named_like_a_table_of_the_server_is_refused(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	assert_int_equal(migrate(store, &e, "account"), 0);
	schema_write(folder, "account-001.sql", "CREATE TABLE account_name (n INTEGER);");
	assert_int_equal(migrate(store, &e, "account"), CS_EINVAL);
	assert_string_equal(e.text,
	                    (folder + "/account-001.sql: the names of the server's own tables and indexes begin "
	                              "so; give the plugin another name")
	                            .c_str());
}

static void no_file_runs_before_all_are_read_and_checked(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(folder, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);");
	schema_write(folder, "notes-002.sql", "DROP TABLE t;");
	assert_int_equal(migrate(store, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, "notes-002.sql:1: t "));
	assert_int_equal(number_in(store, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void a_plugins_file_that_fails_changes_nothing_and_is_named(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(folder, "notes-001.sql",
	             "CREATE TABLE notes_note (n INTEGER); INSERT INTO notes_nowhere VALUES (1);");
	assert_int_equal(migrate(store, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, "notes-001.sql"));
	assert_non_null(strstr(e.text, "notes_nowhere"));
	assert_int_equal(number_in(store, "SELECT count(*) FROM sqlite_schema WHERE name = 'notes_note'"), 0);
	schema_write(folder, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);\nDROP TABLE t;\n");
	assert_int_equal(migrate(store, &e, "notes"), CS_EINVAL);
	assert_string_equal(e.text, (folder + "/notes-001.sql:2: t is not the plugin's: the names of its tables and "
	                                      "indexes begin with notes_")
	                                    .c_str());
	assert_int_equal(number_in(store, "SELECT count(*) FROM t"), 0);
	assert_int_equal(number_in(store, "SELECT count(*) FROM schema_version"), 1);
}

static void a_store_that_a_newer_plugin_wrote_is_refused(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(folder, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);");
	schema_write(folder, "notes-002.sql", "INSERT INTO notes_note VALUES (1);");
	assert_int_equal(migrate(store, &e, "notes"), 0);
	assert_int_equal(remove((folder + "/notes-002.sql").c_str()), 0);
	assert_int_equal(migrate(store, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, "newer plugin"));
	assert_int_equal(remove((folder + "/notes-001.sql").c_str()), 0);
	assert_int_equal(migrate(store, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, ("no file notes-NNN.sql in " + folder).c_str()));
	assert_int_equal(migrate(store, &e), 0); /* without the plugin, its tables are nobody's concern */
}

static void a_store_made_before_plugins_had_tables_keeps_its_data_and_its_version(void **state)
{
	test_store *store = store_of(state);
	cs_error e;

	cs_db *db = test_store_open(store);
	for (const char *sql :
	     {"INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)", "DROP TABLE schema_version",
	      "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL)",
	      "INSERT INTO schema_version VALUES (1, '2026-11-27 10:00:00')"})
		assert_int_equal(test_query(db, sql), 0);
	assert_int_equal(migrate(store, &e, "reminders"), 0);
	assert_int_equal(migrate(store, &e, "reminders"), 0);
	assert_int_equal(test_number(db, "SELECT count(*) FROM account"), 1);
	assert_int_equal(test_number(db, "SELECT count(*) FROM schema_version WHERE plugin = '' AND version = 1"
	                                 " AND applied = '2026-11-27 10:00:00'"),
	                 1);
	assert_int_equal(test_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version_old'"), 0);
	db->driver->close(db);
}

static void a_table_of_versions_that_cannot_be_changed_is_named(void **state)
{
	test_store *store = store_of(state);
	cs_error e;

	cs_db *db = test_store_open(store);
	for (const char *sql :
	     {"DROP TABLE schema_version", "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied TEXT)",
	      "CREATE TABLE schema_version_old (n INTEGER)"})
		assert_int_equal(test_query(db, sql), 0);
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, ": cannot change the table schema_version: "));
	db->driver->close(db);
}

static void a_schema_folder_that_is_missing_or_empty_is_named(void **state)
{
	test_store *store = store_of(state);
	cs_error e;

	test_conf_set_schema(store, store->folder + "/nowhere");
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "nowhere"));
	schema_make(store);
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "NNN.sql"));
}

/* What is in them is run with all rights on the database. */
static void schema_files_that_everybody_may_write_are_refused(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store), file = folder + "/001.sql";
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	for (const std::string &path : {folder, file}) {
		assert_int_equal(chmod(path.c_str(), 0777), 0);
		assert_int_equal(migrate(store, &e), CS_EINVAL);
		assert_string_equal(e.text, (path + ": everybody may write to it; run chmod o-w on it").c_str());
		assert_int_equal(chmod(path.c_str(), 0775), 0);
	}
	assert_int_equal(migrate(store, &e), 0);
}

static void the_folder_of_the_file_is_made_and_the_file_is_private(void **state)
{
	test_store *store = store_of(state);
	struct stat info = {};
	cs_error e;

	test_conf_set_path(store, store->folder + "/a/b//c/chat.db");
	assert_int_equal(migrate(store, &e), 0);
	assert_int_equal(stat(store->conf.path.c_str(), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
	test_store *store = store_of(state);
	cs_error e;

	schema_write(store->folder, "file", "");
	test_conf_set_path(store, store->folder + "/file/chat.db");
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "/file"));
}

/* Root may write everywhere, so the child becomes nobody. */
static int check_as_nobody(const test_store *store)
{
	const char *key = "";
	cs_error e = {};

	if (geteuid() == 0 && setuid(65534) == -1)
		return 1;
	if (store->plugin->check(store->conf.memory.data(), &key, &e) != CS_EINVAL || strcmp(key, "path") != 0)
		return 2;
	return strstr(e.text, "Permission denied") ? 0 : 3;
}

static void assert_denied(const test_store *store)
{
	int status = -1;
	const pid_t child = fork();

	if (child == 0)
		_exit(check_as_nobody(store));
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_check_sees_what_this_user_may_not_write_and_makes_nothing(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = store->folder + "/closed";
	const char *key = "";
	cs_error e;

	schema_write(schema_make(store), "001.sql", "CREATE TABLE t (n INTEGER);");
	assert_int_equal(chmod(store->folder.c_str(), 0755), 0);
	assert_int_equal(mkdir(folder.c_str(), 0755), 0);
	assert_int_equal(chmod(folder.c_str(), 0555), 0);
	for (const char *name : {"/closed/chat.db", "/closed/to/be/made/chat.db"}) {
		test_conf_set_path(store, store->folder + name);
		assert_denied(store);
	}
	test_conf_set_path(store, store->folder + "/to//be/made/chat.db");
	assert_int_equal(store->plugin->check(store->conf.memory.data(), &key, &e), 0);
	assert_int_equal(access((store->folder + "/to").c_str(), F_OK), -1);
	schema_write(store->folder, "chat.db", "");
	test_conf_set_path(store, store->folder + "/chat.db");
	assert_int_equal(chmod(store->conf.path.c_str(), 0444), 0);
	assert_denied(store);
}

static void many_processes_may_migrate_at_once(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	schema_write(folder, "001.sql", "CREATE TABLE t (n INTEGER);");
	for (const char *name : {"002.sql", "003.sql", "004.sql", "005.sql"})
		schema_write(folder, name, "INSERT INTO t VALUES (1);");
	schema_write(folder, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);");
	for (int i = 0; i < 8; i++)
		if (fork() == 0)
			_exit(migrate(store, &e, "notes") ? 1 : 0);
	for (int i = 0; i < 8; i++) {
		int status = -1;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(number_in(store, "SELECT count(*) FROM t"), 4);
}

static void memory_is_migrated_open_and_private_to_its_server(void **state)
{
	test_store *store = store_of(state);
	test_store other;
	unsigned readers = 9, writers = 9;

	test_store_make(&other);
	test_conf_set_path(store, ":memory:");
	test_conf_set_path(&other, ":memory:");
	store->driver->limits(store->conf.memory.data(), &readers, &writers);
	assert_int_equal(readers, 0);
	assert_int_equal(writers, 1);

	cs_db *db = test_store_open(store), *stranger = test_store_open(&other);
	assert_int_equal(test_query(db, "INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)"), 0);
	assert_int_equal(test_number(db, "SELECT count(*) FROM account"), 1);
	assert_int_equal(test_number(stranger, "SELECT count(*) FROM account"), 0);
	/* A second connection of the same server meets the same database. */
	assert_int_equal(number_in(store, "SELECT count(*) FROM account"), 1);
	db->driver->close(db);
	stranger->driver->close(stranger);
	test_store_remove(&other);
	assert_int_equal(access(":memory:", F_OK), -1);
}

static void memory_says_what_is_wrong_with_the_schema(void **state)
{
	test_store *store = store_of(state);
	const std::string folder = schema_make(store);
	cs_error e;

	test_conf_set_path(store, ":memory:");
	schema_write(folder, "001.sql", "CREATE TABLE");
	assert_int_equal(migrate(store, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "001.sql"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_shipped_schema_is_made_once),
		TEST(later_files_run_in_order_and_once),
		TEST(a_file_with_a_mistake_changes_nothing_and_is_named),
		TEST(a_newer_database_is_refused),
		TEST(the_files_of_a_loaded_plugin_run_after_the_servers_and_once),
		TEST(a_plugins_file_may_do_all_with_its_own_tables),
		TEST(a_plugins_file_may_change_nothing_else),
		TEST(a_plugin_with_tables_that_is_named_like_a_table_of_the_server_is_refused),
		TEST(no_file_runs_before_all_are_read_and_checked),
		TEST(a_plugins_file_that_fails_changes_nothing_and_is_named),
		TEST(a_store_that_a_newer_plugin_wrote_is_refused),
		TEST(a_store_made_before_plugins_had_tables_keeps_its_data_and_its_version),
		TEST(a_table_of_versions_that_cannot_be_changed_is_named),
		TEST(a_schema_folder_that_is_missing_or_empty_is_named),
		TEST(schema_files_that_everybody_may_write_are_refused),
		TEST(the_folder_of_the_file_is_made_and_the_file_is_private),
		TEST(a_folder_that_cannot_be_made_is_named),
		TEST(the_check_sees_what_this_user_may_not_write_and_makes_nothing),
		TEST(many_processes_may_migrate_at_once),
		TEST(memory_is_migrated_open_and_private_to_its_server),
		TEST(memory_says_what_is_wrong_with_the_schema),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
