/* SPDX-License-Identifier: MIT
 * A log file: a thread of its own writes it, so that a slow or full disk holds up nobody.
 *
 * What cannot be written is dropped and counted. Standard error hears when that begins, and the file itself says when
 * it ends. A file that was renamed is written until log_file_reopen; one that was removed is made again. */
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log_internal.h"
#include <base/raii.h>

/* Bytes that may wait for the thread: lines of some seconds, even if each login is logged. */
static constexpr size_t log_file_most_waiting = 4 << 20;
static constexpr mode_t log_file_mode = 0640;

struct log_file {
	enum log_stream stream = LOG_LINES;
	std::string path;
	std::mutex mutex; /* guards what is here down to is_ending */
	std::condition_variable filled, written;
	std::string waiting;
	uint64_t dropped = 0; /* lines that found no room in `waiting`, and are not told yet */
	bool reopens = false;
	bool is_busy = false; /* the thread writes */
	bool is_ending = false;
	std::thread thread;
	/* Only of the thread, once it runs. */
	unique_fd fd;
	uint64_t untold = 0; /* lines that were dropped since the file said so last */
	bool fails = false; /* standard error was told so */
	bool is_torn = false; /* the file ends within a line */
};

/* ---- opening */

static int log_file_say(struct cs_error *e, const char *path, const char *why)
{
	error_set(e, "file:%s: %s", path, why);
	return CS_EINVAL;
}

/* The folder of the path, for messages and checks. */
static std::string log_file_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash ? "." : slash == path ? "/" : std::string(path, slash);
}

/* Only who makes the file gives it its mode. */
static int log_file_open_path(const char *path)
{
	static constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	const int fd = open(path, flags);

	if (fd != -1 || errno != ENOENT)
		return fd;
	const int made = open(path, flags | O_CREAT | O_EXCL, log_file_mode);

	if (made != -1)
		(void)fchmod(made, log_file_mode);
	return made == -1 && errno == EEXIST ? open(path, flags) : made;
}

/* 0, or an errno. */
static int log_file_get(const char *path, unique_fd *fd_r)
{
	unique_fd fd(log_file_open_path(path));
	struct stat status {};

	if (fd.fd == -1 || fstat(fd.fd, &status) == -1)
		return errno;
	if (!S_ISREG(status.st_mode))
		return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
	*fd_r = std::move(fd);
	return 0;
}

static const char *log_file_fault(int error)
{
	return error == EINVAL || error == ENXIO ? "this is no regular file" : strerror(error);
}

int log_file_check(const char *path, struct cs_error *e)
{
	const std::string folder = log_file_folder(path);
	struct stat status {};

	if (stat(path, &status) == 0) {
		if (!S_ISREG(status.st_mode))
			return log_file_say(e, path, log_file_fault(S_ISDIR(status.st_mode) ? EISDIR : EINVAL));
		if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == -1)
			return log_file_say(e, path, strerror(errno));
		return 0;
	}
	if (errno != ENOENT)
		return log_file_say(e, path, strerror(errno));
	if (stat(folder.c_str(), &status) == -1 || faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == -1) {
		error_set(e, "file:%s: the folder %s: %s", path, folder.c_str(), strerror(errno));
		return CS_EINVAL;
	}
	return 0;
}

/* ---- on the thread */

static void log_file_drop(struct log_file *f, uint64_t count, const char *why)
{
	f->untold += count;
	log_way_count_dropped(f->stream, count);
	if (count == 0 || std::exchange(f->fails, true))
		return;
	log_way_complain(log_fault_line("lines are dropped", f->path.c_str(), why));
}

/* Takes so much off the end again, unless somebody else has written behind it. */
static void log_file_take_back(struct log_file *f, size_t size)
{
	const off_t end = lseek(f->fd.fd, 0, SEEK_CUR);
	struct stat status {};

	if (fstat(f->fd.fd, &status) == -1 || status.st_size != end ||
	    ftruncate(f->fd.fd, end - static_cast<off_t>(size)) == -1)
		f->is_torn = true;
}

/* Returns how much was written. *error_r: 0, or why not all. */
static size_t log_file_write(const struct log_file *f, std::string_view text, int *error_r)
{
	size_t size = 0;

	*error_r = 0;
	while (size < text.size()) {
		const ssize_t written = write(f->fd.fd, text.data() + size, text.size() - size);

		if (written == -1 && errno == EINTR)
			continue;
		if (written <= 0) {
			*error_r = written == 0 ? ENOSPC : errno;
			break;
		}
		size += static_cast<size_t>(written);
	}
	return size;
}

/* Writes whole lines as far as the disk takes them, but nothing if that is less than `least` bytes. Returns how many
 * bytes these lines have. */
static size_t log_file_write_lines(struct log_file *f, std::string_view lines, size_t least, int *error_r)
{
	const size_t size = log_file_write(f, lines, error_r);
	const size_t end = lines.substr(0, size).rfind('\n') + 1; /* npos + 1 is 0 */
	const size_t whole = end < least ? 0 : end;

	if (whole > 0)
		f->is_torn = false;
	if (whole < size)
		log_file_take_back(f, size - whole);
	return whole;
}

/* What has to be said before further lines. */
static std::string log_file_news(const struct log_file *f)
{
	std::string text = f->is_torn ? "\n" : "";

	if (f->untold > 0)
		text += log_dropped_line(f->stream, LOG_WAY_FILE, f->untold);
	return text;
}

/* The news come with a line at least: else a full disk would seem to have room again, for the news. error: why there
 * is no file, if there is none. */
static void log_file_put(struct log_file *f, std::string_view lines, int error)
{
	const std::string news = log_file_news(f);
	const size_t least = news.empty() ? 0 : news.size() + lines.find('\n') + 1;
	size_t written = 0;

	if (lines.empty())
		return;
	if (f->fd.fd != -1)
		written = log_file_write_lines(f, news + std::string(lines), least, &error);
	if (written > 0) {
		f->fails = false;
		f->untold = 0;
		lines.remove_prefix(written - news.size());
	}
	log_file_drop(f, static_cast<uint64_t>(std::count(lines.begin(), lines.end(), '\n')), strerror(error));
}

/* Opens the file by its name if somebody asked for it, or if it has no name any more. If it cannot be opened, lines go
 * on into the one that was renamed. Returns 0, or why it could not be opened. */
static int log_file_look(struct log_file *f, bool reopens)
{
	struct stat status {};
	const bool is_gone = f->fd.fd == -1 || fstat(f->fd.fd, &status) == -1 || status.st_nlink == 0;
	unique_fd fd;

	if (!reopens && !is_gone)
		return 0;
	const int error = log_file_get(f->path.c_str(), &fd);
	if (error && reopens)
		log_way_complain(
			log_fault_line("a log file cannot be opened again", f->path.c_str(), log_file_fault(error)));
	if (error && !is_gone)
		return error;
	f->fd = std::move(fd);
	f->is_torn = false;
	return error;
}

static void log_file_run(struct log_file *f)
{
	(void)pthread_setname_np(pthread_self(), "log");
	std::unique_lock lock(f->mutex);

	for (;;) {
		f->is_busy = false;
		f->written.notify_all();
		f->filled.wait(lock, [f] { return !f->waiting.empty() || f->reopens || f->is_ending; });
		if (f->waiting.empty() && !f->reopens)
			return;
		const std::string lines = std::exchange(f->waiting, "");
		const uint64_t dropped = std::exchange(f->dropped, 0);
		const bool reopens = std::exchange(f->reopens, false);

		f->is_busy = true;
		lock.unlock();
		const int error = log_file_look(f, reopens);
		f->untold += dropped;
		log_file_put(f, lines, error);
		lock.lock();
	}
}

/* Signals belong to the main thread. */
static std::thread log_file_start(struct log_file *f)
{
	sigset_t blocked, before;

	(void)sigfillset(&blocked);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
	std::thread thread([f] { log_file_run(f); });
	(void)pthread_sigmask(SIG_SETMASK, &before, nullptr);
	return thread;
}

/* ---- for others */

int log_file_open(enum log_stream stream, const char *path, log_file_ptr *file_r, struct cs_error *e)
{
	log_file_ptr f(std::make_unique<struct log_file>().release());

	if (const int error = log_file_get(path, &f->fd))
		return log_file_say(e, path, log_file_fault(error));
	f->stream = stream;
	f->path = path;
	f->thread = log_file_start(f.get());
	*file_r = std::move(f);
	return 0;
}

void log_file_deleter::operator()(struct log_file *f) const
{
	const std::unique_ptr<struct log_file> owned(f);

	if (!f->thread.joinable())
		return;
	{
		const std::scoped_lock lock(f->mutex);

		f->is_ending = true;
	}
	f->filled.notify_one();
	f->thread.join();
}

void log_file_add(struct log_file *f, std::string_view line)
{
	bool is_first = false;
	{
		const std::scoped_lock lock(f->mutex);

		if (f->waiting.size() + line.size() <= log_file_most_waiting) {
			f->waiting += line;
		} else {
			is_first = f->dropped++ == 0;
			log_way_count_dropped(f->stream, 1);
		}
	}
	f->filled.notify_one();
	if (is_first)
		log_way_complain(log_fault_line("lines are dropped", f->path.c_str(), "the disk is too slow"));
}

void log_file_reopen(struct log_file *f)
{
	{
		const std::scoped_lock lock(f->mutex);

		f->reopens = true;
	}
	f->filled.notify_one();
}

void log_file_flush(struct log_file *f, int64_t most_ms)
{
	/* By the clock that can be set: a sanitizer does not know the wait by the other one. */
	const auto end = std::chrono::system_clock::now() + std::chrono::milliseconds(most_ms);
	std::unique_lock lock(f->mutex);

	(void)f->written.wait_until(lock, end, [f] { return f->waiting.empty() && !f->is_busy; });
}
