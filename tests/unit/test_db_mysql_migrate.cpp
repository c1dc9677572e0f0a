/* SPDX-License-Identifier: MIT
 * Tests what only db_mysql promises of migrations, which are no transactions there, and of making the database. */
#include <csignal>

#include "test_db.h"

static void every_shipped_file_does_no_harm_when_run_again(void **state)
{
	const fixture *f = fixture_of(state);

	migrate(f);
	cs_db *db = database_open(&f->d);
	assert_int_equal(database_run(db, "INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)"),
	                 CS_DB_OK);
	assert_int_equal(database_run(db, "DELETE FROM schema_version"), CS_DB_OK);
	migrate(f);
	assert_int_equal(database_number(db, "SELECT COUNT(*) FROM account"), 1);
	assert_true(database_number(db, "SELECT COUNT(*) FROM schema_version") >= 1);
	db->driver->close(db);
}

static void a_database_that_may_not_be_made_is_told(void **state)
{
	fixture *f = fixture_of(state);

	database_set_text(&f->d, "database", "elsewhere");
	migrate_refused(f, "elsewhere");
}

/* Killed between two tables of one file: the next one begins the file again and ends it. */
static void a_migration_that_was_killed_is_ended_by_the_next(void **state)
{
	fixture *f = fixture_of(state);
	int status = -1;
	cs_error e;

	schema_write(f, "001.sql",
	             "CREATE TABLE IF NOT EXISTS one (n INT PRIMARY KEY); DO SLEEP(1);"
	             "CREATE TABLE IF NOT EXISTS two (n INT PRIMARY KEY);"
	             "INSERT IGNORE INTO two VALUES (1);");
	test_database observer;
	database_make_mysql(&observer, f->server, mariadb_new_database());
	cs_db *db = database_migrate_and_open(&observer);
	const pid_t child = fork();
	if (child == 0)
		_exit(database_migrate(&f->d, &e));
	check_wait("the first table", [&] {
		return database_number(db, "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_NAME = 'one'"
		                           " AND TABLE_SCHEMA = '" +
		                                   f->d.texts.at("database") + "'") == 1;
	});
	kill(child, SIGKILL);
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFSIGNALED(status));
	migrate(f);
	assert_int_equal(number_in(f, "SELECT COUNT(*) FROM two"), 1);
	assert_int_equal(number_in(f, "SELECT COUNT(*) FROM schema_version"), 1);
	db->driver->close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mysql_empty, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(every_shipped_file_does_no_harm_when_run_again),
		TEST(a_database_that_may_not_be_made_is_told),
		TEST(a_migration_that_was_killed_is_ended_by_the_next),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
