/* SPDX-License-Identifier: MIT
 * Owns what the files of this adapter share: its options and one connection. It must not know a table but
 * schema_version. */
#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <sqlite3.h>

#include <chatserverd/db.h>

#include "plugins/shared/adapter.h"

/* Filled by the server from the section [db_sqlite]. */
struct sqlite_conf {
	const char *path;
	int synchronous; /* 0 full, 1 normal */
	int64_t busy_timeout; /* ms */
	const char *schema; /* folder of NNN.sql */
};

template <auto Function> struct sqlite_deleter {
	template <class T> void operator()(T *thing) const
	{
		(void)Function(thing);
	}
};
using sqlite_handle = std::unique_ptr<sqlite3, sqlite_deleter<sqlite3_close>>;
using sqlite_statement = std::unique_ptr<sqlite3_stmt, sqlite_deleter<sqlite3_finalize>>;

struct sqlite_db {
	cs_db base; /* first: the server holds a pointer to it */
	sqlite_handle handle;
	adapter_cache<sqlite_statement> cache; /* after handle: finalized before the handle is closed */
	int64_t affected = 0;
	bool begun = false; /* between begin and commit or rollback */
	int lost = 0; /* why the open transaction is gone, or cannot be ended; else 0 */
	char message[200] = "";
};

/* driver.cpp ------------------------------------------------------------------------------------------ */

extern const struct cs_db_driver sqlite_driver;

/* location.cpp ---------------------------------------------------------------------------------------- */

/* Whether the options ask for a database in memory. */
bool sqlite_is_memory(const sqlite_conf *conf);
/* Creates the folder of the database's file, and the file readable by its owner only. 0 or CS_EINVAL. */
[[nodiscard]] int sqlite_make_place(const sqlite_conf *conf, cs_error *e);
/* Opens the file, or the memory database that belongs to conf, with this adapter's settings. An SQLite
 * result code; its text is in e. */
[[nodiscard]] int sqlite_open_handle(const sqlite_conf *conf, sqlite_handle *handle_r, cs_error *e);

/* The path of the database without links. false: it cannot be found, errno says why. */
bool sqlite_resolve(const sqlite_conf *conf, std::string *path_r);
/* struct cs_plugin's check. */
[[nodiscard]] int sqlite_check(const void *conf, const char **key_r, cs_error *e);

/* lock.cpp -------------------------------------------------------------------------------------------- */

struct sqlite_lock;
/* Locks the database's file, which is there, against other servers, and takes it and SQLite's files beside it from
 * other users. No handle to it may be open yet. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int sqlite_lock_take(const sqlite_conf *conf, const cs_db_server *server, sqlite_lock **lock_r,
                                   cs_error *e);
/* All handles are closed. in_order: the next server need not hear of this one. */
void sqlite_lock_give(sqlite_lock *lock, bool in_order);

/* migrate.cpp ----------------------------------------------------------------------------------------- */

/* Runs what the folder has and the database has not. 0 or CS_EINVAL. */
[[nodiscard]] int sqlite_migrate(sqlite3 *handle, const sqlite_conf *conf, cs_error *e);

/* classify.cpp ---------------------------------------------------------------------------------------- */

/* The class of an extended result code; system_errno is what the system said, where it was asked. */
int sqlite_class(int code, int system_errno);
/* Keeps the text of the connection's last failure and answers its class. */
int sqlite_fail(sqlite_db *db, int code);
/* The same for a mistake of the caller's. Answers CS_DB_FAILED. */
int sqlite_fail_text(sqlite_db *db, const char *text);

/* statement.cpp --------------------------------------------------------------------------------------- */

/* struct cs_db_driver's query, whatever the state of the transaction. */
int sqlite_run(sqlite_db *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row,
               void *arg);

#endif
