/* SPDX-License-Identifier: MIT
 * Tests mistakes in the configuration of a bus, which need not be there for that. */
#include <csignal>
#include <cstdio>
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void every_mistake_is_named_with_file_and_line(void **state)
{
	static const struct {
		const char *text, *expected;
	} mistakes[] = {
		{"[bus_redis]\nqueue = 1M\n[core]\nmax_frame = 505K\n",
	         ":4: core.max_frame can be at most 504K, or the longest signals would never go to other nodes; lower "
	         "it, or see the options of [bus_redis]\n"},
		{"[core]\noutput_hard = 20M\nmax_frame = 8M\n", ":3: core.max_frame can be at most 8184K, "},
		{"[bus_redis]\nuser = chat\n", ":2: bus_redis.user: it needs the option password\n"},
	};
	test_server *s = (test_server *)*state;
	const std::string path = s->folder + "/chat.conf";

	test_server_set(s, "bus.driver", "bus_redis");
	test_server_write_conf(s);
	const std::string good = check_read_file(path);

	for (const auto &m : mistakes) {
		FILE *file = fopen(path.c_str(), "w");

		assert_non_null(file);
		(void)fprintf(file, "%s%s", m.text, good.c_str());
		assert_int_equal(fclose(file), 0);
		for (const std::vector<std::string> &arguments :
		     {std::vector<std::string>{"-c", path, "-t"}, std::vector<std::string>{"-c", path}}) {
			const test_run run = test_server_run(s, arguments);

			if (run.status != 1 || run.err.find(path + m.expected) == run.err.npos)
				check_fail(test_at::current(), "%s: status %d, said: %s", m.text, run.status,
				           run.err.c_str());
		}
	}
}

static void a_reload_with_frames_that_are_too_long_for_the_bus_changes_nothing(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "bus.driver", "bus_redis");
	test_server_set(s, "bus_redis.port", "1");
	test_server_set(s, "bus_redis.queue", "1M");
	test_server_set(s, "core.max_frame", "504K");
	test_server_start(s);
	test_server_set(s, "core.max_frame", "505K");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration kept: ");
	test_server_wait_log(s, "core.max_frame can be at most 504K");
	test_server_stop(s);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(every_mistake_is_named_with_file_and_line),
		OWN_SERVER(a_reload_with_frames_that_are_too_long_for_the_bus_changes_nothing),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
