/* SPDX-License-Identifier: MIT
 * Tests REGISTER: every answer, and every failure between two steps. */
#include <cstring>

#include "plugins/model/users.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static std::string register_frame(const std::string &name, const std::string &password, const char *more = "")
{
	return "{\"msgid\":4,\"name\":\"" + name + "\",\"password\":\"" + password + "\"" + more + "}";
}

static std::string ack_refusal(int wire_errno, const char *text)
{
	return check_format("{\"msgid\":5,\"errno\":%d,\"errmsg\":\"%s\"}", wire_errno, text);
}

static std::string repeated(const char *text, int times)
{
	std::string all;

	for (int i = 0; i < times; i++)
		all += text;
	return all;
}

static bool is_done(const std::string &ack)
{
	return ack.starts_with("{\"msgid\":5,\"errno\":0,\"id\":");
}

static void a_new_account_gets_its_number(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	struct user user;

	assert_string_equal(fixture_ask(f, conn, register_frame("zhang san", "123456")).c_str(),
	                    "{\"msgid\":5,\"errno\":0,\"id\":1}");
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "work hash|work write|send|finish");
	assert_string_equal(fixture_ask(f, conn, register_frame("gao yang", "x", ",\"req\":3")).c_str(),
	                    "{\"msgid\":5,\"req\":3,\"errno\":0,\"id\":2}");
	fixture_expect_idle(f, conn);
	assert_int_equal(user_find(f->host->db, 1, &user), 0);
	assert_string_equal(user.name.c_str(), "zhang san");
	assert_non_null(strstr(user.password.c_str(), "$argon2id$v=19$m=8,t=1,p=1$"));
	assert_null(strstr(user.password.c_str(), "123456"));
}

static void a_taken_name_is_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_ask(f, conn, register_frame("zhang san", "1"));
	assert_string_equal(fixture_ask(f, conn, register_frame("zhang san", "2")).c_str(),
	                    ack_refusal(1, "the name is taken").c_str());
	assert_string_equal(fixture_ask(f, conn, register_frame("zhang san", "2", ",\"req\":0")).c_str(),
	                    "{\"msgid\":5,\"req\":0,\"errno\":1,\"errmsg\":\"the name is taken\"}");
	fixture_expect_idle(f, conn);
}

static void names_are_counted_in_characters(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string refused = ack_refusal(12, "name must have 1 to 50 characters");

	for (const char *character : {"a", "\xc3\xa9", "\xe5\xbc\xa0", "\xf0\x9f\x98\x80"}) {
		assert_true(is_done(fixture_ask(f, conn, register_frame(character, "x"))));
		assert_true(is_done(fixture_ask(f, conn, register_frame(repeated(character, 50), "x"))));
		assert_string_equal(fixture_ask(f, conn, register_frame(repeated(character, 51), "x")).c_str(),
		                    refused.c_str());
	}
	assert_string_equal(fixture_ask(f, conn, register_frame("", "x")).c_str(),
	                    ack_refusal(1, "name must have 1 to 50 characters").c_str());
}

static void names_have_no_control_characters(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string refused = ack_refusal(1, "name must not have control characters");

	for (const char *name : {"a\\n", "\\u001b[31m", "\\u007f", "\\u0080", "a\\u009fb", "\\t", "a\\u2028b",
	                         "a\\u2029b", "a\\u202ab", "a\\u202eb", "a\xe2\x80\xae", "a\\u2066b", "a\\u2069"})
		assert_string_equal(fixture_ask(f, conn, register_frame(name, "x")).c_str(), refused.c_str());
	for (const char *name : {"a\\u00a0", "\xc3\xa0\xc3\x9f", "\\u0041\\u00e9", "\\\""})
		assert_true(is_done(fixture_ask(f, conn, register_frame(name, "x"))));
}

/* As JSON writes it: \u0041, or a pair of surrogates. */
static std::string escaped(uint32_t character)
{
	char text[16];

	if (character < 0x10000)
		snprintf(text, sizeof text, "\\u%04x", character);
	else
		snprintf(text, sizeof text, "\\u%04x\\u%04x", 0xd800 + ((character - 0x10000) >> 10),
		         0xdc00 + (character & 0x3ff));
	return text;
}

static void a_name_has_a_visible_character(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string refused = ack_refusal(1, "name must have a visible character");

	for (const uint32_t character :
	     {0x20,    0xa0,    0xad,    0x34f,   0x61c,   0x115f,  0x1160,  0x1680, 0x17b4, 0x180b,
	      0x180e,  0x2000,  0x200a,  0x200b,  0x200d,  0x200f,  0x202f,  0x205f, 0x2060, 0x2064,
	      0x206f,  0x2800,  0x3000,  0x3164,  0xfe00,  0xfe0f,  0xfeff,  0xffa0, 0xfff0, 0xfffb,
	      0x16fe4, 0x1bca0, 0x1d159, 0x1d17a, 0xe0000, 0xe0020, 0xe01ef, 0xe0fff})
		assert_string_equal(fixture_ask(f, conn, register_frame(escaped(character), "x")).c_str(),
		                    refused.c_str());
	for (const char *name : {"   ", "\xe2\x80\x8b", "\xf3\xa0\x81\xbf", " \\u200b\\u3164\\ufeff \xe3\x80\x80"})
		assert_string_equal(fixture_ask(f, conn, register_frame(name, "x")).c_str(), refused.c_str());
}

static void one_visible_character_is_enough(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());

	for (const uint32_t character : {0x21,   0x7e,   0xa1,   0xac,   0xae,    0x301,   0x350,   0x1161,  0x180a,
	                                 0x1fff, 0x2010, 0x2027, 0x2030, 0x2070,  0x27ff,  0x2801,  0x3001,  0xfe10,
	                                 0xfefe, 0xffa1, 0xfffc, 0xfffd, 0x1d158, 0x1d15a, 0xdffff, 0xe1000, 0x1f600})
		if (!is_done(fixture_ask(f, conn, register_frame(escaped(character), "x"))))
			check_fail(std::source_location::current(), "U+%04X is no name", character);
	/* Emoji of several characters, a script that needs joiners, blanks around something. */
	for (const char *name : {"\xf0\x9f\x91\xa9\\u200d\xf0\x9f\x92\xbb", "\\u2764\\ufe0f",
	                         "\xd9\x85\xdb\x8c\\u200c\xd8\xae", " a ", "\\u200b."})
		assert_true(is_done(fixture_ask(f, conn, register_frame(name, "x"))));
}

static void passwords_are_counted_in_bytes(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string refused = ack_refusal(12, "password must have 1 to 128 bytes");

	assert_true(is_done(fixture_ask(f, conn, register_frame("a", repeated("x", 128)))));
	assert_true(is_done(fixture_ask(f, conn, register_frame("b", repeated("\xc3\xa9", 64)))));
	assert_string_equal(fixture_ask(f, conn, register_frame("c", repeated("x", 129))).c_str(), refused.c_str());
	assert_string_equal(fixture_ask(f, conn, register_frame("c", repeated("\xc3\xa9", 65))).c_str(),
	                    refused.c_str());
	assert_string_equal(fixture_ask(f, conn, register_frame("c", "")).c_str(),
	                    ack_refusal(1, "password must have 1 to 128 bytes").c_str());
}

static void fields_that_are_missing_or_wrong_are_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	static const struct {
		const char *frame, *text;
	} cases[] = {
		{R"({"msgid":4,"password":"x"})", "name is missing"},
		{R"({"msgid":4,"name":"x"})", "password is missing"},
		{R"({"msgid":4,"Name":"x","password":"x"})", "name is missing"},
		{R"({"msgid":4,"name":7,"password":"x"})", "name must be a text"},
		{R"({"msgid":4,"name":null,"password":"x"})", "name must be a text"},
		{R"({"msgid":4,"name":"x","password":{}})", "password must be a text"},
		{R"({"msgid":4,"name":"x","password":true})", "password must be a text"},
	};

	for (const auto &c : cases)
		assert_string_equal(fixture_ask(f, conn, c.frame).c_str(), fixture_refusal(4, 4, c.text).c_str());
	assert_int_equal(fake_host_count(f->host.get(), "work hash"), 0);
}

static void a_failure_at_any_step_is_answered_and_stores_nothing(void **state)
{
	static const struct {
		fake_fault fault;
		int wire_errno;
		const char *text;
	} cases[] = {
		{{FAKE_HASH, 0, true, CS_EBUSY}, 10, "this node is busy; try again later"},
		{{FAKE_HASH, 0, false, CS_ENOSTORE}, 11, "the store does not answer; nothing was changed"},
		{{FAKE_HASH, 0, false, CS_ECANCELED}, 13, "this node is draining; connect again"},
		{{FAKE_WRITE, 0, true, CS_EBUSY}, 10, "this node is busy; try again later"},
		{{FAKE_WRITE, 0, false, CS_ENOSTORE}, 11, "the store does not answer; nothing was changed"},
		{{FAKE_WRITE, 0, false, CS_EUNKNOWN}, 11, "the store does not answer; whether it was done is unknown"},
		{{FAKE_WRITE, 0, false, CS_DB_DUPLICATE}, 1, "the name is taken"},
	};
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());

	for (const auto &c : cases) {
		f->host->faults = {c.fault};
		assert_string_equal(fixture_ask(f, conn, register_frame("zhang san", "x")).c_str(),
		                    ack_refusal(c.wire_errno, c.text).c_str());
		assert_true(f->host->faults.empty());
		fixture_expect_idle(f, conn);
	}
	assert_true(is_done(fixture_ask(f, conn, register_frame("zhang san", "x"))));
}

static void a_connection_that_goes_between_two_steps_harms_nobody(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");

	for (int steps = 0; steps < 3; steps++) {
		const cs_conn conn = fake_host_connect(f->host.get());
		const std::string name(1, static_cast<char>('a' + steps));
		assert_int_equal(fake_host_frame(f->host.get(), conn, register_frame(name, "x")), CS_PENDING);
		for (int i = 0; i < steps; i++)
			assert_true(fake_host_step(f->host.get()));
		fake_host_end(f->host.get(), conn);
		fake_host_run(f->host.get());
	}
	assert_int_equal(fake_host_count(f->host.get(), "send"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_account_gets_its_number),
		TEST(a_taken_name_is_refused),
		TEST(names_are_counted_in_characters),
		TEST(names_have_no_control_characters),
		TEST(a_name_has_a_visible_character),
		TEST(one_visible_character_is_enough),
		TEST(passwords_are_counted_in_bytes),
		TEST(fields_that_are_missing_or_wrong_are_refused),
		TEST(a_failure_at_any_step_is_answered_and_stores_nothing),
		TEST(a_connection_that_goes_between_two_steps_harms_nobody),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
