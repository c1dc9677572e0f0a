/* SPDX-License-Identifier: MIT
 * Texts: UTF-8, control characters, columns, numbers and times. */
#ifndef CHATCLIENT_TEXT_H
#define CHATCLIENT_TEXT_H

#include <cstdint>
#include <string>
#include <string_view>

/* Whether the whole text is UTF-8 without surrogates and overlong forms. */
[[nodiscard]] bool text_is_utf8(std::string_view text);

/* The text without dangerous characters. Everything that could control a terminal or break a line is replaced by an
 * escape: C0 and C1 control characters, DEL, line separators, and characters that change the direction of writing. A
 * byte that is not UTF-8 becomes \xNN. With backslashes true a backslash is doubled, so that the original can be
 * restored. */
[[nodiscard]] std::string text_harmless(std::string_view text, bool backslashes);

/* A line without a byte order mark at its beginning: some editors and pastes add one. */
[[nodiscard]] std::string_view text_without_mark(std::string_view line);

/* How many rows below its beginning the end of such a text is on a terminal, if it begins at the margin. A character
 * of two columns that has only one left goes to the next row; so does the cursor when a row is full. */
[[nodiscard]] size_t text_rows(std::string_view text, size_t columns);

/* The beginning of a text without control characters, at most so many columns wide. */
[[nodiscard]] std::string_view text_cut(std::string_view text, size_t columns);

/* Reads an id: only decimal digits, 1 to 2^53-1. For anything else false, and *value_r stays as it was. */
[[nodiscard]] bool text_to_id(std::string_view text, uint64_t *value_r);

/* Local time as YYYY-MM-DD HH:MM:SS. ms: since 1970. */
[[nodiscard]] std::string text_from_time(int64_t ms);

/* Without the seconds; and without the day, if it is today. */
[[nodiscard]] std::string text_short_time(int64_t ms);

/* Clocks, in ms: the wall clock, and a clock that never goes back. */
[[nodiscard]] int64_t text_wall_clock(void);
[[nodiscard]] int64_t text_steady_clock(void);

#endif
