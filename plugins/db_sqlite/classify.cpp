/* SPDX-License-Identifier: MIT
 * Translates SQLite's result codes to the classes of db.h. */
#include "db_sqlite.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

static int db_sqlite_constraint_class(int code)
{
	switch (code) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID: return CS_DB_DUPLICATE;
	case SQLITE_CONSTRAINT_NOTNULL:
	case SQLITE_CONSTRAINT_CHECK:
	case SQLITE_CONSTRAINT_DATATYPE: return CS_DB_BAD_VALUE;
	default: return CS_DB_FAILED;
	}
}

/* A problem with the disk that an operator can solve while the server runs. SQLite has rolled back by itself, and next
 * time it writes the same frames of the log again, so nothing half-written stays. */
static bool db_sqlite_is_write_trouble(int code, int system_errno)
{
	switch (code) {
	case SQLITE_IOERR_WRITE:
	case SQLITE_IOERR_FSYNC:
	case SQLITE_IOERR_DIR_FSYNC:
	case SQLITE_IOERR_TRUNCATE:
	case SQLITE_IOERR_SHMOPEN:
	case SQLITE_IOERR_SHMSIZE:
	case SQLITE_IOERR_SHMMAP: return true;
	default: return system_errno == ENOSPC || system_errno == EDQUOT || system_errno == EROFS;
	}
}

int sqlite_class(int code, int system_errno)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return CS_DB_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_ABORT:
	case SQLITE_INTERRUPT:
	case SQLITE_SCHEMA: return CS_DB_RETRY;
	case SQLITE_CONSTRAINT: return db_sqlite_constraint_class(code);
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH: return CS_DB_BAD_VALUE;
	case SQLITE_FULL: return CS_DB_FULL;
	case SQLITE_READONLY:
		/* The file was moved away while it was open: more disk space does not help. */
		return code == SQLITE_READONLY_DBMOVED ? CS_DB_FAILED : CS_DB_FULL;
	case SQLITE_CANTOPEN: /* no free descriptor, or a folder in which no log can be made */ return CS_DB_FULL;
	case SQLITE_IOERR: return db_sqlite_is_write_trouble(code, system_errno) ? CS_DB_FULL : CS_DB_FAILED;
	default: return CS_DB_FAILED;
	}
}

int sqlite_fail(sqlite_db *db, int code)
{
	const int system_errno = (code & 0xff) == SQLITE_IOERR ? sqlite3_system_errno(db->handle.get()) : 0;

	snprintf(db->message, sizeof(db->message), "%s (%d)%s%s", sqlite3_errmsg(db->handle.get()), code,
	         system_errno ? ": " : "", system_errno ? strerror(system_errno) : "");
	return sqlite_class(code, system_errno);
}

int sqlite_fail_text(sqlite_db *db, const char *text)
{
	snprintf(db->message, sizeof(db->message), "%s", text);
	return CS_DB_FAILED;
}
