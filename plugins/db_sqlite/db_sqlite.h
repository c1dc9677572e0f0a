/* SPDX-License-Identifier: MIT
 * The options and the connection of this adapter, for its own files. */
#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <sqlite3.h>
#include <unistd.h>

#include <chatserverd/db.h>

#include "plugins/shared/adapter.h"

/* Filled by the server from the section [db_sqlite]. */
struct sqlite_conf {
	const char *path;
	int synchronous; /* 0 full, 1 normal */
	int64_t busy_timeout; /* ms */
	const char *schema; /* folder of NNN.sql and PLUGIN-NNN.sql */
};

template <auto Function> struct sqlite_deleter {
	template <class T> void operator()(T *thing) const
	{
		(void)Function(thing);
	}
};
using sqlite_handle = std::unique_ptr<sqlite3, sqlite_deleter<sqlite3_close>>;
using sqlite_statement = std::unique_ptr<sqlite3_stmt, sqlite_deleter<sqlite3_finalize>>;

/* A file that is closed with this; -1: none. */
struct sqlite_fd {
	int fd = -1;

	~sqlite_fd()
	{
		if (fd != -1)
			close(fd);
	}
};

struct sqlite_db {
	cs_db base; /* first: the server holds a pointer to it */
	const sqlite_conf *conf = nullptr;
	sqlite_handle handle;
	adapter_cache<sqlite_statement> cache; /* declared after handle, so it is finalized first */
	int64_t affected = 0;
	int lost = 0; /* the transaction is gone or cannot end: the result of all its calls; or 0 */
	bool writes = false; /* it has begun a transaction */
	char message[200] = "";
};

/* driver.cpp ------------------------------------------------------------------------------------------ */

extern const struct cs_db_driver sqlite_driver;

/* location.cpp ---------------------------------------------------------------------------------------- */

/* Whether the options ask for a database in memory. */
bool sqlite_is_memory(const sqlite_conf *conf);
/* Creates the folder of the database, and its file, readable only by its owner. 0 or CS_EINVAL. */
[[nodiscard]] int sqlite_make_folder(const sqlite_conf *conf, cs_error *e);
/* Opens the file, or the memory database of conf, with the settings of this adapter. A result code of SQLite; its text
 * is in e. */
[[nodiscard]] int sqlite_open_handle(const sqlite_conf *conf, sqlite_handle *handle_r, cs_error *e);

/* Gives the handle the memory of a writer. A reader gets little: each commit of the writer empties its cache. */
void sqlite_widen_cache(sqlite3 *handle);
/* The path of the database with all links resolved. 0, or CS_EINVAL with the text in e: it cannot be found. Or this is
 * root, and the path is a link to a file of another user than the folder of the link: who owns the folder could make
 * root change any file so. */
[[nodiscard]] int sqlite_find(const sqlite_conf *conf, std::string *path_r, cs_error *e);
/* check of struct cs_plugin. */
[[nodiscard]] int sqlite_check(const void *conf, const char **key_r, cs_error *e);

/* lock.cpp -------------------------------------------------------------------------------------------- */

struct sqlite_lock;
/* Locks the file of the database, which exists, against other servers. Removes the rights of other users on it and on
 * the files of SQLite beside it. No handle to it may be open yet. A database in memory begins here and ends with the
 * lock. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int sqlite_lock_take(const sqlite_conf *conf, const cs_db_server *server, sqlite_lock **lock_r,
                                   cs_error *e);
/* Unlocks; all handles must be closed. in_order: the server ended normally, so the next one does not report it. */
void sqlite_lock_give(sqlite_lock *lock, bool in_order);
/* The same for who has changed nothing: the next server reports what was reported when the lock was taken. */
void sqlite_lock_give_back(sqlite_lock *lock, const cs_db_server *server);

/* checkpoint.cpp -------------------------------------------------------------------------------------- */

struct sqlite_checkpoint;
/* Begins a thread that copies the write-ahead log of a file into the database. database_fd belongs to the caller and
 * stays open until the end, as conf and server do. */
sqlite_checkpoint *sqlite_checkpoint_begin(const sqlite_conf *conf, const cs_db_server *server, int database_fd);
/* Waits for the copy that is under way. All other handles must be closed. */
void sqlite_checkpoint_end(sqlite_checkpoint *checkpoint);
/* The commits of this handle begin copies. Otherwise SQLite copies the log itself, within a commit. */
void sqlite_checkpoint_watch(sqlite_checkpoint *checkpoint, sqlite3 *handle);

/* files.cpp ------------------------------------------------------------------------------------------- */

struct sqlite_files;
/* Makes the way to the files of a locked store; sqlite_open_handle finds it by conf. */
sqlite_files *sqlite_files_begin(const sqlite_conf *conf, sqlite_checkpoint *checkpoint);
/* All handles must be closed. */
void sqlite_files_end(sqlite_files *files);
/* The name of the VFS of a locked store, and its checkpoint; null and null if the store is not locked or in memory. */
const char *sqlite_files_find(const sqlite_conf *conf, sqlite_checkpoint **checkpoint_r);

/* migrate.cpp ----------------------------------------------------------------------------------------- */

/* Runs the files of the server and of the plugins that the folder has and the database has not. name: of the database,
 * for the error that it is newer than these. 0 or CS_EINVAL. */
[[nodiscard]] int sqlite_migrate(sqlite3 *handle, const sqlite_conf *conf, const char *const *plugins, const char *name,
                                 cs_error *e);

/* backup.cpp ------------------------------------------------------------------------------------------ */

/* backup_begin, backup_step and backup_end of struct cs_db_driver. */
[[nodiscard]] int sqlite_backup_begin(cs_db *db, const char *path, cs_db_backup **backup_r, cs_error *e);
[[nodiscard]] int sqlite_backup_step(cs_db_backup *backup, size_t most, uint64_t *left_r, uint64_t *size_r,
                                     cs_error *e);
void sqlite_backup_end(cs_db_backup *backup);
/* Brings the names in the folder of the path to the disk. 0, or an enum cs_db_result with the text in e. */
[[nodiscard]] int sqlite_sync_folder(const std::string &path, cs_error *e);

/* restore.cpp ----------------------------------------------------------------------------------------- */

/* restore of struct cs_db_driver. */
[[nodiscard]] int sqlite_restore(const void *conf, const char *const *plugins, const char *file,
                                 const cs_db_server *server, cs_error *e);
/* If a restore was broken off, takes it back: removes the second name of the store at the path, CHAT.DB.before, and
 * brings its log back. The store is locked. -1: it has no such name, or that failed. */
int sqlite_restore_undo(const std::string &path);

/* classify.cpp ---------------------------------------------------------------------------------------- */

/* The class of an extended result code. system_errno: the errno of the system call, if SQLite has one. */
int sqlite_class(int code, int system_errno);
/* Keeps the text of the last failure of the connection and answers its class. */
int sqlite_fail(sqlite_db *db, int code);
/* The same for a mistake of the caller. Answers CS_DB_FAILED. */
int sqlite_fail_text(sqlite_db *db, const char *text);

/* statement.cpp --------------------------------------------------------------------------------------- */

/* query of struct cs_db_driver, without a look at the state of the transaction. */
int sqlite_run(sqlite_db *db, const char *sql, const cs_db_value *parameters, size_t count, cs_db_row_fn *row,
               void *arg);

#endif
