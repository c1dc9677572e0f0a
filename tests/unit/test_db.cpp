/* SPDX-License-Identifier: MIT
 * What db.h promises of the statements and transactions of every adapter: run for SQLite, and for MariaDB if CS_DRIVER
 * is db_mysql. What only one of them promises is in the files of its name. */
#include <vector>

#include "test_db.h"

#define INSERT_ALL "INSERT INTO t (name, body, data, n) VALUES (?, ?, ?, ?)"

struct seen_row {
	cs_db_type types[4];
	std::string body, data;
	int64_t id, n;
};

static int see_row(void *arg, const cs_db_value *columns, size_t count)
{
	seen_row row = {};

	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++)
		row.types[i] = columns[i].type;
	row.id = columns[0].integer;
	if (columns[1].size > 0)
		row.body.assign(columns[1].bytes, columns[1].size);
	if (columns[2].size > 0)
		row.data.assign(columns[2].bytes, columns[2].size);
	row.n = columns[3].integer;
	static_cast<std::vector<seen_row> *>(arg)->push_back(row);
	return 0;
}

static void values_come_back_as_they_went(void **state)
{
	cs_db *db = db_of(state);
	std::vector<seen_row> rows;
	const std::string data("\0\xff\xfe'\"\\x", 8);
	const std::string body = std::string("a\0b \xf0\x9f\x90\xb1 ", 9).append(300000, 'x').append("\\'");
	const cs_db_value null = {}, nothing = {CS_DB_TEXT, 0, nullptr, 0};
	const cs_db_value least = {CS_DB_INTEGER, INT64_MIN, nullptr, 0}, most = {CS_DB_INTEGER, INT64_MAX, nullptr, 0};
	const cs_db_value inserted[][4] = {
		{database_text("all"), database_text(body), {CS_DB_BLOB, 0, data.data(), data.size()}, least},
		{database_text("null"), null, null, null},
		{database_text("empty"), nothing, {CS_DB_BLOB, 0, nullptr, 0}, most},
	};

	for (const auto &values : inserted)
		assert_int_equal(db->driver->query(db, INSERT_ALL, values, 4, nullptr, nullptr), CS_DB_OK);
	assert_int_equal(
		db->driver->query(db, "SELECT id, body, data, n FROM t ORDER BY id", nullptr, 0, see_row, &rows),
		CS_DB_OK);
	assert_int_equal(rows.size(), 3);
	for (const size_t i : {0, 2}) {
		assert_int_equal(rows[i].id, i + 1);
		assert_int_equal(rows[i].types[0], CS_DB_INTEGER);
		assert_int_equal(rows[i].types[1], CS_DB_TEXT);
		assert_int_equal(rows[i].types[2], CS_DB_BLOB);
		assert_int_equal(rows[i].types[3], CS_DB_INTEGER);
	}
	assert_true(rows[0].body == body && rows[0].data == data && rows[0].n == INT64_MIN);
	for (const size_t i : {1, 2, 3})
		assert_int_equal(rows[1].types[i], CS_DB_NULL);
	assert_true(rows[2].body.empty() && rows[2].data.empty() && rows[2].n == INT64_MAX);
	assert_int_equal(database_number(db, "SELECT 9223372036854775807"), INT64_MAX);
	assert_int_equal(database_number(db, "SELECT sum(n) FROM t"), -1);
}

static void an_empty_text_is_not_null(void **state)
{
	cs_db *db = db_of(state);
	const cs_db_value value = {CS_DB_TEXT, 0, nullptr, 0};

	assert_int_equal(db->driver->query(db, "INSERT INTO t (name) VALUES (?)", &value, 1, nullptr, nullptr),
	                 CS_DB_OK);
	assert_int_equal(count(db, "name = ''"), 1);
}

static void last_id_and_affected_tell_of_the_last_statement(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(db->driver->last_id(db), 2);
	assert_int_equal(db->driver->affected(db), 1);
	for (const char *changes_nothing : {"SELECT 1", "SELEKT 1", "INSERT INTO t (name) VALUES ('a')"}) {
		assert_int_equal(database_run(db, "UPDATE t SET n = coalesce(n, 0) + 1"), CS_DB_OK);
		assert_int_equal(db->driver->affected(db), 2);
		(void)database_run(db, changes_nothing);
		assert_int_equal(db->driver->affected(db), 0);
	}
	assert_int_equal(db->driver->last_id(db), 2);
}

/* Texts that only differ in case, in an accent or in a blank at the end are not the same name. */
static void keys_are_told_apart_by_their_bytes(void **state)
{
	cs_db *db = db_of(state);

	for (const char *name : {"ann", "Ann", "ann ", "\xc3\xa4nn", "a\xcc\x88nn", "ann\t"})
		assert_int_equal(insert(db, name), CS_DB_OK);
	assert_int_equal(insert(db, "ann"), CS_DB_DUPLICATE);
	assert_int_equal(count(db), 6);
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
	assert_int_equal(insert(db, "no lock is held"), CS_DB_OK);
}

struct nested {
	cs_db *db;
	int depth, rows;
};

static int query_inside(void *arg, const cs_db_value *, size_t)
{
	nested *n = static_cast<nested *>(arg);

	n->rows++;
	assert_int_equal(insert(n->db, "inner " + std::to_string(n->rows)), CS_DB_OK);
	if (n->depth == 0)
		return 0;
	n->depth--;
	assert_int_equal(
		n->db->driver->query(n->db, "SELECT id FROM t WHERE id <= 2 ORDER BY id", nullptr, 0, query_inside, n),
		CS_DB_OK);
	n->depth++;
	return 0;
}

/* Also the one that it is called by. */
static void a_row_function_can_run_statements(void **state)
{
	nested n = {db_of(state), 2, 0};

	assert_int_equal(insert(n.db, "a"), CS_DB_OK);
	assert_int_equal(query_inside(&n, nullptr, 0), 0);
	assert_int_equal(n.rows, 1 + 2 + 4);
	assert_int_equal(count(n.db), 1 + 7);
}

static void more_texts_than_the_cache_holds_still_work(void **state)
{
	for (int round = 0; round < 2; round++)
		for (int64_t i = 0; i < 300; i++)
			assert_int_equal(database_number(db_of(state), "SELECT " + std::to_string(i)), i);
}

static void a_mistake_is_a_failure_with_a_text_and_the_connection_lives(void **state)
{
	cs_db *db = db_of(state);
	const cs_db_value value = {CS_DB_INTEGER, 1, nullptr, 0};

	assert_int_equal(database_run(db, "SELEKT 1"), CS_DB_FAILED);
	assert_non_null(strstr(db->driver->message(db), "SELEKT"));
	assert_int_equal(db->driver->query(db, "SELECT 1", &value, 1, nullptr, nullptr), CS_DB_FAILED);
	for (const char *sql : {"SELECT ?", "INSERT INTO t (name) VALUES (?)", "SELECT 1; SELECT 2", "",
	                        "SELECT * FROM nowhere", "SELECT nothing FROM t"})
		assert_int_equal(database_run(db, sql), CS_DB_FAILED);
	assert_int_equal(db->driver->commit(db), CS_DB_FAILED);
	assert_int_equal(database_run(db, "SELECT 1;\n"), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
}

static void a_taken_key_is_a_duplicate_and_the_transaction_goes_on(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "topsecret"), CS_DB_OK);
	assert_int_equal(insert(db, "topsecret"), CS_DB_DUPLICATE);
	assert_null(strstr(db->driver->message(db), "topsecret"));
	assert_non_null(strstr(db->driver->message(db), "name"));
	assert_int_equal(database_run(db, "INSERT INTO t (id, name) VALUES (1, 'b')"), CS_DB_DUPLICATE);
	assert_int_equal(insert(db, "c"), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(db), 2);
}

static void a_value_that_does_not_fit_is_a_bad_value(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "topsecret topsecret topsecret"), CS_DB_BAD_VALUE);
	assert_null(strstr(db->driver->message(db), "topsecret"));
	for (const char *values : {"(1, NULL, 1)", "(1, 'a', 128)", "('topsecret', 'a', 1)"}) {
		assert_int_equal(database_run(db, std::string("INSERT INTO t (id, name, small) VALUES ") + values),
		                 CS_DB_BAD_VALUE);
		assert_null(strstr(db->driver->message(db), "topsecret"));
	}
	assert_int_equal(count(db), 0);
	assert_int_equal(database_run(db, "INSERT INTO t (name, small) VALUES ('a', -128), ('b', 127)"), CS_DB_OK);
	assert_int_equal(database_number(db, "SELECT small FROM t WHERE name = 'a'"), -128);
}

static void a_transaction_is_whole_or_not_at_all(void **state)
{
	cs_db *db = db_of(state), *other = database_open(&fixture_of(state)->d);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_FAILED);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(count(other), 0);
	db->driver->rollback(db);
	db->driver->rollback(db);
	assert_int_equal(count(db), 0);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(count(other), 0);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(other), 2);
	other->driver->close(other);
}

static void a_part_of_a_transaction_is_undone_alone(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "before"), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "undone"), CS_DB_OK);
	assert_int_equal(insert(db, "before"), CS_DB_DUPLICATE);
	assert_int_equal(db->driver->rollback_to(db), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "kept"), CS_DB_OK);
	assert_int_equal(db->driver->release(db), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(db), 2);
	assert_int_equal(count(db, "name = 'undone'"), 0);
}

static void parts_nest(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(db->depth, 2);
	assert_int_equal(insert(db, "outer"), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "inner"), CS_DB_OK);
	assert_int_equal(db->driver->rollback_to(db), CS_DB_OK);
	assert_int_equal(count(db), 1);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "inner"), CS_DB_OK);
	assert_int_equal(db->depth, 3);
	assert_int_equal(db->driver->release(db), CS_DB_OK);
	assert_int_equal(db->depth, 2);
	assert_int_equal(db->driver->rollback_to(db), CS_DB_OK);
	assert_int_equal(db->depth, 1);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(db->depth, 0);
	assert_int_equal(count(db), 0);
}

/* So a function that shares a transaction cannot commit what belongs to others. */
static void a_transaction_is_not_committed_within_a_part(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "of others"), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "kept"), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_FAILED);
	assert_string_equal(db->driver->message(db), "a part is open");
	assert_int_equal(db->depth, 2);
	assert_int_equal(db->driver->release(db), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(db), 2);
}

static void a_part_needs_a_transaction(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(db->driver->savepoint(db), CS_DB_FAILED);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->release(db), CS_DB_FAILED);
	assert_int_equal(db->depth, 1);
	db->driver->rollback(db);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->rollback_to(db), CS_DB_FAILED);
	db->driver->rollback(db);
}

static void read_only(const fixture *f, bool is)
{
	if (f->server)
		database_run_as_root(f->server, {is ? "SET GLOBAL read_only = 1" : "SET GLOBAL read_only = 0"});
	else
		assert_int_equal(database_run(f->db, is ? "PRAGMA query_only = 1" : "PRAGMA query_only = 0"), CS_DB_OK);
}

static void a_store_that_may_only_be_read_is_full_until_it_may_be_written(void **state)
{
	const fixture *f = fixture_of(state);

	read_only(f, true);
	assert_int_equal(insert(f->db, "a"), CS_DB_FULL);
	assert_int_equal(count(f->db), 0);
	read_only(f, false);
	assert_int_equal(insert(f->db, "a"), CS_DB_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, mariadb_wanted() ? set_up_mysql : set_up_sqlite, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(values_come_back_as_they_went),
		TEST(an_empty_text_is_not_null),
		TEST(last_id_and_affected_tell_of_the_last_statement),
		TEST(keys_are_told_apart_by_their_bytes),
		TEST(a_row_function_can_stop_the_reading),
		TEST(a_row_function_can_run_statements),
		TEST(more_texts_than_the_cache_holds_still_work),
		TEST(a_mistake_is_a_failure_with_a_text_and_the_connection_lives),
		TEST(a_taken_key_is_a_duplicate_and_the_transaction_goes_on),
		TEST(a_value_that_does_not_fit_is_a_bad_value),
		TEST(a_transaction_is_whole_or_not_at_all),
		TEST(a_part_of_a_transaction_is_undone_alone),
		TEST(parts_nest),
		TEST(a_transaction_is_not_committed_within_a_part),
		TEST(a_part_needs_a_transaction),
		TEST(a_store_that_may_only_be_read_is_full_until_it_may_be_written),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
