/* SPDX-License-Identifier: MIT
 * Finds the ends of the server's frames in a stream of bytes. */
#ifndef CHATCLIENT_FRAMES_H
#define CHATCLIENT_FRAMES_H

#include <cstddef>
#include <string>
#include <string_view>

/* bytes. An answer to LOGIN holds whole groups; a server sends nothing longer than this. */
constexpr size_t frames_limit = size_t{64} << 20;

/* Received bytes, and how far they were scanned. Each byte is scanned once. */
struct frames {
	std::string bytes;
	size_t begin = 0; /* start of the frame that is being scanned, or of the bytes after the last frame */
	size_t scanned = 0;
	size_t depth = 0;
	bool in_text = false;
	bool escaped = false;
};

void frames_clear(frames *fr);
void frames_add(frames *fr, std::string_view bytes);
/* 1: *frame_r is the next whole frame, valid until the next frames_ call. 0: more bytes are needed. -1: the bytes
 * cannot begin a frame, or the frame is longer than frames_limit; do not use the stream any more. */
[[nodiscard]] int frames_next(frames *fr, std::string_view *frame_r);

#endif
