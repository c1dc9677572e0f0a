/* SPDX-License-Identifier: MIT
 * The fixture of the tests of db_sqlite: a fresh file with a table t. */
#ifndef TEST_DB_SQLITE_FIXTURE_H
#define TEST_DB_SQLITE_FIXTURE_H

#include <string>

#include "test_db_sqlite.h"

#include <cstdarg>
#include <setjmp.h>

extern "C" {
#include <cmocka.h>
}

struct fixture {
	test_store store;
	cs_db *db;
};

static inline int set_up(void **state)
{
	fixture *f = new fixture;

	test_store_make(&f->store);
	f->db = test_store_open(&f->store);
	*state = f;
	return test_query(f->db, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, body BLOB)");
}

static inline int tear_down(void **state)
{
	fixture *f = static_cast<fixture *>(*state);

	f->store.driver->close(f->db);
	test_store_remove(&f->store);
	delete f;
	return 0;
}

static inline cs_db *db_of(void **state)
{
	return static_cast<fixture *>(*state)->db;
}

static inline cs_db *open_another(void **state)
{
	fixture *f = static_cast<fixture *>(*state);
	cs_error e = {};
	cs_db *db = nullptr;

	assert_int_equal(f->store.driver->open(f->store.conf.memory.data(), &db, &e), CS_DB_OK);
	return db;
}

static inline int insert(cs_db *db, const char *name)
{
	const cs_db_value values[] = {{CS_DB_TEXT, 0, name, strlen(name)}};

	return db->driver->query(db, "INSERT INTO t (name) VALUES (?)", values, 1, nullptr, nullptr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
