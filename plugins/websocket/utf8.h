/* SPDX-License-Identifier: MIT
 * Checks UTF-8 that comes in pieces. */
#ifndef WEBSOCKET_UTF8_H
#define WEBSOCKET_UTF8_H

#include <cstddef>
#include <cstdint>

/* Where a text stands between two pieces. The others stand inside a character. */
inline constexpr uint8_t utf8_whole = 0;

/* Returns how many bytes of the piece are good: size, or where the first byte stands that no text can have there. The
 * state is then that behind the good bytes. */
size_t utf8_check(uint8_t *state, const char *bytes, size_t size);

#endif
