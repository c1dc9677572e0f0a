/* SPDX-License-Identifier: MIT
 * Forms and writes log lines, and forms error texts. */
#include "core/base/log.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

static constexpr size_t log_most_line = 4096;

/* Bytes that a pipe or socket takes at once when poll says that it has room. */
static constexpr size_t log_most_written = PIPE_BUF;

static constinit std::atomic<int> log_current_level{CS_LOG_INFO};

/* Standard error, locked for one line at a time, so that nobody else uses the room that poll has found. */
static constinit struct {
	std::mutex mutex;
	unsigned long long dropped;
} log_way{};

static const char *log_level_name(enum cs_log_level level)
{
	switch (level) {
	case CS_LOG_ERROR: return "error";
	case CS_LOG_WARNING: return "warning";
	case CS_LOG_INFO: return "info";
	case CS_LOG_DEBUG: return "debug";
	}
	return "error";
}

/* systemd sets JOURNAL_STREAM to the device and inode of the standard error that it connects to the journal. If
 * standard error is redirected, the variable stays, so the numbers are compared. */
static bool log_is_journal()
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device = 0, inode = 0;
	struct stat status {};

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &status) == 0 &&
	       status.st_dev == device && status.st_ino == inode;
}

/* The beginning of a line: the time, 2026-01-31T23:59:59.999+01:00, and the level; for the journal, which adds the time
 * itself, its priority and the level. */
std::string log_line_begin(enum cs_log_level level)
{
	const int priority = level == CS_LOG_DEBUG     ? LOG_DEBUG
	                     : level == CS_LOG_INFO    ? LOG_INFO
	                     : level == CS_LOG_WARNING ? LOG_WARNING
	                                               : LOG_ERR;
	struct timespec now {};
	struct tm local {};
	char time[32], zone[8], text[64];

	if (log_is_journal()) {
		(void)snprintf(text, sizeof(text), "<%d>%s ", priority, log_level_name(level));
		return text;
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)localtime_r(&now.tv_sec, &local);
	(void)strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%S", &local);
	(void)strftime(zone, sizeof(zone), "%z", &local);
	(void)snprintf(text, sizeof(text), "%s.%03ld%.3s:%s %s ", time, now.tv_nsec / 1000000, zone, zone + 3,
	               log_level_name(level));
	return text;
}

/* U+0080 to U+009F count as control characters, and so do their bytes alone in a text that is no UTF-8: terminals obey
 * both. */
static bool log_is_visible(std::string_view text, size_t at)
{
	const auto is_order = [](unsigned char byte) {
		return byte >= 0x80 && byte <= 0x9f;
	};
	const unsigned char byte = static_cast<unsigned char>(text[at]);
	const unsigned char before = at > 0 ? static_cast<unsigned char>(text[at - 1]) : 0;

	if (is_order(byte))
		return before >= 0x80 && before != 0xc2;
	if (byte == 0xc2 && at + 1 < text.size())
		return !is_order(static_cast<unsigned char>(text[at + 1]));
	return byte >= 0x20 && byte != 0x7f;
}

void log_append_visible(std::string *line, std::string_view text)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < text.size(); i++) {
		const unsigned char byte = static_cast<unsigned char>(text[i]);

		if (log_is_visible(text, i)) {
			line->push_back(text[i]);
			continue;
		}
		line->append("\\x");
		line->push_back(hex[byte >> 4]);
		line->push_back(hex[byte & 15]);
	}
}

static void log_write_all(std::string_view line)
{
	while (!line.empty()) {
		const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());

		if (written == -1 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		line.remove_prefix(static_cast<size_t>(written));
	}
}

static bool log_has_room()
{
	struct pollfd out {
		.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0
	};

	return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT);
}

/* Drops the line if it cannot be written at once: the program that reads the log may hang, and must not make a worker
 * hang. */
static void log_write_or_drop(std::string_view line)
{
	std::scoped_lock lock(log_way.mutex);

	if (log_way.dropped > 0 && log_has_room()) {
		log_write_all(log_line_begin(CS_LOG_WARNING) +
		              "log lines dropped count=" + std::to_string(log_way.dropped) + "\n");
		log_way.dropped = 0;
	}
	if (log_has_room())
		log_write_all(line);
	else
		log_way.dropped++;
}

void log_set_level(enum cs_log_level level)
{
	log_current_level.store(level, std::memory_order_relaxed);
}

bool log_enabled(enum cs_log_level level)
{
	return level <= log_current_level.load(std::memory_order_relaxed);
}

void log_vwrite(enum cs_log_level level, const char *format, va_list arguments)
{
	if (!log_enabled(level))
		return;

	const int saved_errno = errno;
	char text[log_most_line];
	const int size = vsnprintf(text, sizeof(text), format, arguments);
	std::string line = log_line_begin(level);

	if (size > 0)
		log_append_visible(&line, {text, std::min(static_cast<size_t>(size), sizeof(text) - 1)});
	line.resize(std::min(line.size(), log_most_written - 1));
	line.push_back('\n');
	log_write_or_drop(line);
	errno = saved_errno;
}

void log_write(enum cs_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vwrite(level, format, arguments);
	va_end(arguments);
}

void error_set(struct cs_error *e, const char *format, ...)
{
	va_list arguments;

	if (!e)
		return;
	va_start(arguments, format);
	(void)vsnprintf(e->text, sizeof(e->text), format, arguments);
	va_end(arguments);
}
