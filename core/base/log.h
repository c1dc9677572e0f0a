/* SPDX-License-Identifier: MIT
 * Writes log lines to standard error: one write(2) a line, so that lines of different threads never mix. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <cstdarg>
#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

/* Sets the level above which lines are dropped. Any thread. The level is global, so that every function can log without
 * a handle. */
void log_set_level(enum cs_log_level level);
bool log_enabled(enum cs_log_level level);

/* Writes `TIME LEVEL text key=value`, the local time with its offset. The journal, which adds the time itself, gets
 * `<PRIORITY>LEVEL text key=value`. A constant text comes first, then key=value pairs; never a password, a message's
 * body or an SQL value. Control characters are made visible. A line that standard error does not take at once is
 * dropped; before the next line that it takes, the number of dropped lines is logged. Keeps errno. Any thread. */
void log_write(enum cs_log_level level, const char *format, ...) CS_PRINTF(2, 3);
void log_vwrite(enum cs_log_level level, const char *format, va_list arguments);

#define log_error(...) log_write(CS_LOG_ERROR, __VA_ARGS__)
#define log_warning(...)                                                                                               \
	do {                                                                                                           \
		if (log_enabled(CS_LOG_WARNING))                                                                       \
			log_write(CS_LOG_WARNING, __VA_ARGS__);                                                        \
	} while (0)
#define log_info(...)                                                                                                  \
	do {                                                                                                           \
		if (log_enabled(CS_LOG_INFO))                                                                          \
			log_write(CS_LOG_INFO, __VA_ARGS__);                                                           \
	} while (0)
#define log_debug(...)                                                                                                 \
	do {                                                                                                           \
		if (log_enabled(CS_LOG_DEBUG))                                                                         \
			log_write(CS_LOG_DEBUG, __VA_ARGS__);                                                          \
	} while (0)

/* Appends a text so that the line stays one line and cannot move a terminal's cursor, even if a peer sent the text. */
void log_append_visible(std::string *line, std::string_view text);

/* Sets the text of an error. */
void error_set(struct cs_error *e, const char *format, ...) CS_PRINTF(2, 3);

#endif
