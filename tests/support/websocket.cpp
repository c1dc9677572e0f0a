/* SPDX-License-Identifier: MIT
 * The client's side of a WebSocket (RFC 6455) for tests: bytes in, bytes out, no socket. */
#include "tests/support/websocket.h"

#include <algorithm>
#include <cstdlib>

#include <strings.h>

/* The key and its answer are those of RFC 6455, 1.3. */
static const char *const websocket_key = "dGhlIHNhbXBsZSBub25jZQ==";
static const char *const websocket_accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

static uint64_t websocket_random(test_websocket *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random;
}

static void websocket_blame(test_websocket *w, const char *what)
{
	if (w->error.empty())
		w->error = what;
}

/* ---- to the server */

std::string websocket_request(std::string_view host, std::string_view more)
{
	return "GET /ws HTTP/1.1\r\nHost: " + std::string(host) +
	       "\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	       "Sec-WebSocket-Key: " +
	       websocket_key + "\r\n" + std::string(more) + "\r\n";
}

void websocket_put_frame(test_websocket *w, unsigned first, std::string_view payload, std::string *out)
{
	const uint64_t size = payload.size(), number = websocket_random(w);
	const unsigned length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
	char mask[4];

	out->push_back(static_cast<char>(first));
	out->push_back(static_cast<char>(0x80u | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127)));
	for (unsigned i = length_bytes; i > 0; i--)
		out->push_back(static_cast<char>(size >> (8 * (i - 1))));
	for (unsigned i = 0; i < 4; i++) {
		mask[i] = static_cast<char>(number >> (8 * i));
		out->push_back(mask[i]);
	}
	for (size_t i = 0; i < payload.size(); i++)
		out->push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
}

/* How many bytes of a character are missing behind these. */
static unsigned websocket_missing(unsigned missing, std::string_view bytes)
{
	for (const char signed_byte : bytes) {
		const auto byte = static_cast<unsigned char>(signed_byte);

		if (missing && (byte & 0xc0) == 0x80)
			missing--;
		else
			missing = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
	}
	return missing;
}

static void websocket_put_piece(test_websocket *w, std::string_view piece, bool is_last, std::string *out)
{
	const unsigned opcode = w->in_message ? WEBSOCKET_CONTINUATION : WEBSOCKET_TEXT;

	w->missing = websocket_missing(w->missing, piece);
	is_last = is_last && !w->missing;
	w->in_message = !is_last;
	websocket_put_frame(w, (is_last ? 0x80u : 0) | opcode, piece, out);
}

void websocket_put(test_websocket *w, std::string_view bytes, bool stays_open, std::string *out)
{
	const uint64_t choice = websocket_random(w);
	uint64_t cuts = choice % 2 ? 0 : 1 + choice / 2 % 3;

	while (!bytes.empty()) {
		const uint64_t number = websocket_random(w);
		const size_t size = cuts ? number / 2 % (bytes.size() + 1) : bytes.size();
		const std::string_view piece = bytes.substr(0, size);

		bytes.remove_prefix(size);
		cuts -= cuts > 0;
		websocket_put_piece(w, piece, bytes.empty() && !stays_open ? true : number % 2, out);
	}
}

void websocket_put_close(test_websocket *w, unsigned code, std::string *out)
{
	const char payload[2] = {static_cast<char>(code >> 8), static_cast<char>(code)};

	websocket_put_frame(w, 0x80u | WEBSOCKET_CLOSE, std::string_view(payload, code ? 2 : 0), out);
}

/* ---- from the server */

/* The value of a header line, or "". */
static std::string websocket_header(const std::string &head, const char *name)
{
	const std::string wanted = std::string("\r\n") + name + ":";

	for (size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2))
		if (strncasecmp(head.c_str() + at, wanted.c_str(), wanted.size()) == 0) {
			const size_t begin = head.find_first_not_of(" \t", at + wanted.size());

			return head.substr(begin, head.find("\r\n", begin) - begin);
		}
	return "";
}

static void websocket_take_head(test_websocket *w)
{
	const size_t end = w->input.find("\r\n\r\n");

	if (end == w->input.npos)
		return;
	w->head = w->input.substr(0, end + 2);
	w->status = w->head.starts_with("HTTP/1.1 ") ? atoi(w->head.c_str() + 9) : -1;
	if (w->status == -1)
		websocket_blame(w, "the answer to the request is no HTTP");
	if (w->status != 101)
		return;
	w->input.erase(0, end + 4);
	w->is_open = true;
	if (websocket_header(w->head, "Sec-WebSocket-Accept") != websocket_accept)
		websocket_blame(w, "a wrong Sec-WebSocket-Accept");
	if (strcasecmp(websocket_header(w->head, "Upgrade").c_str(), "websocket") != 0 ||
	    strcasecmp(websocket_header(w->head, "Connection").c_str(), "upgrade") != 0)
		websocket_blame(w, "the answer does not say that the connection is a WebSocket now");
	if (!websocket_header(w->head, "Sec-WebSocket-Extensions").empty() ||
	    !websocket_header(w->head, "Sec-WebSocket-Protocol").empty())
		websocket_blame(w, "an extension or a protocol was agreed that nobody asked for");
}

static void websocket_take_close(test_websocket *w, const std::string &payload, std::string *out)
{
	w->close_code = 1005;
	if (payload.size() == 1)
		websocket_blame(w, "a close frame of one byte");
	if (payload.size() >= 2) {
		w->close_code = static_cast<unsigned char>(payload[0]) * 256u + static_cast<unsigned char>(payload[1]);
		w->close_reason = payload.substr(2);
	}
	websocket_put_close(w, w->close_code == 1005 ? 0 : w->close_code, out);
}

static void websocket_take_payload(test_websocket *w, unsigned first, const std::string &payload, std::string *frames_r,
                                   std::string *out)
{
	switch (first) {
	case 0x80u | WEBSOCKET_TEXT:
		if (!payload.starts_with("{") || !payload.ends_with("}") ||
		    payload.find(websocket_message_end) != payload.npos)
			websocket_blame(w, "a message that is not exactly one frame");
		*frames_r += payload + websocket_message_end;
		break;
	case 0x80u | WEBSOCKET_PING:
		w->pings++;
		if (w->answers_pings)
			websocket_put_frame(w, 0x80u | WEBSOCKET_PONG, payload, out);
		break;
	case 0x80u | WEBSOCKET_PONG: w->pongs++; break;
	case 0x80u | WEBSOCKET_CLOSE: websocket_take_close(w, payload, out); break;
	default: websocket_blame(w, "a frame of another kind than whole text messages, ping, pong and close");
	}
}

/* The length of the frame's head, 0 if it is not whole. size_r: of its payload. */
static size_t websocket_frame_head(test_websocket *w, uint64_t *size_r)
{
	const std::string &in = w->input;
	const unsigned second = static_cast<unsigned char>(in[1]);
	const size_t length_bytes = (second & 0x7f) == 126 ? 2 : (second & 0x7f) == 127 ? 8 : 0;

	if (second & 0x80)
		websocket_blame(w, "a masked frame");
	if (in.size() < 2 + length_bytes)
		return 0;
	*size_r = length_bytes ? 0 : second & 0x7f;
	for (size_t i = 0; i < length_bytes; i++)
		*size_r = *size_r << 8 | static_cast<unsigned char>(in[2 + i]);
	if (length_bytes && *size_r < (length_bytes == 2 ? 126 : 65536))
		websocket_blame(w, "a length in more bytes than it needs");
	if ((static_cast<unsigned char>(in[0]) & 0x08) && length_bytes)
		websocket_blame(w, "a control frame of more than 125 bytes");
	return 2 + length_bytes;
}

void websocket_take(test_websocket *w, std::string *frames_r, std::string *out)
{
	uint64_t size = 0;

	if (!w->is_open)
		websocket_take_head(w);
	while (w->is_open && w->error.empty() && w->input.size() >= 2) {
		const size_t head = websocket_frame_head(w, &size);

		if (!head || w->input.size() - head < size)
			return;
		if (w->close_code)
			websocket_blame(w, "a frame behind the close frame");
		const auto first = static_cast<unsigned char>(w->input[0]);
		const std::string payload = w->input.substr(head, size);

		w->input.erase(0, head + size);
		websocket_take_payload(w, first, payload, frames_r, out);
	}
}
