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

static const char db_sqlite_make_versions[] =
	"CREATE TABLE schema_version (plugin TEXT NOT NULL, version INTEGER NOT NULL, applied TEXT NOT NULL,"
	" PRIMARY KEY (plugin, version)) WITHOUT ROWID;";
/* A store that was made before plugins had tables has no column plugin. */
static const char db_sqlite_keep_versions[] = "ALTER TABLE schema_version RENAME TO schema_version_old;";
static const char db_sqlite_move_versions[] =
	"INSERT INTO schema_version SELECT '', version, applied FROM schema_version_old; DROP TABLE schema_version_old;";

/* 0: there is no such table; 2: it has no column plugin; 3: the present one. Takes no write lock. */
static int db_sqlite_versions_look(sqlite3 *handle, int *columns_r)
{
	return db_sqlite_number(handle, "SELECT count(*) FROM pragma_table_info('schema_version')", columns_r);
}

/* Runs in a transaction with the write lock. It looks again, because another process may have been faster. */
static int db_sqlite_versions_make(sqlite3 *handle)
{
	int columns = 0;
	const int code = db_sqlite_versions_look(handle, &columns);

	if (code != SQLITE_OK || columns == 3)
		return code;
	const std::string text =
		columns == 0 ? db_sqlite_make_versions
			     : std::string(db_sqlite_keep_versions) + db_sqlite_make_versions + db_sqlite_move_versions;
	return sqlite3_exec(handle, text.c_str(), nullptr, nullptr, nullptr);
}

/* Reads the highest version that was run; 0: none. Takes no write lock. */
static int db_sqlite_version_read(sqlite3 *handle, const schema_part &part, int *version_r)
{
	const std::string text =
		"SELECT coalesce(max(version), 0) FROM schema_version WHERE plugin = '" + part.plugin + "'";

	return db_sqlite_number(handle, text.c_str(), version_r);
}

/* Runs in a transaction with the write lock. It reads the version again, because another process may have been
 * faster. */
static int db_sqlite_step_run(sqlite3 *handle, const schema_part &part, const schema_file &s)
{
	int version = 0;
	int code = db_sqlite_version_read(handle, part, &version);

	if (code != SQLITE_OK || version >= s.version)
		return code;
	code = sqlite3_exec(handle, s.text.c_str(), nullptr, nullptr, nullptr);
	if (code != SQLITE_OK)
		return code;
	const std::string done = "INSERT INTO schema_version VALUES ('" + part.plugin + "', " +
	                         std::to_string(s.version) + ", datetime('now'))";
	return sqlite3_exec(handle, done.c_str(), nullptr, nullptr, nullptr);
}

/* Runs body in a transaction with the write lock. what is named if it fails. */
template <class Body> static int db_sqlite_migrate_locked(sqlite3 *handle, const char *what, cs_error *e, Body body)
{
	int code = sqlite3_exec(handle, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);

	if (code == SQLITE_OK)
		code = body();
	if (code == SQLITE_OK)
		code = sqlite3_exec(handle, "COMMIT", nullptr, nullptr, nullptr);
	if (code == SQLITE_OK)
		return 0;
	db_sqlite_migrate_fail(e, what, sqlite3_errmsg(handle));
	if (!sqlite3_get_autocommit(handle))
		sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
	return CS_EINVAL;
}

static int db_sqlite_part_migrate(sqlite3 *handle, const sqlite_conf *conf, const schema_part &part, const char *name,
                                  cs_error *e)
{
	int version = 0;

	if (db_sqlite_version_read(handle, part, &version) != SQLITE_OK)
		return db_sqlite_migrate_fail(e, conf->path, sqlite3_errmsg(handle));
	if (schema_compare(part, version, name, conf->schema, e))
		return CS_EINVAL;
	for (const schema_file &s : part.files)
		if (s.version > version && db_sqlite_migrate_locked(handle, s.path.c_str(), e, [&] {
			    return db_sqlite_step_run(handle, part, s);
		    }))
			return CS_EINVAL;
	return 0;
}

/* Pages that become free can then be given back in small steps. SQLite ignores it for a store with tables that has none
 * of it; where it has been set already, it would write the first page again. */
static void db_sqlite_shrink_in_steps(sqlite3 *handle)
{
	int mode = 0;

	if (db_sqlite_number(handle, "PRAGMA auto_vacuum", &mode) == SQLITE_OK && mode == 0)
		sqlite3_exec(handle, "PRAGMA auto_vacuum = INCREMENTAL", nullptr, nullptr, nullptr);
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

int sqlite_migrate(sqlite3 *handle, const sqlite_conf *conf, const char *const *plugins, const char *name, cs_error *e)
{
	std::vector<schema_part> parts;
	int columns = 0;

	if (schema_read_all(conf->schema, plugins, &parts, e))
		return CS_EINVAL;
	if (!sqlite_is_memory(conf))
		db_sqlite_shrink_in_steps(handle);
	if (!sqlite_is_memory(conf) && db_sqlite_use_wal(handle, conf, e))
		return CS_EINVAL;
	/* To sort a large table in memory would take all of it. */
	sqlite3_exec(handle, "PRAGMA temp_store = FILE", nullptr, nullptr, nullptr);
	if (db_sqlite_versions_look(handle, &columns) != SQLITE_OK)
		return db_sqlite_migrate_fail(e, conf->path, sqlite3_errmsg(handle));
	const std::string versions = std::string(conf->path) + ": cannot change the table schema_version";
	if (columns != 3 &&
	    db_sqlite_migrate_locked(handle, versions.c_str(), e, [&] { return db_sqlite_versions_make(handle); }))
		return CS_EINVAL;
	for (const schema_part &part : parts)
		if (db_sqlite_part_migrate(handle, conf, part, name, e))
			return CS_EINVAL;
	return 0;
}
