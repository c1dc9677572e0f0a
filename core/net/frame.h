/* SPDX-License-Identifier: MIT
 * Owns the form of a frame: where it ends, whether PROTOCOL section 1 allows it, its fields. Pure: no
 * socket, no msgid's meaning. Any thread; one object by one thread at a time. */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include <chatserverd/plugin.h>
#include <cjson/cJSON.h>

#include <base/raii.h>

/* What a scan found. */
enum frame_scan_result {
	FRAME_MORE = 0, /* all bytes used, no end yet */
	FRAME_COMPLETE = 1, /* the frame's last byte was used: its }, or a raw LF or NUL in a string */
	FRAME_NOT_BEGUN = 2, /* all bytes used, only blanks between frames */
	FRAME_BAD_BEGIN = 3 /* a byte that cannot begin a frame: the connection is lost */
};

/* Finds ends byte by byte, each byte looked at once. Zero-initialised is the start. Only braces and strings
 * matter here, so a malformed frame still ends where its braces balance, or at a raw LF or NUL in a string:
 * frame_check refuses such a frame. */
struct frame_scanner {
	uint32_t depth = 0;
	bool in_string = false;
	bool escaped = false;
};

/* Scans bytes that follow those of the last call. used_r: how many were used. begin_r: where in bytes the
 * frame begins when it begins in this call (else 0: it began earlier). FRAME_BAD_BEGIN: used_r is where the
 * bad byte stands. */
enum frame_scan_result frame_scan(struct frame_scanner *s, const char *bytes, size_t size, size_t *begin_r,
                                  size_t *used_r);

using cjson_ptr = std::unique_ptr<cJSON, function_deleter<cJSON_Delete>>;

/* Limits of PROTOCOL section 1. */
inline constexpr unsigned frame_most_depth = 32;
inline constexpr unsigned frame_most_values = 2048;

/* Checks a whole frame before any parser sees it: the grammar of RFC 8259 to the letter, UTF-8, raw control
 * characters, \u0000, numbers that no double holds, depth (the frame itself is 1), values (the frame itself is
 * one), top-level keys twice (as decoded). *request_r gets msgid and req as far as they could be read (0, -1), also
 * of a frame that is refused. 0, or CS_EINVAL with what and where (byte offset) in e. */
[[nodiscard]] int frame_check(std::string_view bytes, struct cs_request *request_r, struct cs_error *e);

/* Checks, parses, and demands a msgid and a well-formed req. On CS_EINVAL e says what and where, and *request_r
 * is as frame_check leaves it. */
[[nodiscard]] int frame_parse(std::string_view bytes, cjson_ptr *fields_r, struct cs_request *request_r,
                              struct cs_error *e);

/* Fields of the top-level object; the contracts stand in plugin.h. */
int frame_get_integer(const struct cs_frame *f, const char *key, int64_t min, int64_t max, int64_t *value_r);
int frame_get_text(const struct cs_frame *f, const char *key, const char **text_r, size_t *size_r);
int frame_get_flag(const struct cs_frame *f, const char *key, int *value_r);
int frame_has(const struct cs_frame *f, const char *key);

#endif
