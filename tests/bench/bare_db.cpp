/* SPDX-License-Identifier: MIT
 * SQLite and MariaDB by their own calls, with nothing of ours between. Any mistake ends the program with its reason. */
#include "tests/bench/bare_db.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

#include <sqlite3.h>
#ifdef BENCH_MYSQL
#include <mysql.h>
#include <mysqld_error.h>
#else
struct MYSQL;
struct MYSQL_STMT;
#endif

static constexpr int bare_columns = 5;

struct bare_db {
	sqlite3 *sqlite = nullptr;
	MYSQL *mysql = nullptr;
	bool is_undone = false;
	std::map<std::string, sqlite3_stmt *, std::less<>> sqlite_statements;
	std::map<std::string, MYSQL_STMT *, std::less<>> mysql_statements;
};

[[noreturn]] static void bare_fail(const char *why)
{
	(void)fprintf(stderr, "statements: %s\n", why);
	exit(1);
}

bool bare_is_mysql(const bare_db *db)
{
	return db->mysql;
}

bool bare_must_run_again(bare_db *db)
{
	return std::exchange(db->is_undone, false);
}

/* ---- SQLite */

static void bare_sqlite_check(const bare_db *db, int code, int wanted)
{
	if (code != wanted)
		bare_fail(sqlite3_errmsg(db->sqlite));
}

bare_db *bare_open_sqlite(const char *path)
{
	bare_db *db = new bare_db;

	bare_sqlite_check(db,
	                  sqlite3_open_v2(path, &db->sqlite,
	                                  SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr),
	                  SQLITE_OK);
	bare_run(db, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON;"
	             "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -65536; PRAGMA wal_autocheckpoint = 8000;"
	             "PRAGMA journal_size_limit = 67108864; PRAGMA synchronous = FULL");
	return db;
}

static sqlite3_stmt *bare_sqlite_prepare(bare_db *db, std::string_view sql)
{
	const auto known = db->sqlite_statements.find(sql);
	sqlite3_stmt *statement = nullptr;

	if (known != db->sqlite_statements.end())
		return known->second;
	bare_sqlite_check(db,
	                  sqlite3_prepare_v3(db->sqlite, sql.data(), static_cast<int>(sql.size()),
	                                     SQLITE_PREPARE_PERSISTENT, &statement, nullptr),
	                  SQLITE_OK);
	db->sqlite_statements.emplace(sql, statement);
	return statement;
}

static void bare_sqlite_query(bare_db *db, std::string_view sql, std::span<const bare_value> values, bare_row *row,
                              void *arg)
{
	sqlite3_stmt *const statement = bare_sqlite_prepare(db, sql);
	int64_t columns[bare_columns] = {};
	int place = 0, code;

	for (const bare_value &value : values) {
		place++;
		if (value.is_null)
			code = sqlite3_bind_null(statement, place);
		else if (value.bytes)
			code = sqlite3_bind_text(statement, place, value.bytes, static_cast<int>(value.size),
			                         SQLITE_STATIC);
		else
			code = sqlite3_bind_int64(statement, place, value.number);
		bare_sqlite_check(db, code, SQLITE_OK);
	}
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(statement); i++)
			columns[i] = sqlite3_column_int64(statement, i);
		row(arg, columns);
	}
	bare_sqlite_check(db, code, SQLITE_DONE);
	(void)sqlite3_reset(statement);
}

/* ---- MariaDB */

#ifdef BENCH_MYSQL

bare_db *bare_open_mysql(const char *socket, const char *user, const char *password, const char *database)
{
	bare_db *db = new bare_db;

	db->mysql = mysql_init(nullptr);
	if (!mysql_real_connect(db->mysql, nullptr, user, password, database, 0, socket, CLIENT_MULTI_STATEMENTS))
		bare_fail(mysql_error(db->mysql));
	bare_run(db, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
	return db;
}

static MYSQL_STMT *bare_mysql_prepare(bare_db *db, std::string_view sql)
{
	const auto known = db->mysql_statements.find(sql);

	if (known != db->mysql_statements.end())
		return known->second;
	MYSQL_STMT *const statement = mysql_stmt_init(db->mysql);
	if (mysql_stmt_prepare(statement, sql.data(), sql.size()))
		bare_fail(mysql_stmt_error(statement));
	db->mysql_statements.emplace(sql, statement);
	return statement;
}

static MYSQL_BIND bare_mysql_bind(const bare_value &value)
{
	MYSQL_BIND bind = {};

	bind.buffer_type = value.is_null ? MYSQL_TYPE_NULL : value.bytes ? MYSQL_TYPE_STRING : MYSQL_TYPE_LONGLONG;
	bind.buffer = value.bytes ? const_cast<char *>(value.bytes)
	                          : const_cast<void *>(static_cast<const void *>(&value.number));
	bind.buffer_length = value.size;
	return bind;
}

/* The database undoes a transaction that is in the way of another. Any other error is a mistake. */
static void bare_mysql_note_error(bare_db *db, MYSQL_STMT *statement)
{
	const unsigned error = mysql_stmt_errno(statement);

	if (error != ER_LOCK_DEADLOCK && error != ER_LOCK_WAIT_TIMEOUT)
		bare_fail(mysql_stmt_error(statement));
	db->is_undone = true;
}

/* false: the library would wait for the rest of the rows if the statement was used again. */
static bool bare_mysql_fetch(bare_db *db, MYSQL_STMT *statement, bare_row *row, void *arg)
{
	int64_t columns[bare_columns] = {};
	MYSQL_BIND binds[bare_columns] = {};

	for (int i = 0; i < bare_columns; i++) {
		binds[i].buffer_type = MYSQL_TYPE_LONGLONG;
		binds[i].buffer = &columns[i];
	}
	if (mysql_stmt_bind_result(statement, binds) || mysql_stmt_store_result(statement)) {
		bare_mysql_note_error(db, statement);
		return false;
	}
	while (mysql_stmt_fetch(statement) == 0)
		row(arg, columns);
	(void)mysql_stmt_free_result(statement);
	return true;
}

static void bare_mysql_query(bare_db *db, std::string_view sql, std::span<const bare_value> values, bare_row *row,
                             void *arg)
{
	MYSQL_STMT *const statement = bare_mysql_prepare(db, sql);
	std::vector<MYSQL_BIND> binds;

	for (const bare_value &value : values)
		binds.push_back(bare_mysql_bind(value));
	if (mysql_stmt_bind_param(statement, binds.data()) || mysql_stmt_execute(statement))
		bare_mysql_note_error(db, statement);
	else if (mysql_stmt_field_count(statement) > 0 && !bare_mysql_fetch(db, statement, row, arg)) {
		(void)mysql_stmt_close(statement);
		db->mysql_statements.erase(std::string(sql));
	}
}

static void bare_mysql_run(bare_db *db, const std::string &sql)
{
	int more = mysql_real_query(db->mysql, sql.data(), sql.size());

	while (more == 0) {
		mysql_free_result(mysql_store_result(db->mysql));
		more = mysql_next_result(db->mysql);
	}
	if (more > 0)
		bare_fail(mysql_error(db->mysql));
}

static void bare_mysql_close(bare_db *db)
{
	for (const auto &[sql, statement] : db->mysql_statements)
		(void)mysql_stmt_close(statement);
	mysql_close(db->mysql);
}

#else

bare_db *bare_open_mysql(const char *, const char *, const char *, const char *)
{
	bare_fail("this build has no MariaDB");
}

static void bare_mysql_query(bare_db *, std::string_view, std::span<const bare_value>, bare_row *, void *) {}

static void bare_mysql_run(bare_db *, const std::string &) {}

static void bare_mysql_close(bare_db *) {}

#endif

/* ---- both */

void bare_run(bare_db *db, const std::string &sql)
{
	if (db->mysql)
		bare_mysql_run(db, sql);
	else
		bare_sqlite_check(db, sqlite3_exec(db->sqlite, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
}

void bare_query(bare_db *db, std::string_view sql, std::span<const bare_value> values, bare_row *row, void *arg)
{
	if (db->is_undone)
		return;
	if (db->mysql)
		bare_mysql_query(db, sql, values, row, arg);
	else
		bare_sqlite_query(db, sql, values, row, arg);
}

int64_t bare_last_id(const bare_db *db)
{
	return sqlite3_last_insert_rowid(db->sqlite);
}

void bare_close(bare_db *db)
{
	for (const auto &[sql, statement] : db->sqlite_statements)
		(void)sqlite3_finalize(statement);
	if (db->mysql)
		bare_mysql_close(db);
	else
		(void)sqlite3_close(db->sqlite);
	delete db;
}
