/* SPDX-License-Identifier: MIT
 * Tests FRAMES of chatserverd-protocol(7) over real sockets: where frames end and how the server ends its own. */
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

	if (!client_frame_ends_with(&pong, terminator))
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
	for (const std::string &ending : {std::string(1, '\0'), std::string("\n"), std::string()}) {
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

	for (const char *number : {"102.0", "1.02e2", "1020e-1", "102E0", "1.02E+2"}) {
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

static void blanks_without_end_cost_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_open(s);

	for (int i = 0; i < 40; i++)
		client_send(c, std::string(50000, i % 2 ? '\n' : '\0'));
	client_expect_quiet(c);
	const int64_t held = test_server_resident_kib(s);
	print_message("the server has %lld KiB\n", static_cast<long long>(held));
	if (check_patience_factor() == 1 && held > 100000)
		client_fail(c, test_at::current(), "the server grew to %lld KiB", static_cast<long long>(held));
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
		TEST(blanks_without_end_cost_nothing),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
