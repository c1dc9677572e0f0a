/* SPDX-License-Identifier: MIT
 * Writes a text as a JSON string (RFC 8259 section 7). */
#ifndef CHATSERVERD_JSON_H
#define CHATSERVERD_JSON_H

#include <stddef.h>

/* Writes text as a JSON string, with its quotes, into out. Returns the bytes that the whole string needs, as
 * snprintf(3) does: if that is more than room, only room bytes were written, and the caller calls again with more room.
 * No terminating NUL. The text must be valid UTF-8; only ", \ and the control characters below 0x20 are escaped. Any
 * thread; keeps nothing. */
static inline size_t cs_json_quote(char *out, size_t room, const char *text, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0;

#define CS_JSON_PUT(c)                                                                                                 \
	do {                                                                                                           \
		if (at < room)                                                                                         \
			out[at] = (char)(c);                                                                           \
		at++;                                                                                                  \
	} while (0)
	CS_JSON_PUT('"');
	for (size_t i = 0; i < size; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c != '"' && c != '\\') {
			CS_JSON_PUT(c);
			continue;
		}
		CS_JSON_PUT('\\');
		switch (c) {
		case '"':
		case '\\': CS_JSON_PUT(c); break;
		case '\b': CS_JSON_PUT('b'); break;
		case '\f': CS_JSON_PUT('f'); break;
		case '\n': CS_JSON_PUT('n'); break;
		case '\r': CS_JSON_PUT('r'); break;
		case '\t': CS_JSON_PUT('t'); break;
		default:
			CS_JSON_PUT('u');
			CS_JSON_PUT('0');
			CS_JSON_PUT('0');
			CS_JSON_PUT(hex[c >> 4]);
			CS_JSON_PUT(hex[c & 15]);
		}
	}
	CS_JSON_PUT('"');
#undef CS_JSON_PUT
	return at;
}

#endif
