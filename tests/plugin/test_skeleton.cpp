/* SPDX-License-Identifier: MIT
 * Tests the skeleton plugin, as an example of a test without a server: a fake host loads the .so, gives it frames and
 * shows its answers. */
#include <memory>

#include "tests/support/check.h"
#include "tests/support/fake_host.h"

static int setup(void **state)
{
	*state = fake_host_open().release();
	return 0;
}

static int teardown(void **state)
{
	const fake_host_ptr host(static_cast<fake_host *>(*state));

	return 0;
}

/* What the connection gets for the frame. */
static std::string ask(fake_host *host, const char *frame)
{
	const cs_conn conn = fake_host_connect(host);

	(void)fake_host_request(host, conn, frame);
	return fake_host_last(host, conn);
}

static void a_text_comes_back_in_capitals(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);

	fake_host_load(host, "skeleton");
	assert_string_equal(ask(host, R"({"msgid":1000,"req":1,"text":"az \"\u00e9\""})").c_str(),
	                    "{\"msgid\":100,\"of\":1000,\"req\":1,\"errno\":0,\"text\":\"AZ \\\"\xc3\xa9\\\"\"}");
}

static void without_req_nothing_is_said(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);

	fake_host_load(host, "skeleton");
	assert_string_equal(ask(host, R"({"msgid":1000,"text":"a"})").c_str(), "");
}

static void a_frame_without_text_is_refused(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);

	fake_host_load(host, "skeleton");
	assert_string_equal(ask(host, R"({"msgid":1000})").c_str(),
	                    R"({"msgid":100,"of":1000,"errno":4,"errmsg":"text is missing"})");
	assert_string_equal(ask(host, R"({"msgid":1000,"text":7})").c_str(),
	                    R"({"msgid":100,"of":1000,"errno":4,"errmsg":"text must be a text"})");
}

static void the_option_limits_the_text(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);

	fake_host_set(host, "skeleton.longest", "3");
	fake_host_load(host, "skeleton");
	assert_string_equal(ask(host, R"({"msgid":1000,"req":0,"text":"abc"})").c_str(),
	                    R"({"msgid":100,"of":1000,"req":0,"errno":0,"text":"ABC"})");
	assert_string_equal(ask(host, R"({"msgid":1000,"text":"abcd"})").c_str(),
	                    R"({"msgid":100,"of":1000,"errno":12,"errmsg":"text must have up to 3 bytes"})");
}

static void the_longest_text_fits_however_it_is_escaped(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);
	std::string escaped;

	for (int i = 0; i < 1024; i++)
		escaped += "\\u001f";
	fake_host_set(host, "skeleton.longest", "1024");
	fake_host_load(host, "skeleton");
	assert_string_equal(ask(host, ("{\"msgid\":1000,\"req\":0,\"text\":\"" + escaped + "\"}").c_str()).c_str(),
	                    ("{\"msgid\":100,\"of\":1000,\"req\":0,\"errno\":0,\"text\":\"" + escaped + "\"}").c_str());
}

static void a_reload_is_asked_for_and_then_used(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);
	const fake_self *self = fake_host_load(host, "skeleton");
	const struct cs_plugin *plugin = fake_self_plugin(self);
	const int64_t shorter[] = {1, 100, 5000}; /* as struct skeleton_conf */
	cs_error e = {};

	assert_int_equal(plugin->reload(fake_self_state(self), shorter, 0, &e), 0);
	assert_string_equal(ask(host, R"({"msgid":1000,"text":"ab"})").c_str(), "");
	assert_int_equal(plugin->reload(fake_self_state(self), shorter, 1, &e), 0);
	assert_string_not_equal(ask(host, R"({"msgid":1000,"text":"ab"})").c_str(), "");
}

static void too_many_requests_are_refused_until_the_timer_fires(void **state)
{
	fake_host *host = static_cast<fake_host *>(*state);
	const char *frame = R"({"msgid":1000,"req":1,"text":"a"})";
	const char *taken = R"({"msgid":100,"of":1000,"req":1,"errno":0,"text":"A"})";

	fake_host_set(host, "skeleton.most", "2");
	fake_host_load(host, "skeleton");
	for (int i = 0; i < 2; i++)
		assert_string_equal(ask(host, frame).c_str(), taken);
	assert_string_equal(ask(host, frame).c_str(),
	                    R"({"msgid":100,"of":1000,"req":1,"errno":10,"errmsg":"too many; try again later"})");
	fake_host_fire(host);
	assert_string_equal(ask(host, frame).c_str(), taken);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_text_comes_back_in_capitals),
		TEST(without_req_nothing_is_said),
		TEST(a_frame_without_text_is_refused),
		TEST(the_option_limits_the_text),
		TEST(the_longest_text_fits_however_it_is_escaped),
		TEST(too_many_requests_are_refused_until_the_timer_fires),
		TEST(a_reload_is_asked_for_and_then_used),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
