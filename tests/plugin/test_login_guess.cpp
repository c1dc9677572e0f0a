/* SPDX-License-Identifier: MIT
 * Tests how LOGIN asks for and notes guesses of passwords, that REGISTER can be closed, and the log lines of both. */
#include <algorithm>
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static std::string ack_refusal(int msgid, int wire_errno, const char *text)
{
	return check_format("{\"msgid\":%d,\"errno\":%d,\"errmsg\":\"%s\"}", msgid, wire_errno, text);
}

static size_t count_lines(const handler_fixture *f, const char *begin)
{
	size_t count = 0;

	for (const std::string &line : f->host->log)
		count += line.starts_with(begin);
	return count;
}

static void every_outcome_counts(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_ask(f, conn, fixture_login(id, "wrong"));
	fixture_ask(f, conn, fixture_login(id + 1, "123456"));
	fixture_ask(f, conn, fixture_login(id, "123456"));
	const std::vector<std::string> expected = {"1 wrong", "2 wrong", "1 right"};
	assert_true(f->host->guesses == expected);
}

static void who_hangs_up_has_guessed_all_the_same(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	assert_int_equal(fake_host_frame(f->host.get(), conn, fixture_login(id, "wrong")), CS_PENDING);
	assert_true(fake_host_run_until(f->host.get(), "work hash"));
	assert_true(fake_host_step_work(f->host.get(), 0)); /* its result is not told yet */
	fake_host_end(f->host.get(), conn);
	fake_host_run(f->host.get());
	const std::vector<std::string> expected = {"1 wrong"};
	assert_true(f->host->guesses == expected);
}

static void who_must_wait_is_told_at_once_and_for_how_long(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	f->host->guess_waits = {1001};
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(),
	                    ack_refusal(2, 10, "too many wrong passwords; try again in 2 s").c_str());
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "refuse");
	fixture_expect_idle(f, conn);
	/* What others did while it waited for the hashing pool. */
	fake_host_forget(f->host.get());
	f->host->guess_waits = {0, 60000};
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456", ",\"req\":3")).c_str(),
	                    "{\"msgid\":2,\"req\":3,\"errno\":10,"
	                    "\"errmsg\":\"too many wrong passwords; try again in 60 s\"}");
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "work read|work hash|refuse|finish");
	assert_true(f->host->guesses.empty());
	fixture_expect_idle(f, conn);
	assert_non_null(strstr(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(), "\"errno\":0"));
}

static std::string ask_by_name(handler_fixture *f, cs_conn conn, const char *name)
{
	fake_host_forget(f->host.get());
	return fixture_ask(f, conn, check_format(R"({"msgid":1,"name":"%s","password":"x"})", name));
}

static void who_must_wait_waits_for_no_hash_with_a_name_either(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string refused = ack_refusal(2, 10, "too many wrong passwords; try again in 2 s");

	(void)fixture_registered(f, "zhang san");
	for (const char *name : {"zhang san", "nobody"}) {
		f->host->guess_waits = {1001};
		assert_string_equal(ask_by_name(f, conn, name).c_str(), refused.c_str());
		assert_string_equal(fake_host_trace(f->host.get()).c_str(), "refuse");
		fixture_expect_idle(f, conn);
	}
	/* Whose name it is is known when it was read. */
	f->host->guess_waits = {0, 1001};
	assert_string_equal(ask_by_name(f, conn, "zhang san").c_str(), refused.c_str());
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "work read|refuse|finish");
	fixture_expect_idle(f, conn);
}

static void closed_registration_hashes_nothing(void **state)
{
	handler_fixture *f = handler_fixture_of(state);

	fake_host_set(f->host.get(), "login.registration", "closed");
	handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());

	assert_string_equal(fixture_ask(f, conn, "{\"msgid\":4,\"name\":\"a\",\"password\":\"b\"}").c_str(),
	                    ack_refusal(5, 1, "registration is closed").c_str());
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "refuse");
}

static void who_comes_and_goes_leaves_lines_in_the_log(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_ask(f, conn, "{\"msgid\":4,\"name\":\"a\\u001bb\",\"password\":\"123456\"}");
	assert_true(f->host->log.empty());
	fixture_ask(f, conn, "{\"msgid\":4,\"name\":\"zhang san\",\"password\":\"123456\"}");
	fixture_ask(f, conn, fixture_login(1, "123456"));
	fixture_ask(f, conn, "{\"msgid\":3,\"id\":1}");
	const std::vector<std::string> expected = {"registered account=1 peer=192.0.2.7:1",
	                                           "login account=1 peer=192.0.2.7:1",
	                                           "logout account=1 peer=192.0.2.7:1"};
	assert_true(f->host->log == expected);
	const std::vector<std::string> audited = {
		"register_refused peer=192.0.2.7:1 errno=1 why=\"name must not have control characters\"",
		"registered account=1 name=\"zhang san\" peer=192.0.2.7:1 invite=0",
		"login account=1 device=0 device_name=\"\" peer=192.0.2.7:1 method=password"};
	assert_int_equal(f->host->audits.size(), audited.size());
	for (size_t i = 0; i < audited.size(); i++)
		assert_string_equal(f->host->audits[i].c_str(), audited[i].c_str());
}

static void refused_logins_leave_few_lines(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());
	const int64_t start = check_now();

	f->host->guess_waits.assign(100, 0); /* each is asked for twice */
	for (int i = 0; i < 50; i++)
		fixture_ask(f, conn, fixture_login(id, "wrong"));
	assert_int_equal(f->host->guesses.size(), 50);
	for (int i = 0; i < 50; i++) {
		f->host->guess_waits = {1000};
		fixture_ask(f, conn, fixture_login(id, "wrong"));
	}
	const size_t most = 1 + static_cast<size_t>(check_now() - start) / 1000 + 1;
	assert_string_equal(f->host->log.at(0).c_str(),
	                    "login refused account=1 peer=192.0.2.7:2 reason=password held_back=0");
	assert_in_range(count_lines(f, "login refused account=1 peer=192.0.2.7:2 reason=password"), 1, most);
	assert_in_range(count_lines(f, "login refused account=1 peer=192.0.2.7:2 reason=early"), 1, most);
	const std::vector<std::string> &audits = f->host->audits;
	const std::string refused = "login_refused account=1 device_name=\"\" peer=192.0.2.7:2 method=password errno=";
	assert_int_equal(std::count(audits.begin(), audits.end(), refused + "1 why=\"no such id or wrong password\""),
	                 50);
	assert_int_equal(std::count(audits.begin(), audits.end(),
	                            refused + "10 why=\"too many wrong passwords; try again in 1 s\""),
	                 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(every_outcome_counts),
		TEST(who_hangs_up_has_guessed_all_the_same),
		TEST(who_must_wait_is_told_at_once_and_for_how_long),
		TEST(who_must_wait_waits_for_no_hash_with_a_name_either),
		TEST(closed_registration_hashes_nothing),
		TEST(who_comes_and_goes_leaves_lines_in_the_log),
		TEST(refused_logins_leave_few_lines),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
