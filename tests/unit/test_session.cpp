/* SPDX-License-Identifier: MIT
 * Tests the session table: one holder at a time, ended before its place is free, waiters woken once; also from several
 * threads. */
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "core/base/loop.h"
#include "core/session/session.h"
#include "tests/support/check.h"

struct fixture {
	struct session_table table;
	struct loop loop;
	int woken = 0;
};

static void wake(void *arg)
{
	static_cast<fixture *>(arg)->woken++;
}

static int set_up(void **state)
{
	auto f = std::make_unique<fixture>();
	struct cs_error e;

	if (loop_open(&f->loop, &e) != 0)
		return -1;
	*state = f.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<fixture> f(static_cast<fixture *>(*state));

	return 0;
}

static enum session_claim_result claim(fixture *f, cs_account account, cs_conn conn,
                                       struct session_entry *other_r = nullptr)
{
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;

	return session_claim(&f->table, {account, 0}, conn, 1, &waiter, !other_r ? &other : other_r);
}

static enum session_claim_result reserve(fixture *f, cs_account account, cs_conn conn)
{
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;

	return session_reserve(&f->table, {account, 0}, conn, 1, &waiter, &other);
}

static bool is_located(fixture *f, cs_account account)
{
	cs_conn conn;

	return session_locate(&f->table, {account, 0}, &conn);
}

static void a_free_place_is_granted_and_located(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	cs_conn conn = 0;

	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	assert_true(session_locate(&f->table, {13, 0}, &conn));
	assert_int_equal(conn, 77);
	assert_int_equal(session_count(&f->table), 1);
	assert_false(is_located(f, 14));
}

static void a_taken_place_names_its_holder(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	struct session_entry other;

	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	assert_int_equal(claim(f, 13, 78, &other), SESSION_TAKEN);
	assert_int_equal(other.conn, 77);
	assert_int_equal(claim(f, 13 + 64, 78), SESSION_GRANTED);
}

static void an_ending_session_is_not_located_and_is_waited_for(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	assert_true(session_is_claimed(&f->table, {13, 0}));
	session_end(&f->table, {13, 0});
	assert_false(is_located(f, 13));
	assert_false(session_is_claimed(&f->table, {13, 0}));
	assert_int_equal(claim(f, 13, 78), SESSION_WAIT);
	assert_true(session_is_claimed(&f->table, {13, 0}));
	assert_int_equal(claim(f, 13, 79), SESSION_WAIT);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 0);
	session_release(&f->table, {13, 0});
	assert_int_equal(f->woken, 0);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
	assert_int_equal(claim(f, 13, 78), SESSION_GRANTED);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
}

static void the_last_hold_frees_the_place(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	session_end(&f->table, {13, 0});
	session_hold(&f->table, {13, 0});
	session_hold(&f->table, {13, 0});
	session_release(&f->table, {13, 0});
	session_release(&f->table, {13, 0});
	assert_int_equal(claim(f, 13, 78), SESSION_WAIT);
	session_release(&f->table, {13, 0});
	assert_int_equal(session_count(&f->table), 0);
	assert_int_equal(claim(f, 13, 78), SESSION_GRANTED);
}

static void a_release_too_many_takes_no_living_session(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	session_release(&f->table, {13, 0});
	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	session_release(&f->table, {13, 0});
	assert_true(is_located(f, 13));
	session_end(&f->table, {13, 0});
	session_end(&f->table, {13, 0});
	session_release(&f->table, {13, 0});
	assert_int_equal(session_count(&f->table), 0);
}

static void waiting_for_a_place_that_is_free_is_refused(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	const struct session_waiter waiter = {&f->loop, wake, f};
	cs_conn held = 0;

	assert_false(session_wait(&f->table, {13, 0}, 1, &waiter, &held));
	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	assert_true(session_wait(&f->table, {13, 0}, 1, &waiter, &held));
	session_end(&f->table, {13, 0});
	session_release(&f->table, {13, 0});
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 1);
}

/* Who was refused by one login must not wait for, and then replace, the next one. */
static void only_the_login_that_was_met_is_waited_for(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;
	cs_conn held = 0;

	assert_int_equal(session_claim(&f->table, {13, 0}, 77, 5, &waiter, &other), SESSION_GRANTED);
	assert_int_equal(session_claim(&f->table, {13, 0}, 78, 6, &waiter, &other), SESSION_TAKEN);
	assert_int_equal(other.generation, 5);
	assert_true(session_wait(&f->table, {13, 0}, 5, &waiter, &held));
	assert_int_equal(held, 77);
	session_end(&f->table, {13, 0});
	assert_true(session_wait(&f->table, {13, 0}, 5, &waiter, &held));
	assert_int_equal(held, 0);
	session_release(&f->table, {13, 0});
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
	assert_int_equal(session_reserve(&f->table, {13, 0}, 79, 7, &waiter, &other), SESSION_GRANTED);
	session_end_reservation(&f->table, {13, 0});
	assert_false(session_wait(&f->table, {13, 0}, 5, &waiter, &held));
	assert_int_equal(session_claim(&f->table, {13, 0}, 78, 6, &waiter, &other), SESSION_TAKEN);
	assert_int_equal(other.generation, 7);
	session_end(&f->table, {13, 0});
	session_release(&f->table, {13, 0});
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
}

static void a_reserved_place_is_no_session_until_it_is_settled(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	struct session_entry other;

	assert_int_equal(reserve(f, 13, 77), SESSION_GRANTED);
	assert_false(is_located(f, 13));
	assert_int_equal(session_count(&f->table), 1);
	assert_int_equal(claim(f, 13, 78), SESSION_WAIT);
	assert_int_equal(reserve(f, 13, 79), SESSION_WAIT);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 0);
	session_end_reservation(&f->table, {13, 0});
	assert_true(is_located(f, 13));
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
	assert_int_equal(claim(f, 13, 78, &other), SESSION_TAKEN);
	assert_int_equal(other.conn, 77);
	assert_int_equal(reserve(f, 13, 79), SESSION_TAKEN);
}

static void a_reserved_place_can_be_freed_without_having_been_a_session(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	session_end_reservation(&f->table, {13, 0});
	assert_int_equal(reserve(f, 13, 77), SESSION_GRANTED);
	assert_int_equal(reserve(f, 13, 78), SESSION_WAIT);
	session_release(&f->table, {13, 0});
	assert_int_equal(session_count(&f->table), 1);
	session_free(&f->table, {13, 0});
	assert_int_equal(session_count(&f->table), 0);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 1);
	assert_int_equal(reserve(f, 13, 78), SESSION_GRANTED);
}

static void nobody_gets_the_place_between_its_last_hold_and_its_end(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	cs_conn conn = 0;

	assert_int_equal(claim(f, 13, 77), SESSION_GRANTED);
	session_free(&f->table, {13, 0});
	assert_true(is_located(f, 13));
	session_end(&f->table, {13, 0});
	session_hold(&f->table, {13, 0});
	assert_false(session_drop(&f->table, {13, 0}, &conn));
	session_free(&f->table, {13, 0});
	assert_int_equal(session_count(&f->table), 1);
	assert_true(session_drop(&f->table, {13, 0}, &conn));
	assert_int_equal(conn, 77);
	assert_false(session_drop(&f->table, {13, 0}, &conn));
	assert_int_equal(claim(f, 13, 78), SESSION_WAIT);
	session_free(&f->table, {13, 0});
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 1);
	assert_int_equal(claim(f, 13, 78), SESSION_GRANTED);
}

/* ---- several threads: each holds a place for a moment and must be alone there */

static constexpr int threads = 4, rounds = 2000, accounts = 3;

struct player {
	struct session_table *table;
	struct loop loop;
	std::atomic<int> *inside;
	std::minstd_rand random;
	cs_conn conn = 0;
	int round = 0, granted = 0;
	bool was_alone = true, was_located = true;
	std::thread thread;
};

static void play(void *arg);

static void leave(struct player *p, cs_account account)
{
	cs_conn conn;

	p->was_located = p->was_located && session_locate(p->table, {account, 0}, &conn) && conn == p->conn;
	p->granted++;
	p->inside[account].fetch_sub(1);
	session_end(p->table, {account, 0});
	session_hold(p->table, {account, 0});
	session_release(p->table, {account, 0});
	session_release(p->table, {account, 0});
	p->round++;
	loop_post(&p->loop, play, p);
}

/* Some places become sessions by way of a reservation, some reservations come to nothing. */
static void play_granted(struct player *p, cs_account account, bool was_reserved)
{
	p->was_alone = p->was_alone && p->inside[account].fetch_add(1) == 0;
	if (was_reserved && p->random() % 2 == 0) {
		p->inside[account].fetch_sub(1);
		session_free(p->table, {account, 0});
		loop_post(&p->loop, play, p);
		return;
	}
	if (was_reserved)
		session_end_reservation(p->table, {account, 0});
	leave(p, account);
}

static void play(void *arg)
{
	auto *p = static_cast<struct player *>(arg);
	const bool reserves = p->random() % 2 == 0;
	const struct session_waiter waiter = {&p->loop, play, p};
	const cs_account account = static_cast<cs_account>(p->round % accounts);
	struct session_entry other;
	cs_conn held = 0;

	if (p->round == rounds) {
		loop_stop(&p->loop);
		return;
	}
	const auto take = reserves ? session_reserve : session_claim;

	switch (take(p->table, {account, 0}, p->conn, 1, &waiter, &other)) {
	case SESSION_GRANTED: play_granted(p, account, reserves); break;
	case SESSION_TAKEN:
		if (!session_wait(p->table, {account, 0}, 1, &waiter, &held))
			loop_post(&p->loop, play, p);
		break;
	case SESSION_WAIT: break;
	case SESSION_FULL: abort(); /* there is one device */
	}
}

static void threads_that_want_one_place_get_it_one_after_the_other(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	std::atomic<int> inside[accounts] = {};
	std::vector<std::unique_ptr<struct player>> players;
	struct cs_error e;

	for (int i = 0; i < threads; i++) {
		players.push_back(std::make_unique<struct player>());
		struct player *p = players.back().get();

		p->table = &f->table;
		p->inside = inside;
		p->conn = static_cast<cs_conn>(i) + 1;
		p->random.seed(static_cast<unsigned>(i) + 1);
		assert_int_equal(loop_open(&p->loop, &e), 0);
		loop_post(&p->loop, play, p);
	}
	for (const auto &p : players)
		p->thread = std::thread(loop_run, &p->loop);
	for (const auto &p : players) {
		p->thread.join();
		assert_true(p->was_alone);
		assert_true(p->was_located);
		assert_int_equal(p->granted, rounds);
	}
	assert_int_equal(session_count(&f->table), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void who_waits_for_a_session_is_woken_when_it_is_proved(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;
	cs_conn held = 0;

	session_prove(&f->table, {7, 0}, 5); /* nobody is there */
	session_rouse(&f->table, {7, 0});
	assert_int_equal(session_proved_ms(&f->table, {7, 0}), 0);
	assert_int_equal(claim(f, 7, 1), SESSION_GRANTED);
	assert_int_equal(claim(f, 7, 2, &other), SESSION_TAKEN);
	assert_int_equal(other.proved_ms, 0);
	assert_true(session_wait(&f->table, {7, 0}, 1, &waiter, &held));
	session_prove(&f->table, {7, 0}, 5);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 1);
	assert_int_equal(claim(f, 7, 2, &other), SESSION_TAKEN);
	assert_int_equal(other.proved_ms, 5);
	assert_true(session_wait(&f->table, {7, 0}, 1, &waiter, &held));
	session_rouse(&f->table, {7, 0});
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
	assert_int_equal(session_proved_ms(&f->table, {7, 0}), 5);
	session_end(&f->table, {7, 0});
	session_release(&f->table, {7, 0});
	assert_int_equal(claim(f, 7, 3), SESSION_GRANTED);
	assert_int_equal(session_proved_ms(&f->table, {7, 0}), 0);
}

static void who_waits_for_a_reserved_or_an_ending_place_sleeps_on(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	assert_int_equal(reserve(f, 7, 1), SESSION_GRANTED);
	assert_int_equal(claim(f, 7, 2), SESSION_WAIT);
	session_prove(&f->table, {7, 0}, 5);
	assert_int_equal(session_proved_ms(&f->table, {7, 0}), 5);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 0);
	session_end_reservation(&f->table, {7, 0});
	session_end(&f->table, {7, 0});
	assert_int_equal(claim(f, 7, 3), SESSION_WAIT);
	session_prove(&f->table, {7, 0}, 6);
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 1);
	session_release(&f->table, {7, 0});
	loop_drain(&f->loop);
	assert_int_equal(f->woken, 2);
}

static void each_device_has_a_place_of_its_own(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;
	struct session_places places;

	assert_int_equal(session_claim(&f->table, {7, 0}, 70, 1, &waiter, &other), SESSION_GRANTED);
	assert_int_equal(session_claim(&f->table, {7, 1}, 71, 1, &waiter, &other), SESSION_GRANTED);
	assert_int_equal(session_claim(&f->table, {7, 1}, 72, 1, &waiter, &other), SESSION_TAKEN);
	assert_int_equal(other.conn, 71);
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_int_equal(places.count, 2);
	session_end(&f->table, {7, 0});
	assert_false(is_located(f, 7));
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_int_equal(places.count, 1);
	assert_int_equal(places.list[0].conn, 71);
	assert_int_equal(places.list[0].device, 1);
	assert_false(session_locate_all(&f->table, 7, 0, &places));
	assert_true(session_locate_all(&f->table, 7, 1, &places));
	session_release(&f->table, {7, 0});
	assert_int_equal(session_count(&f->table), 1);
}

static void an_account_is_alone_if_all_its_sessions_are(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;
	struct session_places places;

	assert_int_equal(session_claim(&f->table, {7, 0}, 70, 1, &waiter, &other), SESSION_GRANTED);
	assert_int_equal(session_claim(&f->table, {7, 1}, 71, 1, &waiter, &other), SESSION_GRANTED);
	assert_false(session_set_alone(&f->table, {7, 0}, 70, true));
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_false(places.alone);
	assert_false(session_set_alone(&f->table, {7, 1}, 99, true)); /* of an earlier session */
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_false(places.alone);
	assert_false(session_set_alone(&f->table, {7, 1}, 71, true));
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_true(places.alone);
}

static void an_account_stops_being_alone_once(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	const struct session_waiter waiter = {&f->loop, wake, f};
	struct session_entry other;
	struct session_places places;

	for (uint64_t device = 0; device < 2; device++) {
		assert_int_equal(session_claim(&f->table, {7, device}, 70 + device, 1, &waiter, &other),
		                 SESSION_GRANTED);
		assert_false(session_set_alone(&f->table, {7, device}, 70 + device, true));
	}
	assert_true(session_set_alone(&f->table, {7, 0}, 70, false));
	assert_false(session_set_alone(&f->table, {7, 0}, 70, false));
	assert_false(session_set_alone(&f->table, {7, 1}, 71, false));
	/* One of them is told that it is alone again: the account is not, until the other is told too. */
	assert_false(session_set_alone(&f->table, {7, 0}, 70, true));
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_false(places.alone);
	assert_false(session_set_alone(&f->table, {7, 1}, 71, true));
	/* What the bus says of a place that is only reserved is so for the sessions, too. */
	assert_int_equal(session_reserve(&f->table, {7, 2}, 72, 1, &waiter, &other), SESSION_GRANTED);
	assert_true(session_set_alone(&f->table, {7, 2}, 72, false));
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_false(places.alone);
	assert_false(session_set_alone(&f->table, {7, 0}, 70, false));
}

/* What was routed to it just now has not gone to the session of the other node. */
static void a_session_that_is_ending_stops_being_alone_like_any_other(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	assert_int_equal(claim(f, 7, 70), SESSION_GRANTED);
	assert_false(session_set_alone(&f->table, {7, 0}, 70, true));
	session_end(&f->table, {7, 0});
	assert_true(session_set_alone(&f->table, {7, 0}, 70, false));
	session_release(&f->table, {7, 0});
	/* To a place that is only reserved nothing is routed. */
	assert_int_equal(reserve(f, 7, 71), SESSION_GRANTED);
	assert_false(session_set_alone(&f->table, {7, 0}, 71, true));
	assert_false(session_set_alone(&f->table, {7, 0}, 71, false));
}

static void an_account_has_not_more_places_than_can_be_told(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	struct session_entry other;
	struct session_places places;

	for (uint64_t device = 0; device < session_most; device++)
		assert_int_equal(session_claim(&f->table, {7, device}, device + 1, 1, nullptr, &other),
		                 SESSION_GRANTED);
	assert_int_equal(session_claim(&f->table, {7, session_most}, 99, 1, nullptr, &other), SESSION_FULL);
	assert_int_equal(session_claim(&f->table, {8, session_most}, 99, 1, nullptr, &other), SESSION_GRANTED);
	assert_true(session_locate_all(&f->table, 7, CS_EVERY_DEVICE, &places));
	assert_int_equal(places.count, session_most);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(each_device_has_a_place_of_its_own),
		TEST(an_account_is_alone_if_all_its_sessions_are),
		TEST(an_account_stops_being_alone_once),
		TEST(a_session_that_is_ending_stops_being_alone_like_any_other),
		TEST(an_account_has_not_more_places_than_can_be_told),
		TEST(a_free_place_is_granted_and_located),
		TEST(a_taken_place_names_its_holder),
		TEST(an_ending_session_is_not_located_and_is_waited_for),
		TEST(the_last_hold_frees_the_place),
		TEST(a_release_too_many_takes_no_living_session),
		TEST(waiting_for_a_place_that_is_free_is_refused),
		TEST(only_the_login_that_was_met_is_waited_for),
		TEST(a_reserved_place_is_no_session_until_it_is_settled),
		TEST(a_reserved_place_can_be_freed_without_having_been_a_session),
		TEST(nobody_gets_the_place_between_its_last_hold_and_its_end),
		TEST(who_waits_for_a_session_is_woken_when_it_is_proved),
		TEST(who_waits_for_a_reserved_or_an_ending_place_sleeps_on),
		TEST(threads_that_want_one_place_get_it_one_after_the_other),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
