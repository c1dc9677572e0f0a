/* SPDX-License-Identifier: MIT
 * Owns what the client knows of texts: UTF-8, control characters, columns, numbers and times. It must not
 * know the protocol or where a text goes. */
#ifndef CHATCLIENT_TEXT_H
#define CHATCLIENT_TEXT_H

#include <cstdint>
#include <string>
#include <string_view>

/* Whether the whole text is UTF-8 without surrogates and overlong forms. */
[[nodiscard]] bool text_is_utf8(std::string_view text);

/* The text with everything in it that could steer a terminal or break a line written out as an escape: the
 * C0 and C1 control characters, DEL, line separators, and the characters that turn the direction of writing.
 * What is no UTF-8 becomes \xNN. With backslashes true a backslash is doubled, so that the result can be
 * turned back. */
[[nodiscard]] std::string text_harmless(std::string_view text, bool backslashes);

/* A line without the byte order mark that some editors put before a text, and a paste into a terminal. */
[[nodiscard]] std::string_view text_without_mark(std::string_view line);

/* Terminal columns of a text without control characters, in the locale's character set. */
[[nodiscard]] size_t text_columns(std::string_view text);

/* An id: decimal digits only, 1 to 2^53-1. False, and value_r untouched, for anything else. */
[[nodiscard]] bool text_to_id(std::string_view text, uint64_t *value_r);

/* Local time as YYYY-MM-DD HH:MM:SS. ms counts from 1970. */
[[nodiscard]] std::string text_from_time(int64_t ms);

/* The clocks, in ms: of the wall, and one that only goes forward. */
[[nodiscard]] int64_t text_wall_clock(void);
[[nodiscard]] int64_t text_steady_clock(void);

#endif
