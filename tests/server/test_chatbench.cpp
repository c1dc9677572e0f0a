/* SPDX-License-Identifier: MIT
 * Tests that chatbench measures a real server correctly: short runs, in pairs and groups. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/server.h"

/* The rest of a line of sh, behind the name of the program. */
static std::string run_line(const std::string &arguments, int expected_status)
{
	const char *const build = getenv("CS_BUILD");
	FILE *const pipe = popen(
		check_format("timeout 60 %s/chatbench %s", build ? build : "build", arguments.c_str()).c_str(), "r");
	std::string text;
	char line[256];

	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe))
		text += line;
	const int status = pclose(pipe);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected_status)
		check_fail(std::source_location::current(), "chatbench %s: status %d\n%s", arguments.c_str(), status,
		           text.c_str());
	return text;
}

static std::string run(test_server *s, const char *arguments, int expected_status)
{
	return run_line(check_format("%s 127.0.0.1 %u 2>&1", arguments, s->port), expected_status);
}

/* The run ends with the status, and standard error says so. */
static void expect(const std::string &arguments, int status, const std::string &told)
{
	const std::string text = run_line(arguments, status);

	if (text != "chatbench: " + told + "\n")
		check_fail(std::source_location::current(), "chatbench %s said: %s", arguments.c_str(), text.c_str());
}

static double value_of(const std::string &text, const std::string &name)
{
	const size_t at = ("\n" + text).find("\n" + name + " ");

	if (at == std::string::npos)
		check_fail(std::source_location::current(), "no %s in:\n%s", name.c_str(), text.c_str());
	return atof(text.c_str() + at + name.size() + 1);
}

static void each_message_of_a_pair_is_acknowledged_and_delivered_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string text = run(s, check_format("-s 2 -w 4 -t 1 -c -p %d", static_cast<int>(s->pid)).c_str(), 0);

	assert_true(value_of(text, "accounts") == 4);
	assert_true(value_of(text, "acknowledged") > 0);
	assert_true(value_of(text, "delivered") == value_of(text, "acknowledged"));
	assert_true(value_of(text, "ack_p99_ms") >= value_of(text, "ack_p50_ms"));
	assert_true(value_of(text, "ack_p50_ms") > 0);
	assert_true(value_of(text, "server_cpu_seconds") >= 0);
}

static void each_message_to_a_group_is_delivered_to_all_others(void **state)
{
	const std::string text = run(static_cast<test_server *>(*state), "-s 2 -g 5 -w 2 -t 1 -a 14", 0);

	assert_true(value_of(text, "accounts") == 14);
	assert_true(value_of(text, "delivered") == 5 * value_of(text, "acknowledged"));
}

static void several_addresses_and_processes_are_measured_together(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int pid = static_cast<int>(s->pid);
	const std::string text =
		run(s,
	            check_format("-s 2 -w 2 -t 1 -p %d -p %d 127.0.0.1 %u", pid, static_cast<int>(getpid()), s->port)
	                    .c_str(),
	            0);

	assert_true(value_of(text, "delivered") == value_of(text, "acknowledged"));
	assert_true(value_of(text, check_format("chatserverd_%d_cpu_us_per_delivered", pid)) > 0);
	assert_true(value_of(text, check_format("test_chatbench_%d_cpu_us_per_delivered", (int)getpid())) >= 0);
}

static void what_is_out_of_bounds_is_a_usage_error(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	(void)run(s, "-w 0", 2);
	(void)run(s, "-s 10 -a 4", 2);
	(void)run(s, "-p 4194304", 2);
	(void)run(s, "127.0.0.1", 2);
}

static void what_cannot_be_reached_is_told(void **state)
{
	const unsigned nobody = test_free_port();

	(void)state;
	expect("'a b' 6000 2>&1", 2, "a b port 6000: Name or service not known");
	expect(check_format("127.0.0.1 %u 2>&1", nobody), 3,
	       check_format("127.0.0.1 port %u: Connection refused", nobody));
	for (const char *port : {"0", "65536", "70000", "99999999999999999999", "6000x", "''", "http"})
		assert_non_null(strstr(run_line(std::string("127.0.0.1 ") + port + " 2>&1", 2).c_str(),
		                       "chatbench: PORT is a number from 1 to 65535\n"));
}

static void an_output_that_cannot_be_written_is_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string quick = check_format("-s 1 -w 1 -t 1 127.0.0.1 %u ", s->port);

	expect(quick + "2>&1 >/dev/full", 3, "standard output: No space left on device");
	expect(quick + "2>&1 >&-", 3, "standard output: it is closed");
	expect("--help 2>&1 >/dev/full", 3, "standard output: No space left on device");
}

static void closed_streams_that_are_not_needed_do_no_harm(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string text = run_line(check_format("-s 1 -w 1 -t 1 127.0.0.1 %u <&- 2>&-", s->port), 0);

	assert_true(value_of(text, "delivered") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_of_a_pair_is_acknowledged_and_delivered_once),
		cmocka_unit_test(each_message_to_a_group_is_delivered_to_all_others),
		cmocka_unit_test(several_addresses_and_processes_are_measured_together),
		cmocka_unit_test(what_is_out_of_bounds_is_a_usage_error),
		cmocka_unit_test(what_cannot_be_reached_is_told),
		cmocka_unit_test(an_output_that_cannot_be_written_is_told),
		cmocka_unit_test(closed_streams_that_are_not_needed_do_no_harm),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
