/* SPDX-License-Identifier: MIT
 * Brings the schema up to date: the table schema_version, and only one process at a time.
 *
 * In MySQL a change of a table is not part of a transaction. So a file may run twice without harm, its version is
 * written after all of it was done, and a lock of the server keeps other nodes out meanwhile. The lock ends with the
 * connection. */
#include "db_mysql.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "plugins/shared/schema.h"

/* The lock has the database's name, because such locks belong to the whole server; a hash, because their names must be
 * short. */
static const char db_mysql_take_lock[] = "SELECT GET_LOCK(CONCAT('chatserverd.', SHA1(DATABASE())), 600)";
static const char db_mysql_give_lock[] = "SELECT RELEASE_LOCK(CONCAT('chatserverd.', SHA1(DATABASE())))";
static const char db_mysql_make_versions[] =
	"CREATE TABLE IF NOT EXISTS schema_version (plugin VARBINARY(64) NOT NULL, version INT NOT NULL,"
	" applied DATETIME NOT NULL, PRIMARY KEY (plugin, version)) ENGINE = InnoDB";
/* A store that was made before plugins had tables has no column plugin. */
static const char db_mysql_widen_versions[] =
	"ALTER TABLE schema_version ADD COLUMN plugin VARBINARY(64) NOT NULL DEFAULT '' FIRST,"
	" DROP PRIMARY KEY, ADD PRIMARY KEY (plugin, version)";

static int db_mysql_migrate_fail(MYSQL *handle, const char *what, cs_error *e)
{
	snprintf(e->text, sizeof(e->text), "%s: %s (%u)", what, mysql_error(handle), mysql_errno(handle));
	return CS_EINVAL;
}

/* Runs one statement or more and ignores their rows. 0, or -1 with the error at the handle. */
static int db_mysql_migrate_run(MYSQL *handle, const std::string &text)
{
	int more = mysql_real_query(handle, text.data(), text.size());

	while (more == 0) {
		const mydb_result rows(mysql_store_result(handle));

		if (!rows && mysql_errno(handle))
			return -1;
		more = mysql_next_result(handle);
	}
	return more > 0 ? -1 : 0;
}

/* Reads the only integer of a statement's result; NULL is 0. 0, or -1 with the error at the handle. */
static int db_mysql_number(MYSQL *handle, const char *text, int *number_r)
{
	if (mysql_query(handle, text))
		return -1;
	const mydb_result rows(mysql_store_result(handle));
	const MYSQL_ROW row = rows ? mysql_fetch_row(rows.get()) : nullptr;

	if (!row)
		return -1;
	*number_r = row[0] ? atoi(row[0]) : 0;
	return 0;
}

/* 0: there is no such table; 2: it has no column plugin; 3: the present one. */
static int db_mysql_versions_look(MYSQL *handle, int *columns_r)
{
	return db_mysql_number(handle,
	                       "SELECT COUNT(*) FROM information_schema.COLUMNS"
	                       " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'schema_version'",
	                       columns_r);
}

/* Runs with the lock. */
static int db_mysql_versions_make(MYSQL *handle)
{
	int columns = 0;

	if (db_mysql_versions_look(handle, &columns))
		return -1;
	return columns == 3 ? 0
	                    : db_mysql_migrate_run(handle, columns ? db_mysql_widen_versions : db_mysql_make_versions);
}

/* Reads the highest version that was run; 0: none. */
static int db_mysql_version_read(MYSQL *handle, const schema_part &part, int *version_r)
{
	const std::string text = "SELECT MAX(version) FROM schema_version WHERE plugin = '" + part.plugin + "'";

	return db_mysql_number(handle, text.c_str(), version_r);
}

static int db_mysql_file_run(MYSQL *handle, const schema_part &part, const schema_file &file, cs_error *e)
{
	if (db_mysql_migrate_run(handle, file.text))
		return db_mysql_migrate_fail(handle, file.path.c_str(), e);
	if (db_mysql_migrate_run(handle, "INSERT INTO schema_version VALUES ('" + part.plugin + "', " +
	                                         std::to_string(file.version) + ", UTC_TIMESTAMP())"))
		return db_mysql_migrate_fail(handle, "cannot write the schema's version", e);
	return 0;
}

/* Runs with the lock. It reads the version again, because another process may have been faster. */
static int db_mysql_part_run(MYSQL *handle, const mydb_conf *conf, const schema_part &part, cs_error *e)
{
	int version = 0;

	if (db_mysql_version_read(handle, part, &version))
		return db_mysql_migrate_fail(handle, "cannot read the schema's version", e);
	if (schema_compare(part, version, conf->database, conf->schema, e))
		return CS_EINVAL;
	for (const schema_file &file : part.files)
		if (file.version > version && db_mysql_file_run(handle, part, file, e))
			return CS_EINVAL;
	return 0;
}

static int db_mysql_run_locked(MYSQL *handle, const mydb_conf *conf, const std::vector<schema_part> &parts, cs_error *e)
{
	if (db_mysql_versions_make(handle))
		return db_mysql_migrate_fail(handle, "cannot change the table schema_version", e);
	for (const schema_part &part : parts)
		if (db_mysql_part_run(handle, conf, part, e))
			return CS_EINVAL;
	return 0;
}

/* Whether the database has just the files of the folder. 0, or -1 with the error at the handle. */
static int db_mysql_is_current(MYSQL *handle, const std::vector<schema_part> &parts, bool *current_r)
{
	int columns = 0, version = 0;

	if (db_mysql_versions_look(handle, &columns))
		return -1;
	*current_r = columns == 3;
	for (const schema_part &part : parts) {
		if (*current_r && db_mysql_version_read(handle, part, &version))
			return -1;
		*current_r = *current_r && version == part.last;
	}
	return 0;
}

int mydb_migrate(MYSQL *handle, const mydb_conf *conf, const char *const *plugins, cs_error *e)
{
	std::vector<schema_part> parts;
	bool current = false;
	int taken = 0;

	if (schema_read_all(conf->schema, plugins, &parts, e))
		return CS_EINVAL;
	if (db_mysql_is_current(handle, parts, &current))
		return db_mysql_migrate_fail(handle, "cannot read the schema's version", e);
	if (current)
		return 0;
	if (db_mysql_number(handle, db_mysql_take_lock, &taken))
		return db_mysql_migrate_fail(handle, "cannot keep other nodes from changing the schema", e);
	if (!taken) {
		snprintf(e->text, sizeof(e->text), "another node has been changing the schema of %s for 10 minutes",
		         conf->database);
		return CS_EINVAL;
	}
	const int result = db_mysql_run_locked(handle, conf, parts, e);
	(void)db_mysql_number(handle, db_mysql_give_lock, &taken);
	return result;
}
