/* SPDX-License-Identifier: MIT
 * Owns the proof of PROTOCOL section 1 over real sockets: where frames end, how the server ends its own, what
 * is refused and that nobody else notices. It must not know how frames are scanned. */
#include <cstring>
#include <string>

#include <sys/socket.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using std::string_view_literals::operator""sv;

static const char ping[] = "{\"msgid\":102}";

static void expect_pong(test_client *c, char terminator, test_at at = test_at::current())
{
	const test_frame pong = client_expect(c, "{\"msgid\":103}", at);

	if (pong.terminator != terminator)
		client_fail(c, at, "terminator %d, not %d", pong.terminator, terminator);
}

static void a_client_that_ends_frames_with_nul_is_answered_with_nul(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (int i = 0; i < 3; i++) {
		client_send(c, "{\"msgid\":102}\0"sv);
		expect_pong(c, '\0');
	}
}

static void a_client_that_ends_frames_with_lf_is_answered_with_lf(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (int i = 0; i < 3; i++) {
		client_send(c, "{\"msgid\":102}\n");
		expect_pong(c, '\n');
	}
}

static void a_client_that_ends_frames_with_nothing_is_answered_with_lf(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (int i = 0; i < 3; i++) {
		client_send(c, ping);
		expect_pong(c, '\n');
	}
}

static void a_client_that_ends_frames_with_cr_lf_is_answered_with_lf(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, "{\"msgid\":102}\r\n{\"msgid\":102}\r\n");
	expect_pong(c, '\n');
	expect_pong(c, '\n');
}

static void a_nul_in_its_own_segment_right_after_the_first_frame_counts(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, ping);
	client_send(c, "\0"sv);
	expect_pong(c, '\0');
}

static void the_first_frame_decides_the_terminator_for_good(void **state)
{
	test_client *lf = client_open((test_server *)*state), *nul = client_open((test_server *)*state);

	client_send(lf, "{\"msgid\":102}\n");
	expect_pong(lf, '\n');
	client_send(lf, "{\"msgid\":102}\0"sv);
	expect_pong(lf, '\n');
	client_send(nul, "{\"msgid\":102}\0"sv);
	expect_pong(nul, '\0');
	client_send(nul, "{\"msgid\":102}\n");
	expect_pong(nul, '\0');
}

static void a_nul_that_does_not_follow_directly_does_not_count(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, "{\"msgid\":102}\n\0{\"msgid\":102}\0"sv);
	expect_pong(c, '\n');
	expect_pong(c, '\n');
}

static void blanks_of_any_kind_between_frames_are_skipped(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, "\n \t\r\0\n{\"msgid\":102}\0\0\n\r \t{\"msgid\":102} {\"msgid\":102}\n\n"sv);
	for (int i = 0; i < 3; i++)
		client_expect(c, "{\"msgid\":103}");
	client_expect_quiet(c);
}

static void frames_may_come_byte_by_byte(void **state)
{
	test_client *c = client_open((test_server *)*state);

	c->ending = std::string(1, '\0');
	client_send_bytewise(c, "{\"msgid\":102,\"req\":7,\"x\":\"}{\\\"\\\\\"}\0"sv);
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":7,\"errno\":0}");
	client_send_bytewise(c, "{\"msgid\" : 102 , \"y\":[{},{\"z\":{}}]}\0"sv);
	client_expect(c, "{\"msgid\":103}");
	client_expect_quiet(c);
}

static void a_hundred_frames_in_one_write_are_answered_in_order(void **state)
{
	for (const std::string &ending : { std::string(1, '\0'), std::string("\n"), std::string() }) {
		test_client *c = client_open((test_server *)*state);
		std::string all;

		for (int i = 0; i < 100; i++)
			all += check_format("{\"msgid\":102,\"req\":%d}", i) + ending;
		client_send(c, all);
		for (int i = 0; i < 100; i++)
			client_expect(c, check_format("{\"msgid\":100,\"of\":102,\"req\":%d,\"errno\":0}", i));
		client_expect_quiet(c);
	}
}

static void every_cut_of_two_frames_gives_the_same_answers(void **state)
{
	const std::string both = "{\"msgid\":102,\"req\":1,\"a\":\"\\\"}\\\\\"}\n{\"msgid\":102,\"req\":2}\n";

	for (size_t cut = 1; cut < both.size(); cut++) {
		test_client *c = client_open((test_server *)*state);

		client_send(c, both.substr(0, cut));
		client_send(c, both.substr(cut));
		client_expect(c, "{\"req\":1,\"errno\":0}");
		client_expect(c, "{\"req\":2,\"errno\":0}");
		client_close(c);
	}
}

static void a_frame_over_several_lines_is_one_frame(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_send(c, "{\r\n\t\"msgid\" :\n 102 ,\r\n \"req\": 5\n}\r\n");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":5,\"errno\":0}");
}

static void integers_may_be_written_in_any_json_notation(void **state)
{
	test_client *c = client_open((test_server *)*state);

	for (const char *number : { "102.0", "1.02e2", "1020e-1", "102E0", "1.02E+2" }) {
		client_sendf(c, "{\"msgid\":%s}", number);
		client_expect(c, "{\"msgid\":103}");
	}
	client_sendf(c, "{\"msgid\":102,\"req\":9007199254740991}");
	const test_frame answer = client_expect(c, "{\"msgid\":100,\"errno\":0}");
	if (answer.bytes.find("\"req\":9007199254740991") == std::string::npos)
		client_fail(c, test_at::current(), "req is not printed as it was sent");
	client_sendf(c, "{\"msgid\":102,\"req\":0}");
	client_expect(c, "{\"msgid\":100,\"req\":0,\"errno\":0}");
}

static void keys_that_differ_in_case_are_different_keys(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_sendf(c, "{\"MsgId\":6,\"msgid\":102,\"MSGID\":\"x\"}");
	client_expect(c, "{\"msgid\":103}");
	client_sendf(c, "{\"MSGID\":102}");
	client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":4}");
}

static void a_key_twice_inside_a_field_is_nobodys_business(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_sendf(c, "{\"msgid\":102,\"x\":{\"a\":1,\"a\":2},\"y\":[{\"msgid\":1,\"msgid\":2}]}");
	client_expect(c, "{\"msgid\":103}");
}

struct refused_form {
	const char *why;
	std::string frame;
	int of;
};

static std::string nested(int depth)
{
	return "{\"msgid\":102,\"x\":" + std::string((size_t)depth - 1, '[') + std::string((size_t)depth - 1, ']') + "}";
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
		{ "nested 33 deep", nested(33), 102 },
		{ "nested 5000 deep", nested(5000), 102 },
		{ "2,100 values", many_values(2100), 102 },
		{ "30,000 values", many_values(30000), 102 },
		{ "a byte that is no UTF-8", "{\"msgid\":102,\"x\":\"\xff\"}", 102 },
		{ "UTF-8 cut short", "{\"msgid\":102,\"x\":\"\xe2\x82\"}", 102 },
		{ "UTF-8 too long for its value", "{\"msgid\":102,\"x\":\"\xc0\xaf\"}", 102 },
		{ "a surrogate in UTF-8", "{\"msgid\":102,\"x\":\"\xed\xa0\x80\"}", 102 },
		{ "beyond the last code point", "{\"msgid\":102,\"x\":\"\xf4\x90\x80\x80\"}", 102 },
		{ "no UTF-8 in a key", "{\"msgid\":102,\"\x80\":1}", 102 },
		{ "half a surrogate pair", "{\"msgid\":102,\"x\":\"\\ud800\"}", 102 },
		{ "a raw tab in a string", "{\"msgid\":102,\"x\":\"a\tb\"}", 102 },
		{ "a raw LF in a string", "{\"msgid\":102,\"x\":\"a\nb\"}", 102 },
		{ "a raw NUL in a string", std::string("{\"msgid\":102,\"x\":\"a\0b\"}"sv), 102 },
		{ "a raw escape in a key", "{\"msgid\":102,\"\x1b\":1}", 102 },
		{ "\\u0000 in a string", "{\"msgid\":102,\"x\":\"a\\u0000b\"}", 102 },
		{ "\\u0000 in a nested string", "{\"msgid\":102,\"x\":[{\"y\":\"\\u0000\"}]}", 102 },
		{ "\\u0000 in a key", "{\"msgid\":102,\"x\\u0000\":1}", 102 },
		{ "msgid twice", "{\"msgid\":102,\"msgid\":102}", -1 },
		{ "msgid twice, once with escapes", "{\"msgid\":102,\"msg\\u0069d\":6}", -1 },
		{ "msgid twice, all escapes", "{\"\\u006dsgid\":102,\"ms\\u0067id\":6}", -1 },
		{ "another key twice", "{\"msgid\":102,\"x\":1,\"x\":2}", 102 },
		{ "another key twice with escapes", "{\"msgid\":102,\"a/b\":1,\"a\\/b\":2}", 102 },
		{ "no msgid", "{\"id\":1}", 0 },
		{ "an empty object", "{}", 0 },
		{ "msgid in a nested object only", "{\"x\":{\"msgid\":102}}", 0 },
		{ "msgid as text", "{\"msgid\":\"102\"}", 0 },
		{ "msgid with a fraction", "{\"msgid\":102.5}", 0 },
		{ "msgid null", "{\"msgid\":null}", 0 },
		{ "msgid true", "{\"msgid\":true}", 0 },
		{ "msgid an array", "{\"msgid\":[102]}", 0 },
		{ "msgid 1e400", "{\"msgid\":1e400}", 0 },
		{ "req as text", "{\"msgid\":102,\"req\":\"7\"}", 102 },
		{ "req with a fraction", "{\"msgid\":102,\"req\":1.5}", 102 },
		{ "req below zero", "{\"msgid\":102,\"req\":-1}", 102 },
		{ "req 2^53", "{\"msgid\":102,\"req\":9007199254740992}", 102 },
		{ "req 2^53 + 1", "{\"msgid\":102,\"req\":9007199254740993}", 102 },
		{ "req 1e400", "{\"msgid\":102,\"req\":1e400}", 102 },
		{ "req null", "{\"msgid\":102,\"req\":null}", 102 },
		{ "a comma too many", "{\"msgid\":102,}", -1 },
		{ "a key without quotes", "{msgid:102}", -1 },
		{ "no comma", "{\"msgid\":102 \"x\":1}", -1 },
		{ "no colon", "{\"msgid\" 102}", -1 },
		{ "single quotes", "{'msgid':102}", -1 },
		{ "a number with a plus", "{\"msgid\":102,\"x\":+1}", -1 },
		{ "a number with a leading zero", "{\"msgid\":102,\"x\":01}", -1 },
		{ "a number that ends with its point", "{\"msgid\":102,\"x\":1.}", -1 },
		{ "a number with two signs", "{\"msgid\":102,\"x\":--1}", -1 },
		{ "NaN", "{\"msgid\":102,\"x\":NaN}", -1 },
		{ "a word that is none", "{\"msgid\":102,\"x\":truthful}", -1 },
		{ "an array not closed", "{\"msgid\":102,\"x\":[1}", -1 },
		{ "an unknown escape", "{\"msgid\":102,\"x\":\"\\x41\"}", -1 },
		{ "an escape of too few digits", "{\"msgid\":102,\"x\":\"\\u12\"}", -1 },
		{ "a control character between tokens", "{\"msgid\":102,\x01\"x\":1}", -1 },
		{ "a comment", "{\"msgid\":102/* x */}", -1 },
	};
}

static void every_refused_form_is_answered_bad_frame_and_the_connection_lives(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *bystander = client_open(s), *c = client_open(s);
	int wrong = 0;

	for (const refused_form &form : refused_forms()) {
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

	for (const std::string &frame : { nested(32), many_values(2000),
	                                  std::string("{\"msgid\":102,\"x\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"}"),
	                                  std::string("{\"msgid\":102,\"x\":\"\\ud83d\\ude00\\u00e9\\/\\b\"}"),
	                                  std::string("{\"msgid\":102,\"x\":-0.0e-10,\"y\":1e300,\"z\":null}") }) {
		client_send(c, frame + "\n");
		client_expect(c, "{\"msgid\":103}");
	}
}

static void a_refusal_carries_the_req_of_the_frame(void **state)
{
	test_client *c = client_open((test_server *)*state);

	client_sendf(c, "{\"msgid\":102,\"req\":77,\"x\":1,\"x\":2}");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":77,\"errno\":4}");
	client_sendf(c, "{\"req\":78}");
	client_expect(c, "{\"msgid\":100,\"of\":0,\"req\":78,\"errno\":4}");
	client_sendf(c, "{\"msgid\":102,\"x\":1,\"x\":2}");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":null,\"errno\":4}");
}

static void expect_error_and_end(test_client *c, int expected_errno, test_at at = test_at::current())
{
	client_expect(c, check_format("{\"msgid\":100,\"of\":0,\"errno\":%d}", expected_errno), at);
	client_expect_end(c, at);
}

static void bytes_that_cannot_begin_a_frame_get_an_error_and_the_end(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *bystander = client_open(s);

	for (const std::string &bytes : { std::string("GET / HTTP/1.1\r\nHost: chat\r\n\r\n"), std::string("[1]\n"),
	                                  std::string("\"text\"\n"), std::string("42\n"), std::string("null\n"),
	                                  std::string("}\n"), std::string("\xef\xbb\xbf{\"msgid\":102}\n"),
	                                  std::string("\x16\x03\x01\x02"sv), std::string("SSH-2.0-x\r\n") }) {
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

static void the_error_arrives_although_the_client_has_sent_much_more(void **state)
{
	test_server *s = (test_server *)*state;

	for (int i = 0; i < 10; i++) {
		test_client *c = client_open(s);
		const std::string body(150000, 'x');

		client_send(c, "POST / HTTP/1.1\r\n\r\n");
		(void)!send(c->fd, body.data(), body.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
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
	test_server *s = (test_server *)*state;
	test_client *bystander = client_open(s), *c = client_open(s);

	client_send(c, frame_of_size(65536) + "\n");
	client_expect(c, "{\"msgid\":103}");
	client_send(c, frame_of_size(65537) + "\n");
	const test_frame error = client_expect(c, "{\"msgid\":100,\"errno\":12}");
	assert_true(json_has(error.json.get(), "of"));
	client_expect_end(c);
	client_expect_quiet(bystander);
}

static void a_frame_without_end_is_cut_off(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_open(s);
	const std::string endless = "{\"msgid\":102,\"x\":\"" + std::string(400000, 'y');

	(void)!send(c->fd, endless.data(), endless.size(), MSG_NOSIGNAL);
	client_expect(c, "{\"msgid\":100,\"errno\":12}");
	client_read_to_end(c);
}

static void blanks_without_end_cost_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_open(s);

	for (int i = 0; i < 40; i++)
		client_send(c, std::string(50000, i % 2 ? '\n' : '\0'));
	client_expect_quiet(c);
	if (check_patience_factor() == 1 && test_server_resident_kib(s) > 100000)
		client_fail(c, test_at::current(), "the server grew to %lld KiB", (long long)test_server_resident_kib(s));
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_that_ends_frames_with_nul_is_answered_with_nul),
		TEST(a_client_that_ends_frames_with_lf_is_answered_with_lf),
		TEST(a_client_that_ends_frames_with_nothing_is_answered_with_lf),
		TEST(a_client_that_ends_frames_with_cr_lf_is_answered_with_lf),
		TEST(a_nul_in_its_own_segment_right_after_the_first_frame_counts),
		TEST(the_first_frame_decides_the_terminator_for_good),
		TEST(a_nul_that_does_not_follow_directly_does_not_count),
		TEST(blanks_of_any_kind_between_frames_are_skipped),
		TEST(frames_may_come_byte_by_byte),
		TEST(a_hundred_frames_in_one_write_are_answered_in_order),
		TEST(every_cut_of_two_frames_gives_the_same_answers),
		TEST(a_frame_over_several_lines_is_one_frame),
		TEST(integers_may_be_written_in_any_json_notation),
		TEST(keys_that_differ_in_case_are_different_keys),
		TEST(a_key_twice_inside_a_field_is_nobodys_business),
		TEST(every_refused_form_is_answered_bad_frame_and_the_connection_lives),
		TEST(what_is_just_within_the_limits_is_taken),
		TEST(a_refusal_carries_the_req_of_the_frame),
		TEST(bytes_that_cannot_begin_a_frame_get_an_error_and_the_end),
		TEST(frames_in_front_of_garbage_are_still_answered),
		TEST(the_error_arrives_although_the_client_has_sent_much_more),
		TEST(the_longest_frame_is_taken_and_one_byte_more_ends_the_connection),
		TEST(a_frame_without_end_is_cut_off),
		TEST(blanks_without_end_cost_nothing),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
