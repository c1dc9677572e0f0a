/* SPDX-License-Identifier: MIT
 * Tests the plugin wordfilter, an example of a hook: the fake host calls it before a handler. */
#include <memory>

#include "tests/support/check.h"
#include "tests/support/fake_host.h"

/* Stands for chat, group and edit: says that a message has reached its handler. */
static int take(void *, const struct cs_frame *)
{
	return CS_DONE;
}

static const struct cs_route routes[] = {
	{CS_MSGID_CHAT, "chat", take, 0, 1}, {CS_MSGID_GROUP_CHAT, "group chat", take, 0, 1},
	{CS_MSGID_EDIT, "edit", take, 0, 1}, {1000, "other", take, 0, 1},
	{0, nullptr, nullptr, 0, 0},
};

static const struct cs_plugin taker = {CS_PLUGIN_HEAD, .name = "taker", .version = "1", .routes = routes};

static int setup(void **state)
{
	fake_host_ptr host = fake_host_open();

	fake_host_add(host.get(), &taker);
	fake_host_set(host.get(), "wordfilter.words", "teapot  Kettle");
	fake_host_load(host.get(), "wordfilter");
	*state = host.release();
	return 0;
}

static int teardown(void **state)
{
	const fake_host_ptr host(static_cast<fake_host *>(*state));

	return 0;
}

static int say(void **state, const std::string &msgid, const std::string &text)
{
	fake_host *host = static_cast<fake_host *>(*state);

	return fake_host_request(host, fake_host_connect(host, 1, "ann"),
	                         "{\"msgid\":" + msgid + ",\"req\":1,\"msg\":\"" + text + "\"}");
}

static void a_message_with_a_listed_word_is_refused(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);

	for (const char *text : {"teapot", "where is my TEAPOT?", "(kettle)", "a teapot, please", "caf\u00e9 kettle"})
		for (const char *msgid : {"6", "10", "160"})
			assert_int_equal(say(state, msgid, text), CS_REJECT);
	assert_string_equal(host->calls.back().text.c_str(),
	                    R"({"msgid":100,"of":160,"req":1,"errno":8,"errmsg":"please mind your words"})");
}

static void only_whole_words_of_messages_count(void **state)
{
	for (const char *text : {"", " ", "teapots", "tea pot", "\u00e9teapot", "kettl"})
		assert_int_equal(say(state, "6", text), CS_DONE);
	assert_int_equal(say(state, "1000", "teapot"), CS_DONE);
}

static void a_frame_without_a_text_is_left_to_its_handler(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);

	assert_int_equal(fake_host_request(host, fake_host_connect(host), R"({"msgid":6,"msg":7})"), CS_DONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_with_a_listed_word_is_refused),
		TEST(only_whole_words_of_messages_count),
		TEST(a_frame_without_a_text_is_left_to_its_handler),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
