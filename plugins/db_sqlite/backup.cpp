/* SPDX-License-Identifier: MIT
 * Copies the database into a file while the server writes.
 *
 * A connection of its own keeps the state of the moment when the copy began. So writers do not make it begin again, and
 * wait for nothing; but meanwhile the write-ahead log cannot begin again. The copy is made under another name and gets
 * its own when all of it is on the disk. */
#include "db_sqlite.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* So much is copied, then it is brought to the disk: the writer of the store syncs the same disk, and would wait for
 * all that the kernel has kept. */
static constexpr size_t db_sqlite_backup_sync = 1024 * 1024;

using sqlite_backup_handle = std::unique_ptr<sqlite3_backup, sqlite_deleter<sqlite3_backup_finish>>;

struct cs_db_backup {
	std::string path, temporary;
	sqlite_fd fd; /* of the temporary file, locked against another copy */
	bool is_made = false; /* the temporary file is this copy's */
	sqlite_handle from, to;
	sqlite_backup_handle backup; /* declared after its handles, so it is finished first */
	uint64_t page_size = 0;
	size_t unsynced = 0; /* bytes */
};

static int db_sqlite_backup_fail(cs_error *e, const std::string &path, const char *why, int result)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path.c_str(), why);
	return result;
}

static int db_sqlite_backup_fail_errno(cs_error *e, const std::string &path)
{
	const int error = errno;

	return db_sqlite_backup_fail(e, path, strerror(error),
	                             error == ENOSPC || error == EDQUOT || error == EROFS ? CS_DB_FULL : CS_DB_FAILED);
}

static int db_sqlite_backup_fail_code(cs_error *e, const std::string &path, sqlite3 *handle, int code)
{
	const int system_errno = handle ? sqlite3_system_errno(handle) : 0;

	return db_sqlite_backup_fail(e, path, system_errno ? strerror(system_errno) : sqlite3_errstr(code),
	                             sqlite_class(code, system_errno));
}

static bool db_sqlite_backup_is_there(const std::string &path)
{
	struct stat info = {};

	return lstat(path.c_str(), &info) == 0;
}

/* What a copy left that was killed is used again; the lock ends with its process. */
static int db_sqlite_backup_make_file(cs_db_backup *b, cs_error *e)
{
	struct stat info = {};

	if (db_sqlite_backup_is_there(b->path))
		return db_sqlite_backup_fail(e, b->path, "is there already", CS_DB_BAD_VALUE);
	b->fd.fd = open(b->temporary.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (b->fd.fd == -1)
		return db_sqlite_backup_fail_errno(e, b->temporary);
	if (fstat(b->fd.fd, &info) == -1 || !S_ISREG(info.st_mode) || info.st_nlink != 1)
		return db_sqlite_backup_fail(e, b->temporary, "is not a file", CS_DB_BAD_VALUE);
	/* Whoever owns it could read the copy. */
	if (info.st_uid != geteuid())
		return db_sqlite_backup_fail(e, b->temporary, "belongs to somebody else", CS_DB_BAD_VALUE);
	if (flock(b->fd.fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK)
			return db_sqlite_backup_fail_errno(e, b->temporary);
		return db_sqlite_backup_fail(e, b->temporary, "another backup is being made there", CS_DB_BAD_VALUE);
	}
	b->is_made = true;
	if (fchmod(b->fd.fd, 0600) == -1 || ftruncate(b->fd.fd, 0) == -1)
		return db_sqlite_backup_fail_errno(e, b->temporary);
	return 0;
}

static int db_sqlite_backup_number_take(void *arg, int, char **texts, char **)
{
	*static_cast<uint64_t *>(arg) = texts[0] ? strtoull(texts[0], nullptr, 10) : 0;
	return 0;
}

/* From the read on the connection keeps this state. */
static int db_sqlite_backup_keep_state(cs_db_backup *b, const sqlite_conf *conf, cs_error *e)
{
	uint64_t tables = 0;

	if (sqlite_open_handle(conf, &b->from, e) != SQLITE_OK)
		return CS_DB_FAILED;
	int code =
		sqlite3_exec(b->from.get(), "PRAGMA page_size", db_sqlite_backup_number_take, &b->page_size, nullptr);
	if (code == SQLITE_OK)
		code = sqlite3_exec(b->from.get(),
		                    "PRAGMA cache_size = -2048; BEGIN; SELECT COUNT(*) FROM sqlite_master",
		                    db_sqlite_backup_number_take, &tables, nullptr);
	return code == SQLITE_OK ? 0 : db_sqlite_backup_fail_code(e, conf->path, b->from.get(), code);
}

/* Without a journal and without syncs of SQLite's own: a copy that is broken off is thrown away. */
static int db_sqlite_backup_open(cs_db_backup *b, cs_error *e)
{
	sqlite3 *raw = nullptr;
	int code = sqlite3_open_v2(b->temporary.c_str(), &raw,
	                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, "unix");

	b->to.reset(raw);
	if (code == SQLITE_OK)
		code = sqlite3_exec(raw,
		                    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -2048",
		                    nullptr, nullptr, nullptr);
	if (code == SQLITE_OK) {
		b->backup.reset(sqlite3_backup_init(raw, "main", b->from.get(), "main"));
		code = b->backup ? SQLITE_OK : sqlite3_extended_errcode(raw);
	}
	return code == SQLITE_OK ? 0 : db_sqlite_backup_fail_code(e, b->temporary, raw, code);
}

int sqlite_backup_begin(cs_db *db, const char *path, cs_db_backup **backup_r, cs_error *e)
{
	const sqlite_conf *conf = reinterpret_cast<sqlite_db *>(db)->conf; /* base is the first member */
	std::unique_ptr<cs_db_backup, sqlite_deleter<sqlite_backup_end>> b(new cs_db_backup);
	int result;

	if (sqlite_is_memory(conf))
		return db_sqlite_backup_fail(e, ":memory:", "a store in memory has no backup", CS_DB_BAD_VALUE);
	b->path = path;
	b->temporary = b->path + ".tmp";
	result = db_sqlite_backup_make_file(b.get(), e);
	if (!result)
		result = db_sqlite_backup_keep_state(b.get(), conf, e);
	if (!result)
		result = db_sqlite_backup_open(b.get(), e);
	if (!result)
		*backup_r = b.release();
	return result;
}

/* The name that appears stays after a power cut. */
int sqlite_sync_folder(const std::string &path, cs_error *e)
{
	const size_t slash = path.rfind('/');
	const std::string folder = slash == 0 ? "/" : path.substr(0, slash);
	const sqlite_fd fd = {open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};

	return fd.fd == -1 || fsync(fd.fd) == -1 ? db_sqlite_backup_fail_errno(e, folder) : 0;
}

/* Some file systems cannot refuse a name that is there. */
static int db_sqlite_backup_rename(const cs_db_backup *b)
{
	if (renameat2(AT_FDCWD, b->temporary.c_str(), AT_FDCWD, b->path.c_str(), RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL || db_sqlite_backup_is_there(b->path))
		return -1;
	return rename(b->temporary.c_str(), b->path.c_str());
}

/* All pages are copied. */
static int db_sqlite_backup_complete(cs_db_backup *b, cs_error *e)
{
	b->backup.reset();
	b->to.reset();
	b->from.reset();
	if (fsync(b->fd.fd) == -1)
		return db_sqlite_backup_fail_errno(e, b->temporary);
	if (db_sqlite_backup_rename(b) == -1)
		return db_sqlite_backup_fail_errno(e, b->path);
	b->is_made = false;
	return sqlite_sync_folder(b->path, e);
}

int sqlite_backup_step(cs_db_backup *b, size_t most, uint64_t *left_r, uint64_t *size_r, cs_error *e)
{
	const auto pages = static_cast<int>(std::max<uint64_t>(most / std::max<uint64_t>(b->page_size, 1), 1));
	const int code = sqlite3_backup_step(b->backup.get(), pages);

	if (code != SQLITE_OK && code != SQLITE_DONE)
		return db_sqlite_backup_fail_code(e, b->temporary, b->to.get(), code);
	*size_r = static_cast<uint64_t>(sqlite3_backup_pagecount(b->backup.get())) * b->page_size;
	/* Above 0 until the copy stands under its name. */
	*left_r = static_cast<uint64_t>(std::max(sqlite3_backup_remaining(b->backup.get()), 1)) * b->page_size;
	b->unsynced += most;
	if (code == SQLITE_DONE) {
		*left_r = 0;
		return db_sqlite_backup_complete(b, e);
	}
	if (b->unsynced < db_sqlite_backup_sync)
		return 0;
	b->unsynced = 0;
	return fdatasync(b->fd.fd) == -1 ? db_sqlite_backup_fail_errno(e, b->temporary) : 0;
}

void sqlite_backup_end(cs_db_backup *backup)
{
	const std::unique_ptr<cs_db_backup> b(backup);

	if (b->is_made)
		(void)unlink(b->temporary.c_str());
}
