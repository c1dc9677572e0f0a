/* SPDX-License-Identifier: MIT
 * The fixture of the tests of the adapters: a fresh database with a table t, or with nothing yet. */
#ifndef TEST_DB_H
#define TEST_DB_H

#include <cstring>
#include <memory>
#include <string>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/database.h"

struct fixture {
	mariadb *server; /* null: SQLite */
	test_database d;
	cs_db *db = nullptr; /* null: nothing was made */
	bool own = false; /* the server is this test's alone */
};

/* Both dialects refuse the same values: a name of more than 20 bytes, a small number that takes more than one. */
static const char *const fixture_tables[] = {
	"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE CHECK (length(CAST(name AS BLOB)) <= 20),"
	" body TEXT, data BLOB, n BIGINT, small INTEGER CHECK (small BETWEEN -128 AND 127))",
	"CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, name VARBINARY(20) NOT NULL UNIQUE, body MEDIUMTEXT,"
	" data BLOB, n BIGINT, small TINYINT) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4"};

/* server null: SQLite. */
static inline int fixture_make(void **state, mariadb *server)
{
	fixture *f = new fixture{.server = server};

	if (server)
		database_make_mysql(&f->d, server, mariadb_new_database());
	else
		database_make_sqlite(&f->d);
	*state = f;
	return 0;
}

static inline int fixture_fill(void **state, mariadb *server)
{
	(void)fixture_make(state, server);
	fixture *f = static_cast<fixture *>(*state);
	f->db = database_migrate_and_open(&f->d);
	return database_run(f->db, fixture_tables[server != nullptr]);
}

static inline int set_up_sqlite(void **state)
{
	return fixture_fill(state, nullptr);
}

static inline int set_up_mysql(void **state)
{
	return fixture_fill(state, mariadb_shared());
}

/* For tests that stop or kill it. */
static inline int set_up_mysql_alone(void **state)
{
	mariadb *server = mariadb_new();

	mariadb_start(server);
	const int result = fixture_fill(state, server);
	static_cast<fixture *>(*state)->own = true;
	return result;
}

static inline int set_up_sqlite_empty(void **state)
{
	return fixture_make(state, nullptr);
}

static inline int set_up_mysql_empty(void **state)
{
	return fixture_make(state, mariadb_shared());
}

static inline int tear_down(void **state)
{
	const std::unique_ptr<fixture> f(static_cast<fixture *>(*state));

	if (f->db)
		f->db->driver->close(f->db);
	if (f->own)
		mariadb_free(f->server);
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

static inline int insert(cs_db *db, const std::string &name)
{
	const cs_db_value value = database_text(name);

	return db->driver->query(db, "INSERT INTO t (name) VALUES (?)", &value, 1, nullptr, nullptr);
}

static inline int64_t count(cs_db *db, const std::string &where = "1 = 1")
{
	return database_number(db, "SELECT count(*) FROM t WHERE " + where);
}

/* Waits for the end of a child of this test, and returns its exit status. */
static inline int child_status(pid_t child)
{
	int status = -1;

	assert_true(waitpid(child, &status, 0) > 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* ---- migrations */

static inline void file_write(const std::string &path, const char *text)
{
	FILE *file = fopen(path.c_str(), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A file of a schema folder of the test's own. */
static inline void schema_write(fixture *f, const char *name, const char *text)
{
	const std::string folder = f->d.folder + "/schema";

	mkdir(folder.c_str(), 0755);
	database_set_text(&f->d, "schema", folder);
	file_write(folder + "/" + name, text);
}

static inline void schema_remove(const fixture *f, const char *name)
{
	assert_int_equal(unlink((f->d.folder + "/schema/" + name).c_str()), 0);
}

static inline void migrate(const fixture *f, const char *plugin = nullptr)
{
	cs_error e;
	const int result = database_migrate(&f->d, &e, plugin);

	assert_string_equal(e.text, "");
	assert_int_equal(result, 0);
}

/* It is refused for a reason with these words. */
static inline void migrate_refused(const fixture *f, const std::string &words, const char *plugin = nullptr,
                                   std::source_location at = std::source_location::current())
{
	cs_error e;

	assert_int_equal(database_migrate(&f->d, &e, plugin), CS_EINVAL);
	if (!strstr(e.text, words.c_str()))
		check_fail(at, "\"%s\" does not tell of \"%s\"", e.text, words.c_str());
}

static inline int64_t number_in(const fixture *f, const std::string &sql)
{
	cs_db *db = database_open(&f->d);
	const int64_t number = database_number(db, sql);

	db->driver->close(db);
	return number;
}

#endif
