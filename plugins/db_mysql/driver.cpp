/* SPDX-License-Identifier: MIT
 * The driver table of db.h, and the state of a transaction. */
#include "db_mysql.h"

#include <cstdio>
#include <cstring>
#include <utility>

#include <poll.h>

#include "plugins/shared/schema.h"

static mydb *db_mysql_of(cs_db *db)
{
	return reinterpret_cast<mydb *>(db); /* base is the first member */
}

static const mydb_conf *db_mysql_conf_of(const void *conf)
{
	return static_cast<const mydb_conf *>(conf);
}

static void db_mysql_db_limits(const void *, unsigned *most_readers_r, unsigned *most_writers_r)
{
	*most_readers_r = 64;
	*most_writers_r = 64;
}

static int db_mysql_db_migrate(const void *conf, const char *const *plugins, cs_error *e)
{
	mydb_handle handle;

	mydb_library_enter();
	mydb_thread_enter();
	if (mydb_connect(db_mysql_conf_of(conf), MYDB_FOR_SCHEMA, &handle, e))
		return CS_EINVAL;
	return mydb_migrate(handle.get(), db_mysql_conf_of(conf), plugins, e);
}

static int db_mysql_db_open(const void *conf, cs_db **db_r, cs_error *e)
{
	auto db = std::make_unique<mydb>();

	mydb_thread_enter();
	const int result = mydb_connect(db_mysql_conf_of(conf), MYDB_FOR_WORK, &db->handle, e);
	if (result)
		return result;
	db->most_bytes = mydb_most_bytes(db->handle.get());
	db->base.driver = &mydb_driver;
	*db_r = &db.release()->base;
	return CS_DB_OK;
}

static void db_mysql_db_close(cs_db *db)
{
	mydb_thread_enter();
	const std::unique_ptr<mydb> owned(db_mysql_of(db));
}

/* 0 if the connection can run a statement, else the result for every call. */
static int db_mysql_refusal(const mydb *db)
{
	return db->dead ? static_cast<int>(CS_DB_UNKNOWN) : db->lost;
}

/* Runs a statement without parameters and rows; it is not worth preparing. */
static int db_mysql_run_text(mydb *db, const char *text)
{
	MYSQL *handle = db->handle.get();

	return mysql_real_query(handle, text, strlen(text)) ? mydb_fail(db, mysql_errno(handle), mysql_error(handle))
	                                                    : static_cast<int>(CS_DB_OK);
}

/* A deadlock ends the transaction on the server. Further statements would then run outside a transaction. So they get
 * the same result until the caller has rolled back; mydb_fail sets it. */
static int db_mysql_db_query(cs_db *base, const char *sql, const cs_db_value *parameters, size_t count,
                             cs_db_row_fn *row, void *arg)
{
	mydb *db = db_mysql_of(base);
	const int refused = db_mysql_refusal(db);

	mydb_thread_enter();
	return refused ? refused : mydb_run(db, sql, parameters, count, row, arg);
}

static int db_mysql_db_begin(cs_db *base)
{
	mydb *db = db_mysql_of(base);
	int result = db_mysql_refusal(db);

	mydb_thread_enter();
	if (result)
		return result;
	if (base->depth > 0)
		return mydb_fail_text(db, "a transaction is open");
	result = db_mysql_run_text(db, "START TRANSACTION");
	base->depth = !result;
	return result;
}

static void db_mysql_db_rollback(cs_db *base)
{
	mydb *db = db_mysql_of(base);

	mydb_thread_enter();
	base->depth = 0;
	db->lost = 0;
	if (!db->dead && db_mysql_run_text(db, "ROLLBACK"))
		db->dead = true;
}

/* If a COMMIT fails, and the error does not say that it was rolled back, it may have been done: for example when the
 * binary log could not be written. */
static int db_mysql_db_commit(cs_db *base)
{
	mydb *db = db_mysql_of(base);
	int result = db_mysql_refusal(db);

	mydb_thread_enter();
	if (base->depth != 1)
		return result ? result : mydb_fail_text(db, base->depth ? "a part is open" : "no transaction is open");
	if (!result) {
		result = db_mysql_run_text(db, "COMMIT");
		if (result && result != CS_DB_RETRY && result != CS_DB_FULL)
			result = CS_DB_UNKNOWN;
		if (result == CS_DB_UNKNOWN)
			db->dead = true;
	}
	if (result)
		db_mysql_db_rollback(base);
	base->depth = 0;
	return result;
}

/* The server forgets an older savepoint of the same name, so each depth has its own name. */
static int db_mysql_run_part(mydb *db, const char *command, unsigned depth)
{
	char text[48];
	const int refused = db_mysql_refusal(db);

	mydb_thread_enter();
	if (refused)
		return refused;
	if (db->base.depth == 0)
		return mydb_fail_text(db, "no transaction is open");
	snprintf(text, sizeof text, "%s part%u", command, depth);
	return db_mysql_run_text(db, text);
}

static int db_mysql_db_savepoint(cs_db *base)
{
	const int result = db_mysql_run_part(db_mysql_of(base), "SAVEPOINT", base->depth);

	base->depth += !result;
	return result;
}

static int db_mysql_db_release(cs_db *base)
{
	const int result = db_mysql_run_part(db_mysql_of(base), "RELEASE SAVEPOINT", base->depth - 1);

	base->depth -= !result;
	return result;
}

/* The savepoint itself stays. It ends with the next one of its depth, or with the transaction. */
static int db_mysql_db_rollback_to(cs_db *base)
{
	const int result = db_mysql_run_part(db_mysql_of(base), "ROLLBACK TO SAVEPOINT", base->depth - 1);

	base->depth -= !result;
	return result;
}

static int64_t db_mysql_db_last_id(cs_db *db)
{
	return db_mysql_of(db)->last_id;
}

static int64_t db_mysql_db_affected(cs_db *db)
{
	return db_mysql_of(db)->affected;
}

static const char *db_mysql_db_message(cs_db *db)
{
	return db_mysql_of(db)->message;
}

/* Between two statements the server sends nothing, so readable data means that it ended the connection. */
static int db_mysql_db_ended(cs_db *base)
{
	const mydb *db = db_mysql_of(base);
	pollfd end = {static_cast<int>(db->handle->net.fd), POLLIN, 0};

	return db->dead || poll(&end, 1, 0) == 1;
}

static int db_mysql_db_check(const void *conf, const char *const *plugins, const char **key_r, cs_error *e)
{
	*key_r = "schema";
	return schema_check(static_cast<const mydb_conf *>(conf)->schema, plugins, e);
}

static int db_mysql_db_schema_last(const void *conf, const char *plugin, int *version_r, cs_error *e)
{
	return schema_find_last(static_cast<const mydb_conf *>(conf)->schema, plugin, version_r, e);
}

/* outcome_can_be_unknown: the answer to a COMMIT can be lost on its way. */
const struct cs_db_driver mydb_driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_db_driver),
	.dialect = CS_DB_MYSQL,
	.outcome_can_be_unknown = 1,
	.limits = db_mysql_db_limits,
	.migrate = db_mysql_db_migrate,
	.open = db_mysql_db_open,
	.close = db_mysql_db_close,
	.begin = db_mysql_db_begin,
	.commit = db_mysql_db_commit,
	.rollback = db_mysql_db_rollback,
	.savepoint = db_mysql_db_savepoint,
	.release = db_mysql_db_release,
	.rollback_to = db_mysql_db_rollback_to,
	.query = db_mysql_db_query,
	.last_id = db_mysql_db_last_id,
	.affected = db_mysql_db_affected,
	.message = db_mysql_db_message,
	.ended = db_mysql_db_ended,
	.check = db_mysql_db_check,
	.schema_last = db_mysql_db_schema_last,
};
