/* SPDX-License-Identifier: MIT
 * Tests that chatbench measures a real server correctly: short runs of every kind. */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <cJSON.h>

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
	const std::string text = run(s, check_format("-s 2 -w 4 -t 1 -p %d", static_cast<int>(s->pid)).c_str(), 0);

	assert_true(value_of(text, "accounts") == 4);
	assert_true(value_of(text, "acknowledged") > 0);
	assert_true(value_of(text, "delivered") == value_of(text, "acknowledged"));
	assert_true(value_of(text, "ack_p99_ms") >= value_of(text, "ack_p50_ms"));
	assert_true(value_of(text, "ack_p50_ms") > 0);
	assert_true(value_of(text, "server_cpu_seconds") > 0);
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
	assert_true(value_of(text,
	                     check_format("test_chatbench_%d_cpu_us_per_delivered", static_cast<int>(getpid()))) >= 0);
}

static void signals_are_delivered_once(void **state)
{
	const std::string text = run(static_cast<test_server *>(*state), "--signal -s 2 -n 20", 0);

	assert_true(value_of(text, "acknowledged") == 40);
	assert_true(value_of(text, "delivered") == 40);
}

static void a_group_gets_signals_too(void **state)
{
	const std::string text = run(static_cast<test_server *>(*state), "-S -s 2 -g 4 -n 20", 0);

	assert_true(value_of(text, "delivered") == 160);
}

static void every_transport_is_measured(void **)
{
	static const struct {
		transport_kind kind;
		const char *options;
	} rows[] = {{TRANSPORT_TLS, "--tls"}, {TRANSPORT_WS, "--ws"}, {TRANSPORT_WSS, "--tls --ws"}};

	for (const auto &row : rows) {
		test_server *s = test_server_new();

		test_server_set_transport(s, row.kind);
		test_server_start(s);
		/* 16,000 bytes: lengths of two bytes, and more than one record of TLS. */
		for (const char *more : {"-b 24 -n 50", "-b 16000 -n 20"}) {
			const std::string text = run(s, check_format("%s -s 2 -w 4 %s", row.options, more).c_str(), 0);

			assert_true(value_of(text, "delivered") == value_of(text, "acknowledged"));
			assert_true(value_of(text, "acknowledged") == 2 * atoi(strstr(more, "-n ") + 3));
		}
		(void)run(s, check_format("%s --idle -a 20 -t 1", row.options).c_str(), 0);
		/* The plain bench does not take a page or a handshake for a server. */
		(void)run(s, "-s 2 -n 1", 3);
		test_server_free(s);
	}
}

static void messages_go_to_receivers_at_random(void **state)
{
	const std::string text = run(static_cast<test_server *>(*state), "--random --no-cid -s 5 -n 40", 0);

	assert_true(value_of(text, "delivered") == 200);
}

static void at_a_rate_so_many_messages_are_sent(void **state)
{
	const std::string text = run(static_cast<test_server *>(*state), "--rate 200 -s 3 -t 1", 0);

	assert_in_range(value_of(text, "sent"), 195, 201);
	assert_true(value_of(text, "delivered") == value_of(text, "sent"));
	(void)value_of(text, "late_max_ms");
}

static void who_was_away_gets_everything_when_back(void **state)
{
	for (const char *arguments : {"--away -s 2 -n 500 -w 50", "--away -s 1 -g 2 -n 500 -w 50"}) {
		const std::string text = run(static_cast<test_server *>(*state), arguments, 0);

		assert_true(value_of(text, "delivered") == 1000);
		assert_true(value_of(text, "drain_seconds") > 0);
		assert_true(value_of(text, "drain_max_ms") > 0);
	}
}

static void each_page_of_history_is_read_and_checked(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string text =
		run(s, check_format("--history -s 2 -n 120 -t 1 -p %d", static_cast<int>(s->pid)).c_str(), 0);
	const double pages = value_of(text, "pages");

	/* A conversation of 120 messages has pages of 50, 50 and 20, and each is read to its beginning. */
	assert_true(value_of(text, "accounts") == 4);
	assert_true(pages >= 6 && value_of(text, "read") == pages * 40);
	assert_true(value_of(text, "pages_per_second") > 0);
	assert_true(value_of(text, "history_p50_ms") > 0);
	assert_true(value_of(text, "history_max_ms") >= value_of(text, "history_p999_ms"));
	assert_true(value_of(text, "server_cpu_us_per_page") > 0);
	/* Pages that would be too large are shorter; a page of one message is one, too. */
	assert_true(value_of(run(s, "--history -s 1 -n 60 -b 16384 -t 1", 0), "pages") > 0);
	assert_true(value_of(run(s, "--history -s 1 -n 3 -l 1 -t 1", 0), "pages") >= 3);
}

static void logins_and_registrations_are_counted(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	assert_true(value_of(run(s, "--login -s 3 -n 5", 0), "logins") == 15);
	assert_true(value_of(run(s, "--login --token -s 3 -n 5", 0), "logins") == 15);
	assert_true(value_of(run(s, "--register -s 3 -n 5", 0), "registrations") == 15);
	assert_true(value_of(run(s, "--login -s 2 -t 1", 0), "login_p50_ms") > 0);
}

static void accounts_that_exist_are_used(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	(void)run(s, "--register -s 1 -n 4", 0);
	for (const char *arguments : {"--from 1 -s 2 -n 5", "--from 1 --random -s 2 -n 5", "--from 1 --away -s 2 -n 5"})
		assert_true(value_of(run(s, arguments, 0), "delivered") == 10);
	assert_true(value_of(run(s, "--login --from 2 -s 3 -n 5", 0), "logins") == 15);
	assert_true(value_of(run(s, "--login --token --from 2 -s 3 -n 5", 0), "logins") == 15);
	(void)run(s, "--from 1000000 -s 1 -n 1", 3);
}

static void idle_accounts_are_measured(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string text = run(s, check_format("--idle -a 100 -t 1 -p %d", static_cast<int>(s->pid)).c_str(), 0);

	assert_true(value_of(text, "accounts") == 100);
	(void)value_of(text, "server_bytes_per_connection");
	(void)value_of(text, "kernel_slab_bytes_per_connection");
	(void)value_of(text, "kernel_tcp_bytes_per_connection");
	(void)value_of(text, "server_cpu_seconds");
}

static void json_has_the_same_figures(void **state)
{
	const std::string text = run(static_cast<test_server *>(*state), "-s 1 -n 10 --json", 0);
	cJSON *const tree = cJSON_Parse(text.c_str());

	assert_non_null(tree);
	for (const char *name :
	     {"accounts", "acknowledged_per_second", "ack_p999_ms", "delivery_max_ms", "undelivered"})
		assert_true(cJSON_IsNumber(cJSON_GetObjectItem(tree, name)));
	assert_true(cJSON_GetObjectItem(tree, "delivered")->valueint == 10);
	cJSON_Delete(tree);
}

static void a_drawing_is_one_file_for_light_and_dark(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = s->folder + "/times.svg";

	(void)run(s, ("-s 1 -t 1 --plot " + path).c_str(), 0);
	const std::string text = check_read_file(path);
	for (const char *part : {"<svg ", "prefers-color-scheme: dark", "acknowledged", "delivered", "99 %",
	                         "per second", "seconds since the start", "</svg>"})
		assert_non_null(strstr(text.c_str(), part));
	assert_null(strstr(text.c_str(), "nan"));
	assert_null(strstr(text.c_str(), "href"));
	(void)run(s, ("--login -s 2 -n 5 --plot " + path).c_str(), 0);
	assert_non_null(strstr(check_read_file(path).c_str(), "Logins"));
	(void)run(s, "-s 1 -n 1 --plot /nowhere/times.svg", 3);
}

static void a_terminal_sees_how_far_the_run_is(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const char *const build = getenv("CS_BUILD");
	const std::string path = s->folder + "/terminal";
	const std::string line =
		check_format("script -qec '%s/chatbench -s 1 -t 2 127.0.0.1 %u' /dev/null >%s 2>&1 </dev/null",
	                     build ? build : "build", s->port, path.c_str());

	assert_int_equal(system(line.c_str()), 0);
	assert_non_null(strstr(check_read_file(path).c_str(), " of 2 s, "));
}

static void what_is_out_of_bounds_is_a_usage_error(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	(void)run(s, "-w 0", 2);
	(void)run(s, "-s 10 -a 4", 2);
	(void)run(s, "-p 4194304", 2);
	(void)run(s, "127.0.0.1", 2);
	(void)run(s, "--rate 0", 2);
	(void)run(s, "--login --register", 2);
	(void)run(s, "--login --signal", 2);
	(void)run(s, "--register --token", 2);
	(void)run(s, "--history --away", 2);
	(void)run(s, "--history -l 201", 2);
	(void)run(s, "--away --signal", 2);
	(void)run(s, "--random -g 2", 2);
	(void)run(s, "--random -s 2001", 2);
	for (const char *arguments :
	     {"-w 2 -R 5", "-C -S", "--login -a 100", "--register -f 1", "--idle -s 3", "--idle -n 3", "--history -C",
	      "--history --from 1", "-l 20", "--idle --plot x.svg", "--register --random"})
		assert_non_null(strstr(run(s, arguments, 2).c_str(), " has no effect with these options\n"));
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
		cmocka_unit_test(signals_are_delivered_once),
		cmocka_unit_test(a_group_gets_signals_too),
		cmocka_unit_test(messages_go_to_receivers_at_random),
		cmocka_unit_test(every_transport_is_measured),
		cmocka_unit_test(at_a_rate_so_many_messages_are_sent),
		cmocka_unit_test(who_was_away_gets_everything_when_back),
		cmocka_unit_test(each_page_of_history_is_read_and_checked),
		cmocka_unit_test(logins_and_registrations_are_counted),
		cmocka_unit_test(accounts_that_exist_are_used),
		cmocka_unit_test(idle_accounts_are_measured),
		cmocka_unit_test(json_has_the_same_figures),
		cmocka_unit_test(a_drawing_is_one_file_for_light_and_dark),
		cmocka_unit_test(a_terminal_sees_how_far_the_run_is),
		cmocka_unit_test(what_is_out_of_bounds_is_a_usage_error),
		cmocka_unit_test(what_cannot_be_reached_is_told),
		cmocka_unit_test(an_output_that_cannot_be_written_is_told),
		cmocka_unit_test(closed_streams_that_are_not_needed_do_no_harm),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
