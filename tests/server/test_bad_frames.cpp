/* SPDX-License-Identifier: MIT
 * Tests each kind of frame that chatserverd-protocol(7) refuses, and that other clients do not notice. */
#include <algorithm>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using std::string_view_literals::operator""sv;

struct refused_form {
	const char *why;
	std::string frame;
	int of;
};

static std::string nested(int depth)
{
	return "{\"msgid\":102,\"x\":" + std::string(static_cast<size_t>(depth) - 1, '[') +
	       std::string(static_cast<size_t>(depth) - 1, ']') + "}";
}

static std::string many_values(int count)
{
	std::string frame = "{\"msgid\":102,\"x\":[0";

	for (int i = 1; i < count; i++)
		frame += ",0";
	return frame + "]}";
}

static std::vector<refused_form> refused_forms(void)
{
	return {
		{"nested 33 deep", nested(33), 102},
		{"nested 5000 deep", nested(5000), 102},
		{"2,100 values", many_values(2100), 102},
		{"30,000 values", many_values(30000), 102},
		{"a byte that is no UTF-8", "{\"msgid\":102,\"x\":\"\xff\"}", 102},
		{"UTF-8 cut short", "{\"msgid\":102,\"x\":\"\xe2\x82\"}", 102},
		{"UTF-8 too long for its value", "{\"msgid\":102,\"x\":\"\xc0\xaf\"}", 102},
		{"a surrogate in UTF-8", "{\"msgid\":102,\"x\":\"\xed\xa0\x80\"}", 102},
		{"beyond the last code point", "{\"msgid\":102,\"x\":\"\xf4\x90\x80\x80\"}", 102},
		{"no UTF-8 in a key", "{\"msgid\":102,\"\x80\":1}", 102},
		{"half a surrogate pair", "{\"msgid\":102,\"x\":\"\\ud800\"}", 102},
		{"a raw tab in a string", "{\"msgid\":102,\"x\":\"a\tb\"}", 102},
		{"a raw CR in a string", "{\"msgid\":102,\"x\":\"a\rb\"}", 102},
		{"a raw LF in a string", "{\"msgid\":102,\"x\":\"a\n", 102},
		{"a raw NUL in a string", std::string("{\"msgid\":102,\"x\":\"a\0"sv), 102},
		{"a raw LF in a key", "{\"msgid\":102,\"x\n", 102},
		{"a raw LF behind a backslash", "{\"msgid\":102,\"x\":\"a\\\n", 102},
		{"a raw escape in a key", "{\"msgid\":102,\"\x1b\":1}", 102},
		{"\\u0000 in a string", "{\"msgid\":102,\"x\":\"a\\u0000b\"}", 102},
		{"\\u0000 in a nested string", "{\"msgid\":102,\"x\":[{\"y\":\"\\u0000\"}]}", 102},
		{"\\u0000 in a key", "{\"msgid\":102,\"x\\u0000\":1}", 102},
		{"msgid twice", "{\"msgid\":102,\"msgid\":102}", -1},
		{"msgid twice, once with escapes", "{\"msgid\":102,\"msg\\u0069d\":6}", -1},
		{"msgid twice, all escapes", "{\"\\u006dsgid\":102,\"ms\\u0067id\":6}", -1},
		{"another key twice", "{\"msgid\":102,\"x\":1,\"x\":2}", 102},
		{"another key twice with escapes", "{\"msgid\":102,\"a/b\":1,\"a\\/b\":2}", 102},
		{"no msgid", "{\"id\":1}", 0},
		{"an empty object", "{}", 0},
		{"msgid in a nested object only", "{\"x\":{\"msgid\":102}}", 0},
		{"msgid as text", "{\"msgid\":\"102\"}", 0},
		{"msgid with a fraction", "{\"msgid\":102.5}", 0},
		{"msgid null", "{\"msgid\":null}", 0},
		{"msgid true", "{\"msgid\":true}", 0},
		{"msgid an array", "{\"msgid\":[102]}", 0},
		{"msgid 1e400", "{\"msgid\":1e400}", 0},
		{"req as text", "{\"msgid\":102,\"req\":\"7\"}", 102},
		{"req with a fraction", "{\"msgid\":102,\"req\":1.5}", 102},
		{"req below zero", "{\"msgid\":102,\"req\":-1}", 102},
		{"req 2^53", "{\"msgid\":102,\"req\":9007199254740992}", 102},
		{"req 2^53 + 1", "{\"msgid\":102,\"req\":9007199254740993}", 102},
		{"req 1e400", "{\"msgid\":102,\"req\":1e400}", 102},
		{"1e400 in a field", "{\"msgid\":102,\"x\":1e400}", 102},
		{"-1e400 deep in a field", "{\"msgid\":102,\"x\":[{\"y\":[1,-1e400]}]}", 102},
		{"1e309 in front of msgid", "{\"x\":1e309,\"msgid\":102}", 102},
		{"just above the largest double", "{\"msgid\":102,\"x\":1.7976931348623159e308}", 102},
		{"400 digits", "{\"msgid\":102,\"x\":1" + std::string(399, '0') + "}", 102},
		{"req null", "{\"msgid\":102,\"req\":null}", 102},
		{"a comma too many", "{\"msgid\":102,}", -1},
		{"a key without quotes", "{msgid:102}", -1},
		{"no comma", "{\"msgid\":102 \"x\":1}", -1},
		{"no colon", "{\"msgid\" 102}", -1},
		{"single quotes", "{'msgid':102}", -1},
		{"a number with a plus", "{\"msgid\":102,\"x\":+1}", -1},
		{"a number with a leading zero", "{\"msgid\":102,\"x\":01}", -1},
		{"a number that ends with its point", "{\"msgid\":102,\"x\":1.}", -1},
		{"a number with two signs", "{\"msgid\":102,\"x\":--1}", -1},
		{"NaN", "{\"msgid\":102,\"x\":NaN}", -1},
		{"a word that is none", "{\"msgid\":102,\"x\":truthful}", -1},
		{"an array not closed", "{\"msgid\":102,\"x\":[1}", -1},
		{"an unknown escape", "{\"msgid\":102,\"x\":\"\\x41\"}", -1},
		{"an escape of too few digits", "{\"msgid\":102,\"x\":\"\\u12\"}", -1},
		{"a control character between tokens", "{\"msgid\":102,\x01\"x\":1}", -1},
		{"a comment", "{\"msgid\":102/* x */}", -1},
	};
}

/* A message of WebSocket that is no UTF-8 ends the connection; test_websocket asks that. The forms here have no other
 * bytes above 0x7f. */
static bool can_be_sent(const refused_form &form)
{
	return !transport_is_message_based() ||
	       std::all_of(form.frame.begin(), form.frame.end(), [](char byte) { return (byte & 0x80) == 0; });
}

static void every_refused_form_is_answered_bad_frame_and_the_connection_lives(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *bystander = client_open(s), *c = client_open(s);
	int wrong = 0;

	for (const refused_form &form : refused_forms()) {
		if (!can_be_sent(form))
			continue;
		client_send(c, form.frame + "\n");
		const test_frame frame = client_read(c);
		const bool right = json_matches(frame.json.get(), "{\"msgid\":100,\"errno\":4}") &&
		                   !json_text(frame.json.get(), "errmsg").empty() && json_has(frame.json.get(), "of") &&
		                   (form.of < 0 || json_integer(frame.json.get(), "of") == form.of);

		if (!right) {
			print_error("%s: got %s\n", form.why, frame.bytes.c_str());
			wrong++;
		}
		client_expect_quiet(c);
	}
	client_expect_quiet(bystander);
	assert_int_equal(wrong, 0);
}

static void what_is_just_within_the_limits_is_taken(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (const std::string &frame :
	     {nested(32), many_values(2000),
	      std::string("{\"msgid\":102,\"x\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"}"),
	      std::string("{\"msgid\":102,\"x\":\"\\ud83d\\ude00\\u00e9\\/\\b\"}"),
	      std::string("{\"msgid\":102,\"x\":-0.0e-10,\"y\":1e300,\"z\":null}"),
	      std::string("{\"msgid\":102,\"x\":[1.7976931348623157e308,1e-400,0e400]}")}) {
		client_send(c, frame + "\n");
		client_expect(c, "{\"msgid\":103}");
	}
}

static void a_refusal_carries_the_req_of_the_frame(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_sendf(c, "{\"msgid\":102,\"req\":77,\"x\":1,\"x\":2}");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":77,\"errno\":4}");
	client_sendf(c, "{\"msgid\":\"x\",\"y\":[1.5,\"}\"],\"req\":76}");
	client_expect(c, "{\"msgid\":100,\"of\":0,\"req\":76,\"errno\":4}");
	client_sendf(c, "{\"req\":78}");
	client_expect(c, "{\"msgid\":100,\"of\":0,\"req\":78,\"errno\":4}");
	client_sendf(c, "{\"msgid\":102,\"x\":1,\"x\":2}");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":null,\"errno\":4}");
}

static void a_forgotten_quote_costs_one_line_and_not_what_follows(void **state)
{
	for (const char ending : {'\n', '\0'}) {
		for (const bool bytewise : {false, true}) {
			test_client *c = client_open((test_server *)*state);
			const auto send = [&](const std::string &line) {
				if (bytewise)
					client_send_bytewise(c, line + ending);
				else
					client_send(c, line + ending);
			};

			send("{\"msgid\":102,\"req\":1,\"x\":\"no quote}");
			const test_frame first =
				client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":1,\"errno\":4,"
			                         "\"errmsg\":\"control character in a string at byte 35\"}");
			assert_true(client_frame_ends_with(&first, ending));
			send("{\"msgid\":102,\"req\":2}");
			client_expect(c, "{\"msgid\":100,\"req\":2,\"errno\":0}");
			send("{\"msgid\":102,\"x\":\"\\\"}");
			client_expect(c, "{\"msgid\":100,\"of\":102,\"errno\":4}");
			send("{\"msgid\":102,\"req\":3}");
			client_expect(c, "{\"msgid\":100,\"req\":3,\"errno\":0}");
			client_expect_quiet(c);
		}
	}
}

static void lines_behind_a_forgotten_quote_in_the_same_segment_are_answered(void **state)
{
	test_client *c = client_open((test_server *)*state);
	std::string all;

	for (int i = 0; i < 50; i++)
		all += check_format("{\"msgid\":102,\"req\":%d,\"x\":\"%s\n", i, i % 2 == 0 ? "a\"}" : "a}");
	client_send(c, all);
	for (int i = 0; i < 50; i++)
		client_expect(
			c, check_format("{\"msgid\":100,\"of\":102,\"req\":%d,\"errno\":%d}", i, i % 2 == 0 ? 0 : 4));
	client_expect_quiet(c);
}

static void expect_error_and_end(test_client *c, int expected_errno, test_at at = test_at::current())
{
	client_expect(c, check_format("{\"msgid\":100,\"of\":0,\"errno\":%d}", expected_errno), at);
	client_expect_end(c, at);
}

static void bytes_that_cannot_begin_a_frame_get_an_error_and_the_end(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *bystander = client_open(s);

	for (const std::string &bytes : {std::string("GET / HTTP/1.1\r\nHost: chat\r\n\r\n"), std::string("[1]\n"),
	                                 std::string("\"text\"\n"), std::string("42\n"), std::string("null\n"),
	                                 std::string("}\n"), std::string("\xef\xbb\xbf{\"msgid\":102}\n"),
	                                 std::string("\x16\x03\x01\x02"sv), std::string("SSH-2.0-x\r\n")}) {
		test_client *c = client_open(s);

		client_send(c, bytes);
		expect_error_and_end(c, 4);
	}
	client_expect_quiet(bystander);
}

static void frames_in_front_of_garbage_are_still_answered(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, "{\"msgid\":102}\n{\"msgid\":102,\"req\":3}\ngarbage{\"msgid\":102}\n");
	client_expect(c, "{\"msgid\":103}");
	client_expect(c, "{\"req\":3,\"errno\":0}");
	expect_error_and_end(c, 4);
}

/* The text behind a raw LF is no frame. */
static void a_text_of_two_lines_gets_an_error_and_the_end(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, "{\"msgid\":102,\"x\":\"one\ntwo\"}\n{\"msgid\":102}\n");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"errno\":4}");
	expect_error_and_end(c, 4);
}

static void the_error_arrives_although_the_client_has_sent_much_more(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (int i = 0; i < 10; i++) {
		test_client *c = client_open(s);
		const std::string body(150000, 'x');

		client_send(c, "POST / HTTP/1.1\r\n\r\n");
		(void)client_pour(c, body);
		client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":4}");
		client_close(c);
	}
}

static std::string frame_of_size(size_t size)
{
	const std::string head = "{\"msgid\":102,\"x\":\"", tail = "\"}";

	return head + std::string(size - head.size() - tail.size(), 'x') + tail;
}

static void the_longest_frame_is_taken_and_one_byte_more_ends_the_connection(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *bystander = client_open(s), *c = client_open(s);

	client_send(c, frame_of_size(65536) + "\n");
	client_expect(c, "{\"msgid\":103}");
	client_send(c, frame_of_size(65537) + "\n");
	const test_frame error = client_expect(c, "{\"msgid\":100,\"errno\":12}");
	assert_true(json_has(error.json.get(), "of"));
	client_expect_end(c);
	client_expect_quiet(bystander);
}

static void a_frame_too_long_is_that_also_where_a_line_end_cuts_it(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const bool fits : {true, false}) {
		test_client *c = client_open(s);
		std::string frame = frame_of_size(fits ? 65535 : 65536);

		frame.resize(frame.size() - 2); /* without the quote and the brace */
		client_send(c, frame + std::string(fits ? 2 : 3, ' ') + "\n");
		client_expect(c, check_format("{\"msgid\":100,\"errno\":%d}", fits ? 4 : 12));
		if (fits)
			client_expect_quiet(c);
		else
			client_expect_end(c);
	}
}

static void a_frame_without_end_is_cut_off(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open(s);
	const std::string endless = "{\"msgid\":102,\"x\":\"" + std::string(400000, 'y');

	(void)client_try_send(c, endless);
	client_expect(c, "{\"msgid\":100,\"errno\":12}");
	client_read_to_end(c);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_refused_form_is_answered_bad_frame_and_the_connection_lives),
		TEST(what_is_just_within_the_limits_is_taken),
		TEST(a_refusal_carries_the_req_of_the_frame),
		TEST(a_forgotten_quote_costs_one_line_and_not_what_follows),
		TEST(lines_behind_a_forgotten_quote_in_the_same_segment_are_answered),
		TEST(bytes_that_cannot_begin_a_frame_get_an_error_and_the_end),
		TEST(frames_in_front_of_garbage_are_still_answered),
		TEST(a_text_of_two_lines_gets_an_error_and_the_end),
		TEST(the_error_arrives_although_the_client_has_sent_much_more),
		TEST(the_longest_frame_is_taken_and_one_byte_more_ends_the_connection),
		TEST(a_frame_too_long_is_that_also_where_a_line_end_cuts_it),
		TEST(a_frame_without_end_is_cut_off),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
