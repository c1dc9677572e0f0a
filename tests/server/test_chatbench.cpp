/* SPDX-License-Identifier: MIT
 * Owns the proof that chatbench measures what a real server does: short runs, in pairs and groups. It must not
 * know figures. */
#include <cstdio>
#include <cstdlib>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/server.h"

static std::string run(test_server *s, const char *arguments, int expected_status)
{
	const char *const build = getenv("CS_BUILD");
	FILE *const pipe = popen(
		check_format("%s/chatbench %s 127.0.0.1 %u 2>&1", build ? build : "build", arguments, s->port)
			.c_str(),
		"r");
	std::string text;
	char line[256];

	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe) != nullptr)
		text += line;
	const int status = pclose(pipe);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != expected_status)
		check_fail(std::source_location::current(), "chatbench %s: status %d\n%s", arguments, status,
		           text.c_str());
	return text;
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
	test_server *s = (test_server *)*state;
	const std::string text = run(s, check_format("-s 2 -w 4 -t 1 -c -p %d", (int)s->pid).c_str(), 0);

	assert_true(value_of(text, "accounts") == 4);
	assert_true(value_of(text, "acknowledged") > 0);
	assert_true(value_of(text, "delivered") == value_of(text, "acknowledged"));
	assert_true(value_of(text, "ack_p99_ms") >= value_of(text, "ack_p50_ms"));
	assert_true(value_of(text, "ack_p50_ms") > 0);
	assert_true(value_of(text, "server_cpu_seconds") >= 0);
}

static void each_message_to_a_group_is_delivered_to_all_others(void **state)
{
	const std::string text = run((test_server *)*state, "-s 2 -g 5 -w 2 -t 1 -a 14", 0);

	assert_true(value_of(text, "accounts") == 14);
	assert_true(value_of(text, "delivered") == 5 * value_of(text, "acknowledged"));
}

static void several_addresses_and_processes_are_measured_together(void **state)
{
	test_server *s = (test_server *)*state;
	const int pid = (int)s->pid;
	const std::string text =
		run(s, check_format("-s 2 -w 2 -t 1 -p %d -p %d 127.0.0.1 %u", pid, (int)getpid(), s->port).c_str(), 0);

	assert_true(value_of(text, "delivered") == value_of(text, "acknowledged"));
	assert_true(value_of(text, check_format("chatserverd_%d_cpu_us_per_delivered", pid)) > 0);
	assert_true(value_of(text, check_format("test_chatbench_%d_cpu_us_per_delivered", (int)getpid())) >= 0);
}

static void what_is_out_of_bounds_is_a_usage_error(void **state)
{
	test_server *s = (test_server *)*state;

	(void)run(s, "-w 0", 2);
	(void)run(s, "-s 10 -a 4", 2);
	(void)run(s, "-p 4194304", 2);
	(void)run(s, "127.0.0.1", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_of_a_pair_is_acknowledged_and_delivered_once),
		cmocka_unit_test(each_message_to_a_group_is_delivered_to_all_others),
		cmocka_unit_test(several_addresses_and_processes_are_measured_together),
		cmocka_unit_test(what_is_out_of_bounds_is_a_usage_error),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
