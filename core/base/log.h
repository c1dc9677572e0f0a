/* SPDX-License-Identifier: MIT
 * The log and the audit log: forms lines, and writes them to standard error, to syslog or to files. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <cstdarg>
#include <cstdint>
#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

/* Sets the level above which lines are dropped. Any thread. The level is global, so that every function can log without
 * a handle. */
void log_set_level(enum cs_log_level level);
bool log_enabled(enum cs_log_level level);

/* ---- lines */

/* Writes `TIME LEVEL text key=value`, the local time with its offset. The journal and syslog, which have the time
 * themselves, get `LEVEL text key=value` with the priority. As JSON a line is one object: time (UTC), level, text, and
 * a member for each pair. Words come first, then key=value pairs; never a password, a message's body or an SQL value.
 * What is a pair is decided by the format alone: a value that has blanks, quotes or backslashes is quoted, so no
 * argument can forge a pair. Control characters are made visible. A line that cannot be written at once is dropped;
 * before the next line that can, the number of dropped lines is logged. Keeps errno. Any thread. */
void log_write(enum cs_log_level level, const char *format, ...) CS_PRINTF(2, 3);
void log_vwrite(enum cs_log_level level, const char *format, va_list arguments);
/* The same, with the pairs plugin and worker at the end. */
void log_vwrite_plugin(enum cs_log_level level, const char *plugin, unsigned worker, const char *format,
                       va_list arguments);

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

/* ---- the audit log: who came, who went, and who changed what may be done */

/* Whether there is an audit log. Any thread. */
bool log_audits(void);
/* Writes `TIME audit EVENT key=value`; as JSON time, event, and a member for each pair. event is a constant word. Of an
 * event whose name ends with _refused, which anybody can cause, at most log_most_refusals lines are written in a
 * second; the next one says by left_out how many were not. Without an audit log it does nothing. Keeps errno. Any
 * thread. */
void log_audit(const char *event, const char *format, ...) CS_PRINTF(2, 3);
void log_vaudit(const char *event, const char *format, va_list arguments);
void log_vaudit_plugin(const char *event, const char *plugin, unsigned worker, const char *format, va_list arguments);

inline constexpr unsigned log_most_refusals = 50;

/* ---- where lines go */

enum log_stream { LOG_LINES, LOG_AUDIT, LOG_STREAM_COUNT };
enum log_form { LOG_FORM_TEXT, LOG_FORM_JSON };

void log_set_form(enum log_form form); /* any thread */

/* Checks the name of a place: stderr, syslog (/dev/log), syslog:SOCKET, file:PATH; of the audit log also an empty one:
 * there is none. 0, or CS_EINVAL with what is allowed in e. */
[[nodiscard]] int log_check_place(enum log_stream stream, const char *place, struct cs_error *e);
/* The same, and whether the file can be opened or, unless lines go there already, the socket can be connected to; makes
 * and changes nothing. Main thread. */
[[nodiscard]] int log_check_use(enum log_stream stream, const char *place, struct cs_error *e);
/* From now on the lines go there; before the first call to standard error, and no audit log is kept. A file is made
 * with mode 640, and a thread writes it: who logs never waits for the disk. If it is the same place as before, nothing
 * happens. 0, or CS_EINVAL with the text in e: then
 * the lines go where they went before. Main thread. */
[[nodiscard]] int log_open(enum log_stream stream, const char *place, struct cs_error *e);
/* Opens the files again by their names, after somebody has renamed them: from the next line on. false: no file is in
 * use. Main thread. */
bool log_reopen(void);
/* Whether log lines go to standard error. Main thread. */
bool log_is_stderr(void);
/* Waits until files have all lines, for at most so long. Before _exit. Any thread. */
void log_flush(int64_t most_ms);
/* Writes what waits and closes files; further lines go to standard error. Main thread, at its end. */
void log_close(void);
/* How many lines were dropped since the start of the program. Any thread. */
uint64_t log_dropped(enum log_stream stream);

/* ---- texts */

/* Appends a text so that the line stays one line and cannot move a terminal's cursor, even if a peer sent the text. */
void log_append_visible(std::string *line, std::string_view text);
/* Appends `text key=value` as a line of the log has it. */
void log_append_formed(std::string *line, const char *format, va_list arguments);

/* Sets the text of an error. */
void error_set(struct cs_error *e, const char *format, ...) CS_PRINTF(2, 3);

#endif
