/* SPDX-License-Identifier: MIT
 * Tests the start of the plugin operator on a server of before. */
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static void a_server_that_cannot_ask_plugins_to_erase_is_too_old(void **state)
{
	const handler_fixture *f = handler_fixture_of(state);
	cs_error e = {};

	f->host->table.size = offsetof(cs_host, ask_erase);
	assert_int_equal(fake_host_try_load(f->host.get(), "operator", 0, &e), CS_EINVAL);
	assert_string_equal(e.text,
	                    "this chatserverd is too old for the plugin: it cannot ask plugins to erase accounts");
}

int main()
{
	const CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_server_that_cannot_ask_plugins_to_erase_is_too_old,
	                                        handler_fixture_setup, handler_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
