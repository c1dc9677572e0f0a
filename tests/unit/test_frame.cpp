/* SPDX-License-Identifier: MIT
 * Owns the tests of finding a frame's end: however the bytes are cut, the frames are the same. It must not know
 * what is allowed inside (test_frame_refused). */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <setjmp.h>

#include "core/net/frame.h"

extern "C" {
#include <cmocka.h>
}

using namespace std::literals;

/* Streams of whole frames, as clients end them: NUL, LF, CR LF, nothing, blanks; and how many frames they hold. */
struct sample {
	std::string_view bytes;
	size_t frames;
};

static const sample samples[] = {
	{"{}"sv, 1},
	{"{\"msgid\":102}\0"sv, 1},
	{"{\"msgid\":1,\"id\":13,\"password\":\"123456\"}\n"sv, 1},
	{"\r\n\t \0{\"a\":{\"b\":[{},{\"c\":{}}]}}\r\n"sv, 1},
	{"{\"msg\":\"a } in a { string\"}{\"msg\":\"}}}\"}"sv, 2},
	{"{\"msg\":\"quote \\\" and backslash \\\\\"}\0{\"msg\":\"\\\\\\\"}\"}\0"sv, 2},
	{"{\"msg\":\"\\u007b\\u0022\"}"sv, 1},
	{"{\"msg\":\"\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80\"}\n{\"k\xc3\xbc\":1}"sv, 2},
	{"{\"a\":1}{\"a\":2}{\"a\":3}\n\n\n{\"a\":4} {\"a\":5}"sv, 5},
	{"{\"long enough for the wide path of the scanner\":\"0123456789abcdef0123456789abcdef\\\"0123456789\"}"sv,
         1},
	{"{\"malformed but balanced\": nonsense, [ }{\"a\":\"\x01\"}"sv, 2},
};

/* Feeds the pieces in turn and collects the frames. */
struct collector {
	struct frame_scanner scanner;
	std::string part;
	std::vector<std::string> frames;
	bool lost = false;
};

static void feed(collector *c, std::string_view piece)
{
	while (!piece.empty() && !c->lost) {
		size_t begin = 99, used = 0;
		const frame_scan_result result =
			frame_scan(&c->scanner, piece.data(), piece.size(), &begin, &used);

		assert_true(used <= piece.size());
		if (result == FRAME_MORE || result == FRAME_COMPLETE)
			c->part.append(piece.substr(begin, used - begin));
		if (result == FRAME_MORE || result == FRAME_NOT_BEGUN)
			assert_int_equal(used, piece.size());
		if (result == FRAME_COMPLETE) {
			c->frames.push_back(c->part);
			c->part.clear();
		}
		c->lost = result == FRAME_BAD_BEGIN;
		piece.remove_prefix(used);
	}
}

static std::vector<std::string> frames_of(const std::vector<std::string_view> &pieces)
{
	collector c;

	for (const std::string_view piece : pieces)
		feed(&c, piece);
	assert_false(c.lost);
	assert_true(c.part.empty());
	return c.frames;
}

static void assert_same(const std::vector<std::string> &frames, const std::vector<std::string> &whole)
{
	assert_int_equal(frames.size(), whole.size());
	for (size_t i = 0; i < whole.size(); i++)
		assert_string_equal(frames[i].c_str(), whole[i].c_str());
}

static void a_stream_is_cut_into_its_frames(void **)
{
	for (const sample &s : samples) {
		const std::vector<std::string> frames = frames_of({s.bytes});

		assert_int_equal(frames.size(), s.frames);
		for (const std::string &frame : frames) {
			assert_int_equal(frame.front(), '{');
			assert_int_equal(frame.back(), '}');
		}
	}
}

static void a_frame_cut_anywhere_is_found_whole(void **)
{
	for (const sample &s : samples) {
		const std::vector<std::string> whole = frames_of({s.bytes});

		for (size_t cut = 0; cut <= s.bytes.size(); cut++)
			assert_same(frames_of({s.bytes.substr(0, cut), s.bytes.substr(cut)}), whole);
	}
}

static void a_frame_cut_at_any_two_places_is_found_whole(void **)
{
	for (const sample &s : samples) {
		const std::vector<std::string> whole = frames_of({s.bytes});

		for (size_t a = 0; a <= s.bytes.size(); a++)
			for (size_t b = a; b <= s.bytes.size(); b++)
				assert_same(frames_of({s.bytes.substr(0, a), s.bytes.substr(a, b - a),
				                       s.bytes.substr(b)}),
				            whole);
	}
}

static void bytes_that_come_one_by_one_make_the_same_frames(void **)
{
	for (const sample &s : samples) {
		std::vector<std::string_view> pieces;

		for (size_t i = 0; i < s.bytes.size(); i++)
			pieces.push_back(s.bytes.substr(i, 1));
		assert_same(frames_of(pieces), frames_of({s.bytes}));
	}
}

/* Streams with a string that a raw LF or NUL ends, and the frames that they are cut into. */
struct broken_sample {
	std::string_view bytes;
	std::vector<std::string_view> frames;
};

static const broken_sample broken_samples[] = {
	{"{\"msgid\":6,\"msg\":\"no quote}\n{\"msgid\":102}\n"sv,
         {"{\"msgid\":6,\"msg\":\"no quote}\n"sv, "{\"msgid\":102}"sv}},
	{"{\"msgid\":6,\"msg\":\"no quote}\0{\"msgid\":102}\0"sv,
         {"{\"msgid\":6,\"msg\":\"no quote}\0"sv, "{\"msgid\":102}"sv}},
	{"{\"msgid:6}\n{\"msgid\":102}"sv, {"{\"msgid:6}\n"sv, "{\"msgid\":102}"sv}},
	{"{\"a\":[{\"b\":\"deep}]}\r\n{}"sv, {"{\"a\":[{\"b\":\"deep}]}\r\n"sv, "{}"sv}},
	{"{\"a\":\"\\\n{}\n{\"a\":\"\\\0{}"sv, {"{\"a\":\"\\\n"sv, "{}"sv, "{\"a\":\"\\\0"sv, "{}"sv}},
	{"{\"a\":\"\\\"}\n{\"a\":\"\n{}"sv, {"{\"a\":\"\\\"}\n"sv, "{\"a\":\"\n"sv, "{}"sv}},
	{"{\"a\":\"far behind 0123456789abcdef0123456789abcdef}\n{}"sv,
         {"{\"a\":\"far behind 0123456789abcdef0123456789abcdef}\n"sv, "{}"sv}},
	{"{\"a\":\"far behind 0123456789abcdef0123456789abcdef}\0{}"sv,
         {"{\"a\":\"far behind 0123456789abcdef0123456789abcdef}\0"sv, "{}"sv}},
	/* Other control characters end nothing: the frame is refused as a whole. */
	{"{\"a\":\"\r\t\x01\x0b\x1f}\"}{}"sv, {"{\"a\":\"\r\t\x01\x0b\x1f}\"}"sv, "{}"sv}},
	{"{\n\"a\"\n:\n1\0}{}"sv, {"{\n\"a\"\n:\n1\0}"sv, "{}"sv}},
};

static void assert_frames(const std::vector<std::string> &frames, const broken_sample &s)
{
	assert_int_equal(frames.size(), s.frames.size());
	for (size_t i = 0; i < frames.size(); i++)
		if (frames[i] != s.frames[i])
			fail_msg("%s in place of %s", frames[i].c_str(), std::string(s.frames[i]).c_str());
}

static void a_raw_lf_or_nul_in_a_string_ends_the_frame(void **)
{
	for (const broken_sample &s : broken_samples) {
		std::vector<std::string_view> pieces;

		assert_frames(frames_of({s.bytes}), s);
		for (size_t cut = 0; cut <= s.bytes.size(); cut++)
			assert_frames(frames_of({s.bytes.substr(0, cut), s.bytes.substr(cut)}), s);
		for (size_t i = 0; i < s.bytes.size(); i++)
			pieces.push_back(s.bytes.substr(i, 1));
		assert_frames(frames_of(pieces), s);
	}
}

static void blanks_between_frames_are_skipped_and_nothing_else(void **)
{
	for (int byte = 0; byte < 256; byte++) {
		const char c = static_cast<char>(byte);
		struct frame_scanner scanner;
		size_t begin, used;
		const frame_scan_result result = frame_scan(&scanner, &c, 1, &begin, &used);

		if (memchr("\0\n\r \t", byte, 5) != nullptr)
			assert_int_equal(result, FRAME_NOT_BEGUN);
		else
			assert_int_equal(result, byte == '{' ? FRAME_MORE : FRAME_BAD_BEGIN);
	}
}

static void the_byte_that_cannot_begin_a_frame_is_pointed_at(void **)
{
	const std::string_view bytes = "{}\n\n GET / HTTP/1.1\r\n";
	struct frame_scanner scanner;
	size_t begin, used, first;

	assert_int_equal(frame_scan(&scanner, bytes.data(), bytes.size(), &begin, &first), FRAME_COMPLETE);
	assert_int_equal(frame_scan(&scanner, bytes.data() + first, bytes.size() - first, &begin, &used),
	                 FRAME_BAD_BEGIN);
	assert_int_equal(bytes[first + used], 'G');
}

static void the_begin_of_a_frame_is_behind_its_blanks(void **)
{
	struct frame_scanner scanner;
	size_t begin, used;

	assert_int_equal(frame_scan(&scanner, " \n\0{\"a\"", 7, &begin, &used), FRAME_MORE);
	assert_int_equal(begin, 3);
	assert_int_equal(frame_scan(&scanner, ":1} ", 4, &begin, &used), FRAME_COMPLETE);
	assert_int_equal(begin, 0);
	assert_int_equal(used, 3);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_cut_into_its_frames),
		cmocka_unit_test(a_frame_cut_anywhere_is_found_whole),
		cmocka_unit_test(a_frame_cut_at_any_two_places_is_found_whole),
		cmocka_unit_test(bytes_that_come_one_by_one_make_the_same_frames),
		cmocka_unit_test(a_raw_lf_or_nul_in_a_string_ends_the_frame),
		cmocka_unit_test(blanks_between_frames_are_skipped_and_nothing_else),
		cmocka_unit_test(the_byte_that_cannot_begin_a_frame_is_pointed_at),
		cmocka_unit_test(the_begin_of_a_frame_is_behind_its_blanks),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
