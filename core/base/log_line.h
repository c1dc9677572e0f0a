/* SPDX-License-Identifier: MIT
 * The parts of a log line, and its two forms, text and JSON. Any thread. */
#ifndef CORE_LOG_LINE_H
#define CORE_LOG_LINE_H

#include <cstdarg>
#include <string>
#include <string_view>
#include <vector>

/* Words, or a pair of a key and a value. */
struct log_part {
	std::string key; /* empty: words */
	std::string value;
	bool is_quoted = false; /* the format has quotes around the value */
	bool is_number = false; /* it is one decimal integer */
};

/* Reads a format of printf(3) with its arguments. key=value pairs are those of the format, also key="value"; what
 * arguments hold is never a pair. */
[[nodiscard]] std::vector<struct log_part> log_line_read(const char *format, va_list arguments);
/* `words key=value words`. Values that need quotes get them. */
void log_line_append_text(std::string *line, const std::vector<struct log_part> &parts);
/* Appends `,"text":"words","key":"value"` to an object that is begun with these members: time, level, event. Integers
 * are numbers. A key that is there already gets a _ behind it. What would make the object longer than most bytes is cut
 * or left out. */
void log_line_append_json(std::string *line, const std::vector<struct log_part> &parts, size_t most);
/* Appends a text as a JSON string, with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void log_line_quote_json(std::string *line, std::string_view text);

#endif
