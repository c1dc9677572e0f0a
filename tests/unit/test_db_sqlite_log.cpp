/* SPDX-License-Identifier: MIT
 * Tests what db_sqlite does with the write-ahead log of a locked store: it is copied into the database beside the
 * writer, and stays bounded. */
#include <atomic>
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
	const std::string number = log_number(f);
	int64_t last = 0, largest = 0; /* pages; those of a transaction */

	for (int i = 0; i < 400; i++) {
		assert_int_equal(log_write(f), CS_DB_OK);
		const int64_t pages = log_pages(f);
		largest = std::max(largest, pages - last);
		/* However slow the disk is: one transaction reaches the bound, and one ends the wait. */
		assert_in_range(pages, 0, 2 * log_most + 2 * largest);
		last = pages;
	}
	assert_true(log_number(f) != number);
	assert_int_equal(lines_with("write-ahead log"), 0);
}

static std::atomic<bool> is_disk_stuck;

static int take_until_it_is_free(void)
{
	while (is_disk_stuck)
		usleep(1000);
	return 0;
}

/* The least that a commit waits for a copy, beside a log of so many pages: the longer it is, the longer. */
static int64_t log_wait_ms(int64_t pages)
{
	return pages < log_many ? 0 : pages < log_most ? 10 : 40;
}

static void a_commit_waits_the_longer_the_longer_the_log_is_while_it_is_copied(void **state)
{
	log_fixture *f = log_of(state);

	is_disk_stuck = true;
	sqlite_writes.database_sync_fault = take_until_it_is_free;
	while (log_pages(f) < log_most + 1000) {
		const int64_t begun = check_now();
		assert_int_equal(log_write(f), CS_DB_OK);
		assert_true(check_now() - begun >= log_wait_ms(log_pages(f)) - 1);
	}
	is_disk_stuck = false;
	log_restarts(f, 2 * log_most);
	sqlite_writes.database_sync_fault = nullptr;
}

/* The disk takes a copy only after the writer waits for it. */
static void the_log_is_bounded_if_a_copy_takes_long_to_reach_the_disk(void **state)
{
	log_fixture *f = log_of(state);
	int64_t last = 0, largest = 0; /* pages; those of a transaction */

	is_disk_stuck = true;
	sqlite_writes.database_sync_fault = take_until_it_is_free;
	std::thread disk([f] {
		while (log_pages(f) < 2 * log_most)
			usleep(1000);
		check_sleep_ms(300);
		is_disk_stuck = false;
	});
	for (int i = 0; i < 400; i++) {
		assert_int_equal(log_write(f), CS_DB_OK);
		const int64_t pages = log_pages(f);
		largest = std::max(largest, pages - last);
		/* One transaction reaches the bound, and one ends the wait. */
		assert_in_range(pages, 0, 2 * log_most + 2 * largest);
		last = pages;
	}
	disk.join();
	sqlite_writes.database_sync_fault = nullptr;
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

/* What the reader kept from being copied is too much for a commit. */
static void after_a_slow_reader_the_thread_copies_the_log_and_not_the_writer(void **state)
{
	log_fixture *f = log_of(state);

	reader_begin(f);
	log_write_until(f, log_most + 2000);
	reader_end(f);
	log_restarts(f, log_most);
	assert_in_range(sqlite_writes.own, 0, 1000);
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

/* The kernel forgets what it could not write: the database is again as it was at the last sync. */
static std::atomic<int> syncs_that_fail = 0;
static std::string synced, synced_path;

static int sync_forgets(void)
{
	if (syncs_that_fail == 0)
		return 0;
	FILE *file = fopen(synced_path.c_str(), "r+");

	assert_int_equal(fwrite(synced.data(), 1, synced.size(), file), synced.size());
	assert_int_equal(ftruncate(fileno(file), static_cast<off_t>(synced.size())), 0);
	fclose(file);
	syncs_that_fail--;
	errno = EIO;
	return -1;
}

/* From here on so many syncs of the database fail. */
static void syncs_fail(log_fixture *f, int number)
{
	synced_path = f->base.d.texts["path"];
	synced = check_read_file(synced_path);
	syncs_that_fail = number;
	sqlite_writes.database_sync_fault = sync_forgets;
}

static void the_store_is_sound(log_fixture *f, int64_t rows)
{
	assert_int_equal(database_number(f->base.db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	assert_int_equal(count(f->base.db), rows);
}

/* The reader keeps the thread from the end of the log. So SQLite counts a part as copied, and does not sync it. */
static void a_sync_that_fails_loses_nothing_and_all_is_copied_again(void **state)
{
	log_fixture *f = log_of(state);

	syncs_fail(f, 1);
	log_write_until(f, log_first / 2);
	reader_begin(f);
	log_write_until(f, log_first);
	check_wait("the failure is told", [] { return lines_with("cannot be copied") == 1; });
	reader_end(f);
	cs_db *reader = database_open(&f->base.d); /* reads no page from the memory of the writer */
	assert_int_equal(database_number(reader, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
	const int64_t rows = count(reader);
	reader->driver->close(reader);
	the_store_is_sound(f, rows);
	log_restarts(f, log_most);
	assert_int_equal(lines_with("cannot be copied"), 1);
	assert_int_equal(lines_with("copied into the store again"), 1);
	const int64_t all = count(f->base.db);
	log_end(f);
	log_begin(f);
	the_store_is_sound(f, all);
}

/* Also when the sync of the writer fails, and that of the stop. */
static void while_syncs_fail_the_log_keeps_all_and_the_next_server_has_it(void **state)
{
	log_fixture *f = log_of(state);
	const std::string number = log_number(f);

	syncs_fail(f, 1000);
	log_write_until(f, log_most + 2000);
	assert_true(log_number(f) == number); /* bytes, some of them 0 */
	assert_int_equal(lines_with("cannot be copied"), 1);
	const int64_t rows = count(f->base.db);
	the_store_is_sound(f, rows);
	log_end(f);
	sqlite_writes_mend();
	log_begin(f);
	the_store_is_sound(f, rows);
}

/* A test that failed may have left the disk stuck. */
static int free_disk_and_tear_down_log(void **state)
{
	is_disk_stuck = false;
	return tear_down_log(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_log, free_disk_and_tear_down_log)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_log_is_copied_by_another_thread_and_begins_again),
		TEST(the_log_is_bounded_under_steady_writing),
		TEST(a_commit_waits_the_longer_the_longer_the_log_is_while_it_is_copied),
		TEST(the_log_is_bounded_if_a_copy_takes_long_to_reach_the_disk),
		TEST(the_log_is_bounded_while_others_read_all_the_time),
		TEST(a_slow_reader_keeps_its_state_and_after_it_the_log_begins_again),
		TEST(after_a_slow_reader_the_thread_copies_the_log_and_not_the_writer),
		TEST(a_sync_that_fails_loses_nothing_and_all_is_copied_again),
		TEST(while_syncs_fail_the_log_keeps_all_and_the_next_server_has_it),
		TEST(a_copy_that_fails_is_told_once_and_tried_again),
		TEST(a_stop_ends_although_nothing_can_be_copied),
		TEST(after_a_stop_no_log_is_left),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
