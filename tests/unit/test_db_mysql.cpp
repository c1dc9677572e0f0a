/* SPDX-License-Identifier: MIT
 * Tests what only db_mysql promises of values, statements and locks. Faults are in test_db_mysql_trouble.cpp. */
#include <thread>

#include "test_db.h"

static int insert_body(cs_db *db, const std::string &body)
{
	const cs_db_value value = database_text(body);

	return db->driver->query(db, "INSERT INTO t (name, body) VALUES ('a', ?)", &value, 1, nullptr, nullptr);
}

static void what_is_no_text_or_larger_than_a_packet_is_a_bad_value(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert_body(db, "\xff no text"), CS_DB_BAD_VALUE);
	assert_null(strstr(db->driver->message(db), "no text"));
	assert_int_equal(insert_body(db, std::string(20 << 20, 'x')), CS_DB_BAD_VALUE);
	cs_db *again = database_open(&fixture_of(state)->d);
	assert_int_equal(count(again), 0);
	again->driver->close(again);
}

static void a_duplicate_is_told_with_the_servers_number(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_DUPLICATE);
	assert_non_null(strstr(db->driver->message(db), "1062"));
}

static void a_transaction_sees_what_others_commit_meanwhile(void **state)
{
	cs_db *db = db_of(state), *other = database_open(&fixture_of(state)->d);

	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(count(db, "name = 'c'"), 0);
	assert_int_equal(insert(other, "c"), CS_DB_OK);
	assert_int_equal(count(db, "name = 'c'"), 1);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(other), 2);
	other->driver->close(other);
}

/* All rows are read before the first is told, so what is inserted meanwhile is none of them. */
static int insert_inside(void *arg, const cs_db_value *columns, size_t)
{
	cs_db *db = static_cast<cs_db *>(arg);

	assert_int_equal(insert(db, "inner " + std::to_string(columns[0].integer)), CS_DB_OK);
	assert_true(database_number(db, "SELECT id FROM t ORDER BY id") >= 1);
	return 0;
}

static void a_row_function_may_change_the_table_that_is_read(void **state)
{
	cs_db *db = db_of(state);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(db->driver->query(db, "SELECT id FROM t ORDER BY id", nullptr, 0, insert_inside, db),
	                 CS_DB_OK);
	assert_int_equal(count(db), 4);
}

static void many_texts_keep_the_number_of_prepared_statements_bounded(void **state)
{
	cs_db *db = db_of(state);

	for (int i = 0; i < 500; i++)
		assert_int_equal(database_number(db, ("SELECT " + std::to_string(i)).c_str()), i);
	assert_in_range(database_number(db, "SELECT VARIABLE_VALUE + 0 FROM information_schema.GLOBAL_STATUS"
	                                    " WHERE VARIABLE_NAME = 'PREPARED_STMT_COUNT'"),
	                0, 200);
}

/* ---- two connections in each other's way */

static int lock(cs_db *db, const char *name)
{
	const std::string sql = std::string("SELECT id FROM t WHERE name = '") + name + "' FOR UPDATE";

	return database_run(db, sql.c_str());
}

static void a_lock_that_somebody_holds_is_to_be_tried_again(void **state)
{
	cs_db *db = db_of(state);
	database_set_number(&fixture_of(state)->d, "read_timeout", 6000);
	cs_db *other = database_open(&fixture_of(state)->d);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(lock(db, "a"), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(insert(other, "b"), CS_DB_OK);
	const int64_t begun = check_now();
	assert_int_equal(lock(other, "a"), CS_DB_RETRY);
	/* It waited, for half the read time-out. If that had come first, nobody would know what was done. */
	assert_true(check_now() - begun >= 2500);
	/* Nothing of it may be kept, whatever the caller goes on with. */
	assert_int_equal(insert(other, "c"), CS_DB_RETRY);
	assert_int_equal(other->driver->commit(other), CS_DB_RETRY);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(count(db), 1);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	assert_int_equal(lock(other, "a"), CS_DB_OK);
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
}

/* Exactly one of two that wait for each other is told to try again, and none of its rows is kept: a deadlock
 * ends the transaction, and what follows must not run on its own. */
static void of_a_deadlock_one_goes_on_and_the_other_leaves_nothing(void **state)
{
	cs_db *db = db_of(state), *other = database_open(&fixture_of(state)->d);
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
	assert_int_equal(count(db), 3);
	assert_int_equal(count(db, "name = 'late'"), 0);
	other->driver->close(other);
}

/* A deadlock ends the whole transaction there, parts and all. */
static void a_part_of_a_transaction_that_a_deadlock_ended_is_gone(void **state)
{
	fixture *f = fixture_of(state);
	cs_db *db = f->db, *other = database_open(&f->d);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	for (int i = 0; i < 20; i++) /* the lighter transaction is the one that is ended */
		assert_int_equal(insert(other, std::to_string(i)), CS_DB_OK);
	assert_int_equal(database_run(other, "UPDATE t SET n = 1 WHERE name = 'b'"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(database_run(db, "UPDATE t SET n = 2 WHERE name = 'a'"), CS_DB_OK);
	std::thread waits(
		[other] { assert_int_equal(database_run(other, "UPDATE t SET n = 1 WHERE name = 'a'"), CS_DB_OK); });
	assert_int_equal(database_run(db, "UPDATE t SET n = 2 WHERE name = 'b'"), CS_DB_RETRY);
	waits.join();
	assert_int_equal(db->driver->rollback_to(db), CS_DB_RETRY);
	assert_int_equal(db->driver->savepoint(db), CS_DB_RETRY);
	assert_int_equal(db->driver->commit(db), CS_DB_RETRY);
	assert_int_equal(insert(db, "late"), CS_DB_RETRY);
	assert_int_equal(db->depth, 2);
	db->driver->rollback(db);
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
	assert_int_equal(count(db, "n = 1"), 2);
	assert_int_equal(count(db, "name = 'late'"), 0);
}

/* The first row is there when the second ends the transaction. */
static void after_a_deadlock_between_two_rows_the_same_statement_runs_again_at_once(void **state)
{
	static const char both[] = "SELECT id FROM t WHERE name IN ('a', 'b') ORDER BY id FOR UPDATE";
	fixture *f = fixture_of(state);
	database_set_number(&f->d, "read_timeout", 20000);
	cs_db *db = database_open(&f->d), *other = database_open(&f->d);

	assert_int_equal(insert(db, "a"), CS_DB_OK);
	assert_int_equal(insert(db, "b"), CS_DB_OK);
	assert_int_equal(other->driver->begin(other), CS_DB_OK);
	for (int i = 0; i < 20; i++) /* the lighter transaction is the one that is ended */
		assert_int_equal(insert(other, std::to_string(i)), CS_DB_OK);
	assert_int_equal(lock(other, "b"), CS_DB_OK);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(lock(db, "a"), CS_DB_OK);
	std::thread waits([other] { assert_int_equal(lock(other, "a"), CS_DB_OK); });
	const int64_t begun = check_now();
	assert_int_equal(database_run(db, both), CS_DB_RETRY);
	waits.join();
	assert_int_equal(other->driver->commit(other), CS_DB_OK);
	other->driver->close(other);
	db->driver->rollback(db);
	assert_int_equal(db->driver->begin(db), CS_DB_OK);
	assert_int_equal(database_run(db, both), CS_DB_OK);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_in_range(check_now() - begun, 0, 9000); /* to wait for the lock takes 10 s, for the second row 20 s */
	db->driver->close(db);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mysql, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(what_is_no_text_or_larger_than_a_packet_is_a_bad_value),
		TEST(a_duplicate_is_told_with_the_servers_number),
		TEST(a_transaction_sees_what_others_commit_meanwhile),
		TEST(a_row_function_may_change_the_table_that_is_read),
		TEST(many_texts_keep_the_number_of_prepared_statements_bounded),
		TEST(a_lock_that_somebody_holds_is_to_be_tried_again),
		TEST(of_a_deadlock_one_goes_on_and_the_other_leaves_nothing),
		TEST(a_part_of_a_transaction_that_a_deadlock_ended_is_gone),
		TEST(after_a_deadlock_between_two_rows_the_same_statement_runs_again_at_once),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
