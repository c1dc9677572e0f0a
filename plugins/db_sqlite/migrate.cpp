/* SPDX-License-Identifier: MIT
 * Owns bringing the schema up to date: NNN.sql files and the table schema_version. It must not know what the
 * files say. */
#include "db_sqlite.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <dirent.h>

using folder_ptr = std::unique_ptr<DIR, sqlite_deleter<closedir>>;
using file_ptr = std::unique_ptr<FILE, sqlite_deleter<fclose>>;

struct step {
	int version;
	std::string path;
};

static int fail(cs_error *e, const char *path, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path, why);
	return CS_EINVAL;
}

/* The number of a file called NNN.sql, or 0. */
static int step_version(std::string_view name)
{
	if (name.size() != 7 || name.substr(3) != ".sql")
		return 0;
	if (!std::all_of(name.begin(), name.begin() + 3, [](char c) { return c >= '0' && c <= '9'; }))
		return 0;
	return (name[0] - '0') * 100 + (name[1] - '0') * 10 + (name[2] - '0');
}

static int steps_list(const char *schema, std::vector<step> *steps_r, cs_error *e)
{
	const folder_ptr folder(opendir(schema));

	if (!folder)
		return fail(e, schema, strerror(errno));
	while (const dirent *entry = readdir(folder.get())) {
		const int version = step_version(entry->d_name);

		if (version > 0)
			steps_r->push_back({version, std::string(schema) + "/" + entry->d_name});
	}
	if (steps_r->empty())
		return fail(e, schema, "no schema file NNN.sql in this folder");
	std::sort(steps_r->begin(), steps_r->end(),
	          [](const step &a, const step &b) { return a.version < b.version; });
	return 0;
}

static int file_read(const std::string &path, std::string *text_r, cs_error *e)
{
	const file_ptr file(fopen(path.c_str(), "re"));
	char chunk[4096];

	if (!file)
		return fail(e, path.c_str(), strerror(errno));
	while (const size_t size = fread(chunk, 1, sizeof(chunk), file.get()))
		text_r->append(chunk, size);
	return ferror(file.get()) ? fail(e, path.c_str(), "cannot be read") : 0;
}

/* The one integer that a statement answers. */
static int number(sqlite3 *handle, const char *sql, int *number_r)
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

/* The highest version that was run, 0 for a new database. Takes no write lock. */
static int version_read(sqlite3 *handle, int *version_r)
{
	int tables = 0;
	const int code =
		number(handle, "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_version'", &tables);

	*version_r = 0;
	if (code != SQLITE_OK || tables == 0)
		return code;
	return number(handle, "SELECT coalesce(max(version), 0) FROM schema_version", version_r);
}

/* Inside a transaction that holds the write lock: another process may have been here first. */
static int step_run_locked(sqlite3 *handle, const step &s, const std::string &text)
{
	char done[160];
	int version = 0;
	int code = version_read(handle, &version);

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

static int step_run(sqlite3 *handle, const step &s, cs_error *e)
{
	std::string text;

	if (file_read(s.path, &text, e))
		return CS_EINVAL;
	int code = sqlite3_exec(handle, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
	if (code == SQLITE_OK)
		code = step_run_locked(handle, s, text);
	if (code == SQLITE_OK)
		code = sqlite3_exec(handle, "COMMIT", nullptr, nullptr, nullptr);
	if (code == SQLITE_OK)
		return 0;
	fail(e, s.path.c_str(), sqlite3_errmsg(handle));
	if (!sqlite3_get_autocommit(handle))
		sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
	return CS_EINVAL;
}

/* SQLite does not wait by itself when two processes change the mode of one file at once. */
static int use_wal(sqlite3 *handle, const sqlite_conf *conf, cs_error *e)
{
	const int pause = 20;
	int code = SQLITE_BUSY, is_wal = 0;

	for (int64_t waited = 0; code == SQLITE_BUSY && waited <= conf->busy_timeout; waited += pause) {
		code = sqlite3_exec(handle, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr) & 0xff;
		if (code == SQLITE_BUSY)
			sqlite3_sleep(pause);
	}
	if (code == SQLITE_OK)
		code = number(handle, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &is_wal);
	if (code != SQLITE_OK)
		return fail(e, conf->path, sqlite3_errmsg(handle));
	return is_wal ? 0
	              : fail(e, conf->path, "no write-ahead log is possible there; is it a network folder?");
}

int sqlite_migrate(sqlite3 *handle, const sqlite_conf *conf, cs_error *e)
{
	std::vector<step> steps;
	int version = 0;

	if (steps_list(conf->schema, &steps, e))
		return CS_EINVAL;
	if (!sqlite_is_memory(conf) && use_wal(handle, conf, e))
		return CS_EINVAL;
	if (version_read(handle, &version) != SQLITE_OK)
		return fail(e, conf->path, sqlite3_errmsg(handle));
	if (version > steps.back().version) {
		snprintf(e->text, sizeof(e->text),
		         "%s has schema version %d, but %s ends at %d: "
		         "it was written by a newer chatserverd",
		         conf->path, version, conf->schema, steps.back().version);
		return CS_EINVAL;
	}
	for (const step &s : steps)
		if (s.version > version && step_run(handle, s, e))
			return CS_EINVAL;
	return 0;
}
