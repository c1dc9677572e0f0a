/* SPDX-License-Identifier: MIT
 * Tests catching up: first pages, pace, the sweep. */
#include "mailbox_stage.h"

/* ---- the first page and its pace */

static void what_was_kept_comes_as_one_page_of_200_and_the_rest_after_it(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 500);
	const cs_conn bob = stage_login(st, 0, 2);
	assert_int_equal(world_conn_of(&st->w, bob)->page_count, 200);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(500).c_str());
	assert_int_equal(stage_reads(st), 3);
}

static void a_page_holds_at_most_256_KiB(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 60, 10000);
	const cs_conn bob = stage_login(st, 0, 2);
	const world_conn *c = world_conn_of(&st->w, bob);
	assert_int_equal(c->page_count, 26);
	assert_true(c->page_bytes <= 256 * 1024);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(60).c_str());
}

/* The end of a conversation needs no look of its own. */
static void what_fits_one_read_is_read_once(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 49);
	const cs_conn bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), stage_up_to(49).c_str());
	assert_int_equal(st->log.row_statements, 1);
	const cs_conn carl = stage_login(st, 0, 3), ann = stage_login(st, 0, 1);
	memory_log_append_pair(&st->log, 1, 3, stage_body(1, 1), ++fake_clock);
	stage_say(st, ann, 3, 2);
	assert_string_equal(stage_seen(st, carl).c_str(), "1 2");
	/* Bob's, ann's own ones when she came, carl's, and ann's own ones again. */
	assert_int_equal(st->log.row_statements, 4);
}

static void a_page_is_in_the_order_in_which_messages_were_sent(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	for (uint64_t n = 1; n <= 90; n++) {
		const uint64_t from = n % 7 ? 1 : 3;

		if (n % 3 == 0)
			memory_log_append_group(&st->log, from, group, stage_body(from, n), ++fake_clock);
		else
			memory_log_append_pair(&st->log, from, 2, stage_body(from, n), ++fake_clock);
	}
	const cs_conn bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), stage_up_to(90).c_str());
}

static void many_conversations_with_news_are_all_read(void **state)
{
	stage *st = stage_open(state, 1);

	st->log.accounts = 1000;
	for (uint64_t from = 101; from <= 400; from++)
		for (int i = 0; i < 3; i++)
			memory_log_append_pair(&st->log, from, 2, stage_body(from, 1), ++fake_clock);
	const cs_conn bob = stage_login(st, 0, 2);
	assert_int_equal(st->seen[bob].size(), 900);
}

static void ones_own_messages_are_passed_over_and_count_as_received(void **state)
{
	stage *st = stage_open(state, 1);

	for (uint64_t n = 1; n <= 3000; n++)
		memory_log_append_pair(&st->log, n % 1000 ? 2 : 1, n % 1000 ? 1 : 2, stage_body(n % 1000 ? 2 : 1, n),
		                       ++fake_clock);
	const cs_conn bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1000 2000 3000");
	world_advance(&st->w, 1000);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 3000);
}

/* R2: the place is claimed before the log is read. */
static void messages_of_the_moment_of_login_are_delivered_once(void **state)
{
	for (int when = 0; when < 4; when++) {
		stage *st = stage_open(state, 2);
		const uint64_t group = memory_log_add_group(&st->log, {1, 2});
		stage_keep(st, 2);
		const cs_conn ann = stage_login(st, 0, 1), bob = world_connect(&st->w, 1);
		st->w.hold_reads = when == 0;
		st->w.hold_read_results = when == 1;
		st->w.hold_commits = when == 2;
		world_conn_of(&st->w, bob)->stuck = when == 3;
		stage_chat(st, ann, 2, 3);
		stage_chat_as(st, ann, CS_CONVERSATION_GROUP, group, 11, nullptr);
		world_login(&st->w, bob, 2, false);
		world_settle(&st->w);
		stage_chat(st, ann, 2, 4);
		stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, 12, nullptr);
		st->w.hold_reads = st->w.hold_read_results = st->w.hold_commits = false;
		world_conn_of(&st->w, bob)->stuck = false;
		world_settle(&st->w);
		assert_int_equal(st->seen[bob].size(), 6);
		uint64_t pair = 0, talk = 10;
		for (const stage_frame &frame : st->seen[bob])
			assert_int_equal(frame.n, frame.n > 10 ? ++talk : ++pair);
		stage_teardown(state);
	}
}

static void nothing_is_read_while_the_output_waits(void **state)
{
	stage *st = stage_open(state, 2);

	stage_keep(st, 2000, 1000);
	const cs_conn ann = stage_login(st, 0, 1), bob = world_connect(&st->w, 1);
	world_conn_of(&st->w, bob)->stuck = true;
	world_login(&st->w, bob, 2, false);
	world_settle(&st->w);
	const size_t reads = stage_reads(st);
	for (uint64_t n = 2001; n <= 2100; n++)
		stage_say(st, ann, 2, n);
	assert_int_equal(stage_reads(st), reads);
	world_conn_of(&st->w, bob)->stuck = false;
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(2100).c_str());
	assert_true(world_conn_of(&st->w, bob)->most_unsent <= st->w.host->soft_mark + 256 * 1024 + 16 * 1024);
}

static void a_live_reader_that_stops_reading_holds_little_memory(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	world_conn_of(&st->w, bob)->stuck = true;
	for (uint64_t n = 2; n <= 3000; n++) {
		stage_chat(st, ann, 2, n);
		if (n % 100 == 0)
			world_settle(&st->w);
	}
	assert_true(world_unsent(world_conn_of(&st->w, bob)) <= st->w.host->soft_mark + 1024);
	world_conn_of(&st->w, bob)->stuck = false;
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(3000).c_str());
}

/* ---- the sweep */

static void the_sweep_finds_what_a_lost_hint_left(void **state)
{
	stage *st = stage_open(state, 2, {30000, 0, 250});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	st->w.host->losses = 2;
	stage_say(st, ann, 2, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "1");
	world_advance(&st->w, 35000);
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2");
}

static void the_sweep_looks_at_every_session_once_per_period(void **state)
{
	stage *st = stage_open(state, 1, {30000, 0, 250});

	st->log.accounts = 200;
	for (uint64_t account = 1; account <= 100; account++)
		stage_login(st, 0, account);
	for (uint64_t account = 2; account <= 100; account++)
		memory_log_append_pair(&st->log, 1, account, stage_body(1, account), ++fake_clock);
	const size_t reads = stage_reads(st);
	world_advance(&st->w, 32000);
	for (const auto &[conn, c] : st->w.conns)
		assert_int_equal(st->seen[conn].size(), c.at->account != 1);
	assert_true(stage_reads(st) - reads <= 100 + 20);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_kept_comes_as_one_page_of_200_and_the_rest_after_it),
		TEST(a_page_holds_at_most_256_KiB),
		TEST(what_fits_one_read_is_read_once),
		TEST(a_page_is_in_the_order_in_which_messages_were_sent),
		TEST(many_conversations_with_news_are_all_read),
		TEST(ones_own_messages_are_passed_over_and_count_as_received),
		TEST(messages_of_the_moment_of_login_are_delivered_once),
		TEST(nothing_is_read_while_the_output_waits),
		TEST(a_live_reader_that_stops_reading_holds_little_memory),
		TEST(the_sweep_finds_what_a_lost_hint_left),
		TEST(the_sweep_looks_at_every_session_once_per_period),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
