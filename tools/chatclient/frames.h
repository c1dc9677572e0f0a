/* SPDX-License-Identifier: MIT
 * Owns finding where the server's frames end in a stream of bytes. It must not know what is in them. */
#ifndef CHATCLIENT_FRAMES_H
#define CHATCLIENT_FRAMES_H

#include <cstddef>
#include <string>
#include <string_view>

/* An answer to LOGIN brings whole groups; what is longer than this is no frame of a sane server. */
constexpr size_t FRAMES_LIMIT = size_t{64} << 20;

/* Bytes as they came, and how far they are scanned: each byte once. */
struct frames {
	std::string bytes;
	size_t begin = 0; /* of the frame that is scanned, or of what follows the last one */
	size_t scanned = 0;
	size_t depth = 0;
	bool in_text = false;
	bool escaped = false;
};

void frames_clear(frames *fr);
void frames_add(frames *fr, std::string_view bytes);
/* 1: *frame_r is the next whole frame, valid until the next frames_ call. 0: more bytes are needed.
 * -1: the bytes cannot begin a frame, or the frame is over FRAMES_LIMIT; the stream is of no more use. */
[[nodiscard]] int frames_next(frames *fr, std::string_view *frame_r);

#endif
