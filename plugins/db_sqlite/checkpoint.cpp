/* SPDX-License-Identifier: MIT
 * Copies the write-ahead log into the database while the writer goes on.
 *
 * A thread with a connection of its own copies nearly all of the log. It waits for nobody. While the writer writes, it
 * never reaches the end, and only from its end on can the log begin again. So the writer copies the rest, which is
 * short, between two transactions. There it also waits for readers of old pages, for a few ms.
 *
 * The log is bounded: from db_sqlite_many_pages on, each commit waits a few ms for the thread, and from
 * db_sqlite_most_pages on longer. At twice as many the writer waits until a copy has ended. Only a reader that keeps an
 * old state of the database open, as VACUUM INTO does, can make the log much longer: what such a reader needs cannot be
 * overwritten.
 *
 * The log counts as copied before the copy is on the disk (nBackfill in wal.c): it is synced once, after many pages. If
 * that sync fails, the kernel may forget the pages, and the next sync succeeds. So nBackfill is then set to 0: all is
 * read from the log and copied again, by all processes. The log itself was synced by each commit. Only a transaction
 * that was open at that moment may have read a page that the kernel forgot before it told of the failure. The kernel
 * tells each open file once, so one failure may be told twice. */
#include "db_sqlite.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

#include <unistd.h>

/* 32 MB: a page that changes often is then copied only once. */
static constexpr int db_sqlite_first_pages = 8000;
static constexpr int db_sqlite_many_pages = 12000; /* from here on the writer goes slower, until a copy has ended */
static constexpr int db_sqlite_most_pages = 16000; /* journal_size_limit in location.cpp is as much */
/* After so many more pages it is tried again. The writer copies at most twice as many, unless the log is twice full. */
static constexpr int db_sqlite_step_pages = 500;
static constexpr int db_sqlite_wait_us = 500;
static constexpr int db_sqlite_waits_most = 20; /* 10 ms, for readers of old pages or for the thread */
static constexpr int db_sqlite_waits_full = 80; /* 40 ms, for the thread, at db_sqlite_most_pages */

/* Of the index of the log, https://sqlite.org/walformat.html */
static constexpr int db_sqlite_index_size = 32768; /* its first part */
static constexpr int db_sqlite_index_backfill = 96 / sizeof(uint32_t);
static constexpr int db_sqlite_index_copying = 1; /* the lock WAL_CKPT_LOCK */

enum sqlite_checkpoint_state {
	CHECKPOINT_IDLE,
	CHECKPOINT_DUE, /* the thread copies, or will do so */
	CHECKPOINT_REST, /* the writer copies the rest after its next commit */
	CHECKPOINT_END,
};

struct sqlite_checkpoint {
	const sqlite_conf *conf = nullptr;
	const cs_db_server *server = nullptr;
	int database_fd = -1;
	std::atomic<int> state = CHECKPOINT_IDLE;
	std::atomic<int> pages = 0; /* in the log, after the last commit */
	std::atomic<int> next = db_sqlite_first_pages; /* at so many something is done */
	std::atomic<bool> stale = false; /* the writer may have old pages in memory, and shall drop them */
	std::mutex waiting; /* of the thread, until it shall do something */
	std::condition_variable wake;
	std::mutex copying; /* held by who copies; guards what follows */
	bool failing = false;
	bool unsynced = false; /* a sync failed, and nBackfill is not yet 0 */
	sqlite_handle handle; /* of the thread */
	std::thread thread;
};

/* Says once that it fails, and once that it works again. error null: it works. */
static void db_sqlite_checkpoint_note(sqlite_checkpoint *c, const char *error)
{
	if (error && !c->failing)
		c->server->log(CS_LOG_ERROR,
		               "the write-ahead log cannot be copied into the store, it grows and is tried again "
		               "file=%s error=\"%s\"",
		               c->conf->path, error);
	if (!error && c->failing)
		c->server->log(CS_LOG_INFO, "the write-ahead log is copied into the store again file=%s",
		               c->conf->path);
	c->failing = error != nullptr;
}

static int db_sqlite_checkpoint_wait(void *, int waits)
{
	usleep(db_sqlite_wait_us);
	return waits < db_sqlite_waits_most;
}

/* Answers whether it is done. */
static bool db_sqlite_checkpoint_set_zero(sqlite3_file *file)
{
	const sqlite3_io_methods *calls = file->pMethods;
	void volatile *index = nullptr;

	if (calls->xShmMap(file, 0, db_sqlite_index_size, 0, &index) != SQLITE_OK || !index)
		return false;
	for (int waits = 0; calls->xShmLock(file, db_sqlite_index_copying, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);)
		if (!db_sqlite_checkpoint_wait(nullptr, waits++)) /* another process copies */
			return false;
	__atomic_store_n(static_cast<uint32_t volatile *>(index) + db_sqlite_index_backfill, 0, __ATOMIC_SEQ_CST);
	(void)calls->xShmLock(file, db_sqlite_index_copying, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return true;
}

/* After a sync that failed nothing counts as copied. false: that could not be written, try it again before a copy. */
static bool db_sqlite_checkpoint_forget(sqlite_checkpoint *c, sqlite3 *handle)
{
	sqlite3_file *file = nullptr;

	if (c->unsynced && sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) == SQLITE_OK)
		c->unsynced = !(c->stale = db_sqlite_checkpoint_set_zero(file));
	return !c->unsynced;
}

/* Writes what was copied to the disk. Otherwise the writer would wait for all of it. */
static void db_sqlite_checkpoint_sync(sqlite_checkpoint *c, int code)
{
	if (sqlite_class(code, 0) == CS_DB_RETRY) /* another process copies */
		return;
	if (code != SQLITE_OK) {
		c->unsynced = code == SQLITE_IOERR_FSYNC;
		db_sqlite_checkpoint_note(c, sqlite3_errmsg(c->handle.get()));
	} else {
		c->unsynced = fdatasync(c->database_fd) == -1;
		db_sqlite_checkpoint_note(c, c->unsynced ? strerror(errno) : nullptr);
	}
	(void)db_sqlite_checkpoint_forget(c, c->handle.get());
}

/* Copies until what is left is short, or until a reader of old pages stops it. true: the writer may copy the rest. */
static bool db_sqlite_checkpoint_copy(sqlite_checkpoint *c)
{
	const std::scoped_lock lock(c->copying);
	int code = SQLITE_OK, copied = 0, before = 0;
	cs_error e = {};

	if (!c->handle && sqlite_open_handle(c->conf, &c->handle, &e) != SQLITE_OK) {
		db_sqlite_checkpoint_note(c, e.text);
		code = SQLITE_CANTOPEN;
	} else if (!db_sqlite_checkpoint_forget(c, c->handle.get())) {
		code = SQLITE_BUSY;
	} else {
		do {
			before = copied;
			code = sqlite3_wal_checkpoint_v2(c->handle.get(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr,
			                                 &copied);
		} while (code == SQLITE_OK && copied > before && c->pages - copied > db_sqlite_step_pages);
		db_sqlite_checkpoint_sync(c, code);
		/* The writer went on during the sync. It syncs what this copies. */
		if (code == SQLITE_OK && !c->unsynced)
			code = sqlite3_wal_checkpoint_v2(c->handle.get(), "main", SQLITE_CHECKPOINT_PASSIVE, nullptr,
			                                 &copied);
	}
	c->next = c->pages + db_sqlite_step_pages;
	return code == SQLITE_OK && !c->failing && c->pages - copied <= 2 * db_sqlite_step_pages;
}

static int db_sqlite_checkpoint_sleep(sqlite_checkpoint *c)
{
	std::unique_lock lock(c->waiting);

	c->wake.wait(lock, [c] { return c->state == CHECKPOINT_DUE || c->state == CHECKPOINT_END; });
	return c->state;
}

static void db_sqlite_checkpoint_wake(sqlite_checkpoint *c, int state)
{
	const std::scoped_lock lock(c->waiting);

	c->state = state;
	c->wake.notify_one();
}

static void db_sqlite_checkpoint_run(sqlite_checkpoint *c)
{
	int due = 0;

	while ((due = db_sqlite_checkpoint_sleep(c)) == CHECKPOINT_DUE)
		c->state.compare_exchange_strong(due, db_sqlite_checkpoint_copy(c) ? CHECKPOINT_REST : CHECKPOINT_IDLE);
}

/* Runs on the writer's thread, between two transactions. */
static void db_sqlite_checkpoint_rest(sqlite_checkpoint *c, sqlite3 *writer, int pages)
{
	const std::scoped_lock lock(c->copying);

	sqlite3_busy_handler(writer, db_sqlite_checkpoint_wait, nullptr);
	const int code = sqlite3_wal_checkpoint_v2(writer, "main", SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
	sqlite3_busy_timeout(writer, static_cast<int>(c->conf->busy_timeout));
	c->unsynced = c->unsynced || code == SQLITE_IOERR_FSYNC;
	(void)db_sqlite_checkpoint_forget(c, writer);
	if (sqlite_class(code, 0) != CS_DB_RETRY) /* else a reader needs the log, perhaps on this handle */
		db_sqlite_checkpoint_note(c, code == SQLITE_OK ? nullptr : sqlite3_errmsg(writer));
	c->next = code == SQLITE_OK ? db_sqlite_first_pages : pages + db_sqlite_step_pages;
	c->state = CHECKPOINT_IDLE;
}

/* The thread needs the processor and the disk that the writer uses up. Many short waits are better than a long one. */
static void db_sqlite_checkpoint_slow(const sqlite_checkpoint *c)
{
	const int most = c->pages < db_sqlite_most_pages       ? db_sqlite_waits_most
	                 : c->pages < 2 * db_sqlite_most_pages ? db_sqlite_waits_full
	                                                       : INT_MAX;

	for (int i = 0; i < most && c->state == CHECKPOINT_DUE; i++)
		usleep(db_sqlite_wait_us);
}

/* After each commit. The commit is done, whatever happens here, so it never answers a failure. */
static int db_sqlite_checkpoint_committed(void *arg, sqlite3 *writer, const char *, int pages)
{
	auto *c = static_cast<sqlite_checkpoint *>(arg);
	const int state = c->state;

	c->pages = pages;
	if (c->stale.exchange(false))
		(void)sqlite3_db_release_memory(writer);
	if (pages < db_sqlite_first_pages) { /* the log began again by itself */
		c->next = db_sqlite_first_pages;
		if (state == CHECKPOINT_REST)
			c->state = CHECKPOINT_IDLE;
	} else if (state == CHECKPOINT_REST) {
		db_sqlite_checkpoint_rest(c, writer, pages);
	} else if (state == CHECKPOINT_IDLE && pages >= c->next) {
		db_sqlite_checkpoint_wake(c, CHECKPOINT_DUE);
	} else if (state == CHECKPOINT_DUE && pages >= db_sqlite_many_pages) {
		db_sqlite_checkpoint_slow(c);
	}
	return SQLITE_OK;
}

void sqlite_checkpoint_watch(sqlite_checkpoint *c, sqlite3 *handle)
{
	sqlite3_wal_hook(handle, db_sqlite_checkpoint_committed, c);
}

sqlite_checkpoint *sqlite_checkpoint_begin(const sqlite_conf *conf, const cs_db_server *server, int database_fd)
{
	auto c = std::make_unique<sqlite_checkpoint>();
	sigset_t all, before;

	c->conf = conf;
	c->server = server;
	c->database_fd = database_fd;
	(void)sigfillset(&all); /* signals are the business of the server's own threads */
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	c->thread = std::thread([own = c.get()] {
		(void)pthread_setname_np(pthread_self(), "checkpoint");
		db_sqlite_checkpoint_run(own);
	});
	(void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
	return c.release();
}

void sqlite_checkpoint_end(sqlite_checkpoint *c)
{
	const std::unique_ptr<sqlite_checkpoint> owned(c);

	db_sqlite_checkpoint_wake(c, CHECKPOINT_END);
	c->thread.join();
	/* It copies the log when it is closed. */
	if (c->handle && !db_sqlite_checkpoint_forget(c, c->handle.get()))
		(void)sqlite3_db_config(c->handle.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}
