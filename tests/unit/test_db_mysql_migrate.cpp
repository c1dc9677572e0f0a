/* SPDX-License-Identifier: MIT
 * Tests the migrations of db_mysql: order, repetition, several at once, interruption, and the making of the
 * database. */
#include <csignal>
#include <cstdio>
#include <filesystem>

#include <sys/wait.h>
#include <unistd.h>

#include "test_db_mysql.h"

struct migration {
	mariadb_access access;
	std::string folder, schema;
};

static int migration_set_up(void **state)
{
	char folder[] = "/tmp/chatserverd-test-XXXXXX";
	migration *m = new migration;

	if (!mkdtemp(folder))
		return 1;
	m->folder = folder;
	m->schema = m->folder + "/schema";
	mariadb_access_make(&m->access, mariadb_shared(), mariadb_new_database());
	*state = m;
	return 0;
}

static int migration_tear_down(void **state)
{
	migration *m = static_cast<migration *>(*state);
	std::error_code error;

	std::filesystem::remove_all(m->folder, error);
	delete m;
	return 0;
}

static migration *migration_of(void **state)
{
	return static_cast<migration *>(*state);
}

static void schema_write(migration *m, const char *name, const char *text)
{
	std::error_code error;

	std::filesystem::create_directory(m->schema, error);
	FILE *file = fopen((m->schema + "/" + name).c_str(), "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	mariadb_access_set_text(&m->access, "schema", m->schema);
}

static int migrate(migration *m, cs_error *e, const char *plugin = nullptr)
{
	const char *const plugins[] = {plugin, nullptr};

	*e = {};
	return m->access.driver->migrate(m->access.conf.data(), plugins, e);
}

static int64_t number_in(migration *m, const char *sql)
{
	cs_db *db = mariadb_open(&m->access);
	const int64_t found = number(db, sql);

	db->driver->close(db);
	return found;
}

static void the_database_and_the_shipped_schema_are_made_once(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM schema_version"), 1);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM information_schema.TABLES WHERE ENGINE = 'InnoDB'"
	                              " AND TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('account', 'friend',"
	                              " 'conversation', 'member', 'message', 'cursor')"),
	                 6);
}

static void every_shipped_file_does_no_harm_when_run_again(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	assert_int_equal(migrate(m, &e), 0);
	cs_db *db = mariadb_open(&m->access);
	assert_int_equal(run(db, "INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)"), CS_DB_OK);
	assert_int_equal(run(db, "DELETE FROM schema_version"), CS_DB_OK);
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM account"), 1);
	assert_true(number(db, "SELECT COUNT(*) FROM schema_version") >= 1);
	db->driver->close(db);
}

static void a_database_that_may_not_be_made_is_told(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	mariadb_access_set_text(&m->access, "database", "elsewhere");
	assert_int_equal(migrate(m, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "elsewhere"));
}

static void later_files_run_in_order_and_once(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	schema_write(m, "002.sql", "INSERT INTO t VALUES (2);");
	schema_write(m, "001.sql", "CREATE TABLE IF NOT EXISTS t (n INT);\n-- a; comment\nINSERT INTO t VALUES (1);\n");
	assert_int_equal(migrate(m, &e), 0);
	schema_write(m, "010.sql", "INSERT INTO t VALUES (10);");
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(number_in(m, "SELECT SUM(n) FROM t"), 13);
	assert_int_equal(number_in(m, "SELECT MAX(version) FROM schema_version"), 10);
}

static void a_file_with_a_mistake_is_named_and_run_again_when_mended(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	schema_write(m, "001.sql", "CREATE TABLE IF NOT EXISTS t (n INT PRIMARY KEY);");
	schema_write(m, "002.sql", "INSERT IGNORE INTO t VALUES (1); INSERT INTO nowhere VALUES (1);");
	assert_int_equal(migrate(m, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "002.sql"));
	assert_non_null(strstr(e.text, "nowhere"));
	assert_int_equal(number_in(m, "SELECT MAX(version) FROM schema_version"), 1);
	schema_write(m, "002.sql", "INSERT IGNORE INTO t VALUES (1);");
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(number_in(m, "SELECT MAX(version) FROM schema_version"), 2);
}

static void a_newer_database_is_refused(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	schema_write(m, "001.sql", "CREATE TABLE IF NOT EXISTS t (n INT);");
	schema_write(m, "002.sql", "DO 1;");
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(remove((m->schema + "/002.sql").c_str()), 0);
	assert_int_equal(migrate(m, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "newer"));
}

static void the_files_of_a_loaded_plugin_run_after_the_servers_and_once(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	schema_write(m, "001.sql", "CREATE TABLE IF NOT EXISTS t (n INT); INSERT INTO t VALUES (1);");
	schema_write(m, "notes-001.sql", "CREATE TABLE IF NOT EXISTS notes_note AS SELECT n FROM t;");
	schema_write(m, "other-001.sql", "not SQL, of a plugin that is not loaded");
	assert_int_equal(migrate(m, &e, "notes"), 0);
	schema_write(m, "notes-002.sql", "CREATE INDEX notes_index ON notes_note (n);");
	schema_write(m, "002.sql", "INSERT INTO t VALUES (2);");
	assert_int_equal(migrate(m, &e, "notes"), 0);
	assert_int_equal(migrate(m, &e, "notes"), 0);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM notes_note"), 1);
	assert_int_equal(number_in(m, "SELECT MAX(version) FROM schema_version WHERE plugin = 'notes'"), 2);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM schema_version WHERE plugin = ''"), 2);
	assert_int_equal(remove((m->schema + "/notes-002.sql").c_str()), 0);
	assert_int_equal(migrate(m, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, "newer plugin"));
	assert_int_equal(migrate(m, &e), 0); /* without the plugin, its tables are nobody's concern */
}

static void a_plugins_file_that_fails_is_named(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	schema_write(m, "001.sql", "CREATE TABLE IF NOT EXISTS t (n INT);");
	schema_write(m, "notes-001.sql", "CREATE TABLE IF NOT EXISTS notes_note (n INT);\nDROP TABLE t;");
	assert_int_equal(migrate(m, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, "notes-001.sql:2: t is not the plugin's"));
	schema_write(m, "notes-001.sql", "INSERT INTO notes_nowhere VALUES (1);");
	assert_int_equal(migrate(m, &e, "notes"), CS_EINVAL);
	assert_non_null(strstr(e.text, "notes-001.sql"));
	assert_non_null(strstr(e.text, "notes_nowhere"));
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM schema_version"), 1);
}

static void a_store_made_before_plugins_had_tables_keeps_its_data_and_its_version(void **state)
{
	migration *m = migration_of(state);
	cs_error e;

	assert_int_equal(migrate(m, &e), 0);
	cs_db *db = mariadb_open(&m->access);
	for (const char *sql :
	     {"INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)", "DROP TABLE schema_version",
	      "CREATE TABLE schema_version (version INT NOT NULL PRIMARY KEY, applied DATETIME NOT NULL) ENGINE = InnoDB",
	      "INSERT INTO schema_version VALUES (1, '2026-11-27 10:00:00')"})
		assert_int_equal(run(db, sql), CS_DB_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(migrate(m, &e, "reminders"), 0);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM account"), 1);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM schema_version WHERE plugin = '' AND version = 1"
	                            " AND applied = '2026-11-27 10:00:00'"),
	                 1);
	db->driver->close(db);
}

/* Ends without the exit of the test program, which would take the server away. */
static pid_t migrate_in_child(migration *m)
{
	const pid_t pid = fork();

	if (pid == 0) {
		cs_error e;

		_exit(migrate(m, &e) ? 1 : 0);
	}
	return pid;
}

static void many_processes_may_migrate_at_once(void **state)
{
	migration *m = migration_of(state);

	schema_write(m, "001.sql", "CREATE TABLE IF NOT EXISTS t (n INT);");
	for (const char *name : {"002.sql", "003.sql", "004.sql", "005.sql"})
		schema_write(m, name, "DO SLEEP(0.05); INSERT INTO t VALUES (1);");
	for (int i = 0; i < 5; i++)
		assert_true(migrate_in_child(m) > 0);
	for (int i = 0; i < 5; i++) {
		int status = -1;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM t"), 4);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM schema_version"), 5);
}

/* Killed between two tables of one file: the next one begins the file again and ends it. */
static void a_migration_that_was_killed_is_ended_by_the_next(void **state)
{
	migration *m = migration_of(state);
	int status = -1;
	cs_error e;

	schema_write(m, "001.sql",
	             "CREATE TABLE IF NOT EXISTS one (n INT PRIMARY KEY); DO SLEEP(1);"
	             "CREATE TABLE IF NOT EXISTS two (n INT PRIMARY KEY);"
	             "INSERT IGNORE INTO two VALUES (1);");
	mariadb_access observer;
	mariadb_access_make(&observer, mariadb_shared(), mariadb_new_database());
	cs_db *db = mariadb_migrate_and_open(&observer);
	const pid_t child = migrate_in_child(m);
	const std::string sql = "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'one'"
	                        " AND TABLE_SCHEMA = '" +
	                        m->access.texts.at("database") + "'";
	check_wait("the first table", [&] { return number(db, sql.c_str()) == 1; });
	kill(child, SIGKILL);
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(migrate(m, &e), 0);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM two"), 1);
	assert_int_equal(number_in(m, "SELECT COUNT(*) FROM schema_version"), 1);
	db->driver->close(db);
}

#define MIGRATION(name) cmocka_unit_test_setup_teardown(name, migration_set_up, migration_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		MIGRATION(the_database_and_the_shipped_schema_are_made_once),
		MIGRATION(every_shipped_file_does_no_harm_when_run_again),
		MIGRATION(a_database_that_may_not_be_made_is_told),
		MIGRATION(later_files_run_in_order_and_once),
		MIGRATION(a_file_with_a_mistake_is_named_and_run_again_when_mended),
		MIGRATION(a_newer_database_is_refused),
		MIGRATION(the_files_of_a_loaded_plugin_run_after_the_servers_and_once),
		MIGRATION(a_plugins_file_that_fails_is_named),
		MIGRATION(a_store_made_before_plugins_had_tables_keeps_its_data_and_its_version),
		MIGRATION(many_processes_may_migrate_at_once),
		MIGRATION(a_migration_that_was_killed_is_ended_by_the_next),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
