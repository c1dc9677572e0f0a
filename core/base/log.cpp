/* SPDX-License-Identifier: MIT
 * Forms log lines and audit lines, and error texts. */
#include "core/base/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <syslog.h>
#include <unistd.h>

#include "core/base/log_internal.h"
#include "core/base/log_line.h"

/* Bytes that a pipe or socket takes at once when poll says that it has room. */
static constexpr size_t log_most_written = PIPE_BUF;

/* How many audit lines of one kind were written in the second that begins then. Two kinds may share one. */
struct log_refusals {
	std::atomic<size_t> event{0}; /* the hash of the event whose lines are counted; 0: nobody's yet */
	std::atomic<int64_t> begun_s{0};
	std::atomic<unsigned> count{0};
	std::atomic<uint64_t> left_out{0};
};

static constinit struct {
	std::atomic<int> level{CS_LOG_INFO}; /* enum cs_log_level, or below it: nothing is logged */
	std::atomic<enum log_form> form{LOG_FORM_TEXT};
	std::array<struct log_refusals, 32> refusals;
} log_current{};

/* What a line begins with. */
struct log_head {
	enum log_stream stream = LOG_LINES;
	enum cs_log_level level = CS_LOG_INFO;
	const char *event = ""; /* of an audit line */
};

/* ---- the beginning of a line */

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

static int log_priority(const struct log_head &head)
{
	if (head.stream == LOG_AUDIT)
		return LOG_NOTICE;
	switch (head.level) {
	case CS_LOG_ERROR: return LOG_ERR;
	case CS_LOG_WARNING: return LOG_WARNING;
	case CS_LOG_INFO: return LOG_INFO;
	case CS_LOG_DEBUG: return LOG_DEBUG;
	}
	return LOG_ERR;
}

/* 2026-01-31T22:59:59.999Z, for JSON. */
static std::string log_time_utc()
{
	struct timespec now {};
	struct tm utc {};
	char time[32], text[48];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &utc);
	(void)strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(text, sizeof text, "%s.%03ldZ", time, now.tv_nsec / 1000000);
	return text;
}

/* 2026-01-31T23:59:59.999+01:00 */
static std::string log_time_local()
{
	struct timespec now {};
	struct tm local {};
	char time[32], zone[8], text[64];

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)localtime_r(&now.tv_sec, &local);
	(void)strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &local);
	(void)strftime(zone, sizeof zone, "%z", &local);
	(void)snprintf(text, sizeof text, "%s.%03ld%.3s:%s", time, now.tv_nsec / 1000000, zone, zone + 3);
	return text;
}

/* Jan 31 23:59:59, as syslog(3) says it. */
static std::string log_time_syslog()
{
	const time_t now = time(nullptr);
	struct tm local {};
	char text[32];

	(void)localtime_r(&now, &local);
	(void)strftime(text, sizeof text, "%b %e %H:%M:%S", &local);
	return text;
}

/* The priority, where there is one; *has_time_r: whether the reader adds the time. */
static std::string log_prefix(const struct log_head &head, enum log_way_kind way, bool *has_time_r)
{
	const int facility = head.stream == LOG_AUDIT ? LOG_AUTHPRIV : LOG_DAEMON;

	*has_time_r = way == LOG_WAY_SYSLOG || (way == LOG_WAY_STDERR && log_way_is_journal());
	if (!*has_time_r)
		return "";
	if (way == LOG_WAY_STDERR)
		return "<" + std::to_string(log_priority(head)) + ">";
	return "<" + std::to_string(facility | log_priority(head)) + ">" + log_time_syslog() + " chatserverd[" +
	       std::to_string(getpid()) + "]: ";
}

/* ---- whole lines */

static std::string log_form_line(const struct log_head &head, enum log_way_kind way,
                                 const std::vector<struct log_part> &parts)
{
	const char *level = head.stream == LOG_AUDIT ? "audit" : log_level_name(head.level);
	bool has_time = false;
	std::string line = log_prefix(head, way, &has_time);

	if (log_current.form.load(std::memory_order_relaxed) == LOG_FORM_JSON) {
		line.append("{\"time\":\"").append(log_time_utc()).append("\",\"level\":\"").append(level).append("\"");
		if (head.stream == LOG_AUDIT)
			line.append(",\"event\":\"").append(head.event).append("\"");
		log_line_append_json(&line, parts, log_most_written - 1);
		return line.append("}\n");
	}
	if (!has_time)
		line.append(log_time_local()).append(" ");
	line.append(level).append(" ");
	if (head.stream == LOG_AUDIT)
		line.append(head.event).append(" ");
	log_line_append_text(&line, parts);
	line.resize(std::min(line.size(), log_most_written - 1));
	return line.append("\n");
}

static void log_write_parts(const struct log_head &head, const std::vector<struct log_part> &parts)
{
	const int saved_errno = errno;

	for (;;) {
		const enum log_way_kind way = log_way_of(head.stream);

		if (log_way_write(head.stream, way, log_form_line(head, way, parts)))
			break;
	}
	errno = saved_errno;
}

static struct log_part log_number(const char *key, uint64_t number)
{
	return {.key = key, .value = std::to_string(number), .is_quoted = false, .is_number = true};
}

static void log_add_pair(std::vector<struct log_part> *parts, struct log_part pair)
{
	/* Behind a quoted value the last part is an empty one. */
	if (parts->size() > 1 || !parts->back().value.empty())
		parts->push_back({.key = "", .value = " "});
	parts->push_back(std::move(pair));
}

std::string log_dropped_line(enum log_stream stream, enum log_way_kind way, uint64_t count)
{
	const struct log_head head = {.stream = stream, .level = CS_LOG_WARNING, .event = "lines_dropped"};
	const char *words = stream == LOG_AUDIT ? "" : "log lines dropped ";

	return log_form_line(head, way, {{.key = "", .value = words}, log_number("count", count)});
}

std::string log_fault_line(const char *what, const char *path, const char *why)
{
	const struct log_head head = {.stream = LOG_LINES, .level = CS_LOG_ERROR, .event = ""};

	return log_form_line(head, LOG_WAY_STDERR,
	                     {{.key = "", .value = std::string(what) + " "},
	                      {.key = "file", .value = path},
	                      {.key = "", .value = " "},
	                      {.key = "why", .value = why, .is_quoted = true}});
}

/* ---- log lines */

void log_set_level(enum cs_log_level level)
{
	log_current.level.store(level, std::memory_order_relaxed);
}

bool log_enabled(enum cs_log_level level)
{
	return level <= log_current.level.load(std::memory_order_relaxed);
}

void log_set_form(enum log_form form)
{
	log_current.form.store(form, std::memory_order_relaxed);
}

void log_vwrite(enum cs_log_level level, const char *format, va_list arguments)
{
	if (log_enabled(level))
		log_write_parts({.stream = LOG_LINES, .level = level, .event = ""}, log_line_read(format, arguments));
}

void log_vwrite_plugin(enum cs_log_level level, const char *plugin, unsigned worker, const char *format,
                       va_list arguments)
{
	if (!log_enabled(level))
		return;
	std::vector<struct log_part> parts = log_line_read(format, arguments);

	log_add_pair(&parts, {.key = "plugin", .value = plugin});
	log_add_pair(&parts, log_number("worker", worker));
	log_write_parts({.stream = LOG_LINES, .level = level, .event = ""}, parts);
}

void log_write(enum cs_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vwrite(level, format, arguments);
	va_end(arguments);
}

/* ---- audit lines */

/* The first counter that is the event's or free. Those of many plugins share the last one. */
static struct log_refusals *log_find_refusals(const char *event)
{
	const size_t hash = std::hash<std::string_view>()(event);
	struct log_refusals *const last = &log_current.refusals.back();
	struct log_refusals *r = log_current.refusals.data();

	for (; r != last; r++) {
		size_t found = 0;

		if (r->event.compare_exchange_strong(found, hash) || found == hash)
			break;
	}
	return r;
}

/* false: too many refusals of this kind in this second. *left_out_r: how many lines were left out before. */
static bool log_refusal_is_told(const char *event, uint64_t *left_out_r)
{
	struct log_refusals *r = log_find_refusals(event);
	struct timespec now {};

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (int64_t begun = r->begun_s; begun != now.tv_sec && r->begun_s.compare_exchange_strong(begun, now.tv_sec))
		r->count = 0;
	if (r->count++ >= log_most_refusals) {
		r->left_out++;
		return false;
	}
	*left_out_r = r->left_out.exchange(0);
	return true;
}

/* plugin: null, or whose line it is. */
static void log_audit_parts(const char *event, const char *plugin, unsigned worker, const char *format,
                            va_list arguments)
{
	uint64_t left_out = 0;

	if (!log_audits() || (std::string_view(event).ends_with("_refused") && !log_refusal_is_told(event, &left_out)))
		return;
	std::vector<struct log_part> parts = log_line_read(format, arguments);

	if (plugin) {
		log_add_pair(&parts, {.key = "plugin", .value = plugin});
		log_add_pair(&parts, log_number("worker", worker));
	}
	if (left_out > 0)
		log_add_pair(&parts, log_number("left_out", left_out));
	log_write_parts({.stream = LOG_AUDIT, .level = CS_LOG_INFO, .event = event}, parts);
}

void log_vaudit(const char *event, const char *format, va_list arguments)
{
	log_audit_parts(event, nullptr, 0, format, arguments);
}

void log_vaudit_plugin(const char *event, const char *plugin, unsigned worker, const char *format, va_list arguments)
{
	log_audit_parts(event, plugin, worker, format, arguments);
}

void log_audit(const char *event, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vaudit(event, format, arguments);
	va_end(arguments);
}

/* ---- texts */

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

void log_append_formed(std::string *line, const char *format, va_list arguments)
{
	log_line_append_text(line, log_line_read(format, arguments));
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
