/* SPDX-License-Identifier: MIT
 * Stands between SQLite and write(2) in this process: counts the writes to each kind of file, and makes them fail. */
#ifndef TESTS_SUPPORT_SQLITE_WRITE_H
#define TESTS_SUPPORT_SQLITE_WRITE_H

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sqlite3.h>
#include <sys/types.h>
#include <unistd.h>

/* What a write does instead of all: -1 with errno, or how many bytes it writes. */
typedef ssize_t sqlite_write_fault(size_t size);

struct sqlite_write_watch {
	pid_t writer = 0; /* thread of the test */
	std::atomic<int> log = 0; /* writes to logs */
	std::atomic<int> own = 0, other = 0; /* writes to databases: by the writer, by other threads */
	std::atomic<sqlite_write_fault *> log_fault = nullptr, database_fault = nullptr;
};

inline sqlite_write_watch sqlite_writes;

static inline ssize_t sqlite_write_hooked(int fd, const void *bytes, size_t size, off_t offset)
{
	char link[64], path[4096] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	const ssize_t length = readlink(link, path, sizeof(path) - 1);
	const char *end = length > 4 ? path + length - 4 : path;

	if (strcmp(end, "-shm") == 0)
		return pwrite(fd, bytes, size, offset);
	const bool is_log = strcmp(end, "-wal") == 0;
	sqlite_write_fault *fault = is_log ? sqlite_writes.log_fault : sqlite_writes.database_fault;
	(is_log ? sqlite_writes.log : gettid() == sqlite_writes.writer ? sqlite_writes.own : sqlite_writes.other)++;
	const ssize_t most = fault ? fault(size) : static_cast<ssize_t>(size);
	return most < 0 ? -1 : pwrite(fd, bytes, static_cast<size_t>(most), offset);
}

/* The calling thread is the writer. */
static inline void sqlite_writes_watch(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");

	for (const char *name : {"pwrite", "pwrite64"})
		(void)vfs->xSetSystemCall(vfs, name, reinterpret_cast<sqlite3_syscall_ptr>(sqlite_write_hooked));
	sqlite_writes.writer = gettid();
	sqlite_writes.log = sqlite_writes.own = sqlite_writes.other = 0;
	sqlite_writes.log_fault = sqlite_writes.database_fault = nullptr;
}

static inline ssize_t sqlite_write_no_space(size_t)
{
	errno = ENOSPC;
	return -1;
}

#endif
