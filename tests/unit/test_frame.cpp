/* SPDX-License-Identifier: MIT
 * Tests finding the end of a frame: however the bytes are cut, the frames are the same. */
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/frame.h"
#include "tests/support/check.h"

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
	{"{\"long enough for the wide path of the scanner\":\"0123456789abcdef0123456789abcdef\\\"0123456789\"}"sv, 1},
	{"{\"malformed but balanced\": nonsense, [ }{\"a\":\"\x01\"}"sv, 2},
};

/* Feeds the pieces in turn and collects the frames. */
struct collector {
	struct frame_parser parser;
	std::string part;
	std::vector<std::string> frames;
};

static void feed(collector *c, std::string_view piece)
{
	c->part.append(piece);
	if (!c->parser.at)
		c->part.erase(0, frame_skip_blanks(c->part.data(), c->part.size()));
	while (!c->part.empty()) {
		/* A copy of exactly this size at another place: a sanitizer sees every read beyond the bytes. */
		const std::vector<char> bytes(c->part.begin(), c->part.end());
		const enum frame_result result = frame_parse(&c->parser, bytes.data(), bytes.size());

		if (result == FRAME_MORE)
			return;
		assert_int_equal(result, FRAME_COMPLETE);
		c->frames.push_back(c->part.substr(0, c->parser.at));
		c->part.erase(0, c->parser.at);
		frame_reset(&c->parser);
		c->part.erase(0, frame_skip_blanks(c->part.data(), c->part.size()));
	}
}

static std::vector<std::string> frames_of(const std::vector<std::string_view> &pieces)
{
	collector c;

	for (const std::string_view piece : pieces)
		feed(&c, piece);
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
				assert_same(
					frames_of({s.bytes.substr(0, a), s.bytes.substr(a, b - a), s.bytes.substr(b)}),
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
			check_fail(std::source_location::current(), "%s in place of %s", frames[i].c_str(),
			           std::string(s.frames[i]).c_str());
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
		struct frame_parser parser;

		assert_int_equal(frame_skip_blanks(&c, 1), memchr("\0\n\r \t", byte, 5) ? 1 : 0);
		assert_int_equal(frame_parse(&parser, &c, 1), byte == '{' ? FRAME_MORE : FRAME_BAD_BEGIN);
	}
	assert_int_equal(frame_skip_blanks(" \n\0{ ", 5), 3);
	assert_int_equal(frame_skip_blanks("", 0), 0);
}

static void what_follows_a_frame_is_not_looked_at(void **)
{
	struct frame_parser parser;

	assert_int_equal(frame_parse(&parser, "{\"a\":1}x\"", 9), FRAME_COMPLETE);
	assert_int_equal(parser.at, 7);
}

/* A slow sender must not make the server read a frame again and again. */
static void each_byte_is_read_once_however_slowly_it_comes(void **)
{
	const std::string bytes = "{\"msgid\":1,\"text\":\"" + std::string(500, 'x') + "\",\"n\":12345}";
	struct frame_parser parser;

	for (size_t size = 1; size < bytes.size(); size++) {
		/* What was read is no longer there. */
		std::string rest(size, '\x01');

		rest.back() = bytes[size - 1];
		if (bytes[size - 1] == '"' || bytes[size - 1] == ',' || bytes[size - 1] == '}')
			rest = bytes.substr(0, size);
		assert_int_equal(frame_parse(&parser, rest.data(), size), FRAME_MORE);
		assert_int_equal(parser.at, size);
	}
	assert_int_equal(frame_parse(&parser, bytes.data(), bytes.size()), FRAME_COMPLETE);
	assert_null(parser.fault);
}

static void a_parser_that_is_reset_knows_nothing_of_its_last_frame(void **)
{
	const std::string_view refused = "{\"msgid\":5,\"req\":6,\"\\u0061\":x}", plain = "{\"a\":1}";
	struct frame_parser parser;
	struct cs_error e;

	assert_int_equal(frame_parse(&parser, refused.data(), refused.size()), FRAME_COMPLETE);
	assert_int_equal(frame_fault(&parser, &e), CS_EINVAL);
	frame_reset(&parser);
	assert_int_equal(frame_parse(&parser, plain.data(), plain.size()), FRAME_COMPLETE);
	assert_int_equal(frame_fault(&parser, &e), CS_EINVAL);
	assert_string_equal(e.text, "msgid is missing");
	assert_int_equal(parser.request.msgid, 0);
	assert_int_equal(parser.request.req, -1);
	assert_int_equal(parser.members.size(), 1);
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
		cmocka_unit_test(what_follows_a_frame_is_not_looked_at),
		cmocka_unit_test(each_byte_is_read_once_however_slowly_it_comes),
		cmocka_unit_test(a_parser_that_is_reset_knows_nothing_of_its_last_frame),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
