/* SPDX-License-Identifier: MIT
 * Tests what chatclient makes of the bytes of a WebSocket, whole and cut at every byte. */
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tools/chatclient/websocket.h"

/* What came of some bytes. */
struct outcome {
	std::string text, problem;
	std::string sent; /* opcodes and what they carry, without the mask */
	bool good = true;

	bool operator==(const outcome &) const = default;
};

/* The frames that a client sends: "8:03ea " is a Close with the code 1002. */
static std::string unmask(const std::string &bytes)
{
	std::string all;

	for (size_t at = 0; at < bytes.size();) {
		assert_true(bytes.size() - at >= 6);
		assert_int_equal((unsigned char)bytes[at] & 0xf0, 0x80);
		const size_t size = (unsigned char)bytes[at + 1] & 0x7f;
		assert_int_equal((unsigned char)bytes[at + 1] & 0x80, 0x80);
		assert_true(size < 126 && bytes.size() - at >= 6 + size);
		all += check_format("%x:", (unsigned)bytes[at] & 0x0fu);
		for (size_t i = 0; i < size; i++)
			all += check_format("%02x", (unsigned char)(bytes[at + 6 + i] ^ bytes[at + 2 + i % 4]));
		all += " ";
		at += 6 + size;
	}
	return all;
}

static const address server = {.host = "chat.example", .port = "443", .path = "/ws", .tls = true};

static std::string answer(const websocket &ws)
{
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
	       "Sec-WebSocket-Accept: " +
	       ws.accept + "\r\n\r\n";
}

static outcome take(const std::vector<std::string> &pieces)
{
	websocket ws;
	outcome oc;
	std::string out;

	websocket_begin(&ws, server, &out);
	assert_true(websocket_take(&ws, answer(ws), &oc.text, &out, &oc.problem));
	assert_true(ws.is_open);
	out.clear();
	for (const std::string &piece : pieces)
		oc.good = oc.good && websocket_take(&ws, piece, &oc.text, &out, &oc.problem);
	oc.sent = unmask(out);
	return oc;
}

struct row {
	const char *name;
	std::string bytes;
	std::string text;
	std::string sent;
	bool good;
};

#define BYTES(literal) std::string(literal, sizeof(literal) - 1)

static void every_frame_of_a_server_means_the_same_however_it_is_cut(void **)
{
	const std::string long_text(65536, 'x');
	const std::vector<row> rows = {
		{"a text", BYTES("\x81\x02{}"), "{}\n", "", true},
		{"an empty text", BYTES("\x81\x00"), "\n", "", true},
		{"two texts", BYTES("\x81\x02{}\x81\x01x"), "{}\nx\n", "", true},
		{"a text in three fragments", BYTES("\x01\x01{\x00\x00\x80\x01}"), "{}\n", "", true},
		{"a ping between fragments", BYTES("\x01\x01{\x89\x02hi\x80\x01}"), "{}\n", "a:6869 ", true},
		{"a pong that nobody asked for", BYTES("\x8a\x01x\x81\x02{}"), "{}\n", "", true},
		{"a character cut by fragments", BYTES("\x01\x01\xc3\x80\x01\xa9"), "\xc3\xa9\n", "", true},
		{"a text of 126 bytes", BYTES("\x81\x7e\x00\x7e") + std::string(126, 'a'), std::string(126, 'a') + "\n",
	         "", true},
		{"a close", BYTES("\x88\x02\x03\xe8"), "", "8:03e8 ", false},
		{"a close of a server that goes away", BYTES("\x88\x02\x03\xe9"), "", "8:03e9 ", false},
		{"a close without a code", BYTES("\x88\x00"), "", "8:03e8 ", false},
		{"a text and a close", BYTES("\x81\x02{}\x88\x00"), "{}\n", "8:03e8 ", false},
		{"bytes that are no text", BYTES("\x82\x01x"), "", "8:03eb ", false},
		{"a text that is not UTF-8", BYTES("\x81\x02\xc3("), "", "8:03ef ", false},
		{"a masked frame", BYTES("\x81\x81"), "", "8:03ea ", false},
		{"a reserved bit", BYTES("\xc1\x02{}"), "", "8:03ea ", false},
		{"an unknown opcode", BYTES("\x83\x00"), "", "8:03ea ", false},
		{"an unknown control opcode", BYTES("\x8b\x00"), "", "8:03ea ", false},
		{"a ping in fragments", BYTES("\x09\x00"), "", "8:03ea ", false},
		{"a long ping", BYTES("\x89\x7e"), "", "8:03ea ", false},
		{"a continuation of nothing", BYTES("\x80\x01x"), "", "8:03ea ", false},
		{"a text inside a text", BYTES("\x01\x01x\x81\x01y"), "", "8:03ea ", false},
		{"a length in more bytes than it needs", BYTES("\x81\x7e\x00\x7d"), "", "8:03ea ", false},
		{"an endless message", BYTES("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), "", "8:03f1 ", false},
	};

	for (const row &r : rows) {
		const outcome whole = take({r.bytes});
		if (whole.text != r.text || whole.sent != r.sent || whole.good != r.good)
			check_fail(std::source_location::current(), "%s: text %s, sent %s, %s", r.name,
			           whole.text.c_str(), whole.sent.c_str(), whole.problem.c_str());
		std::vector<std::string> single;
		for (size_t i = 0; i < r.bytes.size(); i++) {
			single.push_back(r.bytes.substr(i, 1));
			if (!(take({r.bytes.substr(0, i), r.bytes.substr(i)}) == whole))
				check_fail(std::source_location::current(), "%s, cut at %zu", r.name, i);
		}
		if (!(take(single) == whole))
			check_fail(std::source_location::current(), "%s, byte by byte", r.name);
	}
	assert_string_equal(take({BYTES("\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00") + long_text}).text.c_str(),
	                    (long_text + "\n").c_str());
}

static void the_request_names_the_host_and_the_path(void **)
{
	websocket ws;
	std::string out;

	websocket_begin(&ws, server, &out);
	assert_true(out.starts_with("GET /ws HTTP/1.1\r\nHost: chat.example\r\n"));
	assert_true(out.ends_with("\r\nSec-WebSocket-Version: 13\r\n\r\n"));
	assert_int_equal(ws.accept.size(), 28);
	out.clear();
	websocket_begin(&ws, {.host = "::1", .port = "8080", .path = "/a?b", .tls = false}, &out);
	assert_true(out.starts_with("GET /a?b HTTP/1.1\r\nHost: [::1]:8080\r\n"));
}

/* Some proxies answer 101 to anything. */
static void only_the_right_answer_opens_it(void **)
{
	struct {
		const char *from, *to, *problem;
		bool is_final;
	} const rows[] = {
		{"101", "404", "(HTTP 404): is the path right?", true},
		{"101", "403", "refuses a WebSocket (HTTP 403)", true},
		{"101", "503", "refuses a WebSocket (HTTP 503)", false},
		{"Upgrade: WebSocket", "Upgrade: h2c", "something between here and the server has answered", false},
		{"keep-alive, Upgrade", "keep-alive", "something between here and the server has answered", false},
		{"Accept: ", "Accept: x", "something between here and the server has answered", false},
		{"\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
	         "something between here and the server has answered", false},
		{"HTTP/1.1 101", "{\"msgid\":100}", "the answer is no WebSocket: is the port right?", false},
	};

	for (const auto &r : rows) {
		for (const bool is_cut : {false, true}) {
			websocket ws;
			std::string text, out, problem;
			bool good = true;

			websocket_begin(&ws, server, &out);
			std::string head = answer(ws);
			head.replace(head.find(r.from), std::string(r.from).size(), r.to);
			for (size_t i = 0; good && i < head.size(); i += is_cut ? 1 : head.size())
				good = websocket_take(&ws, head.substr(i, is_cut ? 1 : head.npos), &text, &out,
				                      &problem);
			assert_false(good);
			assert_false(ws.is_open);
			assert_int_equal(ws.is_final, r.is_final);
			if (problem.find(r.problem) == problem.npos)
				check_fail(std::source_location::current(), "%s: %s", r.to, problem.c_str());
		}
	}
}

static void an_answer_without_an_end_is_given_up(void **)
{
	websocket ws;
	std::string text, out, problem;
	size_t taken = 0;

	websocket_begin(&ws, server, &out);
	bool good = websocket_take(&ws, "HTTP/1.1 101 Switching Protocols\r\nX: ", &text, &out, &problem);
	for (; good && taken < 100000; taken += 100)
		good = websocket_take(&ws, std::string(100, 'x'), &text, &out, &problem);
	assert_false(good);
	assert_true(taken <= 8192 + 100);
}

static void what_is_written_is_masked_and_has_no_line_end(void **)
{
	for (const size_t size : {0, 1, 125, 126, 65535, 65536}) {
		websocket ws;
		std::string out;
		const std::string text(size, 'y');
		const size_t head = size < 126 ? 2 : size < 65536 ? 4 : 10;

		ws.is_open = true;
		websocket_write(&ws, text + "\n", &out);
		assert_int_equal(out.size(), head + 4 + size);
		assert_int_equal((unsigned char)out[0], 0x81);
		assert_int_equal((unsigned char)out[1], 0x80 | (size < 126 ? size : size < 65536 ? 126 : 127));
		for (size_t i = 0; i < size; i++)
			assert_int_equal((unsigned char)(out[head + 4 + i] ^ out[head + i % 4]), 'y');
	}
}

static void an_address_is_read_or_explained(void **)
{
	struct {
		const char *url, *key; /* nullptr: it is wrong */
	} const rows[] = {
		{"wss://chat.example", "wss://chat.example:443/ws"},
		{"ws://chat.example/", "ws://chat.example:80/ws"},
		{"ws://[::1]:6000/ws", "ws://[::1]:6000/ws"},
		{"wss://chat.example:8443/a/b?c", "wss://chat.example:8443/a/b?c"},
		{"http://chat.example", nullptr},
		{"ws://", nullptr},
		{"ws://:80", nullptr},
		{"ws://[::1", nullptr},
		{"ws://[::1]x", nullptr},
		{"ws://a:0", nullptr},
		{"ws://a:65536", nullptr},
		{"ws://a:", nullptr},
		{"ws://ann:secret@a", nullptr},
		{"ws://a/b c", nullptr},
		{"ws://a/\r\nX: y", nullptr},
		{"ws://a/#b", nullptr},
	};

	for (const auto &r : rows) {
		address at;
		const char *const problem = address_read_url(r.url, &at);
		if (!problem != !!r.key || (r.key && address_key(at) != r.key))
			check_fail(std::source_location::current(), "%s: %s", r.url,
			           problem ? problem : address_key(at).c_str());
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_of_a_server_means_the_same_however_it_is_cut),
		cmocka_unit_test(the_request_names_the_host_and_the_path),
		cmocka_unit_test(only_the_right_answer_opens_it),
		cmocka_unit_test(an_answer_without_an_end_is_given_up),
		cmocka_unit_test(what_is_written_is_masked_and_has_no_line_end),
		cmocka_unit_test(an_address_is_read_or_explained),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
