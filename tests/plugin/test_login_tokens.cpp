/* SPDX-License-Identifier: MIT
 * Tests logins by token: who gets one, for whom it is good, and when it ends. */
#include <cstdint>
#include <cstring>

#include "plugins/model/devices.h"
#include "plugins/model/tokens.h"
#include "plugins/model/users.h"
#include "tests/support/check.h"
#include "tests/support/database.h"
#include "tests/support/fake_host_internal.h"
#include "tests/support/handler_fixture.h"

constexpr int64_t day = INT64_C(24) * 3600 * 1000;

static const char *const refused =
	R"("errno":1,"errmsg":"this token is not good (any more); log in with the password"})";

/* No timer is called. */
static void pass(int64_t ms)
{
	fake_clock += ms;
}

static std::string log_in(handler_fixture *f, uint64_t id, const std::string &more)
{
	const cs_conn conn = fake_host_connect(f->host.get());
	const std::string ack = fixture_ask(f, conn, R"({"msgid":1,"id":)" + std::to_string(id) + "," + more + "}");

	fixture_expect_idle(f, conn);
	fake_host_end(f->host.get(), conn);
	fake_host_run(f->host.get());
	return ack;
}

static std::string token_of(const std::string &answer)
{
	const size_t at = answer.find(R"("token":")");

	if (at == std::string::npos)
		return "";
	return answer.substr(at + 9, answer.find('"', at + 9) - at - 9);
}

static std::string remember(handler_fixture *f, uint64_t id, const std::string &device = "")
{
	const std::string more = device.empty() ? "" : R"(,"device":")" + device + "\"";
	const std::string token = token_of(log_in(f, id, R"("password":"123456","remember":true)" + more));

	assert_true(!token.empty() && token.size() <= 200);
	return token;
}

static std::string with(const std::string &token, const std::string &device = "")
{
	return R"("token":")" + token + "\"" + (device.empty() ? "" : R"(,"device":")" + device + "\"");
}

static bool is_in(const std::string &ack)
{
	return ack.find(R"("errno":0)") != std::string::npos;
}

static bool is_refused(const std::string &ack)
{
	return ack.ends_with(refused);
}

static void a_token_logs_in_without_a_password_and_without_hashing(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	fake_host_forget(f->host.get());
	const std::string ack = log_in(f, id, with(token));
	assert_true(is_in(ack));
	assert_non_null(strstr(ack.c_str(), R"("name":"zhang san")"));
	assert_true(token_of(ack).empty()); /* it is young */
	assert_int_equal(fake_host_count(f->host.get(), "work hash"), 0);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 1);
	assert_int_equal(fake_host_count(f->host.get(), "batch"), 1);
}

static void nobody_gets_a_token_who_did_not_ask_for_it(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");

	assert_true(token_of(log_in(f, id, R"("password":"123456")")).empty());
	assert_true(token_of(log_in(f, id, R"("password":"123456","remember":false)")).empty());
	assert_true(token_of(log_in(f, id, R"("password":"1234567","remember":true)")).empty());
	assert_int_equal(database_number(f->host->db, "SELECT count(*) FROM token_key"), 1);
}

static void a_token_is_good_for_the_name_too(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	(void)fixture_registered(f, "gao yang");
	for (const char *name : {"gao yang", "nobody", "zhang san"}) {
		const std::string ack =
			fixture_ask(f, fake_host_connect(f->host.get()),
		                    check_format(R"({"msgid":1,"name":"%s",%s})", name, with(token).c_str()));

		assert_int_equal(is_in(ack), strcmp(name, "zhang san") == 0);
		assert_true(is_in(ack) || is_refused(ack));
	}
}

static void a_token_is_good_for_its_account_and_its_device_alone(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san"), other = fixture_registered(f, "gao yang");
	const std::string phone = remember(f, id, "phone"), desk = remember(f, id, "desk"), plain = remember(f, id);
	const std::string other_phone = remember(f, other, "phone");
	const struct {
		uint64_t account;
		const std::string &token;
		const char *device;
		bool good;
	} table[] = {
		{id, phone, "phone", true},
		{id, phone, "desk", false},
		{id, phone, "", false},
		{id, phone, "new", false},
		{id, desk, "desk", true},
		{id, desk, "phone", false},
		{id, plain, "", true},
		{id, plain, "phone", false},
		{id, plain, "new", false},
		{id, other_phone, "phone", false},
		{other, phone, "phone", false},
		{other, plain, "", false},
		{other, other_phone, "phone", true},
		{99, plain, "", false},
	};

	for (const auto &row : table) {
		const std::string ack = log_in(f, row.account, with(row.token, row.device));

		assert_int_equal(is_in(ack), row.good);
		assert_int_equal(is_refused(ack), !row.good);
	}
	/* A refused token makes no device. */
	assert_int_equal(database_number(f->host->db, "SELECT count(*) FROM device WHERE name = 'new'"), 0);
}

static void a_token_with_any_character_changed_is_refused(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.failed_logins", "0");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	for (size_t i = 0; i < token.size(); i++)
		for (const char c : {'A', 'Q', 'b', '-', '_', '=', '+', ' '}) {
			std::string changed = token;

			changed[i] = c;
			if (changed == token)
				continue;
			const std::string ack = log_in(f, id, with(changed));
			assert_false(is_in(ack));
			/* After five guesses they come too early, for a while. */
			assert_true(is_refused(ack) || strstr(ack.c_str(), R"("errno":10,)"));
		}
	for (const std::string &text :
	     {token + "A", token.substr(1), token.substr(0, token.size() - 1), token + token + token, std::string("x")})
		assert_false(is_in(log_in(f, id, with(text))));
	assert_true(is_in(log_in(f, id, with(token))));
}

static void guessed_tokens_count_as_wrong_passwords_and_never_keep_the_right_one_out(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);
	std::string wrong = token;

	wrong[wrong.size() - 3] = wrong[wrong.size() - 3] == 'A' ? 'B' : 'A';
	for (int i = 0; i < 5; i++)
		assert_true(is_refused(log_in(f, id, with(wrong))));
	for (const std::string &more : {with(wrong), std::string(R"("password":"123456")")})
		assert_non_null(
			strstr(log_in(f, id, more).c_str(), R"("errno":10,"errmsg":"too many wrong passwords)"));
	assert_true(is_in(log_in(f, id, with(token))));
}

/* Who kept a token for too long does not guess. */
static void a_void_token_is_no_guess(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	assert_int_equal(user_void_unnamed(f->host->db, id), 0);
	for (int i = 0; i < 50; i++)
		assert_true(is_refused(log_in(f, id, with(token))));
	assert_true(is_in(log_in(f, id, R"("password":"123456")")));
}

static void a_token_ends_and_is_renewed_in_its_second_half(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	pass(29 * day);
	assert_true(token_of(log_in(f, id, with(token))).empty());
	pass(2 * day);
	const std::string ack = log_in(f, id, with(token)), next = token_of(ack);
	assert_true(is_in(ack) && !next.empty() && next != token);
	pass(28 * day);
	assert_true(is_in(log_in(f, id, with(token)))); /* the old one holds to its end */
	pass(2 * day);
	assert_true(is_refused(log_in(f, id, with(token))));
	assert_true(is_in(log_in(f, id, with(next))));
}

static void a_token_lives_as_long_as_the_option_says(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.token_life", "2h");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	pass(day / 24 * 3 / 2);
	assert_false(token_of(log_in(f, id, with(token))).empty());
	pass(day / 24);
	assert_true(is_refused(log_in(f, id, with(token))));
}

static void the_key_changes_each_year_and_tokens_of_the_former_one_hold(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");

	(void)remember(f, id);
	pass(360 * day);
	const std::string former = remember(f, id);
	assert_int_equal(database_number(f->host->db, "SELECT max(number) FROM token_key"), 1);
	pass(10 * day);
	const std::string next = remember(f, id);
	assert_int_equal(database_number(f->host->db, "SELECT max(number) FROM token_key"), 2);
	assert_true(is_in(log_in(f, id, with(former))));
	assert_true(is_in(log_in(f, id, with(next))));
	assert_int_equal(database_number(f->host->db, "SELECT count(*) FROM token_key"), 2);
	pass(400 * day);
	(void)remember(f, id);
	assert_int_equal(database_number(f->host->db, "SELECT min(number) FROM token_key"), 2);
	assert_int_equal(database_number(f->host->db, "SELECT max(number) FROM token_key"), 3);
}

static void a_key_that_another_node_made_is_read_and_one_that_nobody_made_is_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string first = remember(f, id);
	token_secrets secrets;

	assert_int_equal(
		token_secrets_renew(f->host->db, std::string(32, 'k'), f->host->table.now(), INT64_MAX, 0, &secrets),
		0);
	(void)fake_host_load(f->host.get(), "login", 1);
	const cs_conn there = fake_host_connect(f->host.get(), 0, "", 1);
	const std::string token = token_of(fixture_ask(f, there, fixture_login(id, "123456", R"(,"remember":true)")));
	fake_host_end(f->host.get(), there);
	fake_host_run(f->host.get());
	for (const int reads : {2, 1}) { /* the keys and the session; then the session */
		fake_host_forget(f->host.get());
		assert_true(is_in(log_in(f, id, with(token))));
		assert_int_equal(fake_host_count(f->host.get(), "work read"), reads);
	}
	std::string nobodys = token;
	nobodys[3] = nobodys[3] == 'x' ? 'y' : 'x'; /* in the number of the key */
	fake_host_forget(f->host.get());
	assert_true(is_refused(log_in(f, id, with(nobodys))));
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 1);
	assert_true(is_in(log_in(f, id, with(first))));
}

/* Else a stranger would cause a read by each frame. */
static void who_must_wait_for_its_next_guess_causes_no_look_for_a_key(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);
	std::string nobodys = token;

	nobodys[3] = nobodys[3] == 'x' ? 'y' : 'x'; /* in the number of the key */
	for (int i = 0; i < 5; i++)
		assert_true(is_refused(log_in(f, id, with(nobodys))));
	fake_host_forget(f->host.get());
	assert_non_null(
		strstr(log_in(f, id, with(nobodys)).c_str(), R"("errno":10,"errmsg":"too many wrong passwords)"));
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 0);
	assert_true(is_in(log_in(f, id, with(token))));
}

/* When a store was restored, the tokens of all its clients come, perhaps from one address. */
static void a_token_of_before_a_restore_is_refused_and_is_no_guess(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	assert_int_equal(database_run(f->host->db, "UPDATE store SET id = 'restored'"), 0);
	(void)fake_host_load(f->host.get(), "login", 1); /* it has not read the keys yet */
	f->host->guesses.clear();
	for (int i = 0; i < 50; i++) {
		const cs_conn conn = fake_host_connect(f->host.get(), 0, "", 1);

		assert_true(is_refused(
			fixture_ask(f, conn, check_format(R"({"msgid":1,"id":%d,%s})", (int)id, with(token).c_str()))));
		fake_host_end(f->host.get(), conn);
		fake_host_run(f->host.get());
	}
	assert_true(f->host->guesses.empty());
	assert_true(is_in(log_in(f, id, R"("password":"123456")")));
}

static void no_token_is_ever_logged(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const std::string token = remember(f, id);

	(void)log_in(f, id, with(token));
	(void)log_in(f, id, with(token, "phone"));
	for (const std::string &line : f->host->log)
		assert_null(strstr(line.c_str(), token.substr(0, 20).c_str()));
}

static void a_token_and_a_password_together_or_neither_are_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const struct {
		const char *fields, *text;
	} table[] = {
		{R"("token":"x","password":"123456")", "either password or token, not both"},
		{R"("token":"")", "token is empty"},
		{R"("remember":true)", "password is missing"},
	};

	for (const auto &row : table)
		assert_non_null(strstr(log_in(f, id, row.fields).c_str(), row.text));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_logs_in_without_a_password_and_without_hashing),
		TEST(nobody_gets_a_token_who_did_not_ask_for_it),
		TEST(a_token_is_good_for_the_name_too),
		TEST(a_token_is_good_for_its_account_and_its_device_alone),
		TEST(a_token_with_any_character_changed_is_refused),
		TEST(guessed_tokens_count_as_wrong_passwords_and_never_keep_the_right_one_out),
		TEST(a_void_token_is_no_guess),
		TEST(a_token_ends_and_is_renewed_in_its_second_half),
		TEST(a_token_lives_as_long_as_the_option_says),
		TEST(the_key_changes_each_year_and_tokens_of_the_former_one_hold),
		TEST(a_key_that_another_node_made_is_read_and_one_that_nobody_made_is_refused),
		TEST(who_must_wait_for_its_next_guess_causes_no_look_for_a_key),
		TEST(a_token_of_before_a_restore_is_refused_and_is_no_guess),
		TEST(no_token_is_ever_logged),
		TEST(a_token_and_a_password_together_or_neither_are_refused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
