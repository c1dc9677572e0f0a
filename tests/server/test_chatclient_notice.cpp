/* SPDX-License-Identifier: MIT
 * Tests that chatclient shows a person what the operator of the server says. */
#include "tests/support/check.h"
#include "tests/support/operator.h"
#include "tests/support/scene.h"

static int set_up(void **state)
{
	test_server *s = test_server_new();

	operator_allow(s);
	*state = s;
	test_server_start(s);
	return 0;
}

static int tear_down(void **state)
{
	test_server_free(static_cast<test_server *>(*state));
	return 0;
}

static void a_notice_is_shown_line_by_line(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s);
	scene sc;

	scene_begin(&sc, s);
	(void)CLIENT_ASK(o, 0, R"({"msgid":910,"text":"We restart at 22:00.\nBack at 22:01.")");
	scene_expect_above(&sc, "Notice of the server: Back at 22:01.", "");
	assert_true(scene_joined(&sc).find("Notice of the server: We restart at 22:00.") != std::string::npos);
	scene_end(&sc);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_notice_is_shown_line_by_line, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("chatclient_notice", tests, nullptr, nullptr);
}
