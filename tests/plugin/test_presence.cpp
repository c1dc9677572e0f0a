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

static void a_change_of_the_list_does_not_shorten_the_10_s(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	presence_wait(f, 20000);
	expect_told(f, ann, "2 online");
	presence_leave(f, bob);
	presence_wait(f, 5000);
	(void)fake_host_request(f->host.get(), ann, R"({"msgid":131,"id":1,"account":2,"blocked":true})");
	presence_wait(f, 4000);
	expect_told(f, ann, "");
	presence_wait(f, 1100);
	expect_told(f, ann, "2 offline");
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

/* Who adds bob is told of him as soon as that is known, and the others not before. */
static void a_change_of_contacts_does_not_shorten_an_absence(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), eve = presence_session_of(f, 5);
	const cs_conn bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	presence_wait(f, 20000);
	presence_leave(f, bob);
	presence_wait(f, 1000);
	(void)fake_host_request(f->host.get(), eve, R"({"msgid":7,"id":5,"friendid":2})");
	presence_wait(f, 8900);
	expect_told(f, ann, "");
	expect_told(f, eve, "");
	presence_wait(f, 200);
	expect_told(f, ann, "2 offline");
	expect_told(f, eve, "2 offline");
}

/* The account was away before anybody watched it, so nobody knows for how long. */
static void a_change_about_a_friend_tells_nothing_of_its_state(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);

	for (const char *blocked : {"true", "false"}) {
		(void)fake_host_request(f->host.get(), ann,
		                        std::string(R"({"msgid":131,"id":1,"account":2,"blocked":)") + blocked + "}");
		presence_wait(f, 20000);
		expect_told(f, ann, "");
	}
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

/* ---- reading the lists */

static void presence_set(handler_fixture *f, uint64_t account, uint64_t other, bool listed, bool blocked)
{
	contact_change change;

	change.account = account;
	change.other = other;
	change.listed = listed;
	change.blocked = blocked;
	assert_int_equal(contact_set(f->host->db, &change, {}), 0);
}

static void presence_event(handler_fixture *f, cs_cluster_event event)
{
	fake_self_plugin(f->plugin)->cluster(fake_self_state(f->plugin), event);
}

static void presence_block(handler_fixture *f, cs_conn conn, uint64_t account, uint64_t other, bool blocked)
{
	(void)fake_host_request(f->host.get(), conn,
	                        check_format("{\"msgid\":131,\"id\":%d,\"account\":%d,\"blocked\":%s}",
	                                     static_cast<int>(account), static_cast<int>(other),
	                                     blocked ? "true" : "false"));
}

static void a_list_that_the_store_could_not_read_is_read_again(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}, {FAKE_READ, 0, true, CS_EBUSY}};
	const cs_conn ann = presence_session_of(f, 1);

	presence_leave(f, presence_enter(f, 2));
	expect_told(f, ann, "");
	presence_wait(f, 2500);
	assert_int_equal(f->host->faults.size(), 0);
	(void)presence_enter(f, 2);
	expect_told(f, ann, "2 online");
}

static void a_change_that_the_store_could_not_read_is_read_again(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	(void)presence_enter(f, 4);
	expect_told(f, ann, "2 online");
	f->host->faults = {{FAKE_READ, 0, false, CS_ENOSTORE}};
	(void)fake_host_request(f->host.get(), ann, R"({"msgid":7,"id":1,"friendid":4})");
	expect_told(f, ann, "");
	presence_wait(f, 1100);
	expect_told(f, ann, "4 online");
	/* Nor is anybody hidden for ever, because the store failed. */
	f->host->faults = {{FAKE_READ, 0, true, CS_EBUSY}};
	(void)fake_host_request(f->host.get(), bob, R"({"msgid":131,"id":2,"account":1,"friend":true})");
	presence_wait(f, 1100);
	presence_leave(f, bob);
	presence_wait(f, 11000);
	expect_told(f, ann, "2 offline");
}

/* Perhaps the change was a block. */
static void whose_change_is_not_yet_read_is_not_shown(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);
	cs_conn bob = presence_enter(f, 2);

	presence_leave(f, bob);
	presence_wait(f, 20000);
	expect_told(f, ann, "2 online|2 offline");
	f->host->full = {FAKE_READ};
	bob = presence_enter(f, 5);
	presence_set(f, 2, 1, false, true);
	presence_block(f, presence_enter(f, 2), 2, 1, false);
	presence_set(f, 2, 1, false, true);
	expect_told(f, ann, "2 online");
	presence_wait(f, 15000);
	presence_leave(f, bob);
	(void)presence_enter(f, 2);
	presence_wait(f, 15000);
	expect_told(f, ann, "");
	f->host->full.clear();
	presence_wait(f, 2000);
	expect_told(f, ann, "2 offline");
}

/* An answer that overtook another would bring back what was true before. */
static void lists_are_read_one_at_a_time(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), second = presence_session_of(f, 1);

	(void)presence_enter(f, 2);
	expect_told(f, ann, "2 online");
	expect_told(f, second, "2 online");
	fake_host_forget(f->host.get());
	for (const bool blocked : {true, false, true}) {
		const unsigned char head[16] = {2, 0, 0, 0, 0, 0, 0, 0, 1};
		const cs_parcel parcel = {head, sizeof(head), nullptr};

		presence_set(f, 2, 1, false, blocked);
		for (const cs_conn conn : {ann, second})
			for (fake_self *self : f->host->selves)
				if (std::string_view(fake_self_plugin(self)->name) == "people")
					fake_self_plugin(self)->routed(fake_self_state(self), conn, 1, &parcel);
	}
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 1);
	fake_host_run(f->host.get());
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 2);
	presence_wait(f, 20000);
	expect_told(f, ann, "2 offline");
	expect_told(f, second, "2 offline");
}

/* Ann logs out and eve logs in on the same connection, while the list of ann is being read. */
static void a_list_that_was_read_for_the_account_before_is_not_watched(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const struct cs_plugin *plugin = fake_self_plugin(f->plugin);
	void *instance = fake_self_state(f->plugin);
	const cs_conn conn = fake_host_connect(f->host.get(), 1, "x", 0, 1);
	const unsigned char head[9] = {2, 0, 0, 0, 0, 0, 0, 0, 1};
	const cs_parcel parcel = {head, sizeof(head), nullptr};

	assert_true(fake_host_step_work(f->host.get(), 0));
	assert_int_equal(plugin->closed(instance, conn, 1, 0, 0), 0);
	plugin->opened(instance, conn, 5, 0, 1);
	assert_true(fake_host_step_result(f->host.get(), 0));
	while (fake_host_step_call(f->host.get(), 0))
		continue;
	plugin->routed(instance, 0, 0, &parcel);
	expect_told(f, conn, "");
	/* Her own list is read after that. */
	fake_host_run(f->host.get());
	presence_set(f, 5, 2, true, false);
	presence_event(f, CS_CLUSTER_MISSED);
	presence_wait(f, 20000);
	expect_told(f, conn, "2 offline");
}

static void after_a_loss_lists_and_states_are_read_again(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), carl = presence_enter(f, 3);

	(void)presence_enter(f, 2);
	(void)presence_enter(f, 4);
	expect_told(f, ann, "3 online|2 online");
	for (const cs_cluster_event event : {CS_CLUSTER_MISSED, CS_CLUSTER_WHOLE}) {
		const bool blocked = event == CS_CLUSTER_MISSED;

		presence_set(f, 2, 1, false, blocked);
		presence_set(f, 1, 4, blocked, false);
		presence_event(f, event);
		presence_wait(f, 20000);
		expect_told(f, ann, blocked ? "2 offline|4 online" : "2 online");
	}
	/* Of a session that has ended unheard nobody can hear. */
	f->host->losses = 1;
	presence_leave(f, carl);
	assert_int_equal(f->host->losses, 0);
	presence_wait(f, 30000);
	expect_told(f, ann, "");
	presence_event(f, CS_CLUSTER_WHOLE);
	presence_wait(f, 20000);
	expect_told(f, ann, "3 offline");
}

static void after_many_losses_the_lists_are_read_once_in_10_s(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn sessions[] = {presence_session_of(f, 1), presence_session_of(f, 2), presence_session_of(f, 3)};

	presence_wait(f, 20000);
	fake_host_forget(f->host.get());
	for (int i = 0; i < 50; i++) {
		presence_event(f, CS_CLUSTER_MISSED);
		presence_wait(f, 100);
	}
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 1);
	presence_wait(f, 10000);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 2);
	presence_wait(f, 100000);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 2);
	/* While other nodes are not heard, again and again. */
	presence_event(f, CS_CLUSTER_DEGRADED);
	presence_wait(f, 181000);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 6);
	presence_event(f, CS_CLUSTER_WHOLE);
	presence_wait(f, 181000);
	assert_int_equal(fake_host_count(f->host.get(), "work read"), 7);
	for (const cs_conn conn : sessions)
		expect_told(f, conn, "");
}

/* A list that is read, while many wait for theirs, is read in slices. */
static void many_lists_are_read_in_slices(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	for (int i = 0; i < 100; i++)
		(void)presence_session_of(f, 1);
	fake_host_forget(f->host.get());
	presence_event(f, CS_CLUSTER_MISSED);
	presence_wait(f, 10000);
	assert_in_range(fake_host_count(f->host.get(), "work read"), 4, 25);
}

static void of_a_list_that_is_too_long_the_first_accounts_are_watched(void **state)
{
	handler_fixture *f = handler_fixture_of(state);
	fake_host_set(f->host.get(), "presence.max_watched", "2");
	(void)presence_load(state);
	presence_people(f);
	presence_set(f, 1, 4, true, false);
	const cs_conn ann = presence_session_of(f, 1);

	for (const uint64_t account : {4, 3, 2})
		(void)presence_enter(f, account);
	expect_told(f, ann, "3 online|2 online");
	(void)fake_host_request(f->host.get(), ann, R"({"msgid":131,"id":1,"account":2,"friend":false})");
	presence_wait(f, 10);
	expect_told(f, ann, "4 online");
	/* One with a lower number takes the place of the last one, one with a higher number gets none. */
	presence_wait(f, 20000);
	(void)fake_host_request(f->host.get(), ann, R"({"msgid":7,"id":1,"friendid":2})");
	(void)fake_host_request(f->host.get(), ann, R"({"msgid":7,"id":1,"friendid":5})");
	presence_wait(f, 10);
	(void)presence_enter(f, 5);
	expect_told(f, ann, "2 online");
}

/* ---- the states */

static void while_the_bus_is_away_nobody_is_called_offline(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	f->host->faults = {{FAKE_PRESENCE, 0, false, CS_ENOENT}, {FAKE_PRESENCE, 0, true, CS_EBUSY}};
	presence_leave(f, bob);
	presence_wait(f, 25000);
	assert_int_equal(f->host->faults.size(), 0);
	expect_told(f, ann, "");
	presence_wait(f, 6000);
	expect_told(f, ann, "2 offline");
}

static void a_state_that_was_asked_for_before_the_account_came_back_is_not_told(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);
	const unsigned char head[9] = {2, 0, 0, 0, 0, 0, 0, 0, 1};
	const cs_parcel parcel = {head, sizeof(head), nullptr};

	expect_told(f, ann, "2 online");
	presence_leave(f, bob);
	fake_host_forget(f->host.get());
	assert_true(fake_host_step_timer(f->host.get(), fake_clock + 10100));
	assert_true(fake_host_run_until(f->host.get(), "presence"));
	fake_self_plugin(f->plugin)->routed(fake_self_state(f->plugin), 0, 0, &parcel);
	fake_host_run(f->host.get());
	expect_told(f, ann, "");
}

static void blocking_again_and_again_makes_one_change_in_10_s(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1), bob = presence_enter(f, 2);

	expect_told(f, ann, "2 online");
	for (int i = 0; i < 20; i++) {
		presence_block(f, bob, 2, 1, i % 2 == 0);
		presence_wait(f, 100);
	}
	expect_told(f, ann, "2 offline");
	presence_wait(f, 20000);
	expect_told(f, ann, "2 online");
	/* The same for who takes somebody from its list and adds it again. */
	for (int i = 0; i < 20; i++) {
		(void)fake_host_request(
			f->host.get(), ann,
			check_format("{\"msgid\":131,\"id\":1,\"account\":2,\"friend\":%s}", i % 2 ? "true" : "false"));
		presence_wait(f, 100);
	}
	presence_wait(f, 6000);
	expect_told(f, ann, "2 online");
}

static void a_slow_client_is_told_that_who_blocks_it_is_offline(void **state)
{
	handler_fixture *f = presence_load(state);
	presence_people(f);
	const cs_conn ann = presence_session_of(f, 1);

	f->host->soft_mark = 0;
	const cs_conn bob = presence_enter(f, 2);
	expect_told(f, ann, "2 online");
	presence_block(f, bob, 2, 1, true);
	expect_told(f, ann, "2 offline");
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
		TEST(a_change_of_the_list_does_not_shorten_the_10_s),
		TEST(who_logs_in_during_an_absence_is_told_of_its_end),
		TEST(a_new_friend_is_watched_and_a_former_one_is_not),
		TEST(a_change_of_contacts_does_not_shorten_an_absence),
		TEST(a_change_about_a_friend_tells_nothing_of_its_state),
		TEST(who_was_told_offline_is_not_told_so_again_by_a_block),
		TEST(who_blocks_is_offline_for_who_is_blocked),
		TEST(a_slow_client_misses_changes_and_learns_the_next_one),
		TEST(what_nobody_watches_is_forgotten),
		TEST(a_list_that_the_store_could_not_read_is_read_again),
		TEST(a_change_that_the_store_could_not_read_is_read_again),
		TEST(whose_change_is_not_yet_read_is_not_shown),
		TEST(lists_are_read_one_at_a_time),
		TEST(a_list_that_was_read_for_the_account_before_is_not_watched),
		TEST(after_a_loss_lists_and_states_are_read_again),
		TEST(after_many_losses_the_lists_are_read_once_in_10_s),
		TEST(many_lists_are_read_in_slices),
		TEST(of_a_list_that_is_too_long_the_first_accounts_are_watched),
		TEST(while_the_bus_is_away_nobody_is_called_offline),
		TEST(a_state_that_was_asked_for_before_the_account_came_back_is_not_told),
		TEST(blocking_again_and_again_makes_one_change_in_10_s),
		TEST(a_slow_client_is_told_that_who_blocks_it_is_offline),
		TEST(what_another_node_sends_that_is_no_change_is_dropped),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
