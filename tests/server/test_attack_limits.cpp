/* SPDX-License-Identifier: MIT
 * Tests that connections which come and go at core.max_connections do not fill the log. */
#include <deque>
#include <string_view>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static size_t count_in_log(const test_server *s, std::string_view text)
{
	const std::string log = test_server_log(s);
	size_t count = 0;

	for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1))
		count++;
	return count;
}

static void coming_and_going_at_the_limit_is_logged_once_in_a_while(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::deque<test_client *> all;

	test_server_set(s, "core.max_connections", "4");
	test_server_set(s, "core.login_connections", "4");
	test_server_start(s);
	for (int i = 0; i < 60; i++) {
		/* It does not wait for handshakes, for which there may be no room yet. */
		all.push_back(client_open_from(s, "127.0.0.1"));
		if (all.size() > 4) {
			client_close(all.front());
			all.pop_front();
		}
		client_expect_quiet(all.back());
	}
	/* One for each worker's listener; where the machine is slow, one more after each ten seconds. */
	assert_in_range(count_in_log(s, "accepting pauses"), 1, 2 * check_patience_factor() * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(coming_and_going_at_the_limit_is_logged_once_in_a_while,
	                                        test_server_setup, test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
