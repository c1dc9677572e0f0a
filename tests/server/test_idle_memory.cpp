/* SPDX-License-Identifier: MIT
 * Measures how much memory of the server a connection takes that is logged in and idle. */
#include <algorithm>
#include <cstdint>

#include <sys/resource.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static constexpr int64_t warm = 1000, more = 2000;
/* Runs gave 1,396 to 1,402, with the rows of the new accounts. */
static constexpr int64_t most_bytes_each = 1472;

static void allow_files(void)
{
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = std::min<rlim_t>(files.rlim_max, warm + more + 1000);
	setrlimit(RLIMIT_NOFILE, &files);
}

static void enter_many(test_server *s, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		(void)client_enter(s, "idle");
}

static void somebody_who_says_nothing_costs_little_memory(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	/* Each connection to a file caches the pages that it happens to read. */
	test_server_set(s, "db_sqlite.path", ":memory:");
	test_server_start(s);
	enter_many(s, warm);
	const int64_t before = test_server_resident_kib(s);
	enter_many(s, more);
	const int64_t each = (test_server_resident_kib(s) - before) * 1024 / more;

	print_message("bytes for each connection: %lld\n", static_cast<long long>(each));
	assert_in_range(std::max<int64_t>(each, 0), 0, most_bytes_each);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(somebody_who_says_nothing_costs_little_memory, test_server_setup,
	                                        test_server_teardown),
	};

	allow_files();
	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
