/* SPDX-License-Identifier: MIT
 * Stands between SQLite and the files in this process: counts the writes to each kind of file, and makes writes and
 * syncs fail. For one source file of a test program. */
#ifndef TESTS_SUPPORT_SQLITE_WRITE_H
#define TESTS_SUPPORT_SQLITE_WRITE_H

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sqlite3.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* What a write does instead of all: -1 with errno, or how many bytes it writes. */
typedef ssize_t sqlite_write_fault(size_t size);
/* What fdatasync(2) does before all: 0, or -1 with errno, and it does nothing else. */
typedef int sqlite_sync_fault(void);

struct sqlite_write_watch {
	pid_t writer = 0; /* thread of the test */
	std::atomic<int> log = 0; /* writes to logs */
	std::atomic<int> own = 0, other = 0; /* writes to databases: by the writer, by other threads */
	std::atomic<sqlite_write_fault *> log_fault = nullptr, database_fault = nullptr;
	std::atomic<sqlite_sync_fault *> log_sync_fault = nullptr, database_sync_fault = nullptr;
};

inline sqlite_write_watch sqlite_writes;

static inline bool sqlite_file_ends(int fd, const char *end)
{
	char link[64], path[4096] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	const ssize_t length = readlink(link, path, sizeof(path) - 1);
	return length > 4 && strcmp(path + length - 4, end) == 0;
}

static inline ssize_t sqlite_write_hooked(int fd, const void *bytes, size_t size, off_t offset)
{
	if (sqlite_file_ends(fd, "-shm"))
		return pwrite(fd, bytes, size, offset);
	const bool is_log = sqlite_file_ends(fd, "-wal");
	sqlite_write_fault *fault = is_log ? sqlite_writes.log_fault : sqlite_writes.database_fault;
	(is_log ? sqlite_writes.log : gettid() == sqlite_writes.writer ? sqlite_writes.own : sqlite_writes.other)++;
	const ssize_t most = fault ? fault(size) : static_cast<ssize_t>(size);
	return most < 0 ? -1 : pwrite(fd, bytes, static_cast<size_t>(most), offset);
}

/* Instead of that of the C library, also in SQLite and the adapter. */
extern "C" __attribute__((visibility("default"))) int fdatasync(int fd)
{
	sqlite_sync_fault *fault = nullptr;

	if (sqlite_file_ends(fd, "-wal"))
		fault = sqlite_writes.log_sync_fault;
	else if (sqlite_file_ends(fd, "t.db"))
		fault = sqlite_writes.database_sync_fault;
	return fault && fault() == -1 ? -1 : static_cast<int>(syscall(SYS_fdatasync, fd));
}

static inline void sqlite_writes_mend(void)
{
	sqlite_writes.log_fault = sqlite_writes.database_fault = nullptr;
	sqlite_writes.log_sync_fault = sqlite_writes.database_sync_fault = nullptr;
}

/* The calling thread is the writer. */
static inline void sqlite_writes_watch(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	for (const char *name : {"pwrite", "pwrite64"})
		(void)vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(sqlite_write_hooked));
	sqlite_writes.writer = gettid();
	sqlite_writes.log = sqlite_writes.own = sqlite_writes.other = 0;
	sqlite_writes_mend();
}

static inline ssize_t sqlite_write_no_space(size_t)
{
	errno = ENOSPC;
	return -1;
}

#endif
