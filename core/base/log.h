/* SPDX-License-Identifier: MIT
 * Owns the way of a log line to standard error: one write(2) per line, so that lines of threads never mix. It
 * must not know what the lines are about. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <cstdarg>

#include <chatserverd/plugin.h>

/* The level above which lines are dropped. Any thread. The level is the process's one piece of global
 * state: a log that needs a handle is a log that is not written to. */
void log_set_level(enum cs_log_level level);
bool log_enabled(enum cs_log_level level);

/* Writes `TIME LEVEL text key=value`, the time local with its offset; the journal, which adds the time, gets
 * `<PRIORITY>LEVEL text key=value`. A constant text first, then key=value pairs; never a password, a message's
 * body or an SQL value. Control characters are made visible. A line that standard error does not take at once is
 * dropped, and the next one that it takes is preceded by how many were. Keeps errno. Any thread. */
void log_write(enum cs_log_level level, const char *format, ...) CS_PRINTF(2, 3);
void log_vwrite(enum cs_log_level level, const char *format, va_list arguments);

#define log_error(...) log_write(CS_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) \
	do { if (log_enabled(CS_LOG_WARNING)) log_write(CS_LOG_WARNING, __VA_ARGS__); } while (0)
#define log_info(...) \
	do { if (log_enabled(CS_LOG_INFO)) log_write(CS_LOG_INFO, __VA_ARGS__); } while (0)
#define log_debug(...) \
	do { if (log_enabled(CS_LOG_DEBUG)) log_write(CS_LOG_DEBUG, __VA_ARGS__); } while (0)

/* Sets the text of an error. */
void error_set(struct cs_error *e, const char *format, ...) CS_PRINTF(2, 3);

#endif
