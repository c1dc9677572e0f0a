/* SPDX-License-Identifier: MIT
 * Where the lines of the log and of the audit log go: standard error, syslog, a file. */
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/log_internal.h"
#include <base/raii.h>

static constexpr char log_way_syslog[] = "/dev/log";

/* syslog(3) would wait for a daemon that does not read, and does not say what it lost. So a line is one datagram, of
 * the form that syslog(3) sends. */
struct log_syslog {
	std::string path;
	unique_fd socket;
	bool is_away = false; /* standard error was told */
};

struct log_way {
	std::atomic<enum log_way_kind> kind{LOG_WAY_NONE};
	std::unique_ptr<std::string> place; /* as log_open was told; null before that; main thread */
	std::unique_ptr<struct log_syslog> syslog;
	log_file_ptr file;
	uint64_t untold = 0; /* lines dropped, but for those of a file, since the number was logged last */
	std::atomic<uint64_t> dropped{0}; /* in all */
};

static constinit struct {
	std::mutex mutex; /* guards the ways; locked for one line at a time */
	std::mutex stderr_mutex; /* so that nobody else uses the room that poll has found */
	struct log_way ways[LOG_STREAM_COUNT];
} log_ways{.mutex = {}, .stderr_mutex = {}, .ways = {{.kind = LOG_WAY_STDERR}, {}}};

/* ---- standard error */

/* systemd sets JOURNAL_STREAM to the device and inode of the standard error that it connects to the journal. If
 * standard error is redirected, the variable stays, so the numbers are compared. */
bool log_way_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device = 0, inode = 0;
	struct stat status {};

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
	       status.st_dev == device && status.st_ino == inode;
}

/* Whether a line can be written at once: the program that reads the log may hang, and must not make a worker hang. */
static bool log_way_stderr_has_room()
{
	struct pollfd out {
		.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0
	};

	return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT);
}

static bool log_way_write_stderr(std::string_view line)
{
	const std::scoped_lock lock(log_ways.stderr_mutex);

	if (!log_way_stderr_has_room())
		return false;
	while (!line.empty()) {
		const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());

		if (written == -1 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		line.remove_prefix(static_cast<size_t>(written));
	}
	return true;
}

/* ---- syslog */

static bool log_way_connect(struct log_syslog *s)
{
	struct sockaddr_un address = {};
	unique_fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	address.sun_family = AF_UNIX;
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", s->path.c_str());
	if (fd.fd == -1 || connect(fd.fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == -1)
		return false;
	s->socket = std::move(fd);
	return true;
}

/* The daemon may have been started again: then its socket is another one. */
static bool log_way_write_syslog(struct log_syslog *s, std::string_view line)
{
	const auto sends = [s, line] {
		return s->socket.fd != -1 &&
		       send(s->socket.fd, line.data(), line.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(line.size());
	};

	if (sends())
		return true;
	if (s->socket.fd != -1 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	if (!log_way_connect(s)) {
		if (!std::exchange(s->is_away, true))
			log_way_complain(log_fault_line("lines are dropped", s->path.c_str(), strerror(errno)));
		return false;
	}
	s->is_away = false;
	return sends();
}

/* ---- writing */

/* A datagram has no line end. */
static bool log_way_write_now(struct log_way *w, std::string_view line)
{
	if (w->kind == LOG_WAY_SYSLOG)
		return log_way_write_syslog(w->syslog.get(), line.substr(0, line.size() - 1));
	return log_way_write_stderr(line);
}

static void log_way_write_or_drop(struct log_way *w, enum log_stream stream, std::string_view line)
{
	if (w->untold > 0 && log_way_write_now(w, log_dropped_line(stream, w->kind, w->untold)))
		w->untold = 0;
	if (w->untold == 0 && log_way_write_now(w, line))
		return;
	w->untold++;
	w->dropped++;
}

enum log_way_kind log_way_of(enum log_stream stream)
{
	return log_ways.ways[stream].kind;
}

bool log_way_write(enum log_stream stream, enum log_way_kind way, std::string_view line)
{
	const std::scoped_lock lock(log_ways.mutex);
	struct log_way *w = &log_ways.ways[stream];

	if (w->kind != way)
		return false;
	if (way == LOG_WAY_FILE)
		log_file_add(w->file.get(), line);
	else if (way != LOG_WAY_NONE)
		log_way_write_or_drop(w, stream, line);
	return true;
}

void log_way_complain(std::string_view line)
{
	(void)log_way_write_stderr(line);
}

void log_way_count_dropped(enum log_stream stream, uint64_t count)
{
	log_ways.ways[stream].dropped += count;
}

uint64_t log_dropped(enum log_stream stream)
{
	return log_ways.ways[stream].dropped;
}

/* ---- places */

/* What a place names. */
struct log_place {
	enum log_way_kind kind = LOG_WAY_NONE;
	std::string path;
};

static int log_place_refuse(enum log_stream stream, const char *place, struct cs_error *e)
{
	error_set(e, "cannot be \"%.64s\"; allowed is stderr, syslog, syslog:SOCKET or file:PATH%s%s", place,
	          stream == LOG_AUDIT ? ", or nothing: no audit log" : "",
	          strcmp(place, "journal") == 0 ? " (of a service of systemd, stderr is the journal)" : "");
	return CS_EINVAL;
}

static int log_place_read(enum log_stream stream, std::string_view text, struct log_place *place_r, struct cs_error *e)
{
	const size_t colon = std::min(text.find(':'), text.size());
	const std::string_view kind = text.substr(0, colon);

	place_r->path = text.substr(std::min(colon + 1, text.size()));
	const bool has_path = !place_r->path.empty();
	if (text == "stderr")
		place_r->kind = LOG_WAY_STDERR;
	else if (text == "syslog" || (kind == "syslog" && has_path))
		place_r->kind = LOG_WAY_SYSLOG;
	else if (kind == "file" && has_path)
		place_r->kind = LOG_WAY_FILE;
	else if (!text.empty() || stream != LOG_AUDIT)
		return log_place_refuse(stream, std::string(text).c_str(), e);
	if (place_r->kind == LOG_WAY_SYSLOG && !has_path)
		place_r->path = log_way_syslog;
	if (place_r->kind == LOG_WAY_SYSLOG && place_r->path.size() >= sizeof(sockaddr_un::sun_path))
		return error_set(e, "the path of the socket has at most %zu bytes", sizeof(sockaddr_un::sun_path) - 1),
		       CS_EINVAL;
	return 0;
}

int log_check_place(enum log_stream stream, const char *place, struct cs_error *e)
{
	struct log_place read;

	return log_place_read(stream, place, &read, e);
}

static bool log_is_in_use(enum log_stream stream, const char *place)
{
	const struct log_way *w = &log_ways.ways[stream];

	return w->place && *w->place == place;
}

static int log_open_syslog(const std::string &path, std::unique_ptr<struct log_syslog> *syslog_r, struct cs_error *e)
{
	auto syslog = std::make_unique<struct log_syslog>();

	syslog->path = path;
	if (!log_way_connect(syslog.get())) {
		error_set(e, "syslog:%s: %s", path.c_str(), strerror(errno));
		return CS_EINVAL;
	}
	*syslog_r = std::move(syslog);
	return 0;
}

int log_check_use(enum log_stream stream, const char *place, struct cs_error *e)
{
	std::unique_ptr<struct log_syslog> syslog;
	struct log_place read;

	if (const int failed = log_place_read(stream, place, &read, e))
		return failed;
	if (read.kind == LOG_WAY_FILE)
		return log_file_check(read.path.c_str(), e);
	/* A daemon that is away for a moment is no reason to refuse a reload. */
	if (read.kind == LOG_WAY_SYSLOG && !log_is_in_use(stream, place))
		return log_open_syslog(read.path, &syslog, e);
	return 0;
}

int log_open(enum log_stream stream, const char *place, struct cs_error *e)
{
	struct log_way *w = &log_ways.ways[stream];
	struct log_place read;
	std::unique_ptr<struct log_syslog> syslog;
	log_file_ptr file;

	if (const int failed = log_place_read(stream, place, &read, e))
		return failed;
	if (log_is_in_use(stream, place))
		return 0;
	if (read.kind == LOG_WAY_FILE)
		if (const int failed = log_file_open(stream, read.path.c_str(), &file, e))
			return failed;
	if (read.kind == LOG_WAY_SYSLOG)
		if (const int failed = log_open_syslog(read.path, &syslog, e))
			return failed;
	w->place = std::make_unique<std::string>(place);
	{
		const std::scoped_lock lock(log_ways.mutex);

		w->kind = read.kind;
		w->syslog.swap(syslog);
		w->file.swap(file);
	}
	return 0; /* what the former file has not written yet is written here, without the lock */
}

/* ---- all of them */

bool log_is_stderr(void)
{
	return log_ways.ways[LOG_LINES].kind == LOG_WAY_STDERR;
}

bool log_audits(void)
{
	return log_ways.ways[LOG_AUDIT].kind != LOG_WAY_NONE;
}

/* Only the main thread opens and closes, so it may look without the lock. */
bool log_reopen(void)
{
	bool is_one = false;

	for (const struct log_way &w : log_ways.ways) {
		if (w.file)
			log_file_reopen(w.file.get());
		is_one |= w.file != nullptr;
	}
	return is_one;
}

void log_flush(int64_t most_ms)
{
	const std::scoped_lock lock(log_ways.mutex);

	for (const struct log_way &w : log_ways.ways)
		if (w.file)
			log_file_flush(w.file.get(), most_ms);
}

void log_close(void)
{
	(void)log_open(LOG_LINES, "stderr", nullptr);
	(void)log_open(LOG_AUDIT, "", nullptr);
}
