/* SPDX-License-Identifier: MIT
 * Tests SET_PASSWORD between its steps: another change that comes first, every failure, guesses. */
#include <cstring>
#include <fstream>

#include <sys/resource.h>

#include "plugins/model/users.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static const char *const request = R"({"msgid":112,"id":1,"old":"123456","new":"654321","req":4})";
static const char *const done = R"({"msgid":100,"of":112,"req":4,"errno":0})";

static std::string hash_of(const handler_fixture *f, uint64_t id)
{
	struct user user;

	assert_int_equal(user_find(f->host->db, id, &user), 0);
	return user.password;
}

/* A session of the first account, and its connection. */
static cs_conn enter(handler_fixture *f)
{
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());

	assert_int_equal(id, 1);
	assert_non_null(strstr(fixture_ask(f, conn, fixture_login(id, "123456")).c_str(), "\"errno\":0"));
	fake_host_forget(f->host.get());
	return conn;
}

static std::string last_frame(handler_fixture *f, cs_conn conn)
{
	const std::vector<std::string> &frames = fake_host_conn(f->host.get(), conn)->frames;

	return frames.empty() ? "" : frames.back();
}

static void the_password_is_compared_hashed_and_stored_and_all_sessions_are_told(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);
	const std::string before = hash_of(f, 1);

	f->host->guesses.clear();
	assert_string_equal(fixture_ask(f, conn, request).c_str(), done);
	assert_string_equal(fake_host_trace(f->host.get()).c_str(),
	                    "work read|work hash|work write|route|answer|finish");
	assert_string_not_equal(hash_of(f, 1).c_str(), before.c_str());
	const std::vector<std::string> expected = {"1 right"};
	assert_true(f->host->guesses == expected);
	assert_true(fake_host_conn(f->host.get(), conn)->open);
	fixture_expect_idle(f, conn);
}

static void each_wrong_password_is_a_guess(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);

	f->host->guesses.clear();
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":112,"id":1,"old":"wrong","new":"also wrong"})").c_str(),
	                    fixture_refusal(112, 8, "the old password is wrong").c_str());
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":112,"id":1,"old":"wrong","new":"wrong"})").c_str(),
	                    fixture_refusal(112, 8, "the old password is wrong").c_str());
	const std::vector<std::string> expected = {"1 wrong", "1 wrong", "1 wrong"};
	assert_true(f->host->guesses == expected);
	assert_int_equal(fake_host_count(f->host.get(), "work write"), 0);
	fixture_expect_idle(f, conn);
}

static void who_must_wait_is_told_so_and_nothing_is_compared(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);

	f->host->guess_waits = {1001};
	assert_non_null(strstr(fixture_ask(f, conn, request).c_str(),
	                       R"("errno":10,"errmsg":"too many wrong passwords; try again in 2 s")"));
	f->host->guess_waits = {0, 1001};
	assert_non_null(strstr(fixture_ask(f, conn, request).c_str(),
	                       R"("errno":10,"errmsg":"too many wrong passwords; try again in 2 s")"));
	assert_int_equal(fake_host_count(f->host.get(), "work write"), 0);
	fixture_expect_idle(f, conn);
}

static rlim_t data_of_this_process()
{
	std::ifstream status("/proc/self/status");
	std::string line;

	while (std::getline(status, line))
		if (line.starts_with("VmData:"))
			return static_cast<rlim_t>(strtoull(line.c_str() + 7, nullptr, 10)) * 1024;
	assert_true(!"no VmData");
	return 0;
}

/* A hash of 4 TiB of memory, and one that is damaged. */
static void a_password_that_cannot_be_compared_is_no_guess_and_is_logged(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f), other = fake_host_connect(f->host.get());
	const std::string dear = "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$" + std::string(43, 'A');
	rlimit usual = {};

	assert_int_equal(getrlimit(RLIMIT_DATA, &usual), 0);
	const rlimit little = {data_of_this_process() + (rlim_t{1} << 30), usual.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_DATA, &little), 0);
	for (const std::string &hash : {dear, std::string("$argon2id$x")}) {
		assert_int_equal(user_set_hash(f->host->db, 1, hash_of(f, 1), hash), 0);
		f->host->guesses.clear();
		for (const bool is_login : {true, false}) {
			f->host->log.clear();
			const std::string answer = is_login ? fixture_ask(f, other, fixture_login(1, "123456"))
			                                    : fixture_ask(f, conn, request);
			assert_non_null(strstr(answer.c_str(), R"("errno":11,)"));
			assert_int_equal(f->host->log.size(), 1);
			assert_non_null(strstr(f->host->log[0].c_str(), "password cannot be compared"));
		}
		assert_true(f->host->guesses.empty());
		assert_string_equal(hash_of(f, 1).c_str(), hash.c_str());
	}
	assert_int_equal(setrlimit(RLIMIT_DATA, &usual), 0);
}

/* Runs the request up to its write, changes the hash, and runs the rest. */
static std::string ask_while(handler_fixture *f, cs_conn conn, const std::string &hash)
{
	assert_int_equal(fake_host_frame(f->host.get(), conn, request), CS_PENDING);
	assert_true(fake_host_run_until(f->host.get(), "work write"));
	assert_int_equal(user_set_hash(f->host->db, 1, hash_of(f, 1), hash), 0);
	fake_host_run(f->host.get());
	return last_frame(f, conn);
}

static void a_change_that_meets_another_hash_of_the_password_begins_anew(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);
	const std::string same = hash_of(f, fixture_registered(f, "gao yang"));

	fake_host_forget(f->host.get());
	assert_string_equal(ask_while(f, conn, same).c_str(), done);
	assert_string_not_equal(hash_of(f, 1).c_str(), same.c_str());
	assert_int_equal(fake_host_count(f->host.get(), "work write"), 2);
	fixture_expect_idle(f, conn);
}

static void a_change_that_meets_another_password_is_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);
	const cs_conn other = fake_host_connect(f->host.get());

	(void)fixture_ask(f, other, R"({"msgid":4,"name":"gao yang","password":"another"})");
	const std::string another = hash_of(f, 2);
	fake_host_forget(f->host.get());
	assert_non_null(strstr(ask_while(f, conn, another).c_str(), R"("errno":8)"));
	assert_string_equal(hash_of(f, 1).c_str(), another.c_str());
	fixture_expect_idle(f, conn);
}

static void a_step_that_fails_changes_nothing_and_is_answered(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);
	const std::string before = hash_of(f, 1);

	for (const fake_fault_place place : {FAKE_READ, FAKE_HASH, FAKE_WRITE})
		for (const bool at_call : {true, false})
			for (const auto &[result, wire_errno] :
			     {std::pair(CS_EBUSY, 10), std::pair(CS_ENOSTORE, 11), std::pair(CS_ECANCELED, 13)}) {
				f->host->faults = {{place, 0, at_call, result}};
				const std::string answer = fixture_ask(f, conn, request);

				assert_true(f->host->faults.empty());
				assert_non_null(
					strstr(answer.c_str(), check_format("\"errno\":%d,", wire_errno).c_str()));
				assert_string_equal(hash_of(f, 1).c_str(), before.c_str());
				fixture_expect_idle(f, conn);
				fake_host_forget(f->host.get());
			}
	assert_int_equal(fake_host_count(f->host.get(), "route"), 0);
	assert_string_equal(fixture_ask(f, conn, request).c_str(), done);
}

/* The store cannot say whether it was done; the client sends it again, and the other sessions end now. */
static void a_change_that_was_done_unheard_is_made_up_for_by_the_next_request(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);
	const std::string wanted = hash_of(f, fixture_registered(f, "gao yang"));
	const cs_conn desk = fake_host_connect(f->host.get());
	user_series series;

	assert_non_null(
		strstr(fixture_ask(f, desk, fixture_login(1, "123456", R"(,"device":"desk")")).c_str(), "\"errno\":0"));
	/* As if the node had died behind the commit: the password "654321" is there, nobody was told. */
	assert_string_equal(
		fixture_ask(f, fake_host_connect(f->host.get()), R"({"msgid":4,"name":"li si","password":"654321"})")
			.c_str(),
		R"({"msgid":5,"errno":0,"id":3})");
	assert_int_equal(user_set_password(f->host->db, 1, hash_of(f, 1), hash_of(f, 3), &series), 0);
	assert_string_equal(fixture_ask(f, conn, request).c_str(), done);
	assert_false(fake_host_conn(f->host.get(), desk)->open);
	assert_true(fake_host_conn(f->host.get(), conn)->open);
}

/* The server took the account for alone and sent nothing to other nodes, but a login with the old password had just
 * been let in there. */
static void a_session_elsewhere_that_the_change_missed_is_ended_when_it_is_known(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f);
	const struct cs_plugin *plugin = fake_self_plugin(f->plugin);
	std::string told;
	const auto routes_after_not_alone = [&](uint64_t account) {
		plugin->not_alone(fake_self_state(f->plugin), account);
		return fake_host_count(f->host.get(), "route");
	};

	f->host->on_call = [&](const fake_call &call) {
		if (call.what == "route") {
			assert_true(told.empty() || told == call.text);
			told = call.text;
		}
	};
	assert_int_equal(routes_after_not_alone(1), 0);
	assert_string_equal(fixture_ask(f, conn, request).c_str(), done);
	assert_int_equal(fake_host_count(f->host.get(), "route"), 1);
	assert_int_equal(routes_after_not_alone(2), 1);
	assert_int_equal(routes_after_not_alone(1), 2);
	fake_host_run(f->host.get());
	assert_true(fake_host_conn(f->host.get(), conn)->open);
	fake_clock += 61000;
	assert_int_equal(routes_after_not_alone(1), 2);
	f->host->on_call = nullptr;
}

/* An account that was locked here just now. The parcel that ends its session elsewhere is lost. */
static cs_conn enter_and_lock(handler_fixture *f)
{
	const cs_conn conn = enter(f);

	f->host->losses = 1;
	assert_non_null(
		strstr(fixture_ask(f, fake_host_connect(f->host.get()), R"({"msgid":922,"account":1,"req":1})").c_str(),
	               "\"errno\":0"));
	assert_int_equal(fake_host_count(f->host.get(), "route"), 1);
	assert_true(fake_host_conn(f->host.get(), conn)->open);
	return conn;
}

static void tell_not_alone(handler_fixture *f)
{
	fake_self_plugin(f->plugin)->not_alone(fake_self_state(f->plugin), 1);
	fake_host_run(f->host.get());
}

static void a_session_elsewhere_that_a_lock_missed_is_ended_when_it_is_known(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter_and_lock(f);

	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}};
	tell_not_alone(f);
	assert_true(fake_host_conn(f->host.get(), conn)->open); /* what the store says is not known yet */
	tell_not_alone(f);
	for (const int64_t end = f->host->table.now() + 2000; fake_host_step_timer(f->host.get(), end);)
		fake_host_run(f->host.get());
	assert_false(fake_host_conn(f->host.get(), conn)->open);
}

static void a_session_that_begins_after_an_unlock_on_another_node_stays(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter_and_lock(f);

	assert_int_equal(user_set_locked(f->host->db, 1, false, ""), 0);
	tell_not_alone(f);
	assert_true(fake_host_conn(f->host.get(), conn)->open);
	assert_true(fake_host_count(f->host.get(), "work read") > 0);
}

static void who_hangs_up_has_changed_the_password_all_the_same(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const cs_conn conn = enter(f), desk = fake_host_connect(f->host.get());
	const std::string before = hash_of(f, 1);

	assert_non_null(
		strstr(fixture_ask(f, desk, fixture_login(1, "123456", R"(,"device":"desk")")).c_str(), "\"errno\":0"));
	assert_int_equal(fake_host_frame(f->host.get(), conn, request), CS_PENDING);
	assert_true(fake_host_run_until(f->host.get(), "work write"));
	fake_host_end(f->host.get(), conn);
	fake_host_run(f->host.get());
	assert_string_not_equal(hash_of(f, 1).c_str(), before.c_str());
	assert_false(fake_host_conn(f->host.get(), desk)->open);
}

/* A hash of another cost is made in the background. It must not bring the old password back. */
static void a_hash_that_is_made_anew_does_not_undo_a_change(void **state)
{
	fake_host_set(handler_fixture_of(state)->host.get(), "login.password_ops", "2");
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");
	const cs_conn conn = fake_host_connect(f->host.get());
	struct {
		int64_t ops, memory;
		int duplicate, registration;
		int64_t failed, devices, new_devices, forget, token_life;
	} dearer = {3, 16384, 0, 0, 30, 10, 10, INT64_C(90) * 24 * 3600 * 1000, 3600 * 1000};
	cs_error e = {};
	user_series series;

	assert_int_equal(fake_self_plugin(f->plugin)->reload(fake_self_state(f->plugin), &dearer, 1, &e), 0);
	assert_int_equal(fake_host_frame(f->host.get(), conn, fixture_login(id, "123456")), CS_PENDING);
	assert_true(fake_host_run_until(f->host.get(), "work write"));
	assert_int_equal(user_set_password(f->host->db, id, hash_of(f, id), "changed", &series), 0);
	fake_host_run(f->host.get());
	assert_string_equal(hash_of(f, id).c_str(), "changed");
}

/* The password was right when it was compared. */
static void a_login_that_began_with_the_old_password_is_told_to_begin_again(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "login");
	const uint64_t id = fixture_registered(f, "zhang san");

	for (const char *step : {"work hash", "batch", "claim"}) {
		const cs_conn conn = fake_host_connect(f->host.get());
		user_series series;

		fake_host_forget(f->host.get());
		assert_int_equal(fake_host_frame(f->host.get(), conn, fixture_login(id, "123456")), CS_PENDING);
		assert_true(fake_host_run_until(f->host.get(), step));
		const std::string before = hash_of(f, id);
		assert_int_equal(user_set_password(f->host->db, id, before, "changed", &series), 0);
		fake_host_run(f->host.get());
		assert_string_equal(
			last_frame(f, conn).c_str(),
			R"({"msgid":2,"errno":10,"errmsg":"the password was changed or the device ended meanwhile; log in again"})");
		assert_int_equal(user_set_hash(f->host->db, id, "changed", before), 0);
		assert_int_equal(f->host->nodes[0].online.count(id), 0);
		fake_host_end(f->host.get(), conn);
		fake_host_run(f->host.get());
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_password_is_compared_hashed_and_stored_and_all_sessions_are_told),
		TEST(each_wrong_password_is_a_guess),
		TEST(who_must_wait_is_told_so_and_nothing_is_compared),
		TEST(a_change_that_meets_another_hash_of_the_password_begins_anew),
		TEST(a_change_that_meets_another_password_is_refused),
		TEST(a_step_that_fails_changes_nothing_and_is_answered),
		TEST(a_change_that_was_done_unheard_is_made_up_for_by_the_next_request),
		TEST(a_password_that_cannot_be_compared_is_no_guess_and_is_logged),
		TEST(a_session_elsewhere_that_the_change_missed_is_ended_when_it_is_known),
		TEST(a_session_elsewhere_that_a_lock_missed_is_ended_when_it_is_known),
		TEST(a_session_that_begins_after_an_unlock_on_another_node_stays),
		TEST(who_hangs_up_has_changed_the_password_all_the_same),
		TEST(a_hash_that_is_made_anew_does_not_undo_a_change),
		TEST(a_login_that_began_with_the_old_password_is_told_to_begin_again),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
