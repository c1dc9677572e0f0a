/* SPDX-License-Identifier: MIT
 * Brings the schema up to date: runs new files and keeps the table schema_version. */
#include "db_sqlite.h"

#include <cstdio>
#include <string>
#include <vector>

#include "plugins/shared/schema.h"

static int db_sqlite_migrate_fail(cs_error *e, const char *path, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path, why);
	return CS_EINVAL;
}

/* Reads the only integer of a statement's result. */
static int db_sqlite_number(sqlite3 *handle, const char *sql, int *number_r)
{
	sqlite3_stmt *raw = nullptr;
	int code = sqlite3_prepare_v2(handle, sql, -1, &raw, nullptr);
	const sqlite_statement statement(raw);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(raw);
	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? SQLITE_ERROR : code;
	*number_r = sqlite3_column_int(raw, 0);
	return SQLITE_OK;
}

/* Reads the highest version that was run; 0 for a new database. Takes no write lock. */
static int db_sqlite_version_read(sqlite3 *handle, int *version_r)
{
	int tables = 0;
	const int code =
		db_sqlite_number(handle, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'", &tables);

	*version_r = 0;
	if (code != SQLITE_OK || tables == 0)
		return code;
	return db_sqlite_number(handle, "SELECT coalesce(max(version), 0) FROM schema_version", version_r);
}

/* Runs in a transaction with the write lock. It reads the version again, because another process may have been
 * faster. */
static int db_sqlite_step_run_locked(sqlite3 *handle, const schema_file &s, const std::string &text)
{
	char done[160];
	int version = 0;
	int code = db_sqlite_version_read(handle, &version);

	if (code != SQLITE_OK || version >= s.version)
		return code;
	code = sqlite3_exec(handle, text.c_str(), nullptr, nullptr, nullptr);
	if (code != SQLITE_OK)
		return code;
	snprintf(done, sizeof(done),
	         "CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY,"
	         " applied TEXT NOT NULL);"
	         "INSERT INTO schema_version VALUES (%d, datetime('now'))",
	         s.version);
	return sqlite3_exec(handle, done, nullptr, nullptr, nullptr);
}

static int db_sqlite_step_run(sqlite3 *handle, const schema_file &s, cs_error *e)
{
	std::string text;

	if (schema_read(s, &text, e))
		return CS_EINVAL;
	int code = sqlite3_exec(handle, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
	if (code == SQLITE_OK)
		code = db_sqlite_step_run_locked(handle, s, text);
	if (code == SQLITE_OK)
		code = sqlite3_exec(handle, "COMMIT", nullptr, nullptr, nullptr);
	if (code == SQLITE_OK)
		return 0;
	db_sqlite_migrate_fail(e, s.path.c_str(), sqlite3_errmsg(handle));
	if (!sqlite3_get_autocommit(handle))
		sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
	return CS_EINVAL;
}

/* Tries again, because SQLite does not wait if two processes change the mode of one file at the same time. */
static int db_sqlite_use_wal(sqlite3 *handle, const sqlite_conf *conf, cs_error *e)
{
	const int pause = 20;
	int code = SQLITE_BUSY, is_wal = 0;

	for (int64_t waited = 0; code == SQLITE_BUSY && waited <= conf->busy_timeout; waited += pause) {
		code = sqlite3_exec(handle, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr) & 0xff;
		if (code == SQLITE_BUSY)
			sqlite3_sleep(pause);
	}
	if (code == SQLITE_OK)
		code = db_sqlite_number(handle, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal);
	if (code != SQLITE_OK)
		return db_sqlite_migrate_fail(e, conf->path, sqlite3_errmsg(handle));
	return is_wal ? 0
	              : db_sqlite_migrate_fail(e, conf->path,
	                                       "no write-ahead log is possible there; is it a network folder?");
}

int sqlite_migrate(sqlite3 *handle, const sqlite_conf *conf, cs_error *e)
{
	std::vector<schema_file> steps;
	int version = 0;

	if (schema_list(conf->schema, &steps, e))
		return CS_EINVAL;
	if (!sqlite_is_memory(conf) && db_sqlite_use_wal(handle, conf, e))
		return CS_EINVAL;
	if (db_sqlite_version_read(handle, &version) != SQLITE_OK)
		return db_sqlite_migrate_fail(e, conf->path, sqlite3_errmsg(handle));
	if (version > steps.back().version)
		return schema_too_old(conf->path, version, conf->schema, steps.back().version, e);
	for (const schema_file &s : steps)
		if (s.version > version && db_sqlite_step_run(handle, s, e))
			return CS_EINVAL;
	return 0;
}
