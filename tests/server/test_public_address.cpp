/* SPDX-License-Identifier: MIT
 * Tests that the server warns once at its start, and only where anybody may register over a public address in clear. */
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/server.h"

static const char *const warning = "warning anybody may register over a network that others can read";

static size_t count_warnings(test_server *s)
{
	const std::string log = test_server_log(s);
	size_t count = 0;

	for (size_t at = log.find(warning); at != std::string::npos; at = log.find(warning, at + 1))
		count++;
	return count;
}

static void a_public_address_where_anybody_may_register_is_warned_of_once(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string before : {"0.0.0.0:", "[::]:", "127.0.0.1:0 0.0.0.0:"}) {
		s->port = test_free_port();
		test_server_set(s, "core.listen", before + std::to_string(s->port));
		test_server_start(s);
		assert_int_equal(count_warnings(s), 1);
		const std::string log = test_server_log(s);
		assert_non_null(strstr(log.c_str(), "login.registration"));
		assert_non_null(strstr(log.c_str(), "core.listen"));
		test_server_stop(s);
		test_server_free(s);
		*state = s = test_server_new();
	}
}

/* The page over a public address carries the same passwords; over wss it does not. */
static void a_public_address_of_websocket_without_tls_is_warned_of(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = test_free_port();

	test_server_set(s, "websocket.listen", "0.0.0.0:" + std::to_string(port));
	test_server_start(s);
	assert_int_equal(count_warnings(s), 1);
	const std::string log = test_server_log(s);
	assert_non_null(strstr(log.c_str(), "websocket.listen be 127.0.0.1:PORT"));
	assert_non_null(strstr(log.c_str(), ("listen=0.0.0.0:" + std::to_string(port)).c_str()));
}

static void who_is_alone_closed_or_behind_a_proxy_is_not_warned(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const struct {
		const std::string address;
		const char *key, *value;
	} table[] = {
		{"127.0.0.1:", "login.registration", "open"},
		{"[::1]:", "login.registration", "open"},
		{"0.0.0.0:", "login.registration", "closed"},
		{"0.0.0.0:", "core.proxy_from", "10.0.0.1"},
	};

	for (const auto &row : table) {
		s->port = test_free_port();
		test_server_set(s, "core.listen", row.address + std::to_string(s->port));
		test_server_set(s, row.key, row.value);
		test_server_start(s);
		assert_int_equal(count_warnings(s), 0);
		test_server_stop(s);
		test_server_free(s);
		*state = s = test_server_new();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_public_address_where_anybody_may_register_is_warned_of_once,
	                                        test_server_setup, test_server_teardown),
		cmocka_unit_test_setup_teardown(a_public_address_of_websocket_without_tls_is_warned_of,
	                                        test_server_setup, test_server_teardown),
		cmocka_unit_test_setup_teardown(who_is_alone_closed_or_behind_a_proxy_is_not_warned, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
