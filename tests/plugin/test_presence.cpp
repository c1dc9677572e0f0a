/* SPDX-License-Identifier: MIT
 * Tests PRESENCE: who is told, after which delays, how often, and what is forgotten. */
#include "plugins/model/contacts.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static handler_fixture *presence_load(void **state)
{
	(void)handler_fixture_load(state, "people");
	return handler_fixture_load(state, "presence");
}

/* A session that wants presence. */
static cs_conn presence_session_of(handler_fixture *f, uint64_t account)
{
	const cs_conn conn = fake_host_connect(f->host.get(), account, "x", 0, 1);

	fake_host_run(f->host.get());
	return conn;
}

static cs_conn presence_enter(handler_fixture *f, uint64_t account)
{
	const cs_conn conn = fake_host_connect(f->host.get(), account, "x");

	fake_host_run(f->host.get());
	return conn;
}

static void presence_leave(handler_fixture *f, cs_conn conn)
{
	fake_host_end(f->host.get(), conn);
	fake_host_run(f->host.get());
}

/* Time passes; timers that are due run. */
static void presence_wait(handler_fixture *f, int64_t ms)
{
	const int64_t end = fake_clock + ms;

	while (fake_host_step_timer(f->host.get(), end))
		fake_host_run(f->host.get());
	fake_clock = end;
	fake_host_run(f->host.get());
}

/* The states that the session was told since the last call: "2 online|3 offline". */
static std::string presence_told_to(handler_fixture *f, cs_conn conn)
{
	std::vector<std::string> *frames = &fake_host_conn(f->host.get(), conn)->frames;
	std::string text;

	for (const std::string &frame : *frames) {
		unsigned long long id = 0, ts = 0;
		char state[16] = "";

		assert_int_equal(sscanf(frame.c_str(), "{\"msgid\":123,\"id\":%llu,\"state\":\"%15[a-z]\",\"ts\":%llu}",
		                        &id, state, &ts),
		                 3);
		text += (text.empty() ? "" : "|") + std::to_string(id) + " " + state;
	}
	frames->clear();
	return text;
}

static void expect_told(handler_fixture *f, cs_conn conn, const char *text)
{
	assert_string_equal(presence_told_to(f, conn).c_str(), text);
}

/* Accounts 1 to 5; 1 has 2 and 3 on its list. */
static void presence_people(handler_fixture *f)
{
	for (const char *name : {"ann", "bob", "carl", "dora", "eve"})
		fixture_account(f, name);
	for (const uint64_t other : {2, 3})
		assert_int_equal(friend_add(f->host->db, 1, other), 0);
}

static void who_comes_is_online_at_once_and_who_goes_is_offline_after_10_s(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), old = presence_enter(f, 1);

	const cs_conn bob = presence_enter(f, 2), dora = presence_enter(f, 4);
	expect_told(f, ann, "2 online");
	presence_leave(f, bob);
	presence_leave(f, dora);
	presence_wait(f, 9990);
	expect_told(f, ann, "");
	presence_wait(f, 20);
	expect_told(f, ann, "2 offline");
	presence_wait(f, 60000);
	expect_told(f, ann, "");
	expect_told(f, old, "");
	(void)presence_enter(f, 2);
	expect_told(f, ann, "2 online");
}

static void a_short_absence_is_no_change(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	cs_conn bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	for (int i = 0; i < 5; i++) {
		presence_wait(f, 15000);
		presence_leave(f, bob);
		presence_wait(f, 9000);
		bob = presence_enter(f, 2);
	}
	presence_wait(f, 60000);
	expect_told(f, ann, "");
}

static void there_is_one_change_in_10_s_and_it_is_the_last_state(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	cs_conn bob = presence_enter(f, 2);

	presence_leave(f, bob);
	presence_wait(f, 10001);
	expect_told(f, ann, "2 online|2 offline");
	bob = presence_enter(f, 2);
	expect_told(f, ann, "");
	presence_wait(f, 9000);
	expect_told(f, ann, "");
	presence_wait(f, 1001);
	expect_told(f, ann, "2 online");
	/* It comes and goes: nothing was changed in the end. */
	presence_leave(f, bob);
	presence_wait(f, 10001);
	expect_told(f, ann, "2 offline");
	presence_leave(f, presence_enter(f, 2));
	presence_wait(f, 60000);
	expect_told(f, ann, "");
}

static void an_account_is_online_while_one_of_its_sessions_is(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	presence_leave(f, bob);
	f->host->nodes[0].online[2] = 0; /* on another node, which was not heard */
	presence_wait(f, 60000);
	expect_told(f, ann, "2 online");
}

/* LOGIN_ACK said that it is offline. */
static void who_logs_in_during_an_absence_is_told_of_its_end(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	assert_int_equal(friend_add(f->host->db, 5, 2), 0);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	presence_wait(f, 20000);
	presence_leave(f, bob);
	const cs_conn eve = presence_session_of(f, 5);
	(void)presence_enter(f, 2);
	expect_told(f, eve, "2 online");
	expect_told(f, ann, "");
}

static void a_new_friend_is_watched_and_a_former_one_is_not(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	cs_conn dora = presence_enter(f, 4);

	(void)fake_host_request(f->host.get(), ann, R"({"msgid":7,"id":1,"friendid":4})");
	presence_wait(f, 10);
	expect_told(f, ann, "4 online");
	presence_leave(f, dora);
	presence_wait(f, 11000);
	expect_told(f, ann, "4 offline");
	(void)fake_host_request(f->host.get(), ann, R"({"msgid":131,"id":1,"account":4,"friend":false})");
	presence_wait(f, 20000);
	(void)presence_enter(f, 4);
	presence_wait(f, 20000);
	expect_told(f, ann, "");
}

/* Otherwise the second frame would tell of the block. */
static void who_was_told_offline_is_not_told_so_again_by_a_block(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	cs_conn bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	presence_leave(f, bob);
	presence_wait(f, 10001);
	expect_told(f, ann, "2 offline");
	bob = presence_enter(f, 2);
	(void)fake_host_request(f->host.get(), bob, R"({"msgid":131,"id":2,"account":1,"blocked":true})");
	presence_wait(f, 20000);
	expect_told(f, ann, "");
}

static void who_blocks_is_offline_for_who_is_blocked(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	cs_conn bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	(void)fake_host_request(f->host.get(), bob, R"({"msgid":131,"id":2,"account":1,"blocked":true})");
	expect_told(f, ann, "2 offline");
	presence_wait(f, 20000);
	presence_leave(f, bob);
	presence_wait(f, 20000);
	bob = presence_enter(f, 2);
	presence_wait(f, 20000);
	expect_told(f, ann, "");
	/* The same for a session that comes later. */
	presence_leave(f, ann);
	const cs_conn again = presence_session_of(f, 1);
	presence_leave(f, bob);
	bob = presence_enter(f, 2);
	presence_wait(f, 20000);
	expect_told(f, again, "");
	(void)fake_host_request(f->host.get(), bob, R"({"msgid":131,"id":2,"account":1,"blocked":false})");
	presence_wait(f, 10);
	expect_told(f, again, "2 online");
}

static void a_slow_client_misses_changes_and_learns_the_next_one(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);

	f->host->soft_mark = 0;
	const cs_conn bob = presence_enter(f, 2);
	(void)presence_enter(f, 3);
	expect_told(f, ann, "2 online");
	presence_leave(f, bob);
	presence_wait(f, 11000);
	expect_told(f, ann, "");
	f->host->soft_mark = SIZE_MAX;
	fake_host_written_all(f->host.get(), ann);
	(void)presence_enter(f, 2);
	presence_wait(f, 11000);
	expect_told(f, ann, "2 online");
}

/* Nothing is kept, and nothing waits, for whom nobody watches. */
static void what_nobody_watches_is_forgotten(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	presence_leave(f, bob);
	assert_int_equal(f->host->timers.size(), 1);
	presence_leave(f, ann);
	const size_t woken = fake_self_woken(f->plugin);
	presence_wait(f, 20000);
	assert_int_equal(f->host->timers.size(), 0);
	(void)presence_enter(f, 2);
	assert_int_equal(fake_self_woken(f->plugin), woken);
}

static void a_store_that_fails_leaves_a_session_untold(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}, {FAKE_READ, 0, true, CS_EBUSY}};
	const cs_conn first = presence_session_of(f, 1), second = presence_session_of(f, 1),
		      third = presence_session_of(f, 1);

	(void)presence_enter(f, 2);
	expect_told(f, first, "");
	expect_told(f, second, "");
	expect_told(f, third, "2 online");
}

static void what_another_node_sends_that_is_no_change_is_dropped(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	const auto bring = [&](std::string_view head) {
		alignas(8) char bytes[16] = {};
		const cs_parcel parcel = {bytes, head.size(), nullptr};

		head.copy(bytes, sizeof(bytes));
		fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), 0, 0, &parcel);
	};

	for (size_t size = 0; size < 9; size++)
		bring(std::string_view("\2\0\0\0\0\0\0\0\1", 9).substr(0, size));
	bring({"\2\0\0\0\0\0\0\0\2", 9});
	bring({"\2\0\0\0\0\0\0\0\1\0", 10});
	bring({"\7\0\0\0\0\0\0\0\1", 9});
	expect_told(f, ann, "");
	bring({"\2\0\0\0\0\0\0\0\1", 9});
	expect_told(f, ann, "2 online");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_comes_is_online_at_once_and_who_goes_is_offline_after_10_s),
		TEST(a_short_absence_is_no_change),
		TEST(there_is_one_change_in_10_s_and_it_is_the_last_state),
		TEST(an_account_is_online_while_one_of_its_sessions_is),
		TEST(who_logs_in_during_an_absence_is_told_of_its_end),
		TEST(a_new_friend_is_watched_and_a_former_one_is_not),
		TEST(who_was_told_offline_is_not_told_so_again_by_a_block),
		TEST(who_blocks_is_offline_for_who_is_blocked),
		TEST(a_slow_client_misses_changes_and_learns_the_next_one),
		TEST(what_nobody_watches_is_forgotten),
		TEST(a_store_that_fails_leaves_a_session_untold),
		TEST(what_another_node_sends_that_is_no_change_is_dropped),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
