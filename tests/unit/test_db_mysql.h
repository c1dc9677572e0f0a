/* SPDX-License-Identifier: MIT
 * Helpers of the tests of db_mysql: a fresh database with a table t, and ways to write into it. */
#ifndef TEST_DB_MYSQL_H
#define TEST_DB_MYSQL_H

#include <cstring>
#include <string>

#include "tests/support/check.h"
#include "tests/support/mariadb.h"

struct fixture {
	mariadb *server;
	bool own; /* the server is this test's alone */
	mariadb_access access;
	cs_db *db;
};

static inline int fixture_make(void **state, bool own)
{
	fixture *f = new fixture{};
	cs_error e = {};

	f->own = own;
	f->server = own ? mariadb_new() : mariadb_shared();
	if (own)
		mariadb_start(f->server);
	mariadb_access_make(&f->access, f->server, mariadb_new_database());
	mariadb_access_set_text(&f->access, "schema", "conf/schema/mysql");
	*state = f;
	if (f->access.driver->migrate(f->access.conf.data(), nullptr, &e)) {
		print_error("%s\n", e.text);
		return 1;
	}
	f->db = mariadb_open(&f->access);
	return f->db->driver->query(f->db,
	                            "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY,"
	                            " name VARBINARY(20) NOT NULL UNIQUE, body MEDIUMTEXT, n TINYINT)"
	                            " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4",
	                            nullptr, 0, nullptr, nullptr);
}

static inline int set_up(void **state)
{
	return fixture_make(state, false);
}

/* For tests that stop or kill it. */
static inline int set_up_server(void **state)
{
	return fixture_make(state, true);
}

static inline int tear_down(void **state)
{
	fixture *f = static_cast<fixture *>(*state);

	if (f->db)
		f->db->driver->close(f->db);
	if (f->own)
		mariadb_free(f->server);
	delete f;
	return 0;
}

static inline fixture *fixture_of(void **state)
{
	return static_cast<fixture *>(*state);
}

static inline cs_db *db_of(void **state)
{
	return fixture_of(state)->db;
}

static inline int run(cs_db *db, const char *sql)
{
	return db->driver->query(db, sql, nullptr, 0, nullptr, nullptr);
}

static inline int take_number(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

/* The first column of the first row, or -1. */
static inline int64_t number(cs_db *db, const char *sql)
{
	int64_t number = -1;

	if (db->driver->query(db, sql, nullptr, 0, take_number, &number))
		print_error("%s: %s\n", sql, db->driver->message(db));
	return number;
}

static inline cs_db_value text_of(const std::string &text)
{
	return {CS_DB_TEXT, 0, text.data(), text.size()};
}

static inline int insert(cs_db *db, const std::string &name)
{
	const cs_db_value values[] = {text_of(name)};

	return db->driver->query(db, "INSERT INTO t (name) VALUES (?)", values, 1, nullptr, nullptr);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define TEST_ALONE(name) cmocka_unit_test_setup_teardown(name, set_up_server, tear_down)

#endif
