/* SPDX-License-Identifier: MIT
 * Tests the statements, transactions and settings of db_sqlite. Faults are in test_db_sqlite_trouble.cpp. */
#include "test_db_sqlite_fixture.h"

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
	const cs_db_value values[] = {{CS_DB_INTEGER, -9007199254740991, nullptr, 0},
	                              {CS_DB_TEXT, 0, "a\0b", 3},
	                              {CS_DB_BLOB, 0, "\xff\0", 2},
	                              {CS_DB_NULL, 0, nullptr, 0}};
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
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 2);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t WHERE name = 'undone'"), 0);
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
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 1);
	assert_int_equal(db->driver->savepoint(db), CS_DB_OK);
	assert_int_equal(insert(db, "inner"), CS_DB_OK);
	assert_int_equal(db->depth, 3);
	assert_int_equal(db->driver->release(db), CS_DB_OK);
	assert_int_equal(db->depth, 2);
	assert_int_equal(db->driver->rollback_to(db), CS_DB_OK);
	assert_int_equal(db->depth, 1);
	assert_int_equal(db->driver->commit(db), CS_DB_OK);
	assert_int_equal(db->depth, 0);
	assert_int_equal(test_number(db, "SELECT count(*) FROM t"), 0);
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
	assert_int_equal(test_number(db, "SELECT COUNT(*) FROM t"), 2);
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
		TEST(the_settings_are_those_that_keep_a_commit),
		TEST(one_writer_and_several_readers_can_be_used),
		TEST(a_part_of_a_transaction_is_undone_alone),
		TEST(parts_nest),
		TEST(a_transaction_is_not_committed_within_a_part),
		TEST(a_part_needs_a_transaction),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
