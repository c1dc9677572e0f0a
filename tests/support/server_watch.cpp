/* SPDX-License-Identifier: MIT
 * Looks at a running server from outside, at its log and its figures; and the fixtures of tests that share a
 * server. */
#include "tests/support/server.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"

std::string test_server_log(const test_server *s)
{
	const std::string all = check_read_file(s->folder + "/log");

	return all.size() > s->log_start ? all.substr(s->log_start) : std::string();
}

void test_server_print_log(const test_server *s)
{
	const std::string log = test_server_log(s);
	const size_t from = log.size() > 6000 ? log.size() - 6000 : 0;

	print_error("---- log of the server\n%s----\n", log.c_str() + from);
}

bool test_server_is_sound(const test_server *s)
{
	const std::string log = check_read_file(s->folder + "/log");

	for (const char *mark : {"Sanitizer", "runtime error:"}) {
		const size_t at = log.find(mark);

		if (at != log.npos) {
			print_error("%s\n", log.substr(at, 6000).c_str());
			return false;
		}
	}
	return true;
}

void test_server_wait_log(test_server *s, std::string_view text, std::source_location at)
{
	const int64_t end = check_now() + check_patience_ms();

	while (test_server_log(s).find(text) == std::string::npos) {
		if (check_now() > end) {
			test_server_print_log(s);
			check_fail(at, "the log never said: %.*s", (int)text.size(), text.data());
		}
		check_sleep_ms(2);
	}
}

int64_t test_server_resident_kib(const test_server *s)
{
	const std::string status = check_read_file(check_format("/proc/%d/status", static_cast<int>(s->pid)));
	const size_t at = status.find("VmRSS:");

	return at == status.npos ? 0 : atoll(status.c_str() + at + 6);
}

int64_t test_server_cpu_ms(const test_server *s)
{
	const std::string stat = check_read_file(check_format("/proc/%d/stat", static_cast<int>(s->pid)));
	const size_t at = stat.rfind(')');
	long user = 0, system = 0;

	if (at == stat.npos ||
	    sscanf(stat.c_str() + at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system) != 2)
		return 0;
	return (user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

size_t test_server_open_files(const test_server *s)
{
	std::error_code error;
	size_t count = 0;

	for (const auto &entry :
	     std::filesystem::directory_iterator(check_format("/proc/%d/fd", static_cast<int>(s->pid)), error))
		count += !entry.path().empty();
	return count;
}

int test_server_group_setup(void **state)
{
	test_server *s = test_server_new();

	*state = s;
	test_server_start(s);
	return 0;
}

/* A server that is still there when all tests ran must also stop as it should. */
int test_server_group_teardown(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	s->clients.clear();
	if (s->pid <= 0) { /* it did not get up, or died */
		test_server_free(s);
		return 1;
	}
	test_server_signal(s, SIGTERM);
	const int status = test_server_wait(s, 15000);

	if (status != 0)
		test_server_print_log(s);
	const bool sound = test_server_is_sound(s);
	test_server_free(s);
	return sound ? status : 1;
}

int test_server_close_clients(void **state)
{
	(static_cast<test_server *>(*state))->clients.clear();
	return 0;
}

int test_server_setup(void **state)
{
	*state = test_server_new();
	return 0;
}

int test_server_teardown(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const bool sound = test_server_is_sound(s);

	test_server_free(s);
	return sound ? 0 : -1;
}
