/* SPDX-License-Identifier: MIT
 * The frames of RFC 6455, as a server reads and writes them: pure functions that keep no payload and allocate nothing.
 *
 * A "frame" of this file is one of WebSocket. What the server calls a frame lies in the text of its messages. */
#ifndef WEBSOCKET_CODEC_H
#define WEBSOCKET_CODEC_H

#include <cstddef>
#include <cstdint>
#include <string_view>

inline constexpr size_t codec_head_most = 14; /* of a client's frame: 2 bytes, 8 of length, 4 of mask */
inline constexpr size_t codec_control_most = 125; /* bytes of payload */
inline constexpr size_t codec_control_frame_most = codec_control_most + 2;

enum codec_opcode : uint8_t {
	CODEC_CONTINUATION = 0,
	CODEC_TEXT = 1,
	CODEC_BINARY = 2,
	CODEC_CLOSE = 8,
	CODEC_PING = 9,
	CODEC_PONG = 10
};

enum codec_status : uint16_t {
	CODEC_STATUS_NORMAL = 1000,
	CODEC_STATUS_GOING_AWAY = 1001,
	CODEC_STATUS_PROTOCOL = 1002,
	CODEC_STATUS_TYPE = 1003,
	CODEC_STATUS_TEXT = 1007,
	CODEC_STATUS_POLICY = 1008,
	CODEC_STATUS_TOO_LONG = 1009,
	CODEC_STATUS_TRY_LATER = 1013
};

/* What a client has sent so far. All zero at first. */
struct codec {
	uint64_t left; /* bytes of the frame's payload that have not come yet */
	uint8_t mask[4]; /* the first is that of the next byte */
	uint8_t head[codec_head_most]; /* of a frame whose head is not whole */
	uint8_t head_size;
	uint8_t opcode; /* of the frame */
	uint8_t utf8; /* where the message stands */
	bool is_last; /* the frame ends its message */
	bool in_payload; /* the head was read */
	bool in_message; /* a message has begun and not ended */
	uint8_t failure; /* what codec_read answers next; 0: nothing is wrong */
};

enum codec_kind {
	CODEC_NOTHING, /* more bytes are needed */
	CODEC_PART, /* a part of the text of a message */
	CODEC_CONTROL, /* a part of a control frame */
	CODEC_FAILED /* the connection must be closed, with `status` */
};

struct codec_found {
	enum codec_kind kind;
	char *bytes; /* unmasked, in the input */
	size_t size;
	uint8_t opcode; /* CODEC_CONTROL */
	bool is_end; /* CODEC_CONTROL: the frame is whole with this part */
	uint16_t status; /* CODEC_FAILED */
	const char *why; /* CODEC_FAILED: constant */
};

/* Reads up to the next thing worth saying. Returns how many bytes were used: at least one, and all of them if nothing
 * was found. Wrong bytes are reported only when what comes before them has been. */
size_t codec_read(struct codec *c, char *bytes, size_t size, struct codec_found *found_r);

/* The head of a text frame with a whole message of that size. Returns its size, at most 10. */
size_t codec_head(size_t size, char *head_r);
/* A whole control frame, of at most codec_control_frame_most bytes; of a longer payload the end is left out. */
size_t codec_control(enum codec_opcode opcode, std::string_view payload, char *frame_r);
/* A close frame; status 0: without one. */
size_t codec_close(uint16_t status, std::string_view reason, char *frame_r);

/* Judges the payload of a close frame: 0 and *status_r (0: it has none), or the status to fail with, and *why_r. */
uint16_t codec_judge_close(std::string_view payload, uint16_t *status_r, const char **why_r);

#endif
