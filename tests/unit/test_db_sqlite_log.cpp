/* SPDX-License-Identifier: MIT
 * Tests what db_sqlite does with the write-ahead log of a locked store: it is copied into the database beside the
 * writer, and stays bounded. */
#include <thread>

#include "test_db_sqlite_log.h"

static void log_write_until(log_fixture *f, int64_t pages)
{
	while (log_pages(f) < pages)
		assert_int_equal(log_write(f), CS_DB_OK);
}

/* A reader that keeps the state of this moment, as VACUUM INTO does. */
static void reader_begin(log_fixture *f)
{
	assert_int_equal(sqlite3_open(f->base.d.texts["path"].c_str(), &f->reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(f->reader, "BEGIN; SELECT count(*) FROM t", nullptr, nullptr, nullptr),
	                 SQLITE_OK);
}

static void reader_end(log_fixture *f)
{
	assert_int_equal(sqlite3_close(f->reader), SQLITE_OK);
	f->reader = nullptr;
}

/* Writes until the log began again. most: pages that this may take. */
static void log_restarts(log_fixture *f, int64_t most)
{
	const std::string number = log_number(f);

	for (int64_t pages = 0; log_number(f) == number; pages += 100) {
		assert_true(pages <= most);
		assert_int_equal(log_write(f), CS_DB_OK);
	}
}

static void the_log_is_copied_by_another_thread_and_begins_again(void **state)
{
	log_fixture *f = log_of(state);

	log_write_until(f, log_first);
	check_wait("another thread copies the log", [] { return sqlite_writes.other >= 3000; });
	assert_int_equal(sqlite_writes.own, 0);
	log_restarts(f, 1000);
	assert_true(sqlite_writes.own <= 1000);
	assert_int_equal(database_number(f->base.db, "SELECT count(*) FROM pragma_integrity_check"), 1);
}

static void the_log_is_bounded_under_steady_writing(void **state)
{
	log_fixture *f = log_of(state);

	for (int i = 0; i < 180; i++) {
		assert_int_equal(log_write(f), CS_DB_OK);
		assert_true(log_pages(f) <= log_most + 200);
	}
	assert_int_equal(lines_with("write-ahead log"), 0);
}

/* Each looks at the newest state, for a short time, as the server's readers do. */
static void the_log_is_bounded_while_others_read_all_the_time(void **state)
{
	log_fixture *f = log_of(state);
	std::atomic<bool> end = false;
	std::thread reader([&] {
		cs_db *db = database_open(&f->base.d);

		while (!end)
			(void)database_number(db, "SELECT count(*) FROM t");
		db->driver->close(db);
	});

	log_write_until(f, log_first);
	log_restarts(f, log_most);
	end = true;
	reader.join();
}

static void a_slow_reader_keeps_its_state_and_after_it_the_log_begins_again(void **state)
{
	log_fixture *f = log_of(state);

	assert_int_equal(log_write(f), CS_DB_OK);
	reader_begin(f);
	log_write_until(f, log_most + 2000);
	assert_int_equal(sqlite3_exec(f->reader,
	                              "SELECT CASE count(*) WHEN 25 THEN 1 ELSE abs(-9223372036854775808) END FROM t",
	                              nullptr, nullptr, nullptr),
	                 SQLITE_OK);
	reader_end(f);
	log_restarts(f, 2000);
	assert_int_equal(lines_with("write-ahead log"), 0);
}

static void a_copy_that_fails_is_told_once_and_tried_again(void **state)
{
	log_fixture *f = log_of(state);

	sqlite_writes.database_fault = sqlite_write_no_space;
	log_write_until(f, log_first);
	check_wait("the failure is told", [] { return lines_with("cannot be copied") == 1; });
	const int tried = sqlite_writes.other;
	log_write_until(f, log_first + 2000);
	check_wait("it is tried again", [&] { return sqlite_writes.other > tried; });
	log_write_until(f, log_most + 600);
	assert_int_equal(lines_with("cannot be copied"), 1);
	assert_int_equal(lines_with("copied into the store again"), 0);
	sqlite_writes.database_fault = nullptr;
	log_restarts(f, log_most);
	assert_int_equal(lines_with("cannot be copied"), 1);
	assert_int_equal(lines_with("copied into the store again"), 1);
}

static void a_stop_ends_although_nothing_can_be_copied(void **state)
{
	log_fixture *f = log_of(state);
	const int64_t rows = 25;

	assert_int_equal(log_write(f), CS_DB_OK);
	sqlite_writes.database_fault = sqlite_write_no_space;
	log_end(f);
	sqlite_writes.database_fault = nullptr;
	log_begin(f);
	assert_int_equal(count(f->base.db), rows);
}

static void after_a_stop_no_log_is_left(void **state)
{
	log_fixture *f = log_of(state);

	log_write_until(f, log_first);
	log_end(f);
	assert_int_equal(access((f->base.d.texts["path"] + "-wal").c_str(), F_OK), -1);
	log_begin(f);
	assert_int_equal(database_number(f->base.db, "SELECT count(*) FROM pragma_integrity_check"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_log, tear_down_log)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_log_is_copied_by_another_thread_and_begins_again),
		TEST(the_log_is_bounded_under_steady_writing),
		TEST(the_log_is_bounded_while_others_read_all_the_time),
		TEST(a_slow_reader_keeps_its_state_and_after_it_the_log_begins_again),
		TEST(a_copy_that_fails_is_told_once_and_tried_again),
		TEST(a_stop_ends_although_nothing_can_be_copied),
		TEST(after_a_stop_no_log_is_left),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
