/* SPDX-License-Identifier: MIT
 * Keeps a second server out of a store, and other users out of its files.
 *
 * The kernel locks two files, so a killed server leaves no lock. CHAT.DB-lock also says who uses the store. The lock on
 * the database itself is for the case that it has another name or that CHAT.DB-lock was removed. These locks belong to
 * the open file, so SQLite does not end them when it closes the database from time to time. */
#include "db_sqlite.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far above the bytes that SQLite locks, which begin at 1 GiB. */
static constexpr off_t db_sqlite_lock_offset = INT64_MAX - 1;

struct sqlite_lock {
	std::string path; /* of the database, with all links resolved */
	std::string before; /* the server that did not stop in order, as the lock file named it; empty: none */
	sqlite_fd holder, database;
	/* The way to the files, and what copies the log. They end before the files are closed, which would end the
	 * locks of SQLite. */
	std::unique_ptr<sqlite_files, sqlite_deleter<sqlite_files_end>> files;
	std::unique_ptr<sqlite_checkpoint, sqlite_deleter<sqlite_checkpoint_end>> checkpoint;
	sqlite_handle memory; /* instead of these: a database in memory lives as long as it is open somewhere */
};

static int db_sqlite_lock_fail(cs_error *e, const std::string &path, const char *what, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s%s: %s", path.c_str(), what, why);
	return CS_EINVAL;
}

/* Reads the text that the holder of the lock wrote into its file. */
static std::string db_sqlite_holder_read(int fd)
{
	char text[512];
	const ssize_t size = pread(fd, text, sizeof(text), 0);
	const std::string all(text, size > 0 ? static_cast<size_t>(size) : 0);

	return all.substr(0, all.find('\n'));
}

/* If the disk is full, the server still starts: the lock works without the text. */
static void db_sqlite_holder_write(const sqlite_lock *lock, const cs_db_server *server, const std::string &holder)
{
	const std::string text = holder + "\n";

	if (ftruncate(lock->holder.fd, 0) == -1 ||
	    pwrite(lock->holder.fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
	    fsync(lock->holder.fd) == -1)
		server->log(CS_LOG_WARNING, "the lock file cannot be written file=%s-lock error=\"%s\"",
		            lock->path.c_str(), strerror(errno));
}

static int db_sqlite_take(const sqlite_fd &file)
{
	struct flock range = {};

	range.l_type = F_WRLCK;
	range.l_whence = SEEK_SET;
	range.l_start = db_sqlite_lock_offset;
	range.l_len = 1;
	return fcntl(file.fd, F_OFD_SETLK, &range) == -1 ? errno : 0;
}

static int db_sqlite_refuse(const sqlite_lock *lock, int error, cs_error *e)
{
	const std::string holder = db_sqlite_holder_read(lock->holder.fd);

	if (error != EAGAIN && error != EACCES)
		return db_sqlite_lock_fail(e, lock->path, " cannot be locked", strerror(error));
	snprintf(e->text, sizeof(e->text), "%s is used by another chatserverd%s%s", lock->path.c_str(),
	         holder.empty() ? "" : ": ", holder.c_str());
	return CS_EINVAL;
}

/* Gives the file to the owner of the database, as SQLite does with its files. Otherwise, after a try as root, the
 * server's own user could not open it. */
static int db_sqlite_give_to_owner(const sqlite_lock *lock)
{
	struct stat info = {};

	if (geteuid() != 0)
		return 0;
	return fstat(lock->database.fd, &info) == -1 ? -1 : fchown(lock->holder.fd, info.st_uid, info.st_gid);
}

static int db_sqlite_open_files(sqlite_lock *lock, cs_error *e)
{
	const std::string path = lock->path + "-lock";

	lock->holder.fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock->holder.fd == -1)
		return db_sqlite_lock_fail(e, path, "", strerror(errno));
	lock->database.fd = open(lock->path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (lock->database.fd == -1)
		return db_sqlite_lock_fail(e, lock->path, "", strerror(errno));
	return db_sqlite_give_to_owner(lock) == -1 ? db_sqlite_lock_fail(e, path, "", strerror(errno)) : 0;
}

/* Makes one file of the store private; it may be missing. Call it before SQLite opens a file of the store: to close a
 * file would end the locks that SQLite has on it. */
static int db_sqlite_make_private(const std::string &path, const cs_db_server *server, cs_error *e)
{
	const sqlite_fd file = {open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
	struct stat info = {};

	if (file.fd == -1)
		return errno == ENOENT ? 0 : db_sqlite_lock_fail(e, path, "", strerror(errno));
	if (fstat(file.fd, &info) == -1 || !S_ISREG(info.st_mode))
		return db_sqlite_lock_fail(e, path, "", "is not a file");
	const unsigned mode = info.st_mode & 0777;
	if ((mode & 077) == 0)
		return 0;
	if (fchmod(file.fd, 0600) == -1) {
		snprintf(e->text, sizeof(e->text),
		         "%s: other users may use it (mode %03o, owner %u) and this server cannot change "
		         "that; run chmod 600 on it",
		         path.c_str(), mode, info.st_uid);
		return CS_EINVAL;
	}
	server->log(CS_LOG_WARNING,
	            "others could use a file of the store: its mode is 600 from here on file=%s mode=%03o",
	            path.c_str(), mode);
	return 0;
}

/* If the database had a second name (a hard link), it would have a second write-ahead log. */
static int db_sqlite_check_links(const sqlite_lock *lock, const cs_db_server *server, cs_error *e)
{
	struct stat info = {};

	if (fstat(lock->database.fd, &info) == -1)
		return db_sqlite_lock_fail(e, lock->path, "", strerror(errno));
	if (info.st_nlink == 2 && sqlite_restore_undo(lock->path) == 0) {
		server->log(CS_LOG_WARNING, "a restore was broken off, the old store stays file=%s",
		            lock->path.c_str());
		return 0;
	}
	if (info.st_nlink <= 1)
		return 0;
	snprintf(e->text, sizeof(e->text),
	         "%s has %u hard links, and what SQLite keeps beside one name is not found by another; leave "
	         "one name",
	         lock->path.c_str(), static_cast<unsigned>(info.st_nlink));
	return CS_EINVAL;
}

static int db_sqlite_take_both(const sqlite_lock *lock, const cs_db_server *server, cs_error *e)
{
	for (const sqlite_fd *file : {&lock->holder, &lock->database})
		if (const int error = db_sqlite_take(*file))
			return db_sqlite_refuse(lock, error, e);
	return db_sqlite_check_links(lock, server, e);
}

/* With a wrong path the server would look healthy, but have no accounts. So an empty database is logged. */
static bool db_sqlite_is_empty(const sqlite_lock *lock)
{
	struct stat info = {};

	return fstat(lock->database.fd, &info) == 0 && info.st_size == 0;
}

int sqlite_lock_take(const sqlite_conf *conf, const cs_db_server *server, sqlite_lock **lock_r, cs_error *e)
{
	auto lock = std::make_unique<sqlite_lock>();

	/* Otherwise all threads would count their memory together, under a mutex. Refused once SQLite is in use. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	if (sqlite_is_memory(conf)) {
		if (sqlite_open_handle(conf, &lock->memory, e) != SQLITE_OK)
			return CS_EINVAL;
		*lock_r = lock.release();
		return 0;
	}
	if (sqlite_find(conf, &lock->path, e) || db_sqlite_open_files(lock.get(), e) ||
	    db_sqlite_take_both(lock.get(), server, e))
		return CS_EINVAL;
	for (const char *suffix : {"", "-wal", "-shm"})
		if (db_sqlite_make_private(lock->path + suffix, server, e))
			return CS_EINVAL;
	lock->before = db_sqlite_holder_read(lock->holder.fd);
	if (!lock->before.empty())
		server->log(CS_LOG_WARNING, "the last server of this store did not stop in order %s",
		            lock->before.c_str());
	if (db_sqlite_is_empty(lock.get()))
		server->log(CS_LOG_INFO, "a new store begins file=%s", lock->path.c_str());
	db_sqlite_holder_write(lock.get(), server, server->name);
	lock->checkpoint.reset(sqlite_checkpoint_begin(conf, server, lock->database.fd));
	lock->files.reset(sqlite_files_begin(conf, lock->checkpoint.get()));
	*lock_r = lock.release();
	return 0;
}

void sqlite_lock_give(sqlite_lock *lock, bool in_order)
{
	const std::unique_ptr<sqlite_lock> owned(lock);

	lock->checkpoint.reset();
	if (in_order && !lock->memory && ftruncate(lock->holder.fd, 0) == 0)
		(void)fsync(lock->holder.fd);
}

void sqlite_lock_give_back(sqlite_lock *lock, const cs_db_server *server)
{
	if (!lock->before.empty())
		db_sqlite_holder_write(lock, server, lock->before);
	sqlite_lock_give(lock, lock->before.empty());
}
