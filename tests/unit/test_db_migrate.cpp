/* SPDX-License-Identifier: MIT
 * What db.h promises of the migrations of every adapter: run for SQLite, and for MariaDB if CS_DRIVER is db_mysql. */
#include <filesystem>
#include <regex>
#include <set>

#include "test_db.h"

/* How many of these tables there are; their names are a list in SQL. */
static int64_t tables_in(const fixture *f, const char *names)
{
	return number_in(
		f, std::string(f->server ? "SELECT count(*) FROM information_schema.TABLES WHERE ENGINE = 'InnoDB'"
	                                   " AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ("
	                                 : "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN (") +
			   names + ")");
}

static void the_shipped_schema_is_made_once(void **state)
{
	const fixture *f = fixture_of(state);

	migrate(f);
	migrate(f);
	assert_int_equal(number_in(f, "SELECT count(*) FROM schema_version"), 8);
	assert_int_equal(number_in(f, "SELECT count(*) FROM schema_version WHERE version BETWEEN 1 AND 8"), 8);
	assert_int_equal(tables_in(f, "'account', 'contact', 'conversation', 'member', 'cursor'"), 5);
	assert_int_equal(tables_in(f, "'message'"), f->server ? 1 : 0);
	assert_int_equal(tables_in(f, "'body', 'entry'"), f->server ? 0 : 2);
}

static void later_files_run_in_order_and_once(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "002.sql", "INSERT INTO t VALUES (2);");
	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);\n-- a; comment\nINSERT INTO t VALUES (1);\n");
	schema_write(f, "notes.txt", "not SQL");
	schema_write(f, "0003.sql", "not SQL either");
	migrate(f);
	schema_write(f, "010.sql", "INSERT INTO t VALUES (10);");
	migrate(f);
	migrate(f);
	assert_int_equal(number_in(f, "SELECT sum(n) FROM t"), 13);
	assert_int_equal(number_in(f, "SELECT max(version) FROM schema_version"), 10);
}

/* MariaDB cannot undo what a file did before its mistake. */
static void a_file_with_a_mistake_is_named_and_run_again_when_mended(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER PRIMARY KEY);");
	schema_write(f, "002.sql", "REPLACE INTO t VALUES (1); INSERT INTO nowhere VALUES (1);");
	migrate_refused(f, "002.sql");
	migrate_refused(f, "nowhere");
	assert_int_equal(number_in(f, "SELECT max(version) FROM schema_version"), 1);
	assert_int_equal(number_in(f, "SELECT count(*) FROM t"), f->server ? 1 : 0);
	schema_write(f, "002.sql", "REPLACE INTO t VALUES (1);");
	migrate(f);
	assert_int_equal(number_in(f, "SELECT max(version) FROM schema_version"), 2);
	assert_int_equal(number_in(f, "SELECT count(*) FROM t"), 1);
}

static void a_newer_database_is_refused(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(f, "002.sql", "SELECT 1;");
	migrate(f);
	schema_remove(f, "002.sql");
	migrate_refused(f, "newer");
}

static void the_files_of_a_loaded_plugin_run_after_the_servers_and_once(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1);");
	schema_write(f, "notes-001.sql", "CREATE TABLE notes_note AS SELECT n FROM t;");
	schema_write(f, "other-001.sql", "not SQL, of a plugin that is not loaded");
	migrate(f);
	assert_int_equal(tables_in(f, "'notes_note'"), 0);
	migrate(f, "notes");
	schema_write(f, "notes-002.sql", "ALTER TABLE notes_note ADD COLUMN m INTEGER;");
	schema_write(f, "002.sql", "INSERT INTO t VALUES (2);");
	migrate(f, "notes");
	migrate(f, "notes");
	assert_int_equal(number_in(f, "SELECT count(m IS NULL) FROM notes_note"), 1);
	assert_int_equal(number_in(f, "SELECT max(version) FROM schema_version WHERE plugin = 'notes'"), 2);
	assert_int_equal(number_in(f, "SELECT count(*) FROM schema_version WHERE plugin = ''"), 2);
}

/* Whatever such a file may do, and what only looks like something else. */
static const char *const own_tables[] = {
	"-- DROP TABLE t;\n/* DROP TABLE t; */;\n"
	"create table if not exists \"notes_a\" (n INTEGER, text TEXT DEFAULT 'it''s; DROP TABLE t;');\n"
	"CREATE TABLE `notes_b` (n INTEGER REFERENCES t (n)); CREATE TABLE notes_c AS SELECT n FROM t;\n"
	"CREATE UNIQUE INDEX IF NOT EXISTS notes_i ON notes_a (n);\n"
	"INSERT OR IGNORE INTO notes_a (n) SELECT n FROM t; REPLACE INTO notes_a (n) VALUES (2);\n"
	"UPDATE OR IGNORE notes_a SET n = 3 WHERE n = 2; DELETE FROM notes_a WHERE n IN (0, 1);\n"
	"ALTER TABLE notes_b RENAME TO notes_d; ALTER TABLE notes_a RENAME COLUMN n TO m;\n"
	"ALTER TABLE notes_a RENAME m TO t; -- as n\n--\n"
	"DROP INDEX notes_i; DROP TABLE IF EXISTS notes_c",
	"-- DROP TABLE t;\n# DROP TABLE t;\n/* DROP TABLE t; */\n"
	"create table if not exists `notes_a` (n INTEGER, text VARCHAR(40) DEFAULT 'it''s; DROP TABLE t;');\n"
	"CREATE TABLE notes_b (n INTEGER REFERENCES t (n)); CREATE TABLE notes_c AS SELECT n FROM t;\n"
	"CREATE UNIQUE INDEX IF NOT EXISTS notes_i ON notes_a (n);\n"
	"INSERT IGNORE INTO notes_a (n) SELECT n FROM t; REPLACE INTO notes_a (n) VALUES (2);\n"
	"UPDATE IGNORE notes_a SET n = 3 WHERE n = 2; DELETE FROM notes_a WHERE n IN (0, 1);\n"
	"ALTER TABLE notes_b RENAME TO notes_d; ALTER TABLE notes_a RENAME COLUMN n TO t;\n"
	"ALTER TABLE notes_d RENAME notes_e; -- as n\n--\n"
	"DROP INDEX notes_i ON notes_a; DROP TABLE IF EXISTS notes_c, notes_e",
};

static void a_plugins_file_may_do_all_with_its_own_tables(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);");
	schema_write(f, "notes-001.sql", own_tables[f->server != nullptr]);
	migrate(f, "notes");
	assert_int_equal(number_in(f, "SELECT sum(t) FROM notes_a"), 3);
	assert_int_equal(number_in(f, "SELECT count(*) FROM t"), 1);
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
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	for (const auto &[text, why] : refused) {
		schema_write(f, "notes-001.sql", text);
		migrate_refused(f, std::string("notes-001.sql:") + why, "notes");
	}
}

/* What the names of the server's own tables, views and indexes have before their first underscore. */
static std::set<std::string> words_of_the_server()
{
	static const std::regex made("CREATE (UNIQUE )?(TABLE|VIEW|INDEX|TRIGGER) (IF NOT EXISTS )?[`\"]?([a-z]+)");
	std::set<std::string> words = {"schema", "sqlite"};

	for (const char *folder : {"conf/schema/sqlite", "conf/schema/mysql"})
		for (const auto &file : std::filesystem::directory_iterator(folder)) {
			const std::string text = check_read_file(file.path());

			if (file.path().filename().string().size() == strlen("001.sql"))
				for (std::sregex_iterator i(text.begin(), text.end(), made), end; i != end; ++i)
					words.insert((*i)[4]);
		}
	return words;
}

static void a_plugin_with_tables_that_is_named_like_a_table_of_the_server_is_refused(void **state)
{
	fixture *f = fixture_of(state);
	const std::set<std::string> words = words_of_the_server();

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	assert_true(words.contains("account") && words.contains("register") && words.size() >= 20);
	for (const std::string &word : words) {
		const char *plugin = word.c_str();
		const std::string file = word + "-001.sql";

		migrate(f, plugin);
		schema_write(f, file.c_str(), "DELETE FROM schema_version;");
		migrate_refused(f,
		                f->d.folder + "/schema/" + file +
		                        ": the names of the server's own tables and indexes begin so; "
		                        "give the plugin another name",
		                plugin);
		schema_remove(f, file.c_str());
	}
}

/* For a reload, which asks whether a plugin comes with other files than at the start. */
static void the_last_file_of_each_is_found_without_the_database(void **state)
{
	fixture *f = fixture_of(state);
	cs_error e = {};
	const auto last = [&](const char *plugin) {
		int version = -1;

		assert_int_equal(f->d.driver->schema_last(f->d.conf.data(), plugin, &version, &e), 0);
		return version;
	};

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(f, "notes-002.sql", "not SQL, and not read");
	schema_write(f, "notes-010.sql", "CREATE TABLE notes_note (n INTEGER);");
	schema_write(f, "notes-0011.sql", "");
	assert_int_equal(last(""), 1);
	assert_int_equal(last("notes"), 10);
	assert_int_equal(last("other"), 0);
	assert_int_equal(last("note"), 0);
}

static void no_file_runs_before_all_are_read_and_checked(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(f, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);");
	schema_write(f, "notes-002.sql", "DROP TABLE t;");
	migrate_refused(f, "notes-002.sql:1: t ", "notes");
	assert_int_equal(tables_in(f, "'t', 'notes_note', 'schema_version'"), 0);
}

static void a_plugins_file_that_fails_is_named(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(f, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER); INSERT INTO notes_nowhere VALUES (1);");
	migrate_refused(f, "notes-001.sql", "notes");
	schema_write(f, "notes-001.sql",
	             "CREATE TABLE IF NOT EXISTS notes_note (n INTEGER); INSERT INTO notes_nowhere VALUES (1);");
	migrate_refused(f, "notes_nowhere", "notes");
	assert_int_equal(tables_in(f, "'notes_note'"), f->server ? 1 : 0);
	schema_write(f, "notes-001.sql", "CREATE TABLE IF NOT EXISTS notes_note (n INTEGER);\nDROP TABLE t;\n");
	migrate_refused(
		f,
		f->d.folder +
			"/schema/notes-001.sql:2: t is not the plugin's: the names of its tables and indexes begin with "
			"notes_",
		"notes");
	assert_int_equal(number_in(f, "SELECT count(*) FROM t"), 0);
	assert_int_equal(number_in(f, "SELECT count(*) FROM schema_version"), 1);
}

static void a_store_that_a_newer_plugin_wrote_is_refused(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	schema_write(f, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);");
	schema_write(f, "notes-002.sql", "INSERT INTO notes_note VALUES (1);");
	migrate(f, "notes");
	schema_remove(f, "notes-002.sql");
	migrate_refused(f, "newer plugin", "notes");
	schema_remove(f, "notes-001.sql");
	migrate_refused(f, "no file notes-NNN.sql in " + f->d.folder, "notes");
	migrate(f); /* without the plugin, its tables are nobody's concern */
}

static void a_store_made_before_plugins_had_tables_keeps_its_data_and_its_version(void **state)
{
	const fixture *f = fixture_of(state);

	cs_db *db = database_migrate_and_open(&f->d);
	for (const char *sql :
	     {"INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)", "DROP TABLE schema_version",
	      f->server ? "CREATE TABLE schema_version (version INT NOT NULL PRIMARY KEY, applied DATETIME NOT NULL)"
	                  " ENGINE = InnoDB"
	                : "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied TEXT NOT NULL)",
	      "INSERT INTO schema_version VALUES (1, '2026-11-27 10:00:00'), (2, '2026-11-27 10:00:01'), (3, '2026-11-27 10:00:02'),"
	      " (4, '2026-11-27 10:00:03'), (5, '2026-11-27 10:00:04'), (6, '2026-11-27 10:00:05'), (7, '2026-11-27 10:00:06'),"
	      " (8, '2026-11-27 10:00:07')"})
		assert_int_equal(database_run(db, sql), CS_DB_OK);
	migrate(f, "reminders");
	migrate(f, "reminders");
	assert_int_equal(database_number(db, "SELECT count(*) FROM account"), 1);
	assert_int_equal(database_number(db, "SELECT count(*) FROM schema_version WHERE plugin = '' AND version = 1"
	                                     " AND applied = '2026-11-27 10:00:00'"),
	                 1);
	assert_int_equal(tables_in(f, "'schema_version_old'"), 0);
	db->driver->close(db);
}

/* A view is one that neither database alters. */
static void a_table_of_versions_that_cannot_be_changed_is_named(void **state)
{
	const fixture *f = fixture_of(state);

	cs_db *db = database_migrate_and_open(&f->d);
	for (const char *sql :
	     {"DROP TABLE schema_version", "CREATE VIEW schema_version AS SELECT 1 AS version, 'now' AS applied"})
		assert_int_equal(database_run(db, sql), CS_DB_OK);
	migrate_refused(f, "cannot change the table schema_version: ");
	assert_int_equal(database_number(db, "SELECT version FROM schema_version"), 1);
	db->driver->close(db);
}

static void a_schema_folder_that_is_missing_or_empty_is_named(void **state)
{
	fixture *f = fixture_of(state);

	database_set_text(&f->d, "schema", f->d.folder + "/nowhere");
	migrate_refused(f, "nowhere");
	schema_write(f, "001.sql", "");
	schema_remove(f, "001.sql");
	migrate_refused(f, "NNN.sql");
}

/* What is in them is run with all rights on the database. */
static void schema_files_that_everybody_may_write_are_refused(void **state)
{
	fixture *f = fixture_of(state);

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	for (const std::string &path : {f->d.folder + "/schema", f->d.folder + "/schema/001.sql"}) {
		assert_int_equal(chmod(path.c_str(), 0777), 0);
		migrate_refused(f, path + ": everybody may write to it; run chmod o-w on it");
		assert_int_equal(chmod(path.c_str(), 0775), 0);
	}
	migrate(f);
}

static void many_processes_may_migrate_at_once(void **state)
{
	fixture *f = fixture_of(state);
	const int processes = 8;
	cs_error e;

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	for (const char *name : {"002.sql", "003.sql", "004.sql", "005.sql"})
		schema_write(f, name,
		             f->server ? "DO SLEEP(0.05); INSERT INTO t VALUES (1);" : "INSERT INTO t VALUES (1);");
	schema_write(f, "notes-001.sql", "CREATE TABLE notes_note (n INTEGER);");
	for (int i = 0; i < processes; i++)
		if (fork() == 0)
			_exit(database_migrate(&f->d, &e, "notes") ? 1 : 0);
	for (int i = 0; i < processes; i++)
		assert_int_equal(child_status(-1), 0);
	assert_int_equal(number_in(f, "SELECT count(*) FROM t"), 4);
	assert_int_equal(number_in(f, "SELECT count(*) FROM schema_version"), 6);
}

#define TEST(name)                                                                                                     \
	cmocka_unit_test_setup_teardown(name, mariadb_wanted() ? set_up_mysql_empty : set_up_sqlite_empty, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_shipped_schema_is_made_once),
		TEST(later_files_run_in_order_and_once),
		TEST(a_file_with_a_mistake_is_named_and_run_again_when_mended),
		TEST(a_newer_database_is_refused),
		TEST(the_files_of_a_loaded_plugin_run_after_the_servers_and_once),
		TEST(a_plugins_file_may_do_all_with_its_own_tables),
		TEST(a_plugins_file_may_change_nothing_else),
		TEST(a_plugin_with_tables_that_is_named_like_a_table_of_the_server_is_refused),
		TEST(the_last_file_of_each_is_found_without_the_database),
		TEST(no_file_runs_before_all_are_read_and_checked),
		TEST(a_plugins_file_that_fails_is_named),
		TEST(a_store_that_a_newer_plugin_wrote_is_refused),
		TEST(a_store_made_before_plugins_had_tables_keeps_its_data_and_its_version),
		TEST(a_table_of_versions_that_cannot_be_changed_is_named),
		TEST(a_schema_folder_that_is_missing_or_empty_is_named),
		TEST(schema_files_that_everybody_may_write_are_refused),
		TEST(many_processes_may_migrate_at_once),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
