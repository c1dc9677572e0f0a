/* SPDX-License-Identifier: MIT
 * The driver table of db.h, and the state of a transaction. */
#include "db_sqlite.h"

#include <utility>

#include "plugins/shared/schema.h"

static sqlite_db *db_sqlite_of(cs_db *db)
{
	return reinterpret_cast<sqlite_db *>(db); /* base is the first member */
}

static const sqlite_conf *db_sqlite_conf_of(const void *conf)
{
	return static_cast<const sqlite_conf *>(conf);
}

/* A memory database has one connection: readers would only wait for the writer. */
static void db_sqlite_db_limits(const void *conf, unsigned *most_readers_r, unsigned *most_writers_r)
{
	*most_readers_r = sqlite_is_memory(db_sqlite_conf_of(conf)) ? 0 : 16;
	*most_writers_r = 1;
}

static int db_sqlite_db_lock(const void *conf, const cs_db_server *server, void **lock_r, cs_error *e)
{
	sqlite_lock *lock = nullptr;

	if (!sqlite_is_memory(db_sqlite_conf_of(conf)) && sqlite_make_folder(db_sqlite_conf_of(conf), e))
		return CS_EINVAL;
	if (sqlite_lock_take(db_sqlite_conf_of(conf), server, &lock, e))
		return CS_EINVAL;
	*lock_r = lock;
	return 0;
}

static void db_sqlite_db_unlock(void *lock, int in_order)
{
	sqlite_lock_give(static_cast<sqlite_lock *>(lock), in_order != 0);
}

static int db_sqlite_db_migrate(const void *conf, const char *const *plugins, cs_error *e)
{
	sqlite_handle handle;

	if (!sqlite_is_memory(db_sqlite_conf_of(conf)) && sqlite_make_folder(db_sqlite_conf_of(conf), e))
		return CS_EINVAL;
	if (sqlite_open_handle(db_sqlite_conf_of(conf), &handle, e) != SQLITE_OK)
		return CS_EINVAL;
	sqlite_widen_cache(handle.get());
	return sqlite_migrate(handle.get(), db_sqlite_conf_of(conf), plugins, db_sqlite_conf_of(conf)->path, e);
}

static int db_sqlite_db_open(const void *conf, cs_db **db_r, cs_error *e)
{
	auto db = std::make_unique<sqlite_db>();
	const int code = sqlite_open_handle(db_sqlite_conf_of(conf), &db->handle, e);

	if (code != SQLITE_OK)
		return sqlite_class(code, 0);
	db->base.driver = &sqlite_driver;
	db->conf = db_sqlite_conf_of(conf);
	*db_r = &db.release()->base;
	return CS_DB_OK;
}

static void db_sqlite_db_close(cs_db *db)
{
	const std::unique_ptr<sqlite_db> owned(db_sqlite_of(db));
}

/* If the disk is full, SQLite ends the transaction by itself. Further statements would then run outside a transaction.
 * So they get the same result until the caller has rolled back. */
static int db_sqlite_note_lost(sqlite_db *db, int result)
{
	if (result && db->base.depth > 0 && sqlite3_get_autocommit(db->handle.get()))
		db->lost = result;
	return result;
}

static int db_sqlite_db_query(cs_db *base, const char *sql, const cs_db_value *parameters, size_t count,
                              cs_db_row_fn *row, void *arg)
{
	sqlite_db *db = db_sqlite_of(base);

	if (db->lost)
		return db->lost;
	return db_sqlite_note_lost(db, sqlite_run(db, sql, parameters, count, row, arg));
}

static int db_sqlite_db_begin(cs_db *base)
{
	sqlite_db *db = db_sqlite_of(base);

	if (db->lost)
		return db->lost;
	if (db->base.depth > 0)
		return sqlite_fail_text(db, "a transaction is open");
	if (!db->writes) {
		sqlite_widen_cache(db->handle.get());
		/* No page goes to the log before the commit. Else SQLite 3.40.1 may write wrong checksums after
		 * ROLLBACK TO (iReCksum in wal.c): a crash then loses this commit and all later ones. */
		db->writes = sqlite3_exec(db->handle.get(), "PRAGMA cache_spill = OFF", nullptr, nullptr, nullptr) ==
		             SQLITE_OK;
	}
	const int result = sqlite_run(db, "BEGIN IMMEDIATE", nullptr, 0, nullptr, nullptr);
	db->base.depth = !result;
	return result;
}

static void db_sqlite_db_rollback(cs_db *base)
{
	sqlite_db *db = db_sqlite_of(base);

	db->base.depth = 0;
	db->lost = 0;
	if (sqlite3_get_autocommit(db->handle.get()))
		return;
	sqlite3_exec(db->handle.get(), "ROLLBACK", nullptr, nullptr, nullptr);
	if (!sqlite3_get_autocommit(db->handle.get()))
		db->lost = CS_DB_UNKNOWN;
}

static int db_sqlite_db_commit(cs_db *base)
{
	sqlite_db *db = db_sqlite_of(base);
	int result = db->lost;

	if (base->depth != 1)
		return result ? result
		              : sqlite_fail_text(db, base->depth ? "a part is open" : "no transaction is open");
	if (!result)
		result = sqlite_run(db, "COMMIT", nullptr, 0, nullptr, nullptr);
	if (result)
		db_sqlite_db_rollback(base);
	db->base.depth = 0;
	return result;
}

static int db_sqlite_db_run_part(sqlite_db *db, const char *sql)
{
	if (db->lost)
		return db->lost;
	if (db->base.depth == 0)
		return sqlite_fail_text(db, "no transaction is open");
	return db_sqlite_note_lost(db, sqlite_run(db, sql, nullptr, 0, nullptr, nullptr));
}

/* All savepoints may have one name: SQLite uses the innermost one. */
static int db_sqlite_db_savepoint(cs_db *base)
{
	const int result = db_sqlite_db_run_part(db_sqlite_of(base), "SAVEPOINT part");

	base->depth += !result;
	return result;
}

static int db_sqlite_db_release(cs_db *base)
{
	const int result = db_sqlite_db_run_part(db_sqlite_of(base), "RELEASE part");

	base->depth -= !result;
	return result;
}

static int db_sqlite_db_rollback_to(cs_db *base)
{
	const int result = db_sqlite_db_run_part(db_sqlite_of(base), "ROLLBACK TO part");

	return result ? result : db_sqlite_db_release(base);
}

static int64_t db_sqlite_db_last_id(cs_db *db)
{
	return sqlite3_last_insert_rowid(db_sqlite_of(db)->handle.get());
}

static int64_t db_sqlite_db_affected(cs_db *db)
{
	return db_sqlite_of(db)->affected;
}

static const char *db_sqlite_db_message(cs_db *db)
{
	return db_sqlite_of(db)->message;
}

static int db_sqlite_db_check(const void *conf, const char *const *plugins, const char **key_r, cs_error *e)
{
	*key_r = "schema";
	return schema_check(static_cast<const sqlite_conf *>(conf)->schema, plugins, e);
}

static int db_sqlite_db_schema_last(const void *conf, const char *plugin, int *version_r, cs_error *e)
{
	return schema_find_last(static_cast<const sqlite_conf *>(conf)->schema, plugin, version_r, e);
}

/* outcome_can_be_unknown 0: COMMIT runs in this process, so its result is always known. */
const struct cs_db_driver sqlite_driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_db_driver),
	.dialect = CS_DB_SQLITE,
	.outcome_can_be_unknown = 0,
	.limits = db_sqlite_db_limits,
	.migrate = db_sqlite_db_migrate,
	.open = db_sqlite_db_open,
	.close = db_sqlite_db_close,
	.begin = db_sqlite_db_begin,
	.commit = db_sqlite_db_commit,
	.rollback = db_sqlite_db_rollback,
	.savepoint = db_sqlite_db_savepoint,
	.release = db_sqlite_db_release,
	.rollback_to = db_sqlite_db_rollback_to,
	.query = db_sqlite_db_query,
	.last_id = db_sqlite_db_last_id,
	.affected = db_sqlite_db_affected,
	.message = db_sqlite_db_message,
	.lock = db_sqlite_db_lock,
	.unlock = db_sqlite_db_unlock,
	.check = db_sqlite_db_check,
	.schema_last = db_sqlite_db_schema_last,
	.backup_begin = sqlite_backup_begin,
	.backup_step = sqlite_backup_step,
	.backup_end = sqlite_backup_end,
	.restore = sqlite_restore,
};
