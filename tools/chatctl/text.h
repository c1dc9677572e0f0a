/* SPDX-License-Identifier: MIT
 * Texts for a terminal: without dangerous characters, with their width; sizes and times for people. */
#ifndef CHATCTL_TEXT_H
#define CHATCTL_TEXT_H

#include <cstdint>
#include <string>
#include <string_view>

/* The text without what could control a terminal or break a line: control characters, DEL, line separators, characters
 * that change the direction of writing, and bytes that are no UTF-8. Each becomes \uXXXX, a byte \xNN. */
[[nodiscard]] std::string chatctl_harmless(std::string_view text);
/* The same document, with such characters written as \uXXXX, as JSON allows. */
[[nodiscard]] std::string chatctl_harmless_json(std::string_view json);
/* How many columns a harmless text takes. The locale must be one of UTF-8. */
[[nodiscard]] size_t chatctl_width(std::string_view text);
/* 1d 2h, 3m 4s, 250ms. */
[[nodiscard]] std::string chatctl_duration(int64_t ms);
/* 512, 64K, 1.5M. */
[[nodiscard]] std::string chatctl_size(int64_t bytes);
/* Local time as YYYY-MM-DD HH:MM:SS. ms: since 1970. */
[[nodiscard]] std::string chatctl_time(int64_t ms);

#endif
