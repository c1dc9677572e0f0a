/* SPDX-License-Identifier: MIT
 * Tests that what db_sqlite gathers before it goes to the write-ahead log is as safe as what SQLite writes itself. */
#include <csignal>

#include "test_db_sqlite_log.h"

static std::atomic<int> countdown = 0;

static ssize_t write_in_pieces(size_t size)
{
	return static_cast<ssize_t>(size > 3 ? size / 3 : size);
}

static ssize_t write_interrupted(size_t size)
{
	if (countdown++ % 2)
		return static_cast<ssize_t>(size);
	errno = EINTR;
	return -1;
}

/* The first writes are whole, one is short, and then the disk is full. */
static ssize_t write_until_full(size_t size)
{
	if (--countdown > 0)
		return static_cast<ssize_t>(size);
	if (countdown == 0)
		return static_cast<ssize_t>(size / 2 + 1);
	errno = ENOSPC;
	return -1;
}

static ssize_t write_until_broken(size_t size)
{
	if (--countdown >= 0)
		return static_cast<ssize_t>(size);
	errno = EIO;
	return -1;
}

static ssize_t write_broken_once(size_t size)
{
	if (--countdown != 0)
		return static_cast<ssize_t>(size);
	errno = EIO;
	return -1;
}

/* The first writes are whole, one is short, and then this process dies. */
static ssize_t write_until_killed(size_t size)
{
	if (--countdown > 0)
		return static_cast<ssize_t>(size);
	if (countdown < 0)
		raise(SIGKILL);
	return static_cast<ssize_t>(size / 2 + 1);
}

static int64_t raw_number(const std::string &path, const char *sql)
{
	sqlite3 *handle = nullptr;
	sqlite3_stmt *statement = nullptr;

	assert_int_equal(sqlite3_open(path.c_str(), &handle), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, nullptr), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	const int64_t number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(handle);
	return number;
}

static void raw_is_sound(const std::string &path)
{
	assert_int_equal(raw_number(path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

/* What the next server would find if this one was killed now. */
static int64_t rows_after_a_crash(log_fixture *f)
{
	const std::string path = f->base.d.texts["path"], copy = f->base.d.folder + "/copy.db";

	for (const char *suffix : {"", "-wal"}) {
		const std::string bytes = check_read_file(path + suffix);
		FILE *file = fopen((copy + suffix).c_str(), "w");

		assert_int_equal(fwrite(bytes.data(), 1, bytes.size(), file), bytes.size());
		fclose(file);
	}
	raw_is_sound(copy);
	return raw_number(copy, "SELECT count(*) FROM t");
}

static void a_commit_of_many_pages_is_few_writes(void **state)
{
	log_fixture *f = log_of(state);
	const int before = sqlite_writes.log;

	assert_int_equal(log_write(f), CS_DB_OK);
	assert_in_range(sqlite_writes.log - before, 1, 6);
	assert_int_equal(rows_after_a_crash(f), 25);
}

static void without_a_sync_in_each_commit_nothing_is_gathered(void **state)
{
	log_fixture *f = log_of(state);

	log_end(f);
	database_set_choice(&f->base.d, "synchronous", 1);
	log_begin(f);
	const int before = sqlite_writes.log;
	assert_int_equal(log_write(f), CS_DB_OK);
	assert_true(sqlite_writes.log - before > 100);
	assert_int_equal(rows_after_a_crash(f), 25);
}

static void writes_that_are_short_or_interrupted_are_gone_on_with(void **state)
{
	log_fixture *f = log_of(state);

	sqlite_writes.log_fault = write_in_pieces;
	assert_int_equal(log_write(f), CS_DB_OK);
	countdown = 0;
	sqlite_writes.log_fault = write_interrupted;
	assert_int_equal(log_write(f), CS_DB_OK);
	assert_int_equal(rows_after_a_crash(f), 50);
}

static void fails_and_recovers(log_fixture *f, sqlite_write_fault *fault, int result)
{
	int64_t rows = count(f->base.db);
	cs_db *other = database_open(&f->base.d);

	for (int writes = 0; writes < 3; writes++) {
		countdown = writes;
		sqlite_writes.log_fault = fault;
		assert_int_equal(log_write(f), result);
		assert_int_equal(count(other), rows);
		sqlite_writes.log_fault = nullptr;
		assert_int_equal(rows_after_a_crash(f), rows);
		assert_int_equal(log_write(f), CS_DB_OK);
		rows += 25;
		assert_int_equal(count(other), rows);
		assert_int_equal(rows_after_a_crash(f), rows);
	}
	other->driver->close(other);
}

static void a_disk_that_is_full_amid_the_writes_of_a_commit_loses_it_whole(void **state)
{
	fails_and_recovers(log_of(state), write_until_full, CS_DB_FULL);
}

static void a_disk_that_fails_amid_the_writes_of_a_commit_loses_it_whole(void **state)
{
	fails_and_recovers(log_of(state), write_until_broken, CS_DB_FULL);
}

/* SQLite looks at the size of a new log after the sync, also if that failed. */
static void a_commit_that_failed_never_appears_although_the_disk_works_again(void **state)
{
	log_fixture *f = log_of(state);

	assert_int_equal(log_write(f), CS_DB_OK);
	for (int writes = 1; writes <= 4; writes++) {
		assert_int_equal(database_number(f->base.db, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
		countdown = writes;
		sqlite_writes.log_fault = write_broken_once;
		assert_int_equal(log_write(f), CS_DB_FULL);
		assert_int_equal(rows_after_a_crash(f), 25);
	}
}

static void use_small_cache(log_fixture *f)
{
	cs_db *db = f->base.db;

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	db->driver->rollback(db);
	assert_int_equal(database_run(db, "PRAGMA cache_size = 10"), CS_DB_OK);
}

/* With so little memory, SQLite writes pages to the log before the commit, as in a migration. */
static void use_little_memory(log_fixture *f)
{
	use_small_cache(f);
	assert_int_equal(database_run(f->base.db, "PRAGMA cache_spill = ON"), CS_DB_OK);
}

static int write_rows(cs_db *db, int rows)
{
	int result = CS_DB_OK;

	for (int i = 0; i < rows && !result; i++)
		result = database_run(db, "INSERT INTO t (name, body) VALUES (hex(randomblob(8)), randomblob(12000))");
	return result;
}

static void pages_written_before_the_commit_are_read_back(void **state)
{
	log_fixture *f = log_of(state);
	cs_db *db = f->base.db, *other = database_open(&f->base.d);

	use_little_memory(f);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	for (int i = 1; i <= 40; i++) {
		assert_int_equal(write_rows(db, 1), CS_DB_OK);
		assert_int_equal(database_number(db, "SELECT sum(length(body)) FROM t"), i * 12000);
		assert_int_equal(count(other), 0);
	}
	assert_int_equal(database_run(db, "UPDATE t SET n = 1"), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(other, "n = 1"), 40);
	assert_int_equal(rows_after_a_crash(f), 40);
	other->driver->close(other);
}

static void a_disk_that_is_full_before_the_commit_loses_the_transaction_whole(void **state)
{
	log_fixture *f = log_of(state);
	cs_db *db = f->base.db;

	assert_int_equal(log_write(f), CS_DB_OK);
	use_little_memory(f);
	for (int writes = 0; writes < 4; writes++) {
		countdown = writes;
		sqlite_writes.log_fault = write_until_full;
		assert_int_equal(db->driver->begin(db), CS_DB_OK);
		const int result = write_rows(db, 400);
		sqlite_writes.log_fault = nullptr; /* there is room again, which must not bring half of it back */
		assert_int_equal(result, CS_DB_FULL);
		assert_int_equal(db->driver->commit(db), CS_DB_FULL);
		assert_int_equal(count(db), 25);
		assert_int_equal(rows_after_a_crash(f), 25);
	}
	assert_int_equal(insert(db, "after"), CS_DB_OK);
	assert_int_equal(rows_after_a_crash(f), 26);
}

/* The pages of the first were to be written where those of the second are now. */
static void what_was_rolled_back_is_never_written_over_the_commit_of_another(void **state)
{
	log_fixture *f = log_of(state);
	cs_db *db = f->base.db, *other = database_open(&f->base.d);

	use_little_memory(f);
	for (int round = 1; round <= 10; round++) {
		assert_int_equal(db->driver->begin(db), CS_DB_OK);
		assert_int_equal(write_rows(db, 3 + round), CS_DB_OK);
		db->driver->rollback(db);
		assert_int_equal(other->driver->begin(other), CS_DB_OK);
		assert_int_equal(write_rows(other, 30), CS_DB_OK);
		assert_int_equal(other->driver->commit(other), CS_DB_OK);
		assert_int_equal(write_rows(db, 1), CS_DB_OK);
		assert_int_equal(rows_after_a_crash(f), round * 31);
	}
	other->driver->close(other);
}

/* If pages of the part were in the log before it ended, SQLite 3.40.1 would write wrong checksums, with
 * and without the gathering. */
static void a_commit_is_kept_although_a_large_part_of_it_was_rolled_back(void **state)
{
	log_fixture *f = log_of(state);
	cs_db *db = f->base.db, *other = database_open(&f->base.d);

	use_small_cache(f);
	for (int round = 1; round <= 10; round++) {
		assert_int_equal(db->driver->begin(db), CS_DB_OK);
		assert_int_equal(write_rows(db, 20), CS_DB_OK);
		assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
		assert_int_equal(write_rows(db, 3 * round), CS_DB_OK);
		assert_int_equal(db->driver->rollback_to(db), CS_DB_OK);
		assert_int_equal(write_rows(db, round), CS_DB_OK);
		assert_int_equal(db->driver->commit(db), CS_DB_OK);
		const int64_t rows = 20 * round + round * (round + 1) / 2;
		assert_int_equal(count(other), rows);
		assert_int_equal(rows_after_a_crash(f), rows);
	}
	other->driver->close(other);
}

static int sync_fails(void)
{
	errno = EIO;
	return -1;
}

static void a_commit_whose_sync_fails_is_not_acknowledged(void **state)
{
	log_fixture *f = log_of(state);
	cs_db *other = database_open(&f->base.d);

	assert_int_equal(log_write(f), CS_DB_OK);
	sqlite_writes.log_sync_fault = sync_fails;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(log_write(f), CS_DB_FULL);
		assert_int_equal(count(other), 25);
		assert_int_equal(count(f->base.db), 25);
	}
	sqlite_writes.log_sync_fault = nullptr;
	assert_int_equal(log_write(f), CS_DB_OK);
	assert_int_equal(count(other), 50);
	assert_int_equal(rows_after_a_crash(f), 50);
	other->driver->close(other);
}

struct other_process {
	pid_t pid;
	int start; /* a byte makes it read */
};

/* No thread may be there. */
static other_process other_process_make(const std::string &path)
{
	int ends[2];
	char byte = 0;

	assert_int_equal(pipe(ends), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		if (read(ends[0], &byte, 1) != 1)
			_exit(255);
		raw_is_sound(path);
		_exit(static_cast<int>(raw_number(path, "SELECT count(*) FROM t")));
	}
	close(ends[0]);
	return {pid, ends[1]};
}

static int other_process_rows(other_process process)
{
	int status = 0;

	assert_int_equal(write(process.start, "r", 1), 1);
	assert_int_equal(waitpid(process.pid, &status, 0), process.pid);
	close(process.start);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void another_process_sees_nothing_of_a_transaction_before_its_commit(void **state)
{
	log_fixture *f = log_of(state);
	const std::string path = f->base.d.texts["path"];

	assert_int_equal(log_write(f), CS_DB_OK);
	log_end(f);
	const other_process before = other_process_make(path), after = other_process_make(path);
	log_begin(f);
	use_little_memory(f);
	cs_db *db = f->base.db;
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(write_rows(db, 40), CS_DB_OK);
	assert_int_equal(other_process_rows(before), 25);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(other_process_rows(after), 65);
}

/* Nobody here sets it; see xShmBarrier in files.cpp. */
static void use_no_sync(log_fixture *f)
{
	assert_int_equal(database_run(f->base.db, "PRAGMA synchronous = NORMAL"), CS_DB_OK);
}

static void a_commit_without_a_sync_is_written_before_others_can_see_it(void **state)
{
	log_fixture *f = log_of(state);
	cs_db *other = database_open(&f->base.d);

	use_no_sync(f);
	for (int64_t rows = 25; rows <= 75; rows += 25) {
		assert_int_equal(log_write(f), CS_DB_OK);
		assert_int_equal(count(other), rows);
		assert_int_equal(rows_after_a_crash(f), rows);
	}
	other->driver->close(other);
}

static void a_commit_without_a_sync_that_cannot_be_written_is_never_told(void **state)
{
	log_fixture *f = log_of(state);
	const std::string path = f->base.d.texts["path"];
	int status = 0;
	cs_error e;

	assert_int_equal(log_write(f), CS_DB_OK);
	log_end(f);
	const pid_t child = fork();
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		if (f->base.d.driver->lock(f->base.d.conf.data(), &the_server, &f->lock, &e) ||
		    database_try_open(&f->base.d, &f->base.db, &e))
			_exit(1);
		use_no_sync(f);
		(void)log_write(f); /* SQLite syncs the head of a new log */
		sqlite_writes.log_fault = sqlite_write_no_space;
		(void)insert(f->base.db, "few pages");
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	log_begin(f);
	assert_int_equal(count(f->base.db), 50);
	raw_is_sound(path);
}

/* Says each commit to the parent, and is killed at a write. */
static void write_and_die(log_fixture *f, int told, int writes)
{
	cs_error e;

	sqlite_writes_watch();
	countdown = writes;
	if (f->base.d.driver->lock(f->base.d.conf.data(), &the_server, &f->lock, &e) ||
	    database_try_open(&f->base.d, &f->base.db, &e))
		_exit(1);
	if (writes % 2)
		use_little_memory(f);
	sqlite_writes.log_fault = write_until_killed;
	for (;;)
		if (log_write(f) || write(told, "c", 1) != 1)
			_exit(2);
}

static int64_t acknowledged(int fd)
{
	char byte = 0;
	int64_t commits = 0;

	while (read(fd, &byte, 1) == 1)
		commits++;
	close(fd);
	return commits;
}

static void a_kill_at_any_write_loses_nothing_that_was_acknowledged(void **state)
{
	log_fixture *f = log_of(state);
	const std::string path = f->base.d.texts["path"];
	int64_t rows = 0;

	log_end(f); /* no thread may be there at a fork */
	for (int writes = 1; writes < 60; writes++) {
		int ends[2], status = 0;

		assert_int_equal(pipe(ends), 0);
		const pid_t child = fork();
		if (child == 0)
			write_and_die(f, ends[1], writes);
		close(ends[1]);
		rows += 25 * acknowledged(ends[0]);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		raw_is_sound(path);
		const int64_t found = raw_number(path, "SELECT count(*) FROM t");
		/* The last commit may have been stored and not told. */
		assert_true(found == rows || found == rows + 25);
		rows = found;
	}
	log_begin(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_log, tear_down_log)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_commit_of_many_pages_is_few_writes),
		TEST(without_a_sync_in_each_commit_nothing_is_gathered),
		TEST(writes_that_are_short_or_interrupted_are_gone_on_with),
		TEST(a_disk_that_is_full_amid_the_writes_of_a_commit_loses_it_whole),
		TEST(a_disk_that_fails_amid_the_writes_of_a_commit_loses_it_whole),
		TEST(a_commit_that_failed_never_appears_although_the_disk_works_again),
		TEST(pages_written_before_the_commit_are_read_back),
		TEST(a_disk_that_is_full_before_the_commit_loses_the_transaction_whole),
		TEST(what_was_rolled_back_is_never_written_over_the_commit_of_another),
		TEST(a_commit_is_kept_although_a_large_part_of_it_was_rolled_back),
		TEST(a_commit_whose_sync_fails_is_not_acknowledged),
		TEST(another_process_sees_nothing_of_a_transaction_before_its_commit),
		TEST(a_commit_without_a_sync_is_written_before_others_can_see_it),
		TEST(a_commit_without_a_sync_that_cannot_be_written_is_never_told),
		TEST(a_kill_at_any_write_loses_nothing_that_was_acknowledged),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
