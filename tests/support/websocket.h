/* SPDX-License-Identifier: MIT
 * The client's side of a WebSocket (RFC 6455) for tests: bytes in, bytes out, no socket. It shares no code with the
 * server, and is strict with what the server sends. */
#ifndef TESTS_SUPPORT_WEBSOCKET_H
#define TESTS_SUPPORT_WEBSOCKET_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10
};

/* Stands behind each message that was taken. No frame can hold it. */
static const char websocket_message_end = 0x1e;

struct test_websocket {
	std::string input; /* of the server, not yet taken */
	int status = 0; /* of the answer to the request; 0: it has not come */
	std::string head; /* that answer, up to the empty line */
	bool is_open = false;
	bool in_message = false; /* the last frame of ours had no FIN */
	unsigned missing = 0; /* bytes of the last character of ours */
	uint64_t random = 88172645463325252u; /* for cuts and masks; never 0 */
	bool answers_pings = true;
	size_t pings = 0, pongs = 0; /* of the server */
	unsigned close_code = 0; /* of the server's close frame; 1005: it had none */
	std::string close_reason;
	std::string error; /* the first thing that the server did against RFC 6455 or PROTOCOL 12 */
};

/* The request for /ws. more: further lines, each with its CR LF. */
std::string websocket_request(std::string_view host, std::string_view more = "");
/* One frame, masked, with these first bits (0x80: FIN) and opcode. */
void websocket_put_frame(test_websocket *w, unsigned first, std::string_view payload, std::string *out);
/* The bytes as text messages, cut at random into fragments and messages, but no message ends within a character.
 * in_message may be true afterwards if stays_open, or if the bytes end within a character. */
void websocket_put(test_websocket *w, std::string_view bytes, bool stays_open, std::string *out);
void websocket_put_close(test_websocket *w, unsigned code, std::string *out);
/* Takes what is whole out of the input. Each text message goes to frames_r, with websocket_message_end behind it.
 * Answers to pings and to a close go to out. */
void websocket_take(test_websocket *w, std::string *frames_r, std::string *out);

#endif
