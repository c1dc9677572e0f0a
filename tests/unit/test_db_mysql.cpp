/* SPDX-License-Identifier: MIT
 * Tests the statements and transactions of db_mysql, and the classes of values that it refuses. Faults are in
 * test_db_mysql_trouble.cpp. */
#include <thread>
#include <vector>

#include "test_db_mysql.h"

struct seen_row {
	int64_t id;
	std::string name, body;
	cs_db_type types[4];
};

static int take_row(void *arg, const cs_db_value *columns, size_t count)
{
	seen_row row = {};

	assert_int_equal(count, 4);
	for (size_t i = 0; i < 4; i++)
		row.types[i] = columns[i].type;
	row.id = columns[0].integer;
	if (columns[1].size)
		row.name.assign(columns[1].bytes, columns[1].size);
	if (columns[2].size)
		row.body.assign(columns[2].bytes, columns[2].size);
	static_cast<std::vector<seen_row> *>(arg)->push_back(row);
	return 0;
}

static int insert_row(cs_db *db, const std::string &name, const std::string &body, int64_t n)
{
	const cs_db_value values[] = {text_of(name), text_of(body), {CS_DB_INTEGER, n, nullptr, 0}};

	return db->driver->query(db, "INSERT INTO t (name, body, n) VALUES (?, ?, ?)", values, 3, nullptr, nullptr);
}

static void values_come_back_as_they_went(void **state)
{
	cs_db *db = db_of(state);
	std::vector<seen_row> rows;
	const std::string none = "none";
	const std::string binary("\0\xff\xfe'\"\\x", 8), body = "\xf0\x9f\x90\xb1 " + std::string(300000, 'x') + "\\'";
	const cs_db_value empty[] = {text_of(none), {CS_DB_NULL, 0, nullptr, 0}, {CS_DB_NULL, 0, nullptr, 0}};

	assert_int_equal(insert_row(db, binary, body, -128), CS_DB_OK);
	assert_int_equal(db->driver->affected(db), 1);
	assert_int_equal(db->driver->last_id(db), 1);
	assert_int_equal(
		db->driver->query(db, "INSERT INTO t (name, body, n) VALUES (?, ?, ?)", empty, 3, nullptr, nullptr),
		CS_DB_OK);
	assert_int_equal(insert_row(db, "empty", "", 127), CS_DB_OK);
	assert_int_equal(db->driver->last_id(db), 3);
	assert_int_equal(
		db->driver->query(db, "SELECT id, name, body, n FROM t ORDER BY id", nullptr, 0, take_row, &rows),
		CS_DB_OK);
	assert_int_equal(rows.size(), 3);
	assert_true(rows[0].name == binary && rows[0].body == body);
	assert_int_equal(rows[0].types[0], CS_DB_INTEGER);
	assert_int_equal(rows[0].types[1], CS_DB_BLOB);
	assert_int_equal(rows[0].types[2], CS_DB_TEXT);
	assert_int_equal(rows[1].types[2], CS_DB_NULL);
	assert_int_equal(rows[1].types[3], CS_DB_NULL);
	assert_true(rows[2].types[2] == CS_DB_TEXT && rows[2].body.empty());
	assert_int_equal(number(db, "SELECT 9223372036854775807"), INT64_MAX);
	assert_int_equal(number(db, "SELECT SUM(n) FROM t"), -1);
}

/* Texts that only differ in case, in an accent or in a blank at the end are not the same name. */
static void keys_are_told_apart_by_their_bytes(void **state)
{
	cs_db *db = db_of(state);

	for (const char *name : {"ann", "Ann", "ann ", "\xc3\xa4nn", "a\xcc\x88nn", "ann\t"})
		assert_int_equal(insert(db, name), CS_DB_OK);
	assert_int_equal(insert(db, "ann"), CS_DB_DUPLICATE);
	assert_int_equal(db->driver->affected(db), 0);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 6);
}

static void a_duplicate_does_not_tell_the_value(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "topsecret"), CS_DB_OK);
	assert_int_equal(insert(db, "topsecret"), CS_DB_DUPLICATE);
	assert_null(strstr(db->driver->message(db), "topsecret"));
	assert_non_null(strstr(db->driver->message(db), "1062"));
	assert_non_null(strstr(db->driver->message(db), "name"));
}

static void what_does_not_fit_is_a_bad_value(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, std::string(21, 'x')), CS_DB_BAD_VALUE);
	assert_int_equal(insert_row(db, "a", "x", 128), CS_DB_BAD_VALUE);
	assert_int_equal(insert_row(db, "a", "\xff no text", 1), CS_DB_BAD_VALUE);
	assert_null(strstr(db->driver->message(db), "no text"));
	assert_int_equal(insert_row(db, "a", std::string(20 << 20, 'x'), 1), CS_DB_BAD_VALUE);
	cs_db *again = mariadb_open(&fixture_of(state)->access);
	assert_int_equal(number(again, "SELECT COUNT(*) FROM t"), 0);
	again->driver->close(again);
}

static void a_mistake_is_a_failure_and_the_connection_lives(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(run(db, "SELECT nothing FROM nowhere"), CS_DB_FAILED);
	assert_int_equal(run(db, "SELECT 1; SELECT 2"), CS_DB_FAILED);
	assert_int_equal(run(db, "INSERT INTO t (name) VALUES (?)"), CS_DB_FAILED);
	assert_int_equal(db->driver->commit(db), CS_DB_FAILED);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
}

static void a_transaction_is_whole_or_not_at_all(void **state)
{
	cs_db *db = db_of(state), *other = mariadb_open(&fixture_of(state)->access);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_FAILED);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(number(other, "SELECT COUNT(*) FROM t"), 0);
	db->driver->rollback(db);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 0);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_DUPLICATE);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	/* As new as what is committed, also inside a transaction that has read before. */
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t WHERE name = 'c'"), 0);
	assert_int_equal(insert(other, "c"), CS_DB_OK);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t WHERE name = 'c'"), 1);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(number(other, "SELECT COUNT(*) FROM t"), 3);
	other->driver->close(other);
}

/* A row function may use the connection, also with the statement that it is called by. */
static int insert_inside(void *arg, const cs_db_value *columns, size_t)
{
	cs_db *db = static_cast<cs_db *>(arg);

	assert_int_equal(insert(db, "inner " + std::to_string(columns[0].integer)), CS_DB_OK);
	assert_true(number(db, "SELECT id FROM t ORDER BY id") >= 1);
	return 0;
}

static void a_row_function_may_run_statements(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(db->driver->query(db, "SELECT id FROM t ORDER BY id", nullptr, 0, insert_inside, db),
	                 CS_DB_OK);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 4);
}

static void many_texts_keep_the_number_of_prepared_statements_bounded(void **state)
{
	cs_db *db = db_of(state);

	for (int i = 0; i < 500; i++)
		assert_int_equal(number(db, ("SELECT " + std::to_string(i)).c_str()), i);
	assert_in_range(number(db, "SELECT VARIABLE_VALUE + 0 FROM information_schema.GLOBAL_STATUS"
	                           " WHERE VARIABLE_NAME = 'PREPARED_STMT_COUNT'"),
	                0, 200);
}

/* ---- two connections in each other's way */

static int lock(cs_db *db, const char *name)
{
	const std::string sql = std::string("SELECT id FROM t WHERE name = '") + name + "' FOR UPDATE";

	return run(db, sql.c_str());
}

static void a_lock_that_somebody_holds_is_to_be_tried_again(void **state)
{
	cs_db *db = db_of(state);
	mariadb_access_set_number(&fixture_of(state)->access, "read_timeout", 2000);
	cs_db *other = mariadb_open(&fixture_of(state)->access);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(lock(db, "a"), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(insert(other, "b"), CS_DB_OK);
	const int64_t begun = check_now();
	assert_int_equal(lock(other, "a"), CS_DB_RETRY);
	assert_in_range(check_now() - begun, 500, 1900 * check_patience_factor());
	/* Nothing of it may be kept, whatever the caller goes on with. */
	assert_int_equal(insert(other, "c"), CS_DB_RETRY);
	assert_int_equal(other->driver->commit(other), CS_DB_RETRY);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 1);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(lock(other, "a"), CS_DB_OK);
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
}

/* Exactly one of two that wait for each other is told to try again, and none of its rows is kept: a deadlock
 * ends the transaction, and what follows must not run on its own. */
static void of_a_deadlock_one_goes_on_and_the_other_leaves_nothing(void **state)
{
	cs_db *db = db_of(state), *other = mariadb_open(&fixture_of(state)->access);
	int result = 0, other_result = 0;

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(insert(db, "of one"), CS_DB_OK);
	assert_int_equal(insert(other, "of the other"), CS_DB_OK);
	assert_int_equal(lock(db, "a"), CS_DB_OK);
	assert_int_equal(lock(other, "b"), CS_DB_OK);
	std::thread thread([&] { other_result = lock(other, "a"); });
	result = lock(db, "b");
	if (result == CS_DB_RETRY) {
		/* The locks go with the transaction, at once. */
		assert_int_equal(insert(db, "late"), CS_DB_RETRY);
		assert_int_equal(db->driver->commit(db), CS_DB_RETRY);
	}
	thread.join();
	if (other_result == CS_DB_RETRY) {
		assert_int_equal(insert(other, "late"), CS_DB_RETRY);
		assert_int_equal(other->driver->commit(other), CS_DB_RETRY);
	}
	assert_int_equal(result + other_result, CS_DB_RETRY);
	cs_db *winner = result ? other : db;
	assert_int_equal(winner->driver->commit(winner), CS_DB_OK);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 3);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t WHERE name = 'late'"), 0);
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
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM t WHERE name = 'undone'"), 0);
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
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "inner"), CS_DB_OK);
	assert_int_equal(db->depth, 3);
	assert_int_equal(db->driver->release(db), CS_DB_OK);
	assert_int_equal(db->depth, 2);
	assert_int_equal(db->driver->rollback_to(db), CS_DB_OK);
	assert_int_equal(db->depth, 1);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(db->depth, 0);
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 0);
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
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t"), 2);
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

/* A deadlock ends the whole transaction there, parts and all. */
static void a_part_of_a_transaction_that_a_deadlock_ended_is_gone(void **state)
{
	fixture *f = fixture_of(state);
	cs_db *db = f->db, *other = mariadb_open(&f->access);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	for (int i = 0; i < 20; i++) /* the lighter transaction is the one that is ended */
		assert_int_equal(insert(other, std::to_string(i)), CS_DB_OK);
	assert_int_equal(run(other, "UPDATE t SET n = 1 WHERE name = 'b'"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(run(db, "UPDATE t SET n = 2 WHERE name = 'a'"), CS_DB_OK);
	std::thread waits([other] { assert_int_equal(run(other, "UPDATE t SET n = 1 WHERE name = 'a'"), CS_DB_OK); });
	assert_int_equal(run(db, "UPDATE t SET n = 2 WHERE name = 'b'"), CS_DB_RETRY);
	waits.join();
	assert_int_equal(db->driver->rollback_to(db), CS_DB_RETRY);
	assert_int_equal(db->driver->savepoint(db), CS_DB_RETRY);
	assert_int_equal(db->driver->commit(db), CS_DB_RETRY);
	assert_int_equal(insert(db, "late"), CS_DB_RETRY);
	assert_int_equal(db->depth, 2);
	db->driver->rollback(db);
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t WHERE n = 1"), 2);
	assert_int_equal(number(db, "SELECT COUNT(*) FROM t WHERE name = 'late'"), 0);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(values_come_back_as_they_went),
		TEST(keys_are_told_apart_by_their_bytes),
		TEST(a_duplicate_does_not_tell_the_value),
		TEST(what_does_not_fit_is_a_bad_value),
		TEST(a_mistake_is_a_failure_and_the_connection_lives),
		TEST(a_transaction_is_whole_or_not_at_all),
		TEST(a_row_function_may_run_statements),
		TEST(many_texts_keep_the_number_of_prepared_statements_bounded),
		TEST(a_lock_that_somebody_holds_is_to_be_tried_again),
		TEST(of_a_deadlock_one_goes_on_and_the_other_leaves_nothing),
		TEST(a_part_of_a_transaction_is_undone_alone),
		TEST(parts_nest),
		TEST(a_transaction_is_not_committed_within_a_part),
		TEST(a_part_needs_a_transaction),
		TEST(a_part_of_a_transaction_that_a_deadlock_ended_is_gone),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
