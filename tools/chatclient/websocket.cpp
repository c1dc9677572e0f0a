/* SPDX-License-Identifier: MIT
 * WebSocket (RFC 6455) of a client, on bytes in memory: the request, its answer, and messages of text. */
#include "websocket.h"

#include <cstdint>

#include <event2/util.h>
#include <strings.h>

#include "frames.h"
#include "text.h"
#include "tls.h"

static const char websocket_guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
static const size_t websocket_head_limit = 8192;

enum websocket_opcode {
	WEBSOCKET_CONTINUATION = 0,
	WEBSOCKET_TEXT = 1,
	WEBSOCKET_BINARY = 2,
	WEBSOCKET_CLOSE = 8,
	WEBSOCKET_PING = 9,
	WEBSOCKET_PONG = 10,
};

enum websocket_code {
	WEBSOCKET_NORMAL = 1000,
	WEBSOCKET_GOING_AWAY = 1001,
	WEBSOCKET_PROTOCOL = 1002,
	WEBSOCKET_NO_TEXT = 1003,
	WEBSOCKET_NO_UTF8 = 1007,
	WEBSOCKET_TOO_LONG = 1009,
};

/* The head of a frame of the server. */
struct websocket_head {
	bool is_last = false;
	unsigned opcode = 0;
	size_t begin = 0; /* of what it carries */
	uint64_t size = 0;
};

void websocket_begin(websocket *ws, const address &to, std::string *out)
{
	char bytes[16];

	evutil_secure_rng_get_bytes(bytes, sizeof bytes);
	const std::string key = tls_base64({bytes, sizeof bytes});
	ws->accept = tls_base64(tls_sha1(key + websocket_guid));
	*out += "GET " + to.path + " HTTP/1.1\r\nHost: " + address_host_header(to) +
	        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key +
	        "\r\nSec-WebSocket-Version: 13\r\n\r\n";
}

static void websocket_put_frame(unsigned opcode, std::string_view data, std::string *out)
{
	static const unsigned last = 0x80, masked = 0x80;
	const size_t bytes_of_size = data.size() < 126 ? 0 : data.size() < 65536 ? 2 : 8;
	unsigned char mask[4];

	evutil_secure_rng_get_bytes(mask, sizeof mask);
	*out += static_cast<char>(last | opcode);
	*out += static_cast<char>(masked | (bytes_of_size == 0 ? data.size() : bytes_of_size == 2 ? 126 : 127));
	for (size_t i = bytes_of_size; i > 0; i--)
		*out += static_cast<char>(data.size() >> (8 * (i - 1)) & 0xff);
	out->append(reinterpret_cast<const char *>(mask), sizeof mask);
	for (size_t i = 0; i < data.size(); i++)
		*out += static_cast<char>(static_cast<unsigned char>(data[i]) ^ mask[i % sizeof mask]);
}

static void websocket_put_close(websocket *ws, unsigned code, std::string *out)
{
	const char bytes[] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};

	if (!ws->is_closing && ws->is_open)
		websocket_put_frame(WEBSOCKET_CLOSE, {bytes, sizeof bytes}, out);
	ws->is_closing = true;
}

static bool websocket_fail(websocket *ws, unsigned code, const char *what, std::string *out, std::string *problem_r)
{
	websocket_put_close(ws, code, out);
	*problem_r = what;
	return false;
}

static std::string_view websocket_trim(std::string_view text)
{
	while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r'))
		text.remove_suffix(1);
	while (text.starts_with(' ') || text.starts_with('\t'))
		text.remove_prefix(1);
	return text;
}

static bool websocket_is_same(std::string_view a, std::string_view b)
{
	return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

/* The value of a header; empty: there is none. */
static std::string_view websocket_header(std::string_view head, std::string_view name)
{
	for (size_t end = head.find('\n'); end != std::string_view::npos; end = head.find('\n')) {
		const std::string_view line = head.substr(0, end);
		const size_t colon = line.find(':');
		head.remove_prefix(end + 1);
		if (colon != std::string_view::npos && websocket_is_same(line.substr(0, colon), name))
			return websocket_trim(line.substr(colon + 1));
	}
	return {};
}

/* Whether a list with commas has the word. */
static bool websocket_lists(std::string_view list, std::string_view word)
{
	while (!list.empty()) {
		const size_t comma = list.find(',');
		if (websocket_is_same(websocket_trim(list.substr(0, comma)), word))
			return true;
		list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
	}
	return false;
}

/* The answer to the request. false: *problem_r says what is wrong. */
static bool websocket_judge(websocket *ws, std::string_view head, std::string *problem_r)
{
	const std::string_view line = head.substr(0, head.find('\n'));
	const std::string code(line.starts_with("HTTP/1.1 ") ? line.substr(9, 3) : std::string_view());

	if (code != "101") {
		ws->is_final = code.starts_with('4') && code != "408" && code != "429";
		*problem_r = code == "404" ? "there is no WebSocket at this address (HTTP 404): is the path right?"
		             : code.empty()
		                     ? "the answer is no WebSocket: is the port right?"
		                     : "the server refuses a WebSocket (HTTP " + text_harmless(code, false) + ")";
		return false;
	}
	if (!websocket_is_same(websocket_header(head, "Upgrade"), "websocket") ||
	    !websocket_lists(websocket_header(head, "Connection"), "upgrade") ||
	    websocket_header(head, "Sec-WebSocket-Accept") != ws->accept ||
	    !websocket_header(head, "Sec-WebSocket-Extensions").empty() ||
	    !websocket_header(head, "Sec-WebSocket-Protocol").empty()) {
		*problem_r = "the answer is no WebSocket: something between here and the server has answered";
		return false;
	}
	return true;
}

/* Cuts the answer off the input. 1: it was right. 0: more bytes are needed. -1: *problem_r. */
static int websocket_take_head(websocket *ws, std::string *problem_r)
{
	const size_t end = ws->input.find("\r\n\r\n");

	if (end == std::string::npos) {
		/* What is no HTTP says so at its beginning. */
		const std::string_view shown = std::string_view(ws->input).substr(0, 5);
		if (ws->input.size() <= websocket_head_limit && std::string_view("HTTP/").starts_with(shown))
			return 0;
		*problem_r = "the answer is no WebSocket: is the port right?";
		return -1;
	}
	if (end > websocket_head_limit ||
	    !websocket_judge(ws, std::string_view(ws->input).substr(0, end + 2), problem_r)) {
		if (problem_r->empty())
			*problem_r = "the answer is no WebSocket: is the port right?";
		return -1;
	}
	ws->input.erase(0, end + 4);
	ws->is_open = true;
	return 1;
}

/* 1: *head_r is set. 0: more bytes are needed. -1: no such frame may come from a server. */
static int websocket_read_head(std::string_view input, websocket_head *head_r)
{
	const auto byte = [input](size_t i) {
		return static_cast<unsigned char>(input[i]);
	};

	if (input.size() < 2)
		return 0;
	const unsigned size = byte(1) & 0x7f;
	const size_t bytes_of_size = size < 126 ? 0 : size == 126 ? 2 : 8;
	head_r->is_last = (byte(0) & 0x80) != 0;
	head_r->opcode = byte(0) & 0x0f;
	head_r->begin = 2 + bytes_of_size;
	const bool is_control = head_r->opcode >= WEBSOCKET_CLOSE;
	const bool is_known = head_r->opcode <= WEBSOCKET_BINARY ||
	                      (head_r->opcode >= WEBSOCKET_CLOSE && head_r->opcode <= WEBSOCKET_PONG);
	/* Reserved bits, or a mask. */
	if ((byte(0) & 0x70) != 0 || (byte(1) & 0x80) != 0 || !is_known)
		return -1;
	if (is_control && (!head_r->is_last || bytes_of_size > 0))
		return -1;
	if (input.size() < head_r->begin)
		return 0;
	head_r->size = bytes_of_size == 0 ? size : 0;
	for (size_t i = 0; i < bytes_of_size; i++)
		head_r->size = head_r->size << 8 | byte(2 + i);
	if ((bytes_of_size == 2 && head_r->size < 126) || (bytes_of_size == 8 && head_r->size < 65536))
		return -1;
	return 1;
}

/* The server ends the connection. */
static bool websocket_take_end(websocket *ws, std::string_view data, std::string *out, std::string *problem_r)
{
	const unsigned code = data.size() < 2 ? 0
	                                      : static_cast<unsigned>(static_cast<unsigned char>(data[0])) << 8 |
	                                                static_cast<unsigned char>(data[1]);

	websocket_put_close(ws, code == 0 ? static_cast<unsigned>(WEBSOCKET_NORMAL) : code, out);
	*problem_r = code == WEBSOCKET_GOING_AWAY ? "the server is going away" : "closed by the server";
	return false;
}

static bool websocket_take_data(websocket *ws, const websocket_head &head, std::string_view data, std::string *text,
                                std::string *out, std::string *problem_r)
{
	if (head.opcode == WEBSOCKET_BINARY)
		return websocket_fail(ws, WEBSOCKET_NO_TEXT, "the server sent a WebSocket message that is no text", out,
		                      problem_r);
	if ((head.opcode == WEBSOCKET_CONTINUATION) != ws->in_message)
		return websocket_fail(ws, WEBSOCKET_PROTOCOL, "the server broke the rules of WebSocket", out,
		                      problem_r);
	ws->message += data;
	ws->in_message = !head.is_last;
	if (!head.is_last)
		return true;
	if (!text_is_utf8(ws->message))
		return websocket_fail(ws, WEBSOCKET_NO_UTF8, "the server sent a text that is not UTF-8", out,
		                      problem_r);
	*text += ws->message;
	*text += '\n';
	ws->message.clear();
	return true;
}

static bool websocket_take_frame(websocket *ws, const websocket_head &head, std::string_view data, std::string *text,
                                 std::string *out, std::string *problem_r)
{
	switch (head.opcode) {
	case WEBSOCKET_PING: websocket_put_frame(WEBSOCKET_PONG, data, out); return true;
	case WEBSOCKET_PONG: return true;
	case WEBSOCKET_CLOSE: return websocket_take_end(ws, data, out, problem_r);
	default: return websocket_take_data(ws, head, data, text, out, problem_r);
	}
}

bool websocket_take(websocket *ws, std::string_view bytes, std::string *text, std::string *out, std::string *problem_r)
{
	size_t done = 0;
	int result = 1;

	ws->input += bytes;
	if (!ws->is_open && (result = websocket_take_head(ws, problem_r)) != 1)
		return result == 0;
	for (;;) {
		websocket_head head;
		const std::string_view rest = std::string_view(ws->input).substr(done);
		result = websocket_read_head(rest, &head);
		if (result < 0)
			return websocket_fail(ws, WEBSOCKET_PROTOCOL, "the server broke the rules of WebSocket", out,
			                      problem_r);
		if (result > 0 && head.size > frames_limit - ws->message.size())
			return websocket_fail(ws, WEBSOCKET_TOO_LONG, "the server sent too long a message", out,
			                      problem_r);
		if (result == 0 || rest.size() - head.begin < head.size)
			break;
		if (!websocket_take_frame(ws, head, rest.substr(head.begin, head.size), text, out, problem_r))
			return false;
		done += head.begin + head.size;
	}
	ws->input.erase(0, done);
	return true;
}

/* A message has no need for the end that frames have without WebSocket. */
void websocket_write(websocket *ws, std::string_view text, std::string *out)
{
	if (text.ends_with('\n'))
		text.remove_suffix(1);
	if (!ws->is_closing)
		websocket_put_frame(WEBSOCKET_TEXT, text, out);
}

void websocket_finish(websocket *ws, std::string *out)
{
	websocket_put_close(ws, WEBSOCKET_NORMAL, out);
}
