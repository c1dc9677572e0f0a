/* SPDX-License-Identifier: MIT
 * Owns the tests of db_sqlite's statements, transactions and error classes. It must not know a table of the
 * product. */
#include <string>

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test_db_sqlite.h"

#include <setjmp.h>
#include <cstdarg>

extern "C" {
#include <cmocka.h>
}

struct fixture {
	test_store store;
	cs_db *db;
};

static int set_up(void **state)
{
	fixture *f = new fixture;

	test_store_make(&f->store);
	f->db = test_store_open(&f->store);
	*state = f;
	return test_query(f->db, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB)");
}

static int tear_down(void **state)
{
	fixture *f = static_cast<fixture *>(*state);

	f->store.driver->close(f->db);
	test_store_remove(&f->store);
	delete f;
	return 0;
}

static cs_db *db_of(void **state)
{
	return static_cast<fixture *>(*state)->db;
}

static cs_db *open_another(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	cs_error e = {};
	cs_db *db = nullptr;

	assert_int_equal(f->store.driver->open(f->store.conf.memory.data(), &db, &e), CS_DB_OK);
	return db;
}

static int insert(cs_db *db, const char *name)
{
	const cs_db_value values[] = {{CS_DB_TEXT, 0, name, strlen(name)}};

	return db->driver->query(db, "INSERT INTO t (name) VALUES (?)", values, 1, nullptr, nullptr);
}

struct seen_row {
	cs_db_type types[4];
	int64_t integer;
	std::string text, blob;
};

static int see_row(void *arg, const cs_db_value *columns, size_t count)
{
	seen_row *seen = static_cast<seen_row *>(arg);

	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++)
		seen->types[i] = columns[i].type;
	seen->integer = columns[0].integer;
	seen->text.assign(columns[1].bytes, columns[1].size);
	seen->blob.assign(columns[2].bytes, columns[2].size);
	return 0;
}

static void values_come_back_as_they_were_given(void **state)
{
	cs_db *db = db_of(state);
	const cs_db_value values[] = {{CS_DB_INTEGER, -9007199254740991, nullptr, 0}, {CS_DB_TEXT, 0, "a\0b", 3},
	                              {CS_DB_BLOB, 0, "\xff\0", 2}, {CS_DB_NULL, 0, nullptr, 0}};
	seen_row seen = {};

	assert_int_equal(db->driver->query(db, "SELECT ?, ?, ?, ?", values, 4, see_row, &seen), CS_DB_OK);
	assert_int_equal(seen.types[0], CS_DB_INTEGER);
	assert_int_equal(seen.types[1], CS_DB_TEXT);
	assert_int_equal(seen.types[2], CS_DB_BLOB);
	assert_int_equal(seen.types[3], CS_DB_NULL);
	assert_true(seen.integer == -9007199254740991);
	assert_true(seen.text == std::string("a\0b", 3));
	assert_true(seen.blob == std::string("\xff\0", 2));
}

static void an_empty_text_is_not_null(void **state)
{
	cs_db *db = db_of(state);
	const cs_db_value value = {CS_DB_TEXT, 0, nullptr, 0};
	int64_t is_null = -1;

	assert_int_equal(db->driver->query(db, "SELECT ? IS NULL", &value, 1, test_take_number, &is_null), CS_DB_OK);
	assert_int_equal(is_null, 0);
}

static void last_id_and_affected_tell_of_the_last_statement(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(db->driver->last_id(db), 2);
	assert_int_equal(db->driver->affected(db), 1);
	assert_int_equal(test_query(db, "UPDATE t SET body = 'x'"), CS_DB_OK);
	assert_int_equal(db->driver->affected(db), 2);
	assert_int_equal(test_query(db, "SELECT 1"), CS_DB_OK);
	assert_int_equal(db->driver->affected(db), 0);
}

static int count_and_stop(void *arg, const cs_db_value *, size_t)
{
	++*static_cast<int *>(arg);
	return 1;
}

static void a_row_function_can_stop_the_reading(void **state)
{
	cs_db *db = db_of(state);
	int rows = 0;

	assert_int_equal(db->driver->query(db, "SELECT 1 UNION ALL SELECT 2", nullptr, 0, count_and_stop, &rows),
	                 CS_DB_OK);
	assert_int_equal(rows, 1);
	assert_int_equal(insert(db, "the statement holds no lock any more"), CS_DB_OK);
}

struct nested {
	cs_db *db;
	int depth, rows;
};

static int query_inside(void *arg, const cs_db_value *, size_t)
{
	nested *n = static_cast<nested *>(arg);

	n->rows++;
	if (n->depth == 0)
		return 0;
	n->depth--;
	assert_int_equal(n->db->driver->query(n->db, "SELECT 1 UNION ALL SELECT 2", nullptr, 0, query_inside, n),
	                 CS_DB_OK);
	n->depth++;
	return 0;
}

static void a_row_function_can_run_the_same_text_again(void **state)
{
	nested n = {db_of(state), 2, 0};

	assert_int_equal(query_inside(&n, nullptr, 0), 0);
	assert_int_equal(n.rows, 1 + 2 + 4);
}

static void more_texts_than_the_cache_holds_still_work(void **state)
{
	cs_db *db = db_of(state);

	for (int round = 0; round < 2; round++)
		for (int64_t i = 0; i < 300; i++)
			assert_true(test_number(db, ("SELECT " + std::to_string(i)).c_str()) == i);
}

static void mistakes_of_the_caller_are_failures_with_a_text(void **state)
{
	cs_db *db = db_of(state);
	const cs_db_value value = {CS_DB_INTEGER, 1, nullptr, 0};

	assert_int_equal(test_query(db, "SELEKT 1"), CS_DB_FAILED);
	assert_non_null(strstr(db->driver->message(db), "SELEKT"));
	assert_int_equal(test_query(db, "SELECT ?"), CS_DB_FAILED);
	assert_int_equal(db->driver->query(db, "SELECT 1", &value, 1, nullptr, nullptr), CS_DB_FAILED);
	assert_int_equal(test_query(db, "SELECT 1; SELECT 2"), CS_DB_FAILED);
	assert_int_equal(test_query(db, ""), CS_DB_FAILED);
	assert_int_equal(test_query(db, "SELECT * FROM nowhere"), CS_DB_FAILED);
	assert_int_equal(db->driver->commit(db), CS_DB_FAILED);
	assert_int_equal(test_query(db, "SELECT 1;\n"), CS_DB_OK);
}

static void a_taken_key_is_a_duplicate_and_the_transaction_goes_on(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_DUPLICATE);
	assert_null(strstr(db->driver->message(db), "\"a\""));
	assert_int_equal(test_query(db, "INSERT INTO t (id, name) VALUES (1, 'b')"), CS_DB_DUPLICATE);
	assert_int_equal(insert(db, "c"), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 2);
}

static void a_value_that_does_not_fit_is_a_bad_value(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(test_query(db, "INSERT INTO t (name) VALUES (NULL)"), CS_DB_BAD_VALUE);
	assert_int_equal(test_query(db, "INSERT INTO t (id, name) VALUES ('x', 'y')"), CS_DB_BAD_VALUE);
	assert_int_equal(test_query(db, "SELECT zeroblob(2000000000)"), CS_DB_BAD_VALUE);
}

static void a_rollback_undoes_and_the_connection_goes_on(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	db->driver->rollback(db);
	db->driver->rollback(db);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_FAILED);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 1);
}

static void a_second_writer_is_told_to_try_again(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	test_conf_set_busy_timeout(&f->store, 10);
	cs_db *db = f->db, *other = open_another(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_RETRY);
	assert_int_equal(insert(other, "outside"), CS_DB_RETRY);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(test_number(other, "SELECT count(*) FROM t"), 0);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(test_number(other, "SELECT count(*) FROM t"), 1);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
}

static void fill_until_full(cs_db *db)
{
	int result = CS_DB_OK;

	while (!result)
		result = test_query(db, "INSERT INTO t (name, body) VALUES (hex(randomblob(8)), randomblob(3000))");
	assert_int_equal(result, CS_DB_FULL);
}

static void a_full_disk_loses_the_transaction_whole_and_recovers(void **state)
{
	cs_db *db = db_of(state);
	const int64_t pages = test_number(db, "PRAGMA page_count");

	assert_int_equal(insert(db, "before"), CS_DB_OK);
	test_number(db, ("PRAGMA max_page_count = " + std::to_string(pages + 20)).c_str());
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	fill_until_full(db);
	/* Whether SQLite has rolled back by itself or not: nothing more of this transaction is kept. */
	assert_int_not_equal(test_query(db, "ROLLBACK") | db->driver->commit(db), CS_DB_OK);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 1);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	fill_until_full(db);
	db->driver->rollback(db);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 1);
	test_number(db, "PRAGMA max_page_count = 100000");
	assert_int_equal(insert(db, "after"), CS_DB_OK);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 2);
}

/* The size that a file may have is what a child can take away from itself: write(2) answers EFBIG. */
static int write_beyond_the_limit(fixture *f)
{
	cs_error e = {};
	cs_db *db = nullptr;
	struct rlimit limit = {};

	signal(SIGXFSZ, SIG_IGN);
	if (f->store.driver->open(f->store.conf.memory.data(), &db, &e))
		return 1;
	getrlimit(RLIMIT_FSIZE, &limit);
	const rlim_t before = limit.rlim_cur;
	limit.rlim_cur = 64 << 10;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (db->driver->begin(db))
		return 2;
	int result = CS_DB_OK;
	for (int i = 0; i < 100 && !result; i++)
		result = test_query(db, "INSERT INTO t (name, body) VALUES (hex(randomblob(8)), randomblob(3000))");
	if (!result)
		result = db->driver->commit(db);
	else
		db->driver->rollback(db);
	if (result != CS_DB_FULL)
		return 3;
	if (insert(db, "more") == CS_DB_OK && test_number(db, "SELECT count(*) FROM t") != 1)
		return 4;
	limit.rlim_cur = before;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (insert(db, "after") || test_number(db, "SELECT count(*) FROM t WHERE name = 'after'") != 1)
		return 5;
	db->driver->close(db);
	return 0;
}

static void a_write_that_the_system_refuses_is_full_and_recovers(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	int status = -1;
	const pid_t child = fork();

	if (child == 0)
		_exit(write_beyond_the_limit(f));
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(test_number(f->db, "SELECT count(*) FROM t WHERE name = 'after'"), 1);
	assert_int_equal(test_number(f->db, "SELECT count(*) FROM pragma_integrity_check"), 1);
}

static void a_connection_that_may_only_read_answers_full(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(test_query(db, "PRAGMA query_only = 1"), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_FULL);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 0);
	assert_int_equal(test_query(db, "PRAGMA query_only = 0"), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
}

/* A root user may write everything, so the child becomes nobody. */
static int open_as_nobody(fixture *f)
{
	cs_error e = {};
	cs_db *db = nullptr;

	if (geteuid() == 0 && setuid(65534) == -1)
		return 1;
	if (f->store.driver->open(f->store.conf.memory.data(), &db, &e) != CS_DB_FULL)
		return 2;
	return strstr(e.text, "read-only") && strstr(e.text, "chat.db") ? 0 : 3;
}

static void a_read_only_file_is_refused_with_its_name(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	int status = -1;

	assert_int_equal(chmod(f->store.folder.c_str(), 0755), 0);
	for (const char *suffix : {"", "-wal", "-shm"})
		assert_int_equal(chmod((f->store.conf.path + suffix).c_str(), 0444), 0);
	const pid_t child = fork();
	if (child == 0)
		_exit(open_as_nobody(f));
	assert_true(waitpid(child, &status, 0) == child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_file_that_vanished_is_not_made_again_by_open(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	cs_error e = {};
	cs_db *db = nullptr;

	test_conf_set_path(&f->store, f->store.folder + "/gone.db");
	assert_int_not_equal(f->store.driver->open(f->store.conf.memory.data(), &db, &e), CS_DB_OK);
	assert_non_null(strstr(e.text, "gone.db"));
	assert_int_equal(access(f->store.conf.path.c_str(), F_OK), -1);
}

static void a_broken_file_is_a_failure(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	const std::string path = f->store.folder + "/broken.db";
	cs_error e = {};
	cs_db *db = nullptr;
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database ", file);
	fclose(file);
	test_conf_set_path(&f->store, path);
	assert_int_equal(f->store.driver->migrate(f->store.conf.memory.data(), &e), CS_EINVAL);
	assert_non_null(strstr(e.text, "broken.db"));
	assert_int_equal(f->store.driver->open(f->store.conf.memory.data(), &db, &e), CS_DB_FAILED);
}

static void the_settings_are_those_that_keep_a_commit(void **state)
{
	fixture *f = static_cast<fixture *>(*state);

	assert_int_equal(test_number(f->db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(test_number(f->db, "PRAGMA synchronous"), 2);
	assert_int_equal(test_number(f->db, "PRAGMA foreign_keys"), 1);
	*static_cast<int *>(test_conf_member(f->store.plugin, &f->store.conf, "synchronous")) = 1;
	cs_db *normal = open_another(state);
	assert_int_equal(test_number(normal, "PRAGMA synchronous"), 1);
	normal->driver->close(normal);
}

static void one_writer_and_several_readers_can_be_used(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	unsigned readers = 0, writers = 0;

	f->store.driver->limits(f->store.conf.memory.data(), &readers, &writers);
	assert_int_equal(writers, 1);
	assert_true(readers >= 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(values_come_back_as_they_were_given),
		TEST(an_empty_text_is_not_null),
		TEST(last_id_and_affected_tell_of_the_last_statement),
		TEST(a_row_function_can_stop_the_reading),
		TEST(a_row_function_can_run_the_same_text_again),
		TEST(more_texts_than_the_cache_holds_still_work),
		TEST(mistakes_of_the_caller_are_failures_with_a_text),
		TEST(a_taken_key_is_a_duplicate_and_the_transaction_goes_on),
		TEST(a_value_that_does_not_fit_is_a_bad_value),
		TEST(a_rollback_undoes_and_the_connection_goes_on),
		TEST(a_second_writer_is_told_to_try_again),
		TEST(a_full_disk_loses_the_transaction_whole_and_recovers),
		TEST(a_write_that_the_system_refuses_is_full_and_recovers),
		TEST(a_connection_that_may_only_read_answers_full),
		TEST(a_read_only_file_is_refused_with_its_name),
		TEST(a_file_that_vanished_is_not_made_again_by_open),
		TEST(a_broken_file_is_a_failure),
		TEST(the_settings_are_those_that_keep_a_commit),
		TEST(one_writer_and_several_readers_can_be_used),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
