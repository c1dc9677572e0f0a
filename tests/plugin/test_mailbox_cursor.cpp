/* SPDX-License-Identifier: MIT
 * Tests cursors: which messages count as received, and when the store is told, with and without confirmation. */
#include "mailbox_stage.h"

#include <chatserverd/msgid.h>

/* ---- cursors */

static void what_the_kernel_took_does_not_come_again(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 3);
	cs_conn bob = stage_login(st, 0, 2);
	world_kill(&st->w, bob);
	world_settle(&st->w);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 3);
	bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "");
}

static void what_the_kernel_did_not_take_comes_again(void **state)
{
	stage *st = stage_open(state, 2);

	stage_keep(st, 3);
	const cs_conn ann = stage_login(st, 0, 1);
	cs_conn bob = world_connect(&st->w, 1);
	world_conn_of(&st->w, bob)->stuck = true;
	world_login(&st->w, bob, 2, false);
	world_settle(&st->w);
	world_kill(&st->w, bob);
	world_settle(&st->w);
	bob = stage_login(st, 1, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2 3");
	world_conn_of(&st->w, bob)->stuck = true;
	stage_chat(st, ann, 2, 4);
	stage_say(st, ann, 2, 5);
	world_conn_of(&st->w, bob)->stuck = false;
	world_step_take(&st->w, bob, world_unsent(world_conn_of(&st->w, bob)) - 1);
	world_kill(&st->w, bob);
	world_settle(&st->w);
	bob = stage_login(st, 1, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), "5");
}

static void cursors_of_many_sessions_go_in_one_statement(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3, 4, 5});
	const cs_conn ann = stage_login(st, 0, 1);
	for (uint64_t account = 2; account <= 5; account++)
		stage_login(st, 0, account);
	for (uint64_t n = 1; n <= 20; n++)
		stage_chat_as(st, ann, CS_CONVERSATION_GROUP, group, n, nullptr);
	world_settle(&st->w);
	assert_int_equal(st->log.cursor_statements, 0);
	world_advance(&st->w, 250);
	assert_int_equal(st->log.cursor_statements, 1);
	for (uint64_t account = 1; account <= 5; account++)
		assert_int_equal(memory_log_cursor(&st->log, account, group), 20);
	world_advance(&st->w, 5000);
	assert_int_equal(st->log.cursor_statements, 1);
}

static void a_cursor_that_was_not_flushed_is_not_forgotten(void **state)
{
	stage *st = stage_open(state, 1);

	st->log.accounts = 500;
	cs_conn bob = stage_login(st, 0, 2);
	for (uint64_t from = 100; from < 300; from++)
		stage_say(st, stage_login(st, 0, from), 2, from);
	assert_int_equal(st->seen[bob].size(), 200);
	assert_int_equal(st->log.cursor_statements, 0);
	world_kill(&st->w, bob);
	world_settle(&st->w);
	bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "");
}

static void a_flush_that_fails_is_tried_again(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 3);
	stage_login(st, 0, 2);
	stage_fail(st, FAKE_BATCH, {CS_ENOSTORE, CS_ENOSTORE});
	world_advance(&st->w, 500);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 0);
	world_advance(&st->w, 500);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 3);
}

static void a_login_waits_for_the_last_flush_of_the_session_before_it(void **state)
{
	stage *st = stage_open(state, 2);

	stage_keep(st, 3);
	const cs_conn bob = stage_login(st, 0, 2), again = world_connect(&st->w, 1);
	st->w.hold_writes = true;
	world_kill(&st->w, bob);
	world_login(&st->w, again, 2, false);
	world_settle(&st->w);
	assert_int_equal(world_conn_of(&st->w, again)->phase, WORLD_LOGGING_IN);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(world_conn_of(&st->w, again)->phase, WORLD_IN);
	assert_string_equal(stage_seen(st, again).c_str(), "");
}

static void a_last_flush_that_fails_gives_up_the_place_too(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 3);
	cs_conn bob = stage_login(st, 0, 2);
	stage_fail(st, FAKE_BATCH, {CS_ENOSTORE});
	world_kill(&st->w, bob);
	world_settle(&st->w);
	bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2 3");
}

static void a_last_flush_waits_for_room_in_the_queue_but_not_for_ever(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 3);
	cs_conn bob = stage_login(st, 0, 2);
	st->w.host->full = {FAKE_BATCH};
	world_kill(&st->w, bob);
	world_settle(&st->w);
	st->w.host->full.clear();
	world_advance(&st->w, 300);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 3);
	bob = stage_login(st, 0, 2);
	stage_keep(st, 1);
	world_settle(&st->w);
	stage_say(st, bob, 1, 9);
	st->w.host->full = {FAKE_BATCH};
	world_kill(&st->w, bob);
	world_advance(&st->w, 60000);
	stage_login(st, 0, 2);
}

static void a_connection_can_log_in_again_as_somebody_else(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 2);
	const cs_conn ann = stage_login(st, 0, 1), conn = stage_login(st, 0, 2);
	world_logout(&st->w, conn);
	world_login(&st->w, conn, 3, false);
	world_settle(&st->w);
	stage_chat(st, ann, 2, 3);
	stage_say(st, ann, 3, 4);
	assert_string_equal(stage_seen(st, conn).c_str(), "1 2 4");
	world_logout(&st->w, conn);
	world_login(&st->w, conn, 2, false);
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, conn).c_str(), "1 2 4 3");
}

/* ---- confirmation */

static int64_t confirm(stage *st, cs_conn conn, uint64_t peer, uint64_t seq)
{
	world_delivered(&st->w, conn, CS_CONVERSATION_PAIR, peer, seq, ++st->last_req);
	world_settle(&st->w);
	return st->last_req;
}

static void at_most_256_frames_are_on_their_way_unconfirmed(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2, true);
	for (uint64_t n = 1; n <= 400; n++)
		stage_chat(st, ann, 2, n);
	world_settle(&st->w);
	assert_int_equal(st->seen[bob].size(), 256);
	assert_int_equal(stage_errno(st, confirm(st, bob, 1, 10)), 0);
	assert_int_equal(st->seen[bob].size(), 266);
	confirm(st, bob, 1, 266);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(400).c_str());
}

static void what_a_read_under_way_may_bring_counts_as_unconfirmed(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), carl = stage_login(st, 0, 3);
	const cs_conn bob = stage_login(st, 1, 2, true);
	stage_chat(st, ann, 2, 1);
	stage_say(st, carl, 2, 1);
	confirm(st, bob, 1, 1);
	confirm(st, bob, 3, 1);
	st->w.host->losses = 300; /* two for each message: to its receiver, to its sender */
	for (uint64_t n = 2; n <= 151; n++)
		stage_chat(st, ann, 2, n);
	world_settle(&st->w);
	assert_int_equal(st->w.host->losses, 0);
	st->w.hold_reads = true;
	stage_say(st, ann, 2, 152);
	world_advance(&st->w, 60); /* nobody waits any longer for the hints before it */
	for (uint64_t n = 2; n <= 201; n++)
		stage_chat(st, carl, 2, n);
	world_settle(&st->w);
	st->w.hold_reads = false;
	world_settle(&st->w);
	assert_int_equal(st->seen[bob].size(), 2 + 256);
	confirm(st, bob, 1, 152);
	confirm(st, bob, 3, 201);
	assert_int_equal(st->seen[bob].size(), 152 + 201);
}

static void the_first_page_counts_as_unconfirmed(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 500);
	const cs_conn bob = stage_login(st, 0, 2, true);
	assert_int_equal(st->seen[bob].size(), 256);
	confirm(st, bob, 1, 256);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(500).c_str());
}

static void what_was_not_confirmed_comes_again(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 5);
	cs_conn bob = stage_login(st, 0, 2, true);
	confirm(st, bob, 1, 2);
	world_kill(&st->w, bob);
	world_settle(&st->w);
	bob = stage_login(st, 0, 2, true);
	assert_string_equal(stage_seqs(st, bob).c_str(), "3 4 5");
}

static void a_client_can_confirm_what_an_earlier_connection_brought(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 600, 500);
	const cs_conn bob = world_connect(&st->w, 0);
	world_conn_of(&st->w, bob)->stuck = true;
	world_login(&st->w, bob, 2, true);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, confirm(st, bob, 1, 590)), 0);
	world_conn_of(&st->w, bob)->stuck = false;
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), (stage_up_to(200) + " " + stage_up_to(600, 591)).c_str());
	confirm(st, bob, 1, 600);
	world_advance(&st->w, 300);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 600);
}

static void delivered_above_the_last_is_a_bad_frame(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 5);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	const cs_conn bob = stage_login(st, 0, 2, true);
	assert_int_equal(stage_errno(st, confirm(st, bob, 1, 6)), CS_ERRNO_BAD_FRAME);
	assert_int_equal(stage_errno(st, confirm(st, bob, 1, 5)), 0);
	assert_int_equal(stage_errno(st, confirm(st, bob, 3, 1)), CS_ERRNO_NO_SUCH_USER);
	world_delivered(&st->w, bob, CS_CONVERSATION_GROUP, group, 1, ++st->last_req);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, st->last_req), CS_ERRNO_NOT_ALLOWED);
	world_delivered(&st->w, bob, CS_CONVERSATION_GROUP, 77, 1, ++st->last_req);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, st->last_req), CS_ERRNO_NO_SUCH_GROUP);
	world_advance(&st->w, 300);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 5);
	assert_int_equal(memory_log_cursor(&st->log, 2, group), 0);
}

static void ones_own_messages_count_once_those_before_them_are_confirmed(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 2);
	const cs_conn bob = stage_login(st, 0, 2, true);
	stage_say(st, bob, 1, 3);
	world_advance(&st->w, 300);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 0);
	confirm(st, bob, 1, 2);
	world_advance(&st->w, 300);
	assert_int_equal(memory_log_cursor(&st->log, 2, 1), 3);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_kernel_took_does_not_come_again),
		TEST(what_the_kernel_did_not_take_comes_again),
		TEST(cursors_of_many_sessions_go_in_one_statement),
		TEST(a_cursor_that_was_not_flushed_is_not_forgotten),
		TEST(a_flush_that_fails_is_tried_again),
		TEST(a_login_waits_for_the_last_flush_of_the_session_before_it),
		TEST(a_last_flush_that_fails_gives_up_the_place_too),
		TEST(a_last_flush_waits_for_room_in_the_queue_but_not_for_ever),
		TEST(a_connection_can_log_in_again_as_somebody_else),
		TEST(at_most_256_frames_are_on_their_way_unconfirmed),
		TEST(what_a_read_under_way_may_bring_counts_as_unconfirmed),
		TEST(the_first_page_counts_as_unconfirmed),
		TEST(what_was_not_confirmed_comes_again),
		TEST(a_client_can_confirm_what_an_earlier_connection_brought),
		TEST(delivered_above_the_last_is_a_bad_frame),
		TEST(ones_own_messages_count_once_those_before_them_are_confirmed),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
