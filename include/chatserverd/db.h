/* SPDX-License-Identifier: MIT
 * The contract between the store and a database adapter: one connection, its statements and its error classes.
 *
 * An adapter is a plugin that provides the service CS_DB_SERVICE, version CS_DB_VERSION; its table is a struct
 * cs_db_driver. One connection is used by one thread at a time; different threads may use different connections at the
 * same time.
 *
 * A plugin that is no adapter gets a connection in its functions for cs_host.work and cs_host.batch, and in `erase` of
 * cs_plugin, on a store thread, for the time of the call:
 *
 *   const struct cs_db_value values[] = {{CS_DB_INTEGER, 17, NULL, 0}, {CS_DB_TEXT, 0, text, size}};
 *   int result = db->driver->query(db, "INSERT INTO NAME_table (id, text) VALUES (?, ?)", values, 2, NULL, NULL);
 *
 * It calls query, last_id, affected, message, savepoint, release and rollback_to, and nothing else: the transaction is
 * the server's. It runs no statement that begins or ends a transaction, nor one that MySQL commits by itself (CREATE,
 * ALTER, DROP, TRUNCATE). A CS_WORK_READ has no transaction and may not call savepoint: each of its statements sees
 * what was committed before it.
 *
 * If a call returns CS_DB_RETRY, CS_DB_UNKNOWN or CS_DB_FULL, the function returns that at once, also within a part
 * that it began. With another result below 0 that it does not expect it first ends its parts, see savepoint, and
 * then returns the result. The function may run again from its beginning, also after it had returned 0, because
 * others share its transaction. It changes only the database and what arg points to. A second run must overwrite
 * what the first wrote there.
 *
 * A plugin may read all tables. It writes only into its own, whose names begin with its name and _, and which its files
 * NAME-NNN.sql make in the adapter's schema folder, see migrate. */
#ifndef CHATSERVERD_DB_H
#define CHATSERVERD_DB_H

#include <stddef.h>
#include <stdint.h>

#include <chatserverd/plugin.h>

#define CS_DB_SERVICE "db"
#define CS_DB_VERSION 1u

/* The result of a database call. 0 is done; the error classes say what the caller may do next. */
enum cs_db_result {
	CS_DB_OK = 0,
	CS_DB_RETRY = -101, /* deadlock, lock wait, busy: nothing was changed, run the transaction again */
	CS_DB_DUPLICATE = -102, /* a unique key is taken: nothing was changed by this statement */
	CS_DB_UNKNOWN = -103, /* connection lost or timed out: whether it was done is unknown */
	CS_DB_FULL = -104, /* disk full or read-only: nothing was changed; may work later */
	CS_DB_BAD_VALUE = -105, /* this value cannot be stored (too long, out of range) */
	CS_DB_FAILED = -106 /* anything else: broken file, missing table, a mistake of this program */
};

enum cs_db_type { CS_DB_NULL = 0, CS_DB_INTEGER = 1, CS_DB_TEXT = 2, CS_DB_BLOB = 3 };

/* One parameter or one column. bytes is not NUL-terminated. It belongs to the caller for a parameter; to the adapter
 * for a column, where it is valid until the row function returns. */
struct cs_db_value {
	enum cs_db_type type;
	int64_t integer;
	const char *bytes;
	size_t size;
};

/* Called once for each row. Return 0 to go on, anything else to stop reading (the query still returns OK). */
typedef int cs_db_row_fn(void *arg, const struct cs_db_value *columns, size_t count);

/* A connection. The adapter's own struct begins with this member. */
struct cs_db {
	const struct cs_db_driver *driver;
	/* Kept by the adapter: 0; 1 between begin and commit or rollback, also after the database has ended the
	 * transaction by itself; and 1 more for each open part. The server looks at it after each function of a plugin:
	 * one that left it changed is refused and logged. */
	unsigned depth;
};

/* The server, as far as an adapter may know it. */
struct cs_db_server {
	const char *name; /* for people: pid=1234 node=name conf=/path, shorter than 512 bytes */
	void (*log)(enum cs_log_level level, const char *format, ...) CS_PRINTF(2, 3); /* as cs_host.log; any thread */
};

/* A copy of the database that is being made. */
struct cs_db_backup;

enum cs_db_dialect { CS_DB_SQLITE = 1, CS_DB_MYSQL = 2 };

struct cs_db_driver {
	uint32_t abi; /* CS_ABI */
	uint32_t size; /* sizeof(struct cs_db_driver) */
	enum cs_db_dialect dialect; /* which SQL the model writes */
	int outcome_can_be_unknown; /* 1: a commit can return CS_DB_UNKNOWN although it was done */

	/* How many connections it can use. most_readers 0: reads must run on a writer. conf is the adapter's own option
	 * struct. Main thread. */
	void (*limits)(const void *conf, unsigned *most_readers_r, unsigned *most_writers_r);

	/* Brings the schema up to date from the folder that the adapter's options name, once, before any other
	 * connection is opened: runs the files NNN.sql, and then PLUGIN-NNN.sql of each plugin of the list, which
	 * ends with NULL (NULL: no plugin). Fails if a file of a plugin visibly changes tables that do not begin
	 * with PLUGIN_, which finds mistakes and not malice, and if the database has a version above the last
	 * file's. Several processes may do so at the same time. 0, or CS_EINVAL with the text in e. Main thread; may
	 * block. */
	int (*migrate)(const void *conf, const char *const *plugins, struct cs_error *e);

	/* Opens a connection, which the caller owns until close. CS_DB_OK, or a class with the text in e. Store
	 * threads; may block up to the adapter's connect timeout. */
	int (*open)(const void *conf, struct cs_db **db_r, struct cs_error *e);
	void (*close)(struct cs_db *db);

	/* begin takes the write lock at once if the database has one. commit fails and changes nothing while a part is
	 * open. Another commit that does not return OK has rolled back, or returns CS_DB_UNKNOWN. rollback has no
	 * result: if a connection cannot roll back, its next call returns CS_DB_UNKNOWN. */
	int (*begin)(struct cs_db *db);
	int (*commit)(struct cs_db *db);
	void (*rollback)(struct cs_db *db);

	/* A part of the open transaction that can be undone alone. Parts may be nested. Each is ended by release,
	 * which keeps it, or by rollback_to, which undoes it. If one of these does not return OK, the transaction
	 * must be rolled back; they also fail if the database itself has ended the transaction. A function of
	 * cs_host.work or cs_host.batch ends all parts that it began before it returns, also if it fails, unless it
	 * returns CS_DB_RETRY, CS_DB_UNKNOWN or CS_DB_FULL. */
	int (*savepoint)(struct cs_db *db);
	int (*release)(struct cs_db *db);
	int (*rollback_to)(struct cs_db *db);

	/* Runs one statement with ? parameters. The prepared statement is cached by its text, so there should be few
	 * texts. row may be NULL. Outside begin/commit a statement is a transaction of its own. */
	int (*query)(struct cs_db *db, const char *sql, const struct cs_db_value *parameters, size_t count,
	             cs_db_row_fn *row, void *arg);

	int64_t (*last_id)(struct cs_db *db); /* the id that the last INSERT on this connection made */
	/* rows changed by the last statement; MySQL does not count one that had the values before */
	int64_t (*affected)(struct cs_db *db);
	const char *(*message)(struct cs_db *db); /* text of the last error, for the log; never a value */

	/* 1: the database has ended this connection while nothing was under way on it, as many do with an unused
	 * connection. Nothing was lost; it is closed and another is opened. 0 else. Called before a transaction or a
	 * read; must not wait. NULL: 0. */
	int (*ended)(struct cs_db *db);

	/* For a database that only one server at a time may use: takes the database, before any function but limits is
	 * called, and until unlock. The lock ends with the process, however that ends. 0 with *lock_r for unlock; or
	 * CS_EINVAL with the text in e, which names the server that has the database. server is valid until unlock.
	 * Logs if the last server was not stopped in order. NULL: several servers may share it. Main thread; may
	 * block. */
	int (*lock)(const void *conf, const struct cs_db_server *server, void **lock_r, struct cs_error *e);
	/* Called when every connection is closed. in_order 0: writes were cut off, which the next lock logs. NULL if
	 * lock is NULL. Main thread. */
	void (*unlock)(void *lock, int in_order);

	/* Checks what migrate would read before it looks at the database: the files of the folder. For `chatserverd -t`
	 * and before a start; contract as cs_plugin.check. NULL: nothing to check. */
	int (*check)(const void *conf, const char *const *plugins, const char **key_r, struct cs_error *e);

	/* ---- Members below are not in the table of each adapter: ask with CS_DB_HAS. */

	/* The number of the last schema file of the plugin ("": of the server) that migrate would read; 0: there is
	 * none. It looks into the folder only: a plugin that comes with other files than those of the start is not
	 * loaded while the server runs. 0, or CS_EINVAL with the text in e. NULL: nothing is looked at. Main thread. */
	int (*schema_last)(const void *conf, const char *plugin, int *version_r, struct cs_error *e);

	/* Begins a copy of the whole database, as it is now, into the file: an absolute path, where nothing may be. The
	 * copy is written to path.tmp, with mode 0600. db only says which database; it is not used any more. 0 with
	 * *backup_r for backup_end, or an enum cs_db_result with the text in e, which names the file. Others go on to
	 * write; what they write is not in the copy. Store threads. */
	int (*backup_begin)(struct cs_db *db, const char *path, struct cs_db_backup **backup_r, struct cs_error *e);
	/* Copies up to so many bytes, and may block until they are on the disk. *left_r and *size_r: what is to be
	 * copied and what the copy will have, in bytes. 0; when *left_r is 0, the copy is on the disk and stands under
	 * its name. Else an enum cs_db_result with the text in e: then only backup_end may be called. Store threads,
	 * one at a time. */
	int (*backup_step)(struct cs_db_backup *backup, size_t most, uint64_t *left_r, uint64_t *size_r,
	                   struct cs_error *e);
	/* Ends it, and removes path.tmp. Before the connections of the store are closed; any thread. */
	void (*backup_end)(struct cs_db_backup *backup);

	/* Puts the copy in the file in the place of the database, which no server uses: checks the copy, gives the
	 * store another id, and keeps what was there as FILE.before. 0, or CS_EINVAL with the text in e; then the
	 * database is as it was. A crash leaves the one or the other. Main thread; blocks. */
	int (*restore)(const void *conf, const char *const *plugins, const char *file,
	               const struct cs_db_server *server, struct cs_error *e);
};

#define CS_DB_HAS(driver, member)                                                                                      \
	((driver)->size >= offsetof(struct cs_db_driver, member) + sizeof((driver)->member) && (driver)->member)

#endif
