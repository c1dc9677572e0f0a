/* SPDX-License-Identifier: MIT
 * Tests the messages of WebSocket by a table like Autobahn's families 1 to 7 and 10: each case in one piece, cut in two
 * at every byte, and byte by byte. */
#include <string>
#include <string_view>
#include <vector>

#include "../../plugins/websocket/codec.h"
#include "../../plugins/websocket/utf8.h"
#include "test_websocket.h"
#include "tests/support/check.h"

using namespace std::literals;

struct sample {
	std::string name; /* Autobahn's number first, where it has one */
	std::string bytes; /* behind the handshake */
	std::string text; /* that reaches the parser of frames */
	std::string last_pong; /* "pong ..." or "": none */
	std::string close; /* "close ..." or "": the connection stays open */
};

typedef std::vector<sample> samples;

static std::string fragments(std::string_view text, size_t size, const std::string &between = "")
{
	std::string bytes;

	for (size_t at = 0; at < text.size(); at += size) {
		const bool is_last = at + size >= text.size();

		bytes += ws_frame((at == 0 ? 1u : 0u) | (is_last ? 0x80u : 0u), text.substr(at, size));
		if (!is_last)
			bytes += between;
	}
	return bytes;
}

static std::string hex(std::string_view digits)
{
	std::string bytes;

	for (size_t i = 0; i < digits.size(); i += 2)
		bytes += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
	return bytes;
}

/* ---- the table */

static void add_framing(samples *s)
{
	for (const size_t size : {0, 1, 125, 126, 127, 128, 1000}) {
		const std::string text(size, '*');

		s->push_back({"1.1 text of " + std::to_string(size), ws_text(text), text, "", ""});
		s->push_back({"1.2 binary of " + std::to_string(size), ws_frame(0x82, text), "", "", "close 1003"});
	}
	s->push_back({"1.2 binary after text", ws_text("a") + ws_frame(0x82, "b"), "a", "", "close 1003"});
	s->push_back({"1.2 binary in fragments", ws_frame(2, "b") + ws_frame(0x80, "b"), "", "", "close 1003"});
}

static void add_pings(samples *s)
{
	const std::string most(125, '\xfe');
	std::string ten;

	for (int i = 0; i < 10; i++)
		ten += ws_frame(0x89, "payload-" + std::to_string(i));
	s->push_back({"2.1 ping without payload", ws_frame(0x89, ""), "", "pong ", ""});
	s->push_back({"2.2 ping with text", ws_frame(0x89, "Hello, world!"), "", "pong Hello, world!", ""});
	s->push_back({"2.3 ping with bytes", ws_frame(0x89, "\0\xff\xfe\xfd\xfc\xfb\0\xff"sv), "",
	              "pong \0\xff\xfe\xfd\xfc\xfb\0\xff"s, ""});
	s->push_back({"2.4 ping of 125", ws_frame(0x89, most), "", "pong " + most, ""});
	s->push_back({"2.5 ping of 126", ws_frame(0x89, most + "x"), "", "", "close 1002"});
	s->push_back({"2.7 pong without payload", ws_frame(0x8a, ""), "", "", ""});
	s->push_back({"2.8 pong with payload", ws_frame(0x8a, "unsolicited"), "", "", ""});
	s->push_back({"2.9 pong, then ping", ws_frame(0x8a, "a") + ws_frame(0x89, "b"), "", "pong b", ""});
	s->push_back({"2.10 ten pings", ten, "", "pong payload-9", ""});
	s->push_back({"a long ping and text", ws_frame(0x89, most) + ws_text("{}"), "{}", "pong " + most, ""});
}

static void add_reserved(samples *s)
{
	for (unsigned bits = 0x10; bits <= 0x70; bits += 0x10) {
		const std::string number = std::to_string(bits >> 4);

		s->push_back({"3." + number + " reserved bits", ws_frame(0x81 | bits, "x"), "", "", "close 1002"});
		s->push_back({"3." + number + " after text and before a ping",
		              ws_text("good") + ws_frame(0x81 | bits, "bad") + ws_frame(0x89, ""), "good", "",
		              "close 1002"});
		for (const unsigned first : {0x80u, 0x82u, 0x88u, 0x89u, 0x8au})
			s->push_back({"3." + number + " opcode " + std::to_string(first & 15),
			              ws_text("a") + ws_frame(first | bits, ""), "a", "", "close 1002"});
	}
}

static void add_opcodes(samples *s)
{
	for (const unsigned opcode : {3u, 4u, 5u, 6u, 7u, 11u, 12u, 13u, 14u, 15u}) {
		const std::string name = "4 opcode " + std::to_string(opcode);

		s->push_back({name, ws_frame(0x80 | opcode, ""), "", "", "close 1002"});
		s->push_back({name + " with payload", ws_frame(0x80 | opcode, "payload"), "", "", "close 1002"});
		s->push_back({name + " after text", ws_text("a") + ws_frame(0x80 | opcode, "p") + ws_frame(0x89, ""),
		              "a", "", "close 1002"});
		s->push_back({name + " in a message", ws_frame(0x01, "a") + ws_frame(0x80 | opcode, ""), "a", "",
		              "close 1002"});
	}
}

static void add_fragments(samples *s)
{
	const std::string text = "fragment1fragment2";
	const std::string ping = ws_frame(0x89, "ping payload");

	s->push_back({"5.1 ping in fragments", ws_frame(0x09, "f1") + ws_frame(0x80, "f2"), "", "", "close 1002"});
	s->push_back({"5.2 pong in fragments", ws_frame(0x0a, "f1") + ws_frame(0x80, "f2"), "", "", "close 1002"});
	s->push_back({"close in fragments", ws_frame(0x08, "\3\xe8"sv) + ws_frame(0x80, "f2"), "", "", "close 1002"});
	s->push_back({"5.3 two fragments", fragments(text, 9), text, "", ""});
	s->push_back({"5.5 a fragment for each byte", fragments(text, 1), text, "", ""});
	s->push_back({"5.6 a ping between them", fragments(text, 9, ping), text, "pong ping payload", ""});
	s->push_back({"5.8 a ping between bytes", fragments(text, 1, ping), text, "pong ping payload", ""});
	s->push_back({"5.9 a last continuation of nothing", ws_frame(0x80, "x") + ws_text("y"), "", "", "close 1002"});
	s->push_back({"5.12 a continuation of nothing", ws_frame(0x00, "x") + ws_text("y"), "", "", "close 1002"});
	s->push_back({"5.15 one after a message", fragments(text, 9) + ws_frame(0x00, "x") + ws_text("y"), text, "",
	              "close 1002"});
	s->push_back({"5.16 continuations first", ws_frame(0x00, "x") + ws_frame(0x01, "y") + ws_frame(0x80, "z"), "",
	              "", "close 1002"});
	s->push_back({"5.18 text inside text", ws_frame(0x01, "f1") + ws_frame(0x81, "f2"), "f1", "", "close 1002"});
	s->push_back({"binary inside text", ws_frame(0x01, "f1") + ws_frame(0x82, "f2"), "f1", "", "close 1002"});
	s->push_back({"5.19 five with pings",
	              ws_frame(0x01, "f1") + ws_frame(0x00, "f2") + ws_frame(0x89, "p1") + ws_frame(0x00, "f3") +
	                      ws_frame(0x00, "f4") + ws_frame(0x89, "p2") + ws_frame(0x80, "f5"),
	              "f1f2f3f4f5", "pong p2", ""});
	s->push_back({"empty fragments",
	              ws_frame(0x01, "") + ws_frame(0x00, "") + ws_frame(0x00, "a") + ws_frame(0x80, ""), "a", "", ""});
}

static const std::string_view good_texts[] = {
	"48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d5554462d382121", /* 6.2 */
	"cebae1bdb9cf83cebcceb5", /* 6.5 */
	"00",
	"c280",
	"e0a080",
	"f0908080", /* 6.6, 6.7 the first of each length */
	"7f",
	"dfbf",
	"efbfbf",
	"f48fbfbf", /* 6.9 the last */
	"ed9fbf",
	"ee8080",
	"efbfbd", /* 6.11 */
	"efbfbe",
	"f09fbfbe",
	"f3bfbfbf", /* 6.22 no characters, but allowed */
};

/* With how many bytes of them are good: the text breaks off there. */
static const struct {
	std::string_view bytes;
	size_t good;
} bad_texts[] = {
	{"cebae1bdb9cf83cebcceb5eda080656469746564", 12}, /* 6.3.1: good up to ED */
	{"cebae1bdb9cf83cebcceb5f4908080656469746564", 12}, /* 6.4 */
	{"f8888080 80", 0}, /* 6.8 */
	{"fc848080 8080", 0},
	{"f7bfbfbf", 0}, /* 6.10 */
	{"fbbfbfbfbf", 0},
	{"fdbfbfbfbfbf", 0},
	{"f4908080", 1}, /* 6.11.5 */
	{"fe", 0}, /* 6.12 */
	{"ff", 0},
	{"fefeffff", 0},
	{"80", 0}, /* 6.13 */
	{"bf", 0},
	{"80bf80bf80bf", 0},
	{"c020c120", 0}, /* 6.14 */
	{"c220", 1},
	{"e020", 1},
	{"e120", 1},
	{"f020", 1},
	{"f120", 1},
	{"f820", 0},
	{"e0a0c280", 2}, /* 6.16 */
	{"f09080e0a080", 3},
	{"c0af", 0}, /* 6.18 */
	{"e080af", 1},
	{"f08080af", 1},
	{"c1bf", 0}, /* 6.19 */
	{"e09fbf", 1},
	{"f08fbfbf", 1},
	{"c080", 0}, /* 6.20 */
	{"e08080", 1},
	{"f0808080", 1},
	{"eda080", 1}, /* 6.21 */
	{"edafbf", 1},
	{"edbfbf", 1},
	{"eda080edb080", 1},
};

/* Characters that do not end. */
static const std::string_view cut_texts[] = {"c2",   "e0a0",   "e1",   "e180",   "ed9f",  "f0",
                                             "f090", "f09080", "f48f", "f48fbf", "cebae1"}; /* 6.15 */

static void add_utf8(samples *s)
{
	for (const std::string_view digits : good_texts) {
		const std::string text = hex(digits);

		s->push_back({"6 good " + std::string(digits), ws_text(text), text, "", ""});
		s->push_back({"6 good in fragments " + std::string(digits), fragments(text, 1), text, "", ""});
		s->push_back({"6 good with a ping inside " + std::string(digits),
		              fragments(text, 1, ws_frame(0x89, "\xff")), text, text.size() > 1 ? "pong \xff" : "",
		              ""});
	}
	for (const auto &[digits, good] : bad_texts) {
		std::string text;

		for (const char c : digits)
			text += c == ' ' ? "" : std::string(1, c);
		text = hex(text);
		s->push_back({"6 bad " + std::string(digits), ws_text(text) + ws_text("never"), text.substr(0, good),
		              "", "close 1007"});
		s->push_back({"6 bad in fragments " + std::string(digits), fragments(text, 1), text.substr(0, good), "",
		              "close 1007"});
		s->push_back({"6 bad behind text " + std::string(digits), ws_text("{\"a\":\"" + text + "\"}"),
		              "{\"a\":\"" + text.substr(0, good), "", "close 1007"});
	}
	for (const std::string_view digits : cut_texts) {
		const std::string text = hex(digits);

		s->push_back({"6.15 cut " + std::string(digits), ws_text(text), "*" + text, "", "close 1007"});
		s->push_back({"6.15 cut and an empty end " + std::string(digits),
		              ws_frame(0x01, text) + ws_frame(0x80, ""), "*" + text, "", "close 1007"});
		s->push_back({"6.15 cut and other text " + std::string(digits),
		              ws_frame(0x01, text) + ws_frame(0x80, "a"), text, "", "close 1007"});
	}
}

static void add_close(samples *s)
{
	const std::string ping = ws_frame(0x89, ""), reason(123, '*');

	s->push_back({"7.1.1 text, then close", ws_text("Hello") + ws_close(1000), "Hello", "", "close 1000"});
	s->push_back({"7.1.2 two closes", ws_close(1000) + ws_close(1001), "", "", "close 1000"});
	s->push_back({"7.1.3 a ping after close", ws_close(1000) + ping, "", "", "close 1000"});
	s->push_back({"7.1.4 text after close", ws_close(1000) + ws_text("x"), "", "", "close 1000"});
	s->push_back({"7.1.5 close in a message", ws_frame(0x01, "f1") + ws_close(1000) + ws_frame(0x80, "f2"), "f1",
	              "", "close 1000"});
	s->push_back({"7.3.1 no payload", ws_frame(0x88, ""), "", "", "close"});
	s->push_back({"7.3.2 one byte", ws_frame(0x88, "a"), "", "", "close 1002"});
	s->push_back({"7.3.4 a reason", ws_close(1000, "Hello World!"), "", "", "close 1000"});
	s->push_back({"7.3.5 a reason of 123", ws_close(1000, reason), "", "", "close 1000"});
	s->push_back({"7.3.6 a reason of 124", ws_close(1000, reason + "*"), "", "", "close 1002"});
	s->push_back(
		{"7.5.1 a reason that is not UTF-8", ws_close(1000, hex("cebae1bdb9eda080")), "", "", "close 1007"});
	s->push_back({"7.5.1 a reason that is cut", ws_close(1000, "\xe2\x82"), "", "", "close 1007"});
	for (const unsigned status : {1000u, 1001u, 1002u, 1003u, 1007u, 1008u, 1009u, 1010u, 1011u, 1012u, 1013u,
	                              1014u, 3000u, 3999u, 4000u, 4999u})
		s->push_back({"7.7 status " + std::to_string(status), ws_close(status), "", "",
		              "close " + std::to_string(status)});
	for (const unsigned status : {0u, 999u, 1004u, 1005u, 1006u, 1015u, 1016u, 1100u, 2000u, 2999u, 5000u, 65535u})
		s->push_back({"7.9 status " + std::to_string(status), ws_close(status, "why"), "", "", "close 1002"});
}

static void add_lengths(samples *s)
{
	std::string unmasked = "\x81\x02{}";

	s->push_back({"not masked", unmasked, "", "", "close 1002"});
	s->push_back({"not masked, without payload", ws_text("a") + "\x81\0"s, "a", "", "close 1002"});
	s->push_back({"a close that is not masked", "\x88\0"s, "", "", "close 1002"});
	s->push_back({"125 in two bytes", ws_frame(0x81, std::string(125, 'x'), 2), "", "", "close 1002"});
	s->push_back({"0 in two bytes", ws_frame(0x81, "", 2), "", "", "close 1002"});
	s->push_back({"126 in eight bytes", ws_frame(0x81, std::string(126, 'x'), 8), "", "", "close 1002"});
	s->push_back({"a ping in two bytes", ws_frame(0x89, "x", 2), "", "", "close 1002"});
	s->push_back({"the top bit", "\x81\xff\x80\0\0\0\0\0\0\1abcd"s, "", "", "close 1002"});
	s->push_back({"the longest", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0{}"s, "{}", "", ""});
}

/* ---- asking it */

struct outcome {
	std::string text, last_pong, close;
	bool closed;
};

static outcome outcome_of(const ws_peer &peer, const std::string &name)
{
	outcome o = {peer.frames, "", "", peer.closed};

	for (const std::string &reply : ws_replies(std::string_view(peer.sent).substr(websocket_accepted.size()))) {
		if (!o.close.empty())
			check_fail(std::source_location::current(), "%s: %s behind a close frame", name.c_str(),
			           reply.c_str());
		if (reply.starts_with("close"))
			o.close = reply;
		else if (reply.starts_with("pong"))
			o.last_pong = reply;
		else
			check_fail(std::source_location::current(), "%s: %s", name.c_str(), reply.c_str());
	}
	return o;
}

static void require_outcome(const ws_peer &peer, const sample &s, const std::string &cut)
{
	const std::string name = s.name + cut;
	const outcome o = outcome_of(peer, name);

	/* A message that ends inside a character: how much of it has gone on depends on the cut. */
	const bool is_cut = s.text.starts_with("*") && s.close == "close 1007";

	if (is_cut ? !std::string_view(s.text).substr(1).starts_with(o.text) : o.text != s.text)
		check_fail(std::source_location::current(), "%s: the text is \"%s\"", name.c_str(), o.text.c_str());
	if (o.close != s.close || o.closed != !s.close.empty() || o.closed != !peer.why.empty())
		check_fail(std::source_location::current(), "%s: \"%s\" \"%s\"", name.c_str(), o.close.c_str(),
		           peer.why.c_str());
	/* A close frame may take the place of a pong. */
	if (o.last_pong != s.last_pong && s.close.empty())
		check_fail(std::source_location::current(), "%s: \"%s\"", name.c_str(), o.last_pong.c_str());
}

static void ask(const ws_plugin &p, const sample &s)
{
	for (size_t cut = 0; cut <= s.bytes.size() && (cut < 1100 || cut + 1100 > s.bytes.size()); cut++) {
		ws_peer peer;

		ws_peer_open(&peer, p);
		ws_peer_read(&peer, websocket_request);
		assert_true(peer.sent == websocket_accepted && peer.opened);
		ws_peer_read(&peer, std::string_view(s.bytes).substr(0, cut));
		ws_peer_read(&peer, std::string_view(s.bytes).substr(cut));
		require_outcome(peer, s, ", cut at " + std::to_string(cut));
	}
	ws_peer peer;

	ws_peer_open(&peer, p);
	for (const char &c : std::string(websocket_request) + s.bytes)
		ws_peer_read(&peer, {&c, 1});
	require_outcome(peer, s, ", byte by byte");
	assert_true(p.table->held(peer.filter) == 0);
}

static void ask_all(void (*add)(samples *))
{
	ws_plugin p;
	samples s;

	ws_plugin_start(&p);
	add(&s);
	for (const sample &one : s)
		ask(p, one);
}

static void text_of_every_length_reaches_the_parser_and_binary_closes(void **)
{
	ask_all(add_framing);
}

static void the_last_ping_is_answered_and_a_pong_is_not(void **)
{
	ask_all(add_pings);
}

static void a_reserved_bit_closes(void **)
{
	ask_all(add_reserved);
}

static void an_unknown_opcode_closes(void **)
{
	ask_all(add_opcodes);
}

static void fragments_are_one_message_and_control_frames_may_stand_between(void **)
{
	ask_all(add_fragments);
}

static void text_that_is_not_utf8_closes_at_the_first_wrong_byte(void **)
{
	ask_all(add_utf8);
}

static void a_close_frame_is_judged_and_echoed(void **)
{
	ask_all(add_close);
}

static void a_length_in_a_wrong_form_or_no_mask_closes(void **)
{
	ask_all(add_lengths);
}

static void a_long_message_streams_in_any_pieces_and_nothing_is_held(void **)
{
	ws_plugin p;
	std::string text;

	ws_plugin_start(&p);
	while (text.size() < 65536 * 4)
		text += "{\"msg\":\"\u4f60\u597d, world " + std::to_string(text.size()) + "\"}";
	for (const size_t fragment : {size_t{1300}, size_t{65535}, size_t{65536}, text.size()}) {
		const std::string bytes = fragments(text, fragment);

		for (const size_t read : {size_t{1}, size_t{7}, size_t{997}, size_t{16384}, bytes.size()}) {
			ws_peer peer;

			ws_peer_open(&peer, p);
			ws_peer_read(&peer, websocket_request);
			for (size_t at = 0; at < bytes.size(); at += read)
				ws_peer_read(&peer, std::string_view(bytes).substr(at, read));
			assert_true(peer.frames == text);
			assert_false(peer.closed);
			assert_int_equal(peer.held_most, 0);
		}
	}
}

/* ---- UTF-8, judged by another way: each character is decoded, and looked at */

static bool is_utf8(std::string_view text)
{
	for (size_t i = 0; i < text.size();) {
		const auto byte = [&](size_t k) {
			return static_cast<uint32_t>(static_cast<unsigned char>(text[i + k]));
		};
		const uint32_t first = byte(0);
		const size_t size = first < 0x80       ? 1
		                    : first >> 5 == 6  ? 2
		                    : first >> 4 == 14 ? 3
		                    : first >> 3 == 30 ? 4
		                                       : 0;
		static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
		uint32_t value = size == 1 ? first : first & (0xff >> (size + 1));

		if (!size || i + size > text.size())
			return false;
		for (size_t k = 1; k < size; k++) {
			if (byte(k) >> 6 != 2)
				return false;
			value = value << 6 | (byte(k) & 63);
		}
		if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
			return false;
		i += size;
	}
	return true;
}

static bool is_whole_utf8(std::string_view text)
{
	uint8_t state = utf8_whole;

	return utf8_check(&state, text.data(), text.size()) == text.size() && state == utf8_whole;
}

static void every_text_of_up_to_three_bytes_is_judged_as_the_standard_says(void **)
{
	for (unsigned a = 0; a < 256; a++) {
		const char one[] = {static_cast<char>(a)};

		assert_int_equal(is_whole_utf8({one, 1}), is_utf8({one, 1}));
		for (unsigned b = 0; b < 256; b++) {
			const char two[] = {static_cast<char>(a), static_cast<char>(b)};

			assert_int_equal(is_whole_utf8({two, 2}), is_utf8({two, 2}));
			for (unsigned c = 0; c < 256; c++) {
				const char three[] = {static_cast<char>(a), static_cast<char>(b), static_cast<char>(c)};

				if (is_whole_utf8({three, 3}) != is_utf8({three, 3}))
					check_fail(std::source_location::current(), "%02x %02x %02x", a, b, c);
			}
		}
	}
}

static void every_text_of_four_bytes_at_the_borders_is_judged_as_the_standard_says(void **)
{
	static const unsigned char borders[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
	                                        0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef,
	                                        0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xfe, 0xff};
	char text[4];

	for (const unsigned char a : borders)
		for (const unsigned char b : borders)
			for (const unsigned char c : borders)
				for (const unsigned char d : borders) {
					const unsigned char bytes[] = {a, b, c, d};

					memcpy(text, bytes, sizeof(text));
					if (is_whole_utf8({text, 4}) != is_utf8({text, 4}))
						check_fail(std::source_location::current(), "%02x %02x %02x %02x", a, b,
						           c, d);
				}
}

/* ---- what the server sends */

static void the_head_of_a_message_has_the_least_length_that_will_do(void **)
{
	static const struct {
		uint64_t size;
		std::string_view head;
	} heads[] = {
		{0, "\x81\0"sv},
		{125, "\x81\x7d"sv},
		{126, "\x81\x7e\0\x7e"sv},
		{65535, "\x81\x7e\xff\xff"sv},
		{65536, "\x81\x7f\0\0\0\0\0\1\0\0"sv},
		{UINT64_C(0x0102030405060708), "\x81\x7f\1\2\3\4\5\6\7\x08"sv},
	};
	ws_plugin p;
	ws_peer peer;

	ws_plugin_start(&p);
	ws_peer_open(&peer, p);
	for (const auto &[size, head] : heads) {
		char bytes[CS_FRAMING_HEAD_MOST];

		assert_true(std::string_view(bytes, p.table->head(peer.filter, size, bytes)) == head);
	}
}

static void the_server_pings_and_says_why_it_closes(void **)
{
	static const struct {
		cs_goodbye why;
		std::string_view reply;
	} goodbyes[] = {
		{CS_GOODBYE_NORMAL, "close 1000"},   {CS_GOODBYE_GOING_AWAY, "close 1001"},
		{CS_GOODBYE_TOO_LONG, "close 1009"}, {CS_GOODBYE_REFUSED, "close 1008"},
		{CS_GOODBYE_BUSY, "close 1013"},
	};
	ws_plugin p;

	ws_plugin_start(&p);
	for (const auto &[why, reply] : goodbyes) {
		ws_peer peer;

		ws_peer_open(&peer, p);
		assert_int_equal(peer.timer_ms, 10000);
		ws_peer_read(&peer, websocket_request);
		assert_int_equal(peer.timer_ms, 30000);
		ws_peer_timer(&peer);
		assert_int_equal(peer.timer_ms, 30000);
		ws_peer_goodbye(&peer, why);
		assert_true(ws_replies(std::string_view(peer.sent).substr(websocket_accepted.size())) ==
		            (std::vector<std::string>{"ping ", std::string(reply)}));
		assert_true(peer.closed);
		assert_int_equal(peer.timer_ms, CS_STEP_NO_TIMER);
	}
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_of_every_length_reaches_the_parser_and_binary_closes),
		cmocka_unit_test(the_last_ping_is_answered_and_a_pong_is_not),
		cmocka_unit_test(a_reserved_bit_closes),
		cmocka_unit_test(an_unknown_opcode_closes),
		cmocka_unit_test(fragments_are_one_message_and_control_frames_may_stand_between),
		cmocka_unit_test(text_that_is_not_utf8_closes_at_the_first_wrong_byte),
		cmocka_unit_test(a_close_frame_is_judged_and_echoed),
		cmocka_unit_test(a_length_in_a_wrong_form_or_no_mask_closes),
		cmocka_unit_test(a_long_message_streams_in_any_pieces_and_nothing_is_held),
		cmocka_unit_test(every_text_of_up_to_three_bytes_is_judged_as_the_standard_says),
		cmocka_unit_test(every_text_of_four_bytes_at_the_borders_is_judged_as_the_standard_says),
		cmocka_unit_test(the_head_of_a_message_has_the_least_length_that_will_do),
		cmocka_unit_test(the_server_pings_and_says_why_it_closes),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
