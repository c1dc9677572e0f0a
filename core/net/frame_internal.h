/* SPDX-License-Identifier: MIT
 * Owns what the files frame_*.cpp share among each other: it must not be included elsewhere. */
#ifndef CORE_FRAME_INTERNAL_H
#define CORE_FRAME_INTERNAL_H

#include <forward_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/frame.h"

/* A key of the top level. */
struct frame_key {
	std::string_view text; /* as decoded */
	size_t at; /* where it stands in the frame */
};

/* Whose value comes next. */
enum frame_field { FRAME_FIELD_OTHER, FRAME_FIELD_MSGID, FRAME_FIELD_REQ };

/* A frame that is being checked. */
struct frame_checker {
	const char *begin, *at, *end;
	struct cs_request *request;
	struct cs_error *error;
	unsigned depth = 0, values = 0;
	uint32_t objects = 0; /* bit d: the container at depth d + 1 is an object */
	enum frame_field field = FRAME_FIELD_OTHER;
	size_t key_count = 0;
	struct frame_key keys[24]; /* the first ones: no frame of ours has more */
	std::vector<struct frame_key> more_keys;
	std::forward_list<std::string> decoded; /* keys that were written with escapes */
};

/* Set the error to "what at byte N" and answer CS_EINVAL. */
int frame_fail(struct frame_checker *k, const char *what, const char *where);
int frame_unexpected(struct frame_checker *k);

/* Checks a string, from the opening quote past the closing one. */
[[nodiscard]] int frame_check_string(struct frame_checker *k, bool *has_escapes_r);
/* What a string means; raw is the part between the quotes, and frame_check_string has accepted it. */
std::string frame_decode_string(std::string_view raw);

/* Fills in what *request does not have yet (0, -1) from the outermost level of a frame that is refused. */
void frame_salvage_request(std::string_view bytes, struct cs_request *request);

#endif
