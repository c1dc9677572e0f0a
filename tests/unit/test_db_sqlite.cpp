/* SPDX-License-Identifier: MIT
 * Tests what only db_sqlite promises: its settings, and its answers when the system fails: another writer, a full disk,
 * a file that is read-only, broken or gone. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "test_db.h"

static void the_settings_are_those_that_keep_a_commit(void **state)
{
	fixture *f = fixture_of(state);

	assert_int_equal(database_number(f->db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(database_number(f->db, "PRAGMA synchronous"), 2);
	assert_int_equal(database_number(f->db, "PRAGMA foreign_keys"), 1);
	database_set_choice(&f->d, "synchronous", 1);
	cs_db *normal = database_open(&f->d);
	assert_int_equal(database_number(normal, "PRAGMA synchronous"), 1);
	normal->driver->close(normal);
}

static void a_new_store_can_give_back_free_pages_in_steps(void **state)
{
	assert_int_equal(database_number(db_of(state), "PRAGMA auto_vacuum"), 2);
}

static void an_old_store_keeps_its_pages_as_they_are(void **state)
{
	fixture *f = fixture_of(state);
	sqlite3 *old = nullptr;

	database_set_text(&f->d, "path", f->d.folder + "/old.db");
	assert_int_equal(sqlite3_open(f->d.texts["path"].c_str(), &old), SQLITE_OK);
	assert_int_equal(sqlite3_exec(old, "CREATE TABLE mine (n)", nullptr, nullptr, nullptr), SQLITE_OK);
	assert_int_equal(sqlite3_close(old), SQLITE_OK);
	migrate(f);
	assert_int_equal(number_in(f, "PRAGMA auto_vacuum"), 0);
	assert_int_equal(number_in(f, "SELECT count(*) FROM account"), 0);
}

/* So a start does not wait until a large store is synced. */
static void a_start_that_has_nothing_to_change_writes_nothing(void **state)
{
	fixture *f = fixture_of(state);
	const timespec long_ago[2] = {{1000, 0}, {1000, 0}};
	struct stat info = {};

	database_set_text(&f->d, "path", f->d.folder + "/other.db");
	migrate(f);
	assert_int_equal(utimensat(AT_FDCWD, f->d.texts["path"].c_str(), long_ago, 0), 0);
	migrate(f);
	assert_int_equal(stat(f->d.texts["path"].c_str(), &info), 0);
	assert_int_equal(info.st_mtim.tv_sec, 1000);
}

static void a_writer_has_more_memory_than_a_reader(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(database_number(db, "PRAGMA cache_size"), -8192);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(database_number(db, "PRAGMA cache_size"), -65536);
	db->driver->rollback(db);
}

static void one_writer_and_several_readers_can_be_used(void **state)
{
	fixture *f = fixture_of(state);
	unsigned readers = 0, writers = 0;

	f->d.driver->limits(f->d.conf.data(), &readers, &writers);
	assert_int_equal(writers, 1);
	assert_true(readers >= 4);
}

static void what_is_larger_than_it_can_hold_is_a_bad_value(void **state)
{
	assert_int_equal(database_run(db_of(state), "SELECT zeroblob(2000000000)"), CS_DB_BAD_VALUE);
}

static void a_second_writer_is_told_to_try_again(void **state)
{
	fixture *f = fixture_of(state);
	database_set_number(&f->d, "busy_timeout", 10);
	cs_db *db = f->db, *other = database_open(&f->d);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_RETRY);
	assert_int_equal(insert(other, "outside"), CS_DB_RETRY);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(count(other), 0);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(other), 1);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
}

static void fill_until_full(cs_db *db)
{
	int result = CS_DB_OK;

	while (!result)
		result = database_run(db, "INSERT INTO t (name, body) VALUES (hex(randomblob(8)), randomblob(3000))");
	assert_int_equal(result, CS_DB_FULL);
}

static void a_full_disk_loses_the_transaction_whole_and_recovers(void **state)
{
	cs_db *db = db_of(state);
	const int64_t pages = database_number(db, "PRAGMA page_count");

	assert_int_equal(insert(db, "before"), CS_DB_OK);
	database_number(db, ("PRAGMA max_page_count = " + std::to_string(pages + 20)).c_str());
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	fill_until_full(db);
	/* Whether SQLite has rolled back by itself or not: nothing more of this transaction is kept. */
	assert_int_not_equal(database_run(db, "ROLLBACK") | db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(db), 1);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	fill_until_full(db);
	assert_int_not_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(db->depth, 2);
	db->driver->rollback(db);
	assert_int_equal(count(db), 1);
	database_number(db, "PRAGMA max_page_count = 100000");
	assert_int_equal(insert(db, "after"), CS_DB_OK);
	assert_int_equal(count(db), 2);
}

/* The size that a file may have is what a child can take away from itself: write(2) answers EFBIG. */
static int write_beyond_the_limit(fixture *f)
{
	cs_error e = {};
	cs_db *db = nullptr;
	struct rlimit limit = {};

	signal(SIGXFSZ, SIG_IGN);
	if (database_try_open(&f->d, &db, &e))
		return 1;
	getrlimit(RLIMIT_FSIZE, &limit);
	const rlim_t before = limit.rlim_cur;
	limit.rlim_cur = 64 << 10;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (db->driver->begin(db))
		return 2;
	int result = CS_DB_OK;
	for (int i = 0; i < 100 && !result; i++)
		result = database_run(db, "INSERT INTO t (name, body) VALUES (hex(randomblob(8)), randomblob(3000))");
	if (!result)
		result = db->driver->commit(db);
	else
		db->driver->rollback(db);
	if (result != CS_DB_FULL)
		return 3;
	if (insert(db, "more") == CS_DB_OK && count(db) != 1)
		return 4;
	limit.rlim_cur = before;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (insert(db, "after") || count(db, "name = 'after'") != 1)
		return 5;
	db->driver->close(db);
	return 0;
}

static void a_write_that_the_system_refuses_is_full_and_recovers(void **state)
{
	fixture *f = fixture_of(state);
	const pid_t child = fork();

	if (child == 0)
		_exit(write_beyond_the_limit(f));
	assert_int_equal(child_status(child), 0);
	assert_int_equal(count(f->db, "name = 'after'"), 1);
	assert_int_equal(database_number(f->db, "SELECT count(*) FROM pragma_integrity_check"), 1);
}

/* A root user may write everything, so the child becomes nobody. */
static int open_as_nobody(fixture *f)
{
	cs_error e = {};
	cs_db *db = nullptr;

	if (geteuid() == 0 && setuid(65534) == -1)
		return 1;
	if (database_try_open(&f->d, &db, &e) != CS_DB_FULL)
		return 2;
	return strstr(e.text, "read-only") && strstr(e.text, "chat.db") ? 0 : 3;
}

static void a_read_only_file_is_refused_with_its_name(void **state)
{
	fixture *f = fixture_of(state);

	assert_int_equal(chmod(f->d.folder.c_str(), 0755), 0);
	for (const char *suffix : {"", "-wal", "-shm"})
		assert_int_equal(chmod((f->d.texts["path"] + suffix).c_str(), 0444), 0);
	const pid_t child = fork();

	if (child == 0)
		_exit(open_as_nobody(f));
	assert_int_equal(child_status(child), 0);
}

static void a_file_that_vanished_is_not_made_again_by_open(void **state)
{
	fixture *f = fixture_of(state);
	cs_error e = {};
	cs_db *db = nullptr;

	database_set_text(&f->d, "path", f->d.folder + "/gone.db");
	assert_int_not_equal(database_try_open(&f->d, &db, &e), CS_DB_OK);
	assert_non_null(strstr(e.text, "gone.db"));
	assert_int_equal(access(f->d.texts["path"].c_str(), F_OK), -1);
}

static void a_broken_file_is_a_failure(void **state)
{
	fixture *f = fixture_of(state);
	const std::string path = f->d.folder + "/broken.db";
	cs_error e = {};
	cs_db *db = nullptr;
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	database_set_text(&f->d, "path", path);
	assert_int_equal(database_migrate(&f->d, &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "broken.db"));
	assert_int_equal(database_try_open(&f->d, &db, &e), CS_DB_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_sqlite, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_settings_are_those_that_keep_a_commit),
		TEST(a_new_store_can_give_back_free_pages_in_steps),
		TEST(an_old_store_keeps_its_pages_as_they_are),
		TEST(a_start_that_has_nothing_to_change_writes_nothing),
		TEST(a_writer_has_more_memory_than_a_reader),
		TEST(one_writer_and_several_readers_can_be_used),
		TEST(what_is_larger_than_it_can_hold_is_a_bad_value),
		TEST(a_second_writer_is_told_to_try_again),
		TEST(a_full_disk_loses_the_transaction_whole_and_recovers),
		TEST(a_write_that_the_system_refuses_is_full_and_recovers),
		TEST(a_read_only_file_is_refused_with_its_name),
		TEST(a_file_that_vanished_is_not_made_again_by_open),
		TEST(a_broken_file_is_a_failure),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
