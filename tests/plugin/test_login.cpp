/* SPDX-License-Identifier: MIT
 * Tests LOGIN and LOGOUT: every answer, and every failure between two steps. */
#include <cstring>
#include <ctime>

#include "plugins/model/contacts.h"
#include "plugins/model/groups.h"
#include "plugins/model/users.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static const char *const login_steps = "work read|work hash|batch|claim|attach|work read|send|begin|finish";
static const char *const wrong = "no such id or wrong password";

static std::string ack_refusal(int wire_errno, const char *text)
{
	return check_format("{\"msgid\":2,\"errno\":%d,\"errmsg\":\"%s\"}", wire_errno, text);
}

static bool is_online(handler_fixture *f, uint64_t id)
{
	return f->host->nodes[0].online.count(id) != 0;
}

static void the_right_password_logs_in(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	const std::string ack = fixture_ask(f, conn, fixture_login(id, "123456"));
	assert_string_equal(ack.c_str(), check_format("{\"msgid\":2,\"errno\":0,\"id\":%llu,"
	                                              "\"name\":\"zhang san\"}",
	                                              (unsigned long long)id)
	                                         .c_str());
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), login_steps);
	assert_true(is_online(f, id));
	assert_string_equal(fake_host_conn(f->host.get(), conn)->name.c_str(), "zhang san");
	fixture_expect_idle(f, conn);
}

static void deliveries_begin_behind_the_answer(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_ask(f, conn, fixture_login(id, "123456"));
	for (const fake_call &call : f->host->calls)
		if (call.what == "send" || call.what == "begin")
			assert_int_equal(call.number, fake_host_conn(f->host.get(), conn)->position);
}

static void the_answer_has_the_shapes_of_the_protocol(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san"), gao = fixture_registered(f, "gao yang");
	const cs_conn conn = fake_host_connect(f->host.get());
	uint64_t group = 0, joined_seq = 0;

	assert_int_equal(friend_add(f->host->db, zhang, gao), 0);
	assert_int_equal(group_create(f->host->db, zhang, "c++", "talk", &group), 0);
	assert_int_equal(group_join(f->host->db, gao, group, &joined_seq), 0);
	assert_int_equal(zhang, 1);
	assert_int_equal(gao, 2);
	f->mailbox.kept = {"{\"msgid\":6,\"id\":2,\"msg\":\"a \\\"b\\\"\",\"seq\":1,\"ts\":5}", "{\"msgid\":6}"};
	const std::string ack = fixture_ask(f, conn, fixture_login(zhang, "123456"));
	const std::string expected =
		R"({"msgid":2,"errno":0,"id":1,"name":"zhang san",)"
		R"("offlinemsg":["{\"msgid\":6,\"id\":2,\"msg\":\"a \\\"b\\\"\",\"seq\":1,\"ts\":5}","{\"msgid\":6}"],)"
		R"("friends":["{\"id\":2,\"name\":\"gao yang\",\"state\":\"offline\"}"],)"
		R"("groups":["{\"id\":)" +
		std::to_string(group) +
		R"(,\"groupname\":\"c++\",\"groupdesc\":\"talk\",\"users\":[)"
		R"(\"{\\\"id\\\":1,\\\"name\\\":\\\"zhang san\\\",\\\"state\\\":\\\"online\\\",\\\"role\\\":\\\"creator\\\"}\",)"
		R"(\"{\\\"id\\\":2,\\\"name\\\":\\\"gao yang\\\",\\\"state\\\":\\\"offline\\\",\\\"role\\\":\\\"normal\\\"}\"]}"]})";
	assert_string_equal(ack.c_str(), expected.c_str());
}

static void a_friend_who_is_online_is_shown_so(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san");
	uint64_t gao = 0;
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_session(f, "gao \\\"yang", &gao);
	assert_int_equal(friend_add(f->host->db, zhang, gao), 0);
	const std::string ack = fixture_ask(f, conn, fixture_login(zhang, "123456"));
	assert_non_null(
		strstr(ack.c_str(), R"("friends":["{\"id\":2,\"name\":\"gao \\\\\\\"yang\",\"state\":\"online\"}"])"));
}

static void a_friend_on_another_node_is_shown_as_online(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san");
	const uint64_t gao = fixture_account(f, "gao yang"), li = fixture_account(f, "li si");
	const cs_conn conn = fake_host_connect(f->host.get());

	f->host->nodes[0].online[gao] = 0;
	assert_int_equal(friend_add(f->host->db, zhang, gao), 0);
	assert_int_equal(friend_add(f->host->db, zhang, li), 0);
	const std::string ack = fixture_ask(f, conn, fixture_login(zhang, "123456"));
	assert_non_null(strstr(ack.c_str(), R"(\"name\":\"gao yang\",\"state\":\"online\")"));
	assert_non_null(strstr(ack.c_str(), R"(\"name\":\"li si\",\"state\":\"offline\")"));
	f->host->nodes[0].online.erase(gao);
}

/* Somebody who is in several lists is asked for once. */
static void states_are_asked_for_once_and_stand_in_every_list(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san"), gao = fixture_account(f, "gao yang");
	const cs_conn conn = fake_host_connect(f->host.get());
	uint64_t group = 0, joined_seq = 0;
	size_t states = 0;

	f->host->nodes[0].online[gao] = 0;
	assert_int_equal(friend_add(f->host->db, zhang, gao), 0);
	for (const char *name : {"c++", "line\",\"state\":\"off"}) {
		assert_int_equal(group_create(f->host->db, zhang, name, "\\\"state\":", &group), 0);
		assert_int_equal(group_join(f->host->db, gao, group, &joined_seq), 0);
	}
	const std::string ack = fixture_ask(f, conn, fixture_login(zhang, "123456"));
	for (size_t at = ack.find("online"); at != std::string::npos; at = ack.find("online", at + 1))
		states++;
	assert_int_equal(states, 5);
	for (const fake_call &call : f->host->calls)
		if (call.what == "presence")
			assert_int_equal(call.number, 2);
	assert_int_equal(fake_host_count(f->host.get(), "presence"), 1);
	f->host->nodes[0].online.erase(gao);
}

static void states_that_nobody_knows_are_offline(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san"), gao = fixture_account(f, "gao yang");

	f->host->nodes[0].online[gao] = 0;
	assert_int_equal(friend_add(f->host->db, zhang, gao), 0);
	for (const bool at_call : {true, false}) {
		f->host->faults = {{FAKE_PRESENCE, 0, at_call, CS_ECANCELED}};
		const cs_conn conn = fake_host_connect(f->host.get());
		const std::string ack = fixture_ask(f, conn, fixture_login(zhang, "123456"));
		assert_non_null(strstr(ack.c_str(), R"(\"name\":\"gao yang\",\"state\":\"offline\")"));
		fixture_expect_idle(f, conn);
		fake_host_end(f->host.get(), conn);
	}
	f->host->nodes[0].online.erase(gao);
}

static void each_login_claims_with_a_higher_generation(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san"), gao = fixture_registered(f, "gao yang");
	std::vector<int64_t> generations;

	for (const uint64_t id : {zhang, zhang, gao, zhang}) {
		const cs_conn conn = fake_host_connect(f->host.get());
		fixture_ask(f, conn, fixture_login(id, "wrong"));
		fixture_ask(f, conn, fixture_login(id, "123456"));
		fake_host_end(f->host.get(), conn);
	}
	for (const fake_call &call : f->host->calls)
		if (call.what == "claim")
			generations.push_back(call.number);
	assert_true((generations == std::vector<int64_t>{1, 2, 1, 3}));
}

static void req_stands_in_every_answer_and_only_where_given(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "x", ",\"req\":9007199254740991")).c_str(),
	                    "{\"msgid\":2,\"req\":9007199254740991,\"errno\":1,\"errmsg\":\"no such id or "
	                    "wrong password\"}");
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456", ",\"req\":0")).c_str(),
	                    "{\"msgid\":2,\"req\":0,\"errno\":0,\"id\":1,\"name\":\"zhang san\"}");
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456", ",\"req\":7")).c_str(),
	                    "{\"msgid\":2,\"req\":7,\"errno\":2,\"errmsg\":\"this account is already online\"}");
}

static void a_wrong_password_and_an_unknown_id_cannot_be_told_apart(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	const std::string first = fixture_ask(f, conn, fixture_login(id, "1234567"));
	const std::string first_trace = fake_host_trace(f->host.get());
	fake_host_forget(f->host.get());
	const std::string second = fixture_ask(f, conn, fixture_login(id + 1, "123456"));
	assert_string_equal(first.c_str(), ack_refusal(1, wrong).c_str());
	assert_string_equal(second.c_str(), first.c_str());
	assert_string_equal(first_trace.c_str(), "work read|work hash|refuse|finish");
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), first_trace.c_str());
	fixture_expect_idle(f, conn);
	assert_false(is_online(f, id));
}

/* Processor time of one refused login, in microseconds. */
static int64_t login_time(handler_fixture *f, cs_conn conn, uint64_t id)
{
	const clock_t begin = clock();

	fixture_ask(f, conn, fixture_login(id, "wrong"));
	return (clock() - begin) * INT64_C(1000000) / CLOCKS_PER_SEC;
}

/* The shortest of several count, in turn: what else the machine does is not ours. No more than five: a sixth guess is
 * refused without a hash. */
static void an_unknown_id_takes_as_long_as_a_wrong_password(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.password_memory", "4M");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn known_conn = fake_host_connect(f->host.get()), unknown_conn = fake_host_connect(f->host.get());
	int64_t known = INT64_MAX, unknown = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		known = std::min(known, login_time(f, known_conn, id));
		unknown = std::min(unknown, login_time(f, unknown_conn, id + 1));
	}
	assert_true(known < unknown * 2);
	assert_true(unknown < known * 2);
}

static void fields_that_are_missing_or_wrong_are_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fake_host_connect(f->host.get());
	static const struct {
		const char *frame, *text;
	} cases[] = {
		{R"({"msgid":1,"password":"x"})", "id is missing"},
		{R"({"msgid":1,"id":1})", "password is missing"},
		{R"({"msgid":1,"id":"1","password":"x"})", "id must be an integer from 1 to 9007199254740991"},
		{R"({"msgid":1,"id":0,"password":"x"})", "id must be an integer from 1 to 9007199254740991"},
		{R"({"msgid":1,"id":-1,"password":"x"})", "id must be an integer from 1 to 9007199254740991"},
		{R"({"msgid":1,"id":1.5,"password":"x"})", "id must be an integer from 1 to 9007199254740991"},
		{R"({"msgid":1,"id":null,"password":"x"})", "id must be an integer from 1 to 9007199254740991"},
		{R"({"msgid":1,"id":1,"password":123456})", "password must be a text"},
		{R"({"msgid":1,"id":1,"password":["x"]})", "password must be a text"},
		{R"({"msgid":1,"id":1,"password":"x","ack":1})", "ack must be true or false"},
		{R"({"msgid":1,"id":1,"password":"x","ack":"true"})", "ack must be true or false"},
		{R"({"msgid":1,"id":1,"password":"x","ack":null})", "ack must be true or false"},
	};

	for (const auto &c : cases)
		assert_string_equal(fixture_ask(f, conn, c.frame).c_str(), fixture_refusal(1, 4, c.text).c_str());
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 0);
}

static void a_login_with_ack_confirms_and_may_not_be_silent(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_ask(f, conn, fixture_login(id, "123456", ",\"ack\":true"));
	assert_int_equal(fake_host_conn(f->host.get(), conn)->silence_ms, 75000);
	assert_int_equal(fake_host_conn(f->host.get(), conn)->doubt_ms, 35000);
	for (const fake_call &call : f->host->calls)
		if (call.what == "attach")
			assert_int_equal(call.number, 1);
	fixture_ask(f, conn, check_format("{\"msgid\":3,\"id\":%llu}", (unsigned long long)id));
	assert_int_equal(fake_host_conn(f->host.get(), conn)->silence_ms, 0);
	fake_host_forget(f->host.get());
	fixture_ask(f, conn, fixture_login(id, "123456", ",\"ack\":false"));
	assert_int_equal(fake_host_conn(f->host.get(), conn)->silence_ms, 0);
	for (const fake_call &call : f->host->calls)
		if (call.what == "attach")
			assert_int_equal(call.number, 0);
}

static void an_account_that_is_online_is_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn first = fake_host_connect(f->host.get()), second = fake_host_connect(f->host.get());

	fixture_ask(f, first, fixture_login(id, "123456"));
	assert_string_equal(fixture_ask(f, second, fixture_login(id, "123456")).c_str(),
	                    ack_refusal(2, "this account is already online").c_str());
	assert_int_equal(f->host->nodes[0].online[id], first);
	fixture_expect_idle(f, second);
	assert_string_equal(fixture_ask(f, second, fixture_login(id, "nope")).c_str(), ack_refusal(1, wrong).c_str());
}

static void with_kick_the_newer_login_wins(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.duplicate_login", "kick");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn first = fake_host_connect(f->host.get()), second = fake_host_connect(f->host.get());

	fixture_ask(f, first, fixture_login(id, "123456"));
	fixture_ask(f, second, fixture_login(id, "123456"));
	assert_int_equal(f->host->nodes[0].online[id], second);
	assert_false(fake_host_conn(f->host.get(), first)->open);
}

static void a_connection_has_one_account_at_a_time(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t zhang = fixture_registered(f, "zhang san"), gao = fixture_registered(f, "gao yang");
	const cs_conn conn = fake_host_connect(f->host.get());

	fixture_ask(f, conn, fixture_login(zhang, "123456"));
	assert_string_equal(fixture_ask(f, conn, fixture_login(zhang, "123456")).c_str(),
	                    ack_refusal(2, "this account is already online").c_str());
	assert_string_equal(fixture_ask(f, conn, fixture_login(gao, "123456")).c_str(),
	                    fixture_refusal(1, 8, "log out first").c_str());
	assert_true(is_online(f, zhang));
	assert_false(is_online(f, gao));
}

static void a_password_of_another_cost_is_hashed_anew_after_the_answer(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());
	struct {
		int64_t ops, memory;
		int duplicate, registration;
		int64_t failed, devices, new_devices, forget, token_life;
	} dearer = {2, 16384, 0, 0, 30, 10, 10, INT64_C(90) * 24 * 3600 * 1000, 3600 * 1000};
	struct user before, after;
	cs_error e = {};

	assert_int_equal(user_find(f->host->db, id, &before), 0);
	const struct cs_plugin *plugin = fake_self_plugin(f->plugin);
	assert_int_equal(plugin->conf_size, sizeof dearer);
	assert_int_equal(plugin->reload(fake_self_state(f->plugin), &dearer, 0, &e), 0);
	assert_int_equal(plugin->reload(fake_self_state(f->plugin), &dearer, 1, &e), 0);
	fixture_ask(f, conn, fixture_login(id, "123456"));
	assert_string_equal(
		fake_host_trace(f->host.get()).c_str(),
		(std::string(login_steps).replace(strlen(login_steps) - 6, 6, "work hash|finish|work write")).c_str());
	assert_int_equal(user_find(f->host->db, id, &after), 0);
	assert_string_not_equal(before.password.c_str(), after.password.c_str());
	assert_non_null(strstr(after.password.c_str(), "m=16,t=2,"));
	fake_host_end(f->host.get(), conn);
	fake_host_forget(f->host.get());
	fixture_ask(f, fake_host_connect(f->host.get()), fixture_login(id, "123456"));
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), login_steps);
}

static void a_wrong_password_is_never_hashed_anew(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	struct {
		int64_t ops, memory;
		int duplicate, registration;
		int64_t failed, devices, new_devices, forget, token_life;
	} dearer = {2, 16384, 0, 0, 30, 10, 10, INT64_C(90) * 24 * 3600 * 1000, 3600 * 1000};
	struct user user;
	cs_error e = {};

	assert_int_equal(fake_self_plugin(f->plugin)->reload(fake_self_state(f->plugin), &dearer, 1, &e), 0);
	fixture_ask(f, fake_host_connect(f->host.get()), fixture_login(id, "1234567"));
	assert_int_equal(user_find(f->host->db, id, &user), 0);
	assert_non_null(strstr(user.password.c_str(), "m=8,t=1,"));
}

/* Hashing costs more than all the rest of a login, and the claim would be refused anyway. */
static void a_login_for_which_there_is_no_memory_is_refused_before_its_password_is_hashed(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	f->host->refuses_sessions = true;
	assert_string_equal(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(),
	                    ack_refusal(10, "this node is busy; try again later").c_str());
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "refuse");
	fixture_expect_idle(f, conn);
	f->host->refuses_sessions = false;
	assert_non_null(strstr(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(), "\"errno\":0"));
}

static void logout_ends_the_session_and_keeps_the_connection(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	uint64_t id = 0;
	const cs_conn conn = fixture_session(f, "zhang san", &id);

	assert_string_equal(fixture_ask(f, conn, "{\"msgid\":3,\"id\":1,\"req\":4}").c_str(),
	                    "{\"msgid\":100,\"of\":3,\"req\":4,\"errno\":0}");
	assert_false(is_online(f, id));
	assert_true(fake_host_conn(f->host.get(), conn)->open);
	assert_string_equal(fixture_ask(f, conn, "{\"msgid\":3,\"id\":1}").c_str(),
	                    fixture_refusal(3, 3, "route check").c_str());
}

static void logout_without_req_says_nothing(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = fixture_session(f, "zhang san");

	assert_string_equal(fixture_ask(f, conn, "{\"msgid\":3,\"id\":2}").c_str(),
	                    fixture_refusal(3, 8, "route check").c_str());
	assert_string_equal(fixture_ask(f, conn, "{\"msgid\":3,\"id\":1}").c_str(), "");
	assert_false(is_online(f, 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_right_password_logs_in),
		TEST(deliveries_begin_behind_the_answer),
		TEST(the_answer_has_the_shapes_of_the_protocol),
		TEST(a_friend_who_is_online_is_shown_so),
		TEST(a_friend_on_another_node_is_shown_as_online),
		TEST(states_are_asked_for_once_and_stand_in_every_list),
		TEST(states_that_nobody_knows_are_offline),
		TEST(each_login_claims_with_a_higher_generation),
		TEST(req_stands_in_every_answer_and_only_where_given),
		TEST(a_wrong_password_and_an_unknown_id_cannot_be_told_apart),
		TEST(an_unknown_id_takes_as_long_as_a_wrong_password),
		TEST(fields_that_are_missing_or_wrong_are_refused),
		TEST(a_login_with_ack_confirms_and_may_not_be_silent),
		TEST(an_account_that_is_online_is_refused),
		TEST(with_kick_the_newer_login_wins),
		TEST(a_connection_has_one_account_at_a_time),
		TEST(a_password_of_another_cost_is_hashed_anew_after_the_answer),
		TEST(a_wrong_password_is_never_hashed_anew),
		TEST(a_login_for_which_there_is_no_memory_is_refused_before_its_password_is_hashed),
		TEST(logout_ends_the_session_and_keeps_the_connection),
		TEST(logout_without_req_says_nothing),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
