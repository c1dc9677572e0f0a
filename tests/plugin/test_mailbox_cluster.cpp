/* SPDX-License-Identifier: MIT
 * Tests the mailbox between nodes: hints that overtake each other, that get lost with the bus, or that go to a session
 * that has ended. test_mailbox_schedule.cpp tests random orders of these. */
#include "mailbox_stage.h"

#include "plugins/mailbox/hint.h"
#include "tests/support/parcel.h"

/* Every conversation but one's own has one more message that nobody was told of. */
static void store_unseen(stage *st, uint64_t last)
{
	for (uint64_t account = 2; account <= last; account++)
		memory_log_append_pair(&st->log, 1, account, stage_body(1, account), ++fake_clock);
}

/* Accounts 1 to last, on the workers of one node in turn. */
static void crowd(stage *st, unsigned first_worker, unsigned workers, uint64_t last)
{
	st->log.accounts = last;
	for (uint64_t account = 1; account <= last; account++)
		stage_login(st, first_worker + static_cast<unsigned>(account % workers), account);
}

static size_t count_seen(const stage *st)
{
	size_t frames = 0;

	for (const auto &[conn, seen] : st->seen)
		frames += seen.size();
	return frames;
}

static void a_message_reaches_its_receiver_on_another_node(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 3, 2);
	stage_chat(st, ann, 2, 1);
	stage_chat(st, bob, 1, 2);
	stage_say(st, ann, 2, 3);
	assert_string_equal(stage_seen(st, bob).c_str(), "1 3");
	assert_string_equal(stage_seen(st, ann).c_str(), "2");
}

/* The hints of a group's two senders come from two nodes. */
static void hints_that_overtake_each_other_cost_no_read(void **state)
{
	stage *st = stage_open_nodes(state, 3, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2), carl = stage_login(st, 2, 3);
	stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, 1, nullptr);
	world_advance(&st->w, 100);
	st->w.hold_arrivals = true;
	const size_t reads = stage_reads(st);
	for (uint64_t n = 2; n <= 9; n++)
		stage_say_as(st, n % 2 ? ann : bob, CS_CONVERSATION_GROUP, group, n, nullptr);
	while (world_step_bus_arrive(&st->w, 2, 1))
		;
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, carl).c_str(), "1 2");
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, carl).c_str(), stage_up_to(9).c_str());
	assert_string_equal(stage_seqs(st, carl).c_str(), stage_up_to(9).c_str());
	assert_int_equal(stage_reads(st), reads);
	world_advance(&st->w, 100);
	assert_int_equal(stage_reads(st), reads);
}

static void a_lost_bus_is_swept_for_and_a_bus_that_is_back_makes_everybody_look(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2, {0, 2000, 250});

	crowd(st, 0, 2, 1000);
	const size_t reads = stage_reads(st);
	store_unseen(st, 1000);
	world_advance(&st->w, 60000);
	assert_int_equal(count_seen(st), 0); /* nobody asked for it */
	world_bus_lose(&st->w, 0);
	world_advance(&st->w, 3500);
	assert_int_equal(count_seen(st), 999);
	/* One per 64 accounts, and each session's own. */
	assert_true(stage_reads(st) - reads < 999 + 100);
	store_unseen(st, 1000);
	world_advance(&st->w, 4000);
	assert_int_equal(count_seen(st), 2 * 999);
	world_bus_find(&st->w, 0);
	world_advance(&st->w, 3000);
	store_unseen(st, 1000);
	world_advance(&st->w, 60000);
	assert_int_equal(count_seen(st), 2 * 999);
}

static void with_both_sweeps_off_a_bus_that_is_back_still_makes_everybody_look_once(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2);

	crowd(st, 0, 2, 500);
	world_bus_lose(&st->w, 0);
	store_unseen(st, 500);
	world_advance(&st->w, 60000);
	assert_int_equal(count_seen(st), 0);
	world_bus_find(&st->w, 0);
	world_advance(&st->w, 2500);
	assert_int_equal(count_seen(st), 499);
	const size_t reads = stage_reads(st);
	world_advance(&st->w, 60000);
	assert_int_equal(stage_reads(st), reads);
}

static void what_is_missed_while_everybody_looks_is_looked_for_again(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2);

	crowd(st, 0, 2, 500);
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 700); /* in the middle of the round */
	store_unseen(st, 500);
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 4000);
	assert_int_equal(count_seen(st), 499);
}

static void hints_that_are_lost_all_the_time_do_not_make_everybody_look_every_second(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2);

	crowd(st, 0, 2, 500);
	const size_t before = stage_reads(st);
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 4000);
	const size_t once = stage_reads(st) - before;

	for (int i = 0; i < 26; i++) {
		world_bus_bury(&st->w, 1);
		world_advance(&st->w, 1000);
	}
	/* After 0, 1, 3, 7, 15 and 23 s. */
	assert_int_equal(stage_reads(st) - before - once, 6 * once);
	store_unseen(st, 500);
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 9500);
	assert_int_equal(count_seen(st), 499);
	world_advance(&st->w, 20000);
	store_unseen(st, 500);
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 2500);
	assert_int_equal(count_seen(st), 2 * 499);
}

static void hints_that_are_lost_all_the_time_delay_no_usual_sweep(void **state)
{
	stage *st = stage_open_nodes(state, 2, 2, {0, 2000, 250});

	crowd(st, 0, 2, 500);
	for (int i = 0; i < 24; i++) {
		world_bus_bury(&st->w, 1);
		world_advance(&st->w, 1000);
	}
	store_unseen(st, 500);
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 3500);
	assert_int_equal(count_seen(st), 499);
}

static void a_store_that_fails_only_delays_the_look(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);

	crowd(st, 0, 1, 100);
	store_unseen(st, 100);
	stage_fail(st, FAKE_READ, {CS_ENOSTORE, CS_ENOSTORE, CS_ENOSTORE});
	world_bus_bury(&st->w, 1);
	world_advance(&st->w, 5000);
	assert_int_equal(count_seen(st), 99);
}

/* Account 2 has come to node 1 while that one had no bus; node 0 has not heard yet that its session is over. */
static void a_session_that_was_replaced_sends_the_other_one_to_look(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const cs_conn ann = stage_login(st, 0, 1), before = stage_login(st, 0, 2, true);
	world_bus_lose(&st->w, 1);
	const cs_conn after = stage_login(st, 1, 2, true);
	st->w.hold_arrivals = true;
	world_bus_find(&st->w, 1);
	world_settle(&st->w);
	world_advance(&st->w, 5000); /* node 1 has looked, in vain */
	stage_say(st, ann, 2, 1);
	assert_string_equal(stage_seen(st, before).c_str(), "1");
	assert_string_equal(stage_seen(st, after).c_str(), "");
	while (world_step_bus_arrive(&st->w, 0, 1))
		world_settle(&st->w);
	assert_false(world_conn_of(&st->w, before)->at->open);
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	world_advance(&st->w, 100);
	assert_string_equal(stage_seen(st, after).c_str(), "1");
}

static void the_next_session_does_not_overtake_what_the_last_one_sent(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	st->w.hold_writes = true;
	stage_say(st, ann, 2, 1);
	world_kill(&st->w, ann);
	const cs_conn again = world_connect(&st->w, 1);
	world_login(&st->w, again, 1, false);
	world_settle(&st->w);
	world_advance(&st->w, 1000);
	assert_int_equal(world_conn_of(&st->w, again)->phase, WORLD_LOGGING_IN);
	st->w.hold_writes = false;
	world_advance(&st->w, 1000);
	assert_int_equal(world_conn_of(&st->w, again)->phase, WORLD_IN);
	stage_say(st, again, 2, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2");
}

/* ---- odd hints */

/* From another node. */
static void bring(stage *st, cs_conn conn, cs_account account, const mailbox_hint &hint, size_t size)
{
	const text_parcel p("{}", {reinterpret_cast<const char *>(&hint), size});

	cs_plugin.routed(fake_self_state(st->w.workers[0]), conn, account, &p.parcel);
}

static void hints_that_cannot_be_read_are_dropped_and_swept_for(void **state)
{
	stage *st = stage_open(state, 1, {30000, 0, 250});
	mailbox_hint hint = {};

	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 0, 2);
	hint.type = MAILBOX_HINT_STORED;
	hint.of = hint.sender = 9;
	hint.conversation = hint.seq = 1;
	for (const cs_conn conn : {ann, bob}) {
		const cs_account account = conn == ann ? 1 : 2;

		memory_log_append_pair(&st->log, 9, account, stage_body(9, 1), ++fake_clock);
		bring(st, conn, account, hint, sizeof(hint) - 8);
		bring(st, conn, account, hint, 0);
	}
	bring(st, bob, 2, hint, sizeof(hint));
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, ann).c_str(), "");
	assert_string_equal(stage_seen(st, bob).c_str(), "1");
	world_advance(&st->w, 60000);
	assert_string_equal(stage_seen(st, ann).c_str(), "1");
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_reaches_its_receiver_on_another_node),
		TEST(hints_that_overtake_each_other_cost_no_read),
		TEST(a_lost_bus_is_swept_for_and_a_bus_that_is_back_makes_everybody_look),
		TEST(with_both_sweeps_off_a_bus_that_is_back_still_makes_everybody_look_once),
		TEST(what_is_missed_while_everybody_looks_is_looked_for_again),
		TEST(hints_that_are_lost_all_the_time_do_not_make_everybody_look_every_second),
		TEST(hints_that_are_lost_all_the_time_delay_no_usual_sweep),
		TEST(a_store_that_fails_only_delays_the_look),
		TEST(a_session_that_was_replaced_sends_the_other_one_to_look),
		TEST(the_next_session_does_not_overtake_what_the_last_one_sent),
		TEST(hints_that_cannot_be_read_are_dropped_and_swept_for),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
