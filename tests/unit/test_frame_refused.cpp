/* SPDX-License-Identifier: MIT
 * Tests the limits of a frame: each refusal of chatserverd-protocol(7) by its name and place, and the frames that are
 * just inside. */
#include <string>
#include <string_view>
#include <vector>

#include "core/net/frame.h"
#include "tests/support/check.h"

using namespace std::literals;

static int parse(std::string_view bytes, struct cs_request *request_r, struct cs_error *e)
{
	/* A copy of exactly this size: a sanitizer sees every read beyond the frame. */
	const std::vector<char> copy(bytes.begin(), bytes.end());
	struct frame_parser parser;

	assert_int_equal(frame_parse(&parser, copy.data(), copy.size()), FRAME_COMPLETE);
	*request_r = parser.request;
	return frame_fault(&parser, e);
}

static void assert_passes(std::string_view bytes)
{
	struct cs_request request;
	struct cs_error e = {""};

	if (parse(bytes, &request, &e) != 0)
		check_fail(std::source_location::current(), "%.200s is refused: %s", std::string(bytes).c_str(),
		           e.text);
}

static struct cs_request assert_refused(std::string_view bytes, const std::string &text)
{
	struct cs_request request;
	struct cs_error e = {""};

	if (parse(bytes, &request, &e) != CS_EINVAL)
		check_fail(std::source_location::current(), "%.200s passes", std::string(bytes).c_str());
	assert_string_equal(e.text, text.c_str());
	return request;
}

static std::string nested(unsigned depth)
{
	/* The frame itself is the first. */
	return "{\"msgid\":1,\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
}

static std::string with_values(unsigned count)
{
	std::string text = "{\"msgid\":1,\"a\":[0"; /* the frame, msgid, the array, one element */

	for (unsigned i = 4; i < count; i++)
		text += ",0";
	return text + "]}";
}

static void depth_32_passes_and_33_is_refused(void **)
{
	assert_passes(nested(32));
	assert_refused(nested(33), "nested deeper than 32 at byte " + std::to_string(15 + 31));
	assert_passes("{\"msgid\":1,\"a\":" + std::string(2000, ' ') + "[[]]}");
}

static void values_up_to_2048_pass_and_one_more_is_refused(void **)
{
	const std::string most = with_values(2048), more = with_values(2049);

	assert_passes(most);
	assert_refused(more, "more than 2048 values at byte " + std::to_string(more.size() - 3));
}

static void what_is_not_utf8_is_refused(void **)
{
	static const std::string_view bad[] = {
		"\x80"sv,
		"\xbf"sv,
		"\xc0\x80"sv,
		"\xc1\xbf"sv,
		"\xc3"sv,
		"\xc3("sv,
		"\xe0\x80\x80"sv,
		"\xe0\x9f\xbf"sv,
		"\xed\xa0\x80"sv,
		"\xed\xbf\xbf"sv,
		"\xe4\xbd"sv,
		"\xf0\x80\x80\x80"sv,
		"\xf0\x8f\xbf\xbf"sv,
		"\xf4\x90\x80\x80"sv,
		"\xf5\x80\x80\x80"sv,
		"\xff"sv,
		"\xfe"sv,
		"\xf0\x9f\x98"sv,
	};

	for (const std::string_view text : bad)
		assert_refused("{\"msgid\":1,\"a\":\"" + std::string(text) + "\"}", "not valid UTF-8 at byte 16");
	assert_refused("{\"msgid\":1,\"\xff\":1}", "not valid UTF-8 at byte 12");
	assert_passes("{\"msgid\":1,\"a\":"
	              "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"}");
}

static void control_characters_in_a_string_are_refused(void **)
{
	for (int c = 0; c < 0x20; c++)
		assert_refused("{\"msgid\":1,\"a\":\"x" + std::string(1, static_cast<char>(c)) + "\"}",
		               "control character in a string at byte 17");
	assert_passes("{\"msgid\":1,\"a\":\"\x7f\"}");
}

static void an_escaped_nul_is_refused(void **)
{
	assert_refused("{\"msgid\":1,\"a\":\"\\u0000\"}", "\\u0000 in a string at byte 16");
	assert_refused("{\"msgid\":1,\"a\\u0000\":1}", "\\u0000 in a string at byte 13");
	assert_passes("{\"msgid\":1,\"a\":\"\\u0001\\\\u0000\"}");
}

static void bad_escapes_are_refused(void **)
{
	assert_refused("{\"msgid\":1,\"a\":\"\\x41\"}", "unknown escape in a string at byte 16");
	assert_refused("{\"msgid\":1,\"a\":\"\\u12g4\"}", "\\u without four hexadecimal digits at byte 16");
	assert_refused("{\"msgid\":1,\"a\":\"\\ud800\"}", "half a surrogate pair at byte 16");
	assert_refused("{\"msgid\":1,\"a\":\"\\udc00\"}", "half a surrogate pair at byte 16");
	assert_refused("{\"msgid\":1,\"a\":\"\\ud800\\u0041\"}", "half a surrogate pair at byte 16");
	assert_passes("{\"msgid\":1,\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\uDE00\"}");
}

static void a_key_twice_is_refused(void **)
{
	assert_refused("{\"msgid\":1,\"id\":1,\"id\":1}", "a key twice at byte 18");
	assert_refused("{\"msgid\":1,\"msgid\":1}", "a key twice at byte 11");
	assert_refused("{\"msgid\":1,\"\":1,\"\":1}", "a key twice at byte 16");
	assert_passes("{\"msgid\":1,\"id\":1,\"Id\":1,\"ID\":1}");
	assert_passes("{\"msgid\":1,\"a\":{\"b\":1,\"b\":2},\"b\":3}");
}

static void a_key_twice_with_escapes_is_refused(void **)
{
	assert_refused("{\"msgid\":1,\"id\":1,\"\\u0069d\":1}", "a key twice at byte 18");
	assert_refused("{\"msgid\":1,\"\\u006d\\u0073gid\":1}", "a key twice at byte 11");
	assert_refused("{\"msgid\":1,\"\\u00e4\":1,\"\xc3\xa4\":1}", "a key twice at byte 22");
	assert_refused("{\"msgid\":1,\"\\u4f60\":1,\"\xe4\xbd\xa0\":1}", "a key twice at byte 22");
	assert_refused("{\"msgid\":1,\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}", "a key twice at byte 28");
	assert_refused("{\"msgid\":1,\"\\n\":1,\"\\u000a\":1}", "a key twice at byte 18");
	assert_refused("{\"msgid\":1,\"/\":1,\"\\/\":1}", "a key twice at byte 17");
	assert_passes("{\"msgid\":1,\"\\\\u0069d\":1,\"id\":1}");
}

static void a_key_twice_among_very_many_is_refused(void **)
{
	std::string text = "{\"msgid\":1";

	for (int i = 0; i < 2000; i++)
		text += ",\"k" + std::to_string(i) + "\":0";
	assert_passes(text + "}");
	assert_refused(text + ",\"k3\":0}", "a key twice at byte " + std::to_string(text.size() + 1));
	assert_refused(text + ",\"k1500\":0}", "a key twice at byte " + std::to_string(text.size() + 1));
}

static void a_top_level_value_that_is_no_object_begins_no_frame(void **)
{
	for (const std::string_view text : {"[]"sv, "1"sv, "\"a\""sv, "true"sv, "null"sv, " {\"msgid\":1}"sv}) {
		struct frame_parser parser;

		assert_int_equal(frame_parse(&parser, text.data(), text.size()), FRAME_BAD_BEGIN);
	}
}

static void a_missing_msgid_is_refused(void **)
{
	assert_refused("{}", "msgid is missing");
	assert_refused("{\"id\":1,\"MSGID\":1,\"a\":{\"msgid\":1}}", "msgid is missing");
}

static void a_msgid_that_is_no_positive_integer_is_refused(void **)
{
	for (const std::string_view value : {"\"1\""sv, "null"sv, "true"sv, "[1]"sv, "{}"sv})
		assert_refused("{\"msgid\":" + std::string(value) + "}", "msgid is no integer at byte 9");
	for (const std::string_view value : {"1.5"sv, "0"sv, "-1"sv, "-0"sv, "4294967296"sv, "1e400"sv, "1e-1"sv})
		assert_refused("{\"msgid\":" + std::string(value) + "}",
		               "msgid is no integer from 1 to 4294967295 at byte 9");
}

static void integers_may_be_written_in_any_json_notation(void **)
{
	struct cs_request request;
	struct cs_error e;

	for (const std::string_view value : {"100"sv, "1e2"sv, "1E+2"sv, "100.0"sv, "1000e-1"sv, "0.1e3"sv}) {
		assert_int_equal(parse("{\"msgid\":" + std::string(value) + ",\"req\":" + std::string(value) + "}",
		                       &request, &e),
		                 0);
		assert_int_equal(request.msgid, 100);
		assert_int_equal(request.req, 100);
	}
}

static void a_req_out_of_its_range_is_refused(void **)
{
	struct cs_request request;
	struct cs_error e;

	for (const std::string_view value : {"-1"sv, "0.5"sv, "9007199254740992"sv, "9007199254740993"sv, "1e400"sv})
		assert_refused("{\"msgid\":1,\"req\":" + std::string(value) + "}",
		               "req is no integer from 0 to 9007199254740991 at byte 17");
	assert_refused("{\"msgid\":1,\"req\":\"1\"}", "req is no integer at byte 17");
	assert_int_equal(parse("{\"msgid\":1,\"req\":9007199254740991}", &request, &e), 0);
	assert_true(request.req == INT64_C(9007199254740991));
	assert_int_equal(parse("{\"msgid\":1,\"req\":0}", &request, &e), 0);
	assert_int_equal(request.req, 0);
	assert_int_equal(parse("{\"msgid\":1}", &request, &e), 0);
	assert_int_equal(request.req, -1);
}

static void what_is_no_json_is_refused(void **)
{
	static const struct {
		std::string_view bytes;
		const char *text;
	} bad[] = {
		{"{\"msgid\":1,}"sv, "unexpected byte at byte 11"},
		{"{,\"msgid\":1}"sv, "unexpected byte at byte 1"},
		{"{\"msgid\" 1}"sv, "unexpected byte at byte 9"},
		{"{\"msgid\":1 \"a\":1}"sv, "unexpected byte at byte 11"},
		{"{msgid:1}"sv, "unexpected byte at byte 1"},
		{"{'msgid':1}"sv, "unexpected byte at byte 1"},
		{"{\"msgid\":1,\"a\":01}"sv, "unexpected byte at byte 16"},
		{"{\"msgid\":1,\"a\":+1}"sv, "unexpected byte at byte 15"},
		{"{\"msgid\":1,\"a\":.5}"sv, "unexpected byte at byte 15"},
		{"{\"msgid\":1,\"a\":5.}"sv, "unexpected byte at byte 17"},
		{"{\"msgid\":1,\"a\":1e}"sv, "unexpected byte at byte 17"},
		{"{\"msgid\":1,\"a\":-}"sv, "unexpected byte at byte 16"},
		{"{\"msgid\":1,\"a\":NaN}"sv, "unexpected byte at byte 15"},
		{"{\"msgid\":1,\"a\":tru}"sv, "unexpected byte at byte 15"},
		{"{\"msgid\":1,\"a\":[1,]}"sv, "unexpected byte at byte 18"},
		{"{\"msgid\":1,\"a\":[1}"sv, "unexpected byte at byte 17"},
		{"{\"msgid\":1,\"a\":{1:2}}"sv, "unexpected byte at byte 16"},
		{"{\"msgid\":1,\x01\"a\":1}"sv, "unexpected byte at byte 11"},
		{"{\"msgid\":1,\0\"a\":1}"sv, "unexpected byte at byte 11"},
		{"{\"msgid\":1/* */}"sv, "unexpected byte at byte 10"},
		{"{\"msgid\":1,\"a\":truefalse}"sv, "unexpected byte at byte 19"},
	};

	for (const auto &b : bad)
		assert_refused(b.bytes, b.text);
	assert_passes("{\t\"msgid\"\r\n: 1 ,\"a\" :[ 1 , true,false , null ,{ } , [ ]]}");
}

static void a_number_longer_than_63_characters_is_refused(void **)
{
	assert_passes("{\"msgid\":1,\"a\":" + std::string(63, '1') + "}");
	assert_refused("{\"msgid\":1,\"a\":" + std::string(64, '1') + "}",
	               "a number of more than 63 characters at byte 15");
}

static void a_number_that_no_double_holds_is_refused(void **)
{
	static const std::string_view too_large[] = {
		"1e400"sv,
		"-1e400"sv,
		"1e309"sv,
		"1E+309"sv,
		"17976931348623159e292"sv,
		"1.7976931348623159e308"sv,
		"-1.7976931348623159e+308"sv,
		"0.00000000000000000001e400"sv,
		"1e99999999999999999999999999999999999999999999999999999999999"sv,
	};

	for (const std::string_view number : too_large) {
		assert_refused("{\"msgid\":1,\"a\":" + std::string(number) + "}",
		               "a number that no double holds at byte 15");
		assert_refused("{\"msgid\":1,\"a\":{\"b\":[" + std::string(number) + "]}}",
		               "a number that no double holds at byte 21");
		assert_refused("{\"a\":" + std::string(number) + ",\"msgid\":1}",
		               "a number that no double holds at byte 5");
	}
}

static void the_largest_and_the_smallest_numbers_pass(void **)
{
	static const std::string_view held[] = {
		"1.7976931348623157e308"sv,
		"-1.7976931348623157E+308"sv,
		"17976931348623157e292"sv,
		"1.7976931348623158e308"sv, /* rounded down to the largest */
		"9e307"sv,
		"1e-400"sv, /* held as 0 */
		"-1e-400"sv,
		"4.9e-324"sv,
		"2e-324"sv,
		"1e-99999999999999999999999999999999999999999999999999999999999"sv,
		"0e400"sv,
		"-0.0e99999999999999999999"sv,
		"100000000000000000000000000000000000000000000000000e250"sv,
		"99999999999999999999999999999999999999999999999999999999999999"sv,
	};

	for (const std::string_view number : held)
		assert_passes("{\"msgid\":1,\"a\":" + std::string(number) + "}");
}

static void a_refused_frame_still_tells_msgid_and_req(void **)
{
	struct cs_request request =
		assert_refused("{\"msgid\":6,\"req\":9,\"id\":1,\"id\":1}", "a key twice at byte 26");

	assert_int_equal(request.msgid, 6);
	assert_int_equal(request.req, 9);
	request = assert_refused("{\"msgid\":6,\"req\":-1}", "req is no integer from 0 to 9007199254740991 at byte 17");
	assert_int_equal(request.msgid, 6);
	assert_int_equal(request.req, -1);
}

static void msgid_and_req_are_told_also_from_behind_the_mistake(void **)
{
	static const std::string_view mistakes[] = {
		"\"a\":1,\"a\":2"sv, "\"a\":\"\xff\""sv, "\"a\":\"\x01\""sv, "\"a\":\"\\u0000\""sv,
		"\"a\":01"sv,        "\"a\":nonsense"sv, "\"a\":[1,]"sv,     "\"a\":{\"req\":7,\"b\" 1}"sv,
	};
	struct cs_request request;
	struct cs_error e;

	for (const std::string_view mistake : mistakes) {
		const std::string bytes =
			"{" + std::string(mistake) + ",\"note\":\"\\\"req\\\":5\",\"msgid\" : 6 ,\"req\":9}";

		assert_int_equal(parse(bytes, &request, &e), CS_EINVAL);
		assert_int_equal(request.msgid, 6);
		assert_int_equal(request.req, 9);
	}
	for (const std::string_view msgid : {"4294967398"sv, "\"x\""sv, "-1"sv, "1.5"sv}) {
		assert_int_equal(parse("{\"msgid\":" + std::string(msgid) + ",\"req\":3}", &request, &e), CS_EINVAL);
		assert_int_equal(request.msgid, 0);
		assert_int_equal(request.req, 3);
	}
	for (const std::string_view req :
	     {"-1"sv, "1.5"sv, "\"1\""sv, "9007199254740992"sv, "99999999999999999999"sv}) {
		assert_int_equal(parse("{\"a\":01,\"req\":" + std::string(req) + "}", &request, &e), CS_EINVAL);
		assert_int_equal(request.req, -1);
	}
}

static void msgid_and_req_are_told_of_a_frame_that_a_line_end_cuts(void **)
{
	const struct cs_request request = assert_refused("{\"msgid\":6,\"req\":9,\"msg\":\"no quote}\n",
	                                                 "control character in a string at byte 35");

	assert_int_equal(request.msgid, 6);
	assert_int_equal(request.req, 9);
}

static void no_beginning_of_a_frame_is_taken_for_a_frame(void **)
{
	const std::string_view whole =
		"{\"msgid\":1,\"a\":[true,null,-1.5e3,\"\\u00e4\\ud83d\\ude00\xe4\xbd\xa0\",{\"b\":{}}]}"sv;

	assert_passes(whole);
	for (size_t size = 0; size < whole.size(); size++) {
		struct frame_parser parser;

		assert_int_equal(frame_parse(&parser, whole.data(), size), FRAME_MORE);
		assert_null(parser.fault);
	}
}

/* The verdict must not wait for bytes that may never come. */
static void a_mistake_is_the_same_wherever_the_bytes_are_cut(void **)
{
	static const std::string_view bad[] = {
		"{\"msgid\":6,\"req\":9,\"a\":\"\\u12\"}"sv,
		"{\"msgid\":6,\"req\":9,\"a\":\"\\ud800\\u1\"}"sv,
		"{\"msgid\":6,\"req\":9,\"a\":\"\xe4\xbd\"}"sv,
		"{\"msgid\":6,\"req\":9,\"a\":\"\xf0\n"sv,
		"{\"msgid\":6,\"req\":9,\"a\":\"\\\n"sv,
		"{\"msgid\":6,\"req\":9,\"a\":\"\\udc00\"}"sv,
		"{\"msgid\":6,\"req\":9,\"a\":tru}"sv,
		"{\"msgid\":6,\"req\":9,\"a\":1e}"sv,
		"{\"msgid\":6,\"req\":9,\"a\":1e999}"sv,
		"{\"b\":01,\"a\":{\"req\":7},\"msgid\":6,\"req\": 9}"sv,
		"{\"msgid\":6,\"b\" 1,\"x\":\"\\\"req\\\":8\",\"req\"\t:\n9 }"sv,
	};

	for (const std::string_view bytes : bad) {
		struct cs_request request;
		struct cs_error whole, cut;

		assert_int_equal(parse(bytes, &request, &whole), CS_EINVAL);
		for (size_t at = 1; at < bytes.size(); at++) {
			struct frame_parser parser;
			const std::vector<char> first(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(at));

			assert_int_equal(frame_parse(&parser, first.data(), at), FRAME_MORE);
			assert_int_equal(frame_parse(&parser, bytes.data(), bytes.size()), FRAME_COMPLETE);
			assert_int_equal(parser.at, bytes.size());
			assert_int_equal(frame_fault(&parser, &cut), CS_EINVAL);
			assert_string_equal(cut.text, whole.text);
			assert_int_equal(parser.request.msgid, 6);
			assert_int_equal(parser.request.req, 9);
		}
	}
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(depth_32_passes_and_33_is_refused),
		cmocka_unit_test(values_up_to_2048_pass_and_one_more_is_refused),
		cmocka_unit_test(what_is_not_utf8_is_refused),
		cmocka_unit_test(control_characters_in_a_string_are_refused),
		cmocka_unit_test(an_escaped_nul_is_refused),
		cmocka_unit_test(bad_escapes_are_refused),
		cmocka_unit_test(a_key_twice_is_refused),
		cmocka_unit_test(a_key_twice_with_escapes_is_refused),
		cmocka_unit_test(a_key_twice_among_very_many_is_refused),
		cmocka_unit_test(a_top_level_value_that_is_no_object_begins_no_frame),
		cmocka_unit_test(a_missing_msgid_is_refused),
		cmocka_unit_test(a_msgid_that_is_no_positive_integer_is_refused),
		cmocka_unit_test(integers_may_be_written_in_any_json_notation),
		cmocka_unit_test(a_req_out_of_its_range_is_refused),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(a_number_longer_than_63_characters_is_refused),
		cmocka_unit_test(a_number_that_no_double_holds_is_refused),
		cmocka_unit_test(the_largest_and_the_smallest_numbers_pass),
		cmocka_unit_test(a_refused_frame_still_tells_msgid_and_req),
		cmocka_unit_test(msgid_and_req_are_told_also_from_behind_the_mistake),
		cmocka_unit_test(msgid_and_req_are_told_of_a_frame_that_a_line_end_cuts),
		cmocka_unit_test(no_beginning_of_a_frame_is_taken_for_a_frame),
		cmocka_unit_test(a_mistake_is_the_same_wherever_the_bytes_are_cut),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
