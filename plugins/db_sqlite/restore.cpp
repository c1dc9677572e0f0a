/* SPDX-License-Identifier: MIT
 * Puts a copy in the place of the database.
 *
 * The copy is made and checked beside the database, as CHAT.DB.restore. What the log of the old store has is first
 * brought into the old store, so that the log can be removed: SQLite would apply it to the new one. The old store gets
 * a second name, CHAT.DB.before, and its log goes there if the store is too damaged to take it. Then the copy replaces
 * the first name in one step. While a store has two names no server begins: the next to lock it first takes back what
 * was done. So a crash leaves the old store with its log or the new one, each whole. */
#include "db_sqlite.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>

static constexpr size_t db_sqlite_restore_part = 1024 * 1024; /* bytes */

struct sqlite_restoring {
	const sqlite_conf *conf;
	const cs_db_server *server;
	std::string path, made, before; /* the store, the copy beside it, and where the old store goes */
	bool is_new = false; /* there was no store */
};

static int db_sqlite_restore_fail(cs_error *e, const std::string &path, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path.c_str(), why);
	return CS_EINVAL;
}

static int db_sqlite_restore_copy_bytes(int from, int to)
{
	std::string part(db_sqlite_restore_part, '\0');
	ssize_t size;

	while ((size = read(from, part.data(), part.size())) > 0)
		for (ssize_t done = 0; done < size;) {
			const ssize_t n = write(to, part.data() + done, static_cast<size_t>(size - done));

			if (n == -1)
				return -1;
			done += n;
		}
	return size < 0 || fsync(to) == -1 ? -1 : 0;
}

/* As the store that was there. */
static int db_sqlite_restore_give(const sqlite_restoring *r, int fd)
{
	struct stat info = {};

	if (stat(r->path.c_str(), &info) == -1 || fchmod(fd, info.st_mode & 0700) == -1)
		return -1;
	return geteuid() == 0 ? fchown(fd, info.st_uid, info.st_gid) : 0;
}

/* An empty store is of who owns the folder, and so is the file of its lock: root may have made it, and the server's own
 * user could not open it. Nothing else is given away. */
static int db_sqlite_restore_give_empty(const sqlite_restoring *r, cs_error *e)
{
	const std::string folder = r->path.substr(0, r->path.rfind('/') + 1);
	const sqlite_fd fd = {open(r->path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
	struct stat store = {}, owner = {};

	if (fd.fd == -1 || fstat(fd.fd, &store) == -1)
		return db_sqlite_restore_fail(e, r->path, strerror(errno));
	if (geteuid() != 0 || !S_ISREG(store.st_mode) || store.st_size > 0 || store.st_nlink > 1)
		return 0;
	if (stat(folder.c_str(), &owner) == -1 || fchown(fd.fd, owner.st_uid, owner.st_gid) == -1)
		return db_sqlite_restore_fail(e, r->path, strerror(errno));
	return 0;
}

static int db_sqlite_restore_check_file(const sqlite_restoring *r, const char *file, int fd, cs_error *e)
{
	struct stat info = {}, log = {}, store = {};

	if (fstat(fd, &info) == -1 || !S_ISREG(info.st_mode))
		return db_sqlite_restore_fail(e, file, "is not a file");
	if (stat((std::string(file) + "-wal").c_str(), &log) == 0 && log.st_size > 0)
		return db_sqlite_restore_fail(e, file, "a write-ahead log is beside it, so it is no whole backup");
	if (stat(r->path.c_str(), &store) == 0 && store.st_dev == info.st_dev && store.st_ino == info.st_ino)
		return db_sqlite_restore_fail(e, file, "is the store itself");
	return 0;
}

static int db_sqlite_restore_copy(const sqlite_restoring *r, const char *file, cs_error *e)
{
	const sqlite_fd from = {open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};

	if (from.fd == -1)
		return db_sqlite_restore_fail(e, file, strerror(errno));
	if (db_sqlite_restore_check_file(r, file, from.fd, e))
		return CS_EINVAL;
	for (const char *suffix : {"", "-wal", "-shm", "-journal"})
		(void)unlink((r->made + suffix).c_str());
	const sqlite_fd to = {open(r->made.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
	if (to.fd == -1 || db_sqlite_restore_copy_bytes(from.fd, to.fd) == -1 || db_sqlite_restore_give(r, to.fd) == -1)
		return db_sqlite_restore_fail(e, r->made, strerror(errno));
	return 0;
}

static int db_sqlite_restore_text_take(void *arg, int, char **texts, char **)
{
	*static_cast<std::string *>(arg) = texts[0] ? texts[0] : "";
	return 0;
}

/* Whether it is whole, is a store, and is not newer than this server. Brings its schema up to date. */
static int db_sqlite_restore_check(const sqlite_conf *made, sqlite3 *handle, const char *file,
                                   const char *const *plugins, cs_error *e)
{
	std::string whole, tables;

	if (sqlite3_exec(handle, "PRAGMA integrity_check(1)", db_sqlite_restore_text_take, &whole, nullptr) ||
	    whole != "ok")
		return db_sqlite_restore_fail(e, file, "is damaged, or no database of SQLite");
	if (sqlite3_exec(handle,
	                 "SELECT COUNT(*) FROM sqlite_master"
	                 " WHERE type = 'table' AND name IN ('schema_version', 'account', 'store')",
	                 db_sqlite_restore_text_take, &tables, nullptr) ||
	    tables != "3")
		return db_sqlite_restore_fail(e, file,
		                              "is no store of chatserverd: it is empty, or of another program");
	return sqlite_migrate(handle, made, plugins, file, e);
}

/* Clients keep the store's id with what they know of it. With another id they forget that, and tokens end. */
static int db_sqlite_restore_change_id(const sqlite_restoring *r, sqlite3 *handle, cs_error *e)
{
	std::string log;

	if (sqlite3_exec(handle,
	                 "UPDATE store SET id = lower(hex(randomblob(16))); PRAGMA wal_checkpoint(TRUNCATE);"
	                 "PRAGMA journal_mode = DELETE",
	                 db_sqlite_restore_text_take, &log, nullptr) ||
	    log != "delete")
		return db_sqlite_restore_fail(e, r->made, sqlite3_errmsg(handle));
	return 0;
}

static int db_sqlite_restore_make(const sqlite_restoring *r, const char *file, const char *const *plugins, cs_error *e)
{
	sqlite_conf made = *r->conf;
	sqlite_handle handle;

	if (db_sqlite_restore_copy(r, file, e))
		return CS_EINVAL;
	made.path = r->made.c_str();
	if (sqlite_open_handle(&made, &handle, e) != SQLITE_OK)
		return db_sqlite_restore_fail(e, file, "is damaged, or no database of SQLite");
	if (db_sqlite_restore_check(&made, handle.get(), file, plugins, e) ||
	    db_sqlite_restore_change_id(r, handle.get(), e))
		return CS_EINVAL;
	handle.reset();
	const sqlite_fd fd = {open(r->made.c_str(), O_RDWR | O_CLOEXEC)};
	return fd.fd == -1 || fsync(fd.fd) == -1 ? db_sqlite_restore_fail(e, r->made, strerror(errno)) : 0;
}

static int db_sqlite_restore_busy_take(void *arg, int, char **texts, char **)
{
	*static_cast<bool *>(arg) = texts[0] && strcmp(texts[0], "0") != 0;
	return 0;
}

/* Brings the log of the old store into it. A result code of SQLite. */
static int db_sqlite_restore_empty_log(const sqlite_restoring *r)
{
	sqlite3 *raw = nullptr;
	int code = sqlite3_open_v2(r->path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, "unix");
	const sqlite_handle handle(raw);
	bool busy = false;
	struct stat log = {};

	if (code != SQLITE_OK)
		return code;
	sqlite3_busy_timeout(raw, static_cast<int>(r->conf->busy_timeout));
	/* Else the close would remove a log that could not be read. */
	(void)sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
	code = sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", db_sqlite_restore_busy_take, &busy, nullptr);
	if (code != SQLITE_OK)
		return code & 0xff;
	return busy || (stat((r->path + "-wal").c_str(), &log) == 0 && log.st_size > 0) ? SQLITE_BUSY : SQLITE_OK;
}

/* Only a damaged store may be left without what is in its log. */
static int db_sqlite_restore_check_log(const sqlite_restoring *r, cs_error *e)
{
	const int code = db_sqlite_restore_empty_log(r);
	struct stat log = {};
	char why[200];

	if (code == SQLITE_OK)
		return 0;
	if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT) {
		const bool has_log = stat((r->path + "-wal").c_str(), &log) == 0 && log.st_size > 0;

		r->server->log(CS_LOG_WARNING,
		               "the old store is damaged, %s is kept beside the new one file=%s%s error=\"%s\"",
		               has_log ? "a log of it" : "it", r->before.c_str(), has_log ? "-wal" : "",
		               sqlite3_errstr(code));
		return 0;
	}
	snprintf(why, sizeof(why), "what its log has cannot be brought into the store: %s", sqlite3_errstr(code));
	return db_sqlite_restore_fail(e, r->path, why);
}

/* What was kept by an earlier restore is perhaps the only store that somebody has. */
static int db_sqlite_restore_check_before(const sqlite_restoring *r, cs_error *e)
{
	struct stat info = {};

	for (const char *suffix : {"", "-wal"})
		if (lstat((r->before + suffix).c_str(), &info) == 0)
			return db_sqlite_restore_fail(e, r->before + suffix,
			                              "is there already, and the old store would replace it; move or "
			                              "remove it first");
	return 0;
}

static int db_sqlite_restore_move_log(const sqlite_restoring *r)
{
	const std::string log = r->path + "-wal";
	struct stat info = {};

	if (unlink((r->path + "-shm").c_str()) == -1 && errno != ENOENT)
		return -1;
	if (stat(log.c_str(), &info) == -1)
		return errno == ENOENT ? 0 : -1;
	return r->is_new || info.st_size == 0 ? unlink(log.c_str()) : rename(log.c_str(), (r->before + "-wal").c_str());
}

/* Takes back all that was done before the copy got the name of the store. */
int sqlite_restore_undo(const std::string &path)
{
	const std::string before = path + ".before", log = path + "-wal", log_before = before + "-wal";
	struct stat info = {}, same = {};

	if (stat(path.c_str(), &info) == -1 || lstat(before.c_str(), &same) == -1)
		return -1;
	if (info.st_dev != same.st_dev || info.st_ino != same.st_ino)
		return -1;
	if (lstat(log_before.c_str(), &same) == 0 &&
	    (lstat(log.c_str(), &info) == 0 || rename(log_before.c_str(), log.c_str()) == -1))
		return -1;
	return unlink(before.c_str());
}

static int db_sqlite_restore_change_names(const sqlite_restoring *r, cs_error *e)
{
	int result = 0;

	if (!r->is_new && link(r->path.c_str(), r->before.c_str()) == -1)
		return db_sqlite_restore_fail(e, r->before, strerror(errno));
	if (db_sqlite_restore_move_log(r) == -1)
		result = db_sqlite_restore_fail(e, r->path + "-wal", strerror(errno));
	if (!result)
		result = sqlite_sync_folder(r->path, e) ? CS_EINVAL : 0;
	if (!result && rename(r->made.c_str(), r->path.c_str()) == -1)
		result = db_sqlite_restore_fail(e, r->path, strerror(errno));
	if (result) {
		(void)sqlite_restore_undo(r->path);
		return result;
	}
	return sqlite_sync_folder(r->path, e) ? CS_EINVAL : 0;
}

static int db_sqlite_restore_locked(sqlite_restoring *r, const char *file, const char *const *plugins, cs_error *e)
{
	int result = r->is_new ? 0 : db_sqlite_restore_check_before(r, e);

	if (result)
		return result;
	result = db_sqlite_restore_make(r, file, plugins, e);
	if (!result && !r->is_new)
		result = db_sqlite_restore_check_log(r, e);
	if (!result)
		result = db_sqlite_restore_change_names(r, e);
	if (result)
		for (const char *suffix : {"", "-wal", "-shm", "-journal"})
			(void)unlink((r->made + suffix).c_str());
	return result;
}

int sqlite_restore(const void *conf, const char *const *plugins, const char *file, const cs_db_server *server,
                   cs_error *e)
{
	sqlite_restoring r = {static_cast<const sqlite_conf *>(conf), server, "", "", ""};
	sqlite_lock *lock = nullptr;
	struct stat info = {};

	if (sqlite_is_memory(r.conf))
		return db_sqlite_restore_fail(e, ":memory:", "a store in memory cannot be restored");
	if (access(file, R_OK) == -1)
		return db_sqlite_restore_fail(e, file, strerror(errno));
	const bool is_made = lstat(r.conf->path, &info) == -1;
	if (sqlite_make_folder(r.conf, e) || sqlite_find(r.conf, &r.path, e))
		return CS_EINVAL;
	if (db_sqlite_restore_give_empty(&r, e) || sqlite_lock_take(r.conf, server, &lock, e))
		return CS_EINVAL;
	r.is_new = stat(r.path.c_str(), &info) == 0 && info.st_size == 0;
	r.made = r.path + ".restore";
	r.before = r.path + ".before";
	const int result = db_sqlite_restore_locked(&r, file, plugins, e);
	if (result && is_made && stat(r.path.c_str(), &info) == 0 && info.st_size == 0)
		(void)unlink(r.path.c_str());
	if (result)
		sqlite_lock_give_back(lock, server);
	else
		sqlite_lock_give(lock, true);
	if (!result && r.is_new)
		server->log(CS_LOG_INFO, "the store was restored file=%s from=%s", r.path.c_str(), file);
	else if (!result)
		server->log(CS_LOG_INFO, "the store was restored file=%s from=%s before=%s", r.path.c_str(), file,
		            r.before.c_str());
	return result;
}
