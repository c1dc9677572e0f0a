/* SPDX-License-Identifier: MIT
 * Tests that text which was taken back or replaced is in no file of SQLite any more. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* Short ones share a page with others; long ones have pages of their own, which become free. */
static std::string text_of(const char *word, int round)
{
	const size_t size = round % 2 ? 50 : 20000;
	std::string text;

	while (text.size() < size)
		text += word;
	return text;
}

static bool has_text(const test_server *s, const char *text)
{
	const std::string path = test_server_database(s);

	return check_read_file(path).find(text) != std::string::npos ||
	       check_read_file(path + "-wal").find(text) != std::string::npos;
}

static void text_that_was_taken_back_is_in_no_file_after_the_end(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const long long id = ann->id, bob = client_absent(s, "bob");

	for (int round = 0; round < 20; round++) {
		const long long recalled = client_chat_safely(ann, bob, text_of("RECALLED", round)),
				edited = client_chat_safely(ann, bob, text_of("REPLACED", round));

		client_chat_safely(ann, bob, text_of("KEPT", round));
		CLIENT_ASK(ann, 0, R"({"msgid":161,"id":%lld,"toid":%lld,"of":%lld)", id, bob, recalled);
		CLIENT_ASK(ann, 0, R"({"msgid":160,"id":%lld,"toid":%lld,"of":%lld,"msg":"new")", id, bob, edited);
	}
	test_server_stop(s);
	assert_true(has_text(s, "KEPT"));
	assert_false(has_text(s, "RECALLED"));
	assert_false(has_text(s, "REPLACED"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(text_that_was_taken_back_is_in_no_file_after_the_end, test_server_setup,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
