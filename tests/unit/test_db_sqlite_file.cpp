/* SPDX-License-Identifier: MIT
 * Tests the place of db_sqlite's file, and :memory:. */
#include "test_db.h"

static void the_folder_of_the_file_is_made_and_the_file_is_private(void **state)
{
	fixture *f = fixture_of(state);
	struct stat info = {};

	database_set_text(&f->d, "path", f->d.folder + "/a/b//c/chat.db");
	migrate(f);
	assert_int_equal(stat(f->d.texts["path"].c_str(), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void a_folder_that_cannot_be_made_is_named(void **state)
{
	fixture *f = fixture_of(state);

	file_write(f->d.folder + "/file", "");
	database_set_text(&f->d, "path", f->d.folder + "/file/chat.db");
	migrate_refused(f, "/file");
}

/* Root may write everywhere, so the child becomes nobody. */
static int check_as_nobody(const fixture *f)
{
	const char *key = "";
	cs_error e = {};

	if (geteuid() == 0 && setuid(65534) == -1)
		return 1;
	if (f->d.plugin->check(f->d.conf.data(), &key, &e) != CS_EINVAL || strcmp(key, "path") != 0)
		return 2;
	return strstr(e.text, "Permission denied") ? 0 : 3;
}

static void assert_denied(const fixture *f)
{
	const pid_t child = fork();

	if (child == 0)
		_exit(check_as_nobody(f));
	assert_int_equal(child_status(child), 0);
}

static void the_check_sees_what_this_user_may_not_write_and_makes_nothing(void **state)
{
	fixture *f = fixture_of(state);
	const std::string folder = f->d.folder + "/closed";
	const char *key = "";
	cs_error e;

	schema_write(f, "001.sql", "CREATE TABLE t (n INTEGER);");
	assert_int_equal(chmod(f->d.folder.c_str(), 0755), 0);
	assert_int_equal(mkdir(folder.c_str(), 0755), 0);
	assert_int_equal(chmod(folder.c_str(), 0555), 0);
	for (const char *name : {"/closed/chat.db", "/closed/to/be/made/chat.db"}) {
		database_set_text(&f->d, "path", f->d.folder + name);
		assert_denied(f);
	}
	database_set_text(&f->d, "path", f->d.folder + "/to//be/made/chat.db");
	assert_int_equal(f->d.plugin->check(f->d.conf.data(), &key, &e), 0);
	assert_int_equal(access((f->d.folder + "/to").c_str(), F_OK), -1);
	database_set_text(&f->d, "path", f->d.folder + "/chat.db");
	file_write(f->d.texts["path"], "");
	assert_int_equal(chmod(f->d.texts["path"].c_str(), 0444), 0);
	assert_denied(f);
}

static void memory_is_migrated_open_and_private_to_its_server(void **state)
{
	fixture *f = fixture_of(state);
	test_database other;
	unsigned readers = 9, writers = 9;

	database_make_sqlite(&other);
	database_set_text(&f->d, "path", ":memory:");
	database_set_text(&other, "path", ":memory:");
	f->d.driver->limits(f->d.conf.data(), &readers, &writers);
	assert_int_equal(readers, 0);
	assert_int_equal(writers, 1);

	cs_db *db = database_migrate_and_open(&f->d), *stranger = database_migrate_and_open(&other);
	assert_int_equal(database_run(db, "INSERT INTO account (name, password, created) VALUES ('a', 'b', 1)"), 0);
	assert_int_equal(database_number(db, "SELECT count(*) FROM account"), 1);
	assert_int_equal(database_number(stranger, "SELECT count(*) FROM account"), 0);
	/* A second connection of the same server meets the same database. */
	assert_int_equal(number_in(f, "SELECT count(*) FROM account"), 1);
	db->driver->close(db);
	stranger->driver->close(stranger);
	assert_int_equal(access(":memory:", F_OK), -1);
}

static void memory_says_what_is_wrong_with_the_schema(void **state)
{
	fixture *f = fixture_of(state);

	database_set_text(&f->d, "path", ":memory:");
	schema_write(f, "001.sql", "CREATE TABLE");
	migrate_refused(f, "001.sql");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_sqlite_empty, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_folder_of_the_file_is_made_and_the_file_is_private),
		TEST(a_folder_that_cannot_be_made_is_named),
		TEST(the_check_sees_what_this_user_may_not_write_and_makes_nothing),
		TEST(memory_is_migrated_open_and_private_to_its_server),
		TEST(memory_says_what_is_wrong_with_the_schema),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
