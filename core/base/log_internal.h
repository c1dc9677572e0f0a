/* SPDX-License-Identifier: MIT
 * What the files of the log share. Only for log*.cpp. */
#ifndef CORE_LOG_INTERNAL_H
#define CORE_LOG_INTERNAL_H

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/log.h"

/* ---- log.cpp */

enum log_way_kind { LOG_WAY_NONE, LOG_WAY_STDERR, LOG_WAY_SYSLOG, LOG_WAY_FILE };

/* The whole line, with its end, that says how many lines of the stream were dropped. */
[[nodiscard]] std::string log_dropped_line(enum log_stream stream, enum log_way_kind way, uint64_t count);
/* The whole line for standard error that says that a file fails. */
[[nodiscard]] std::string log_fault_line(const char *what, const char *path, const char *why);

/* ---- log_way.cpp: where the lines of each stream go. Any thread. */

[[nodiscard]] enum log_way_kind log_way_of(enum log_stream stream);
/* Writes a whole line, or drops and counts it. way: for what it was formed. false: the stream goes elsewhere by now, so
 * the line must be formed anew. */
[[nodiscard]] bool log_way_write(enum log_stream stream, enum log_way_kind way, std::string_view line);
/* Counts lines that a file has dropped. */
void log_way_count_dropped(enum log_stream stream, uint64_t count);
/* Writes a whole line to standard error, or drops it. */
void log_way_complain(std::string_view line);
/* Whether standard error is the journal. */
[[nodiscard]] bool log_way_is_journal(void);

/* ---- log_file.cpp: a file, and the thread that writes it */

struct log_file;
struct log_file_deleter {
	void operator()(struct log_file *f) const; /* writes all that waits */
};
using log_file_ptr = std::unique_ptr<struct log_file, log_file_deleter>;

/* Opens the file, made with mode 640 if it is missing. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int log_file_open(enum log_stream stream, const char *path, log_file_ptr *file_r, struct cs_error *e);
/* Whether it could be opened. Makes nothing. */
[[nodiscard]] int log_file_check(const char *path, struct cs_error *e);
/* Hands over a whole line, which is dropped if too much waits. */
void log_file_add(struct log_file *f, std::string_view line);
/* Before the next line the file is opened by its name again. */
void log_file_reopen(struct log_file *f);
void log_file_flush(struct log_file *f, int64_t most_ms);

#endif
