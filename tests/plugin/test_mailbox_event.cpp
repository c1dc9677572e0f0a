/* SPDX-License-Identifier: MIT
 * Tests entries that are no messages: who gets them, what a session with echo gets, and how joining and leaving a group
 * reaches the sessions of the account. */
#include <chatserverd/msgid.h>

#include "mailbox_stage.h"
#include "tests/support/check.h"

static void say(stage *st, cs_conn conn, uint64_t group, uint64_t n)
{
	(void)stage_say_as(st, conn, CS_CONVERSATION_GROUP, group, n, nullptr);
}

/* Live, and by catch-up. */
static void an_event_goes_only_to_sessions_that_want_events(void **state)
{
	stage *st = stage_open(state, 2);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3, 4});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	cs_conn eve = stage_login_wanting(st, 1, 3, "event");

	say(st, ann, group, 1);
	const int64_t req = stage_do(st, ann, STAGE_NOTE, 1, group, 2);
	say(st, ann, group, 3);
	assert_string_equal(stage_answer(st, req).c_str(), ",\"seq\":2");
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 3");
	assert_string_equal(stage_seqs(st, eve).c_str(), "1 2 3");
	const std::string &event = st->seen[eve][1].text;
	assert_non_null(strstr(event.c_str(), ",\"name\":\"\",\"seq\":2,\"ts\":"));
	const cs_conn late = stage_login(st, 0, 4);
	assert_string_equal(stage_seqs(st, late).c_str(), "1 3");
	/* The cursor has passed over the event: nothing is left, also for a session that wants events. */
	const cs_conn again = stage_login_again(st, late, 1);
	assert_string_equal(stage_seqs(st, again).c_str(), "");
}

static void a_late_hint_waits_for_an_event_that_is_passed_over(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);

	say(st, ann, group, 1);
	(void)stage_do(st, ann, STAGE_NOTE, 1, group, 2);
	say(st, ann, group, 3);
	(void)stage_do(st, ann, STAGE_NOTE, 1, group, 4);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 3");
	world_advance(&st->w, 1000);
	assert_int_equal(memory_log_cursor(&st->log, 2, group), 4);
}

/* A session that wants echo is not sent what it sent itself; who comes back gets it. */
static void own_entries_are_brought_by_catch_up_and_not_to_the_session_that_sent_them(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	cs_conn ann = stage_login_wanting(st, 0, 1, "event echo", true);

	say(st, ann, group, 1);
	(void)stage_say(st, ann, 2, 2);
	(void)stage_do(st, ann, STAGE_NOTE, 1, group, 3);
	(void)stage_say(st, ann, 1, 4); /* a note to oneself goes to every session */
	assert_string_equal(stage_seen(st, ann).c_str(), "4");
	memory_log_append_group(&st->log, 1, group, stage_body(1, 5), ++fake_clock);
	world_kill(&st->w, ann);
	world_settle(&st->w);
	ann = stage_login_wanting(st, 0, 1, "echo");
	assert_non_null(strstr(stage_seen(st, ann).c_str(), "5"));
}

/* Another device has joined on another node, and the news of that has not come yet. */
static void an_own_entry_does_not_come_back_to_a_session_that_is_told_of_the_group_later(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	const cs_conn bob = stage_login_wanting(st, 0, 2, "event echo");

	memory_log_join(&st->log, group, 2,
	                memory_log_append_group(&st->log, 2, group, stage_body(2, 1), ++fake_clock));
	say(st, bob, group, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	say(st, bob, group, 3);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
}

/* From its JOIN on: on any worker, and what was said before this worker subscribed. */
static void a_new_member_gets_what_is_said_from_the_join_on(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	const cs_conn ann = stage_login_wanting(st, 0, 1, "event"), bob = stage_login(st, 1, 2);

	say(st, ann, group, 1);
	st->w.hold_arrivals = true;
	const int64_t req = stage_do(st, bob, STAGE_JOIN, 2, group, 2);
	say(st, ann, group, 3);
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	say(st, ann, group, 4);
	assert_string_equal(stage_answer(st, req).c_str(), ",\"seq\":2");
	assert_string_equal(stage_seqs(st, bob).c_str(), "3 4");
	assert_string_equal(stage_seqs(st, ann).c_str(), "2");
	assert_string_equal(stage_answer(st, stage_do(st, bob, STAGE_JOIN, 2, group, 5)).c_str(), "");
}

/* Nobody has told the member how much that was, so one full page is not the end of it. */
static void a_new_member_gets_all_that_was_said_since_the_join(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	const cs_conn bob = stage_login(st, 0, 2);

	st->w.hold_reads = true;
	(void)stage_do(st, bob, STAGE_JOIN, 2, group, 1);
	for (uint64_t n = 2; n <= 300; n++)
		memory_log_append_group(&st->log, 1, group, stage_body(1, n), ++fake_clock);
	st->w.hold_reads = false;
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, bob).c_str(), stage_up_to(300, 2).c_str());
}

/* The entry that removes it is the last; nothing comes later. Its DELIVERED is taken up to there. */
static void a_former_member_gets_everything_up_to_its_removal_and_no_more(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login_wanting(st, 1, 2, "event", true);

	say(st, ann, group, 1);
	(void)stage_do(st, ann, STAGE_LEAVE, 2, group, 2);
	(void)stage_do(st, ann, STAGE_LEAVE, 3, group, 3);
	say(st, ann, group, 4);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2");
	assert_true(stage_session(st, bob)->groups.empty());
	world_delivered(&st->w, bob, CS_CONVERSATION_GROUP, group, 2, ++st->last_req);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, st->last_req), 0);
	world_delivered(&st->w, bob, CS_CONVERSATION_GROUP, group, 3, ++st->last_req);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, st->last_req), CS_ERRNO_BAD_FRAME);
	/* One that was away gets it when it comes back. */
	const cs_conn eve = stage_login_wanting(st, 1, 3, "event");
	assert_string_equal(stage_seqs(st, eve).c_str(), "1 2 3");
	assert_true(stage_session(st, eve)->groups.empty());
	say(st, ann, group, 5);
	assert_string_equal(stage_seqs(st, eve).c_str(), "1 2 3");
}

static void who_joins_again_begins_there(void **state)
{
	stage *st = stage_open(state, 2);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login_wanting(st, 1, 2, "event");

	say(st, ann, group, 1);
	(void)stage_do(st, bob, STAGE_LEAVE, 2, group, 2);
	say(st, ann, group, 3);
	(void)stage_do(st, bob, STAGE_JOIN, 2, group, 4);
	say(st, ann, group, 5);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 5");
}

/* Bob is removed by ann; carl's node tells of the time after that. */
static void remove_and_join_again(stage *st, uint64_t group, cs_conn ann, cs_conn carl)
{
	say(st, ann, group, 1);
	st->w.hold_arrivals = true;
	say(st, ann, group, 2);
	(void)stage_do(st, ann, STAGE_LEAVE, 2, group, 3);
	say(st, carl, group, 4);
	(void)stage_do(st, carl, STAGE_JOIN, 2, group, 5);
	say(st, carl, group, 6);
}

/* The first membership is over: what came of it is not sent behind the second one. Nothing of the second is missed. */
static void who_hears_of_a_new_membership_before_the_end_of_the_old_one_begins_with_the_new_one(void **state)
{
	stage *st = stage_open_nodes(state, 3, 1);

	for (const bool both_before_the_read : {false, true}) {
		const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
		const cs_conn ann = stage_login(st, 0, 1), carl = stage_login(st, 1, 3),
			      bob = stage_login_wanting(st, 2, 2, "event");

		remove_and_join_again(st, group, ann, carl);
		st->w.hold_reads = both_before_the_read;
		while (world_step_bus_arrive(&st->w, 2, 1))
			;
		world_settle(&st->w);
		assert_string_equal(stage_seqs(st, bob).c_str(), both_before_the_read ? "1" : "1 5 6");
		st->w.hold_arrivals = false;
		world_settle(&st->w);
		st->w.hold_reads = false;
		world_settle(&st->w);
		assert_string_equal(stage_seqs(st, bob).c_str(), "1 5 6");
		say(st, ann, group, 7);
		say(st, carl, group, 8);
		world_advance(&st->w, 1000);
		assert_string_equal(stage_seqs(st, bob).c_str(), "1 5 6 7 8");
		assert_true(mailbox_session_is_in(stage_session(st, bob), group));
		for (const cs_conn conn : {ann, carl, bob})
			world_kill(&st->w, conn);
		world_settle(&st->w);
	}
}

/* It learns of the removal after the answer to its own JOIN. */
static void who_joins_again_before_it_hears_of_its_removal_is_told_of_it_no_more(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login_wanting(st, 1, 2, "event", true);

	say(st, ann, group, 1);
	st->w.hold_arrivals = true;
	say(st, ann, group, 2);
	(void)stage_do(st, ann, STAGE_LEAVE, 2, group, 3);
	assert_string_equal(stage_answer(st, stage_do(st, bob, STAGE_JOIN, 2, group, 4)).c_str(), ",\"seq\":4");
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	/* DELIVERED of what it was not sent is taken. */
	world_delivered(&st->w, bob, CS_CONVERSATION_GROUP, group, 3, ++st->last_req);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, st->last_req), 0);
	say(st, ann, group, 5);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 5");
	assert_string_equal(stage_seqs(st, stage_login_again(st, bob, 1)).c_str(), "5");
}

static void a_message_of_one_who_was_removed_meanwhile_brings_nothing_back(void **state)
{
	stage *st = stage_open(state, 2);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);

	(void)stage_chat_as(st, bob, CS_CONVERSATION_GROUP, group, 1, nullptr);
	(void)world_step_request(&st->w, bob);
	(void)stage_do(st, ann, STAGE_LEAVE, 2, group, 2);
	say(st, ann, group, 3);
	assert_string_equal(stage_seqs(st, bob).c_str(), "");
	assert_true(stage_session(st, bob)->groups.empty());
	assert_int_equal(stage_errno(st, stage_say_as(st, bob, CS_CONVERSATION_GROUP, group, 4, nullptr)),
	                 CS_ERRNO_NOT_ALLOWED);
}

/* What another process stores between the two statements of a read: bob is removed, and somebody speaks. */
static void remove_and_say(stage *st, uint64_t group)
{
	const uint64_t seq = st->log.conversations[group].messages.size() + 1;

	memory_log_leave(&st->log, group, 2, seq);
	for (uint64_t n = seq; n <= seq + 1; n++)
		memory_log_append_group(&st->log, 1, group, stage_body(1, n), ++fake_clock);
}

/* Of a live session, and of the first page. */
static void who_is_removed_during_a_read_is_not_sent_what_follows(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	cs_conn bob = stage_login(st, 0, 2);

	memory_log_append_group(&st->log, 1, group, stage_body(1, 1), ++fake_clock);
	st->log.before_rows = [=] {
		remove_and_say(st, group);
	};
	say(st, bob, group, 2);
	assert_true(!st->log.before_rows);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	say(st, stage_login(st, 0, 1), group, 5);
	world_advance(&st->w, 1000);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 3");
	assert_true(stage_session(st, bob)->groups.empty());
	world_kill(&st->w, bob);
	world_settle(&st->w);
	memory_log_join(&st->log, group, 2, 6);
	for (uint64_t n = 6; n <= 7; n++)
		memory_log_append_group(&st->log, 1, group, stage_body(1, n), ++fake_clock);
	st->log.before_rows = [=] {
		remove_and_say(st, group);
	};
	bob = stage_login(st, 0, 2);
	assert_true(!st->log.before_rows);
	assert_string_equal(stage_seqs(st, bob).c_str(), "6 7");
}

/* Retention has removed the entry that ended the membership, and all before it. */
static void who_was_removed_so_long_ago_that_nothing_tells_of_it_is_in_no_index(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});

	for (uint64_t n = 1; n <= 5; n++)
		memory_log_append_group(&st->log, 1, group, stage_body(1, n), ++fake_clock);
	memory_log_leave(&st->log, group, 2, 3);
	memory_log_purge(&st->log, group, 4);
	const cs_conn bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), "");
	assert_true(stage_session(st, bob)->groups.empty());
	world_advance(&st->w, 1000);
	assert_int_equal(memory_log_cursor(&st->log, 2, group), 3);
}

static void entries_that_retention_removed_are_passed_over(void **state)
{
	stage *st = stage_open(state, 1);

	stage_keep(st, 300);
	memory_log_purge(&st->log, memory_log_pair(&st->log, 1, 2), 100);
	cs_conn bob = stage_login(st, 0, 2);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(300, 101).c_str());
	(void)stage_say(st, stage_login(st, 0, 1), 2, 301);
	assert_string_equal(stage_seqs(st, bob).c_str(), stage_up_to(301, 101).c_str());
}

/* The client can know the seq of the removal from another device. */
static void who_confirms_its_removal_before_the_hint_of_it_comes_is_sent_nothing_more(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);

	say(st, ann, group, 1);
	st->w.hold_arrivals = true;
	(void)stage_do(st, ann, STAGE_LEAVE, 2, group, 2);
	world_delivered(&st->w, bob, CS_CONVERSATION_GROUP, group, 2, ++st->last_req);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, st->last_req), 0);
	assert_true(stage_session(st, bob)->groups.empty());
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	say(st, ann, group, 3);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
}

/* It has the entry, and nobody told it that this is the last. */
static void a_hint_of_the_end_makes_a_session_leave_that_has_the_entry_already(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	const mailbox_key key = mailbox_key_of(CS_CONVERSATION_GROUP, group);

	say(st, ann, group, 1);
	st->w.hold_arrivals = true;
	(void)stage_do(st, ann, STAGE_LEAVE, 2, group, 2);
	mailbox_view_find(stage_session(st, bob), key)->incoming.sent = 2;
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	assert_true(stage_session(st, bob)->groups.empty());
	say(st, ann, group, 3);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
}

/* What the connection sent as another account is not its own. */
static void who_logs_in_on_the_connection_of_the_sender_gets_the_message(void **state)
{
	stage *st = stage_open(state, 1);
	const cs_conn conn = stage_login(st, 0, 1);

	st->w.hold_writes = true;
	(void)stage_chat(st, conn, 2, 1);
	world_settle(&st->w);
	world_logout(&st->w, conn);
	world_settle(&st->w);
	st->w.hold_read_results = true;
	world_conn_of(&st->w, conn)->want = stage_want(st, "echo");
	world_login(&st->w, conn, 2, false);
	world_settle(&st->w);
	st->w.hold_writes = false;
	world_settle(&st->w);
	st->w.hold_read_results = false;
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, conn).c_str(), "1");
}

/* While the store cannot be read, a session notes only so many. */
static void a_session_notes_a_bounded_number_of_its_own_entries(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login_wanting(st, 0, 1, "echo");

	memory_log_append_group(&st->log, 2, group, stage_body(2, 1), ++fake_clock);
	st->w.hold_reads = true;
	for (uint64_t n = 2; n <= mailbox_views_mine_at_most + 11; n++)
		say(st, ann, group, n);
	assert_int_equal(stage_session(st, ann)->views->mine.size(), mailbox_views_mine_at_most);
	st->w.hold_reads = false;
	world_settle(&st->w);
	assert_int_equal(stage_session(st, ann)->views->mine.size(), 0);
	assert_string_equal(
		stage_seen(st, ann).c_str(),
		("1 " + stage_up_to(mailbox_views_mine_at_most + 11, mailbox_views_mine_at_most + 2)).c_str());
}

/* The session has no view of the group, because nothing of it was new at its login. */
static void a_late_hint_of_a_join_sends_nothing_again(void **state)
{
	stage *st = stage_open_nodes(state, 2, 1);
	const uint64_t group = memory_log_add_group(&st->log, {1});
	const cs_conn ann = stage_login(st, 0, 1), eve = stage_login(st, 1, 3);

	st->w.hold_arrivals = true;
	(void)stage_do(st, ann, STAGE_JOIN, 2, group, 1);
	(void)stage_do(st, ann, STAGE_JOIN, 3, group, 2);
	for (uint64_t n = 3; n <= 5; n++)
		say(st, ann, group, n);
	st->log.cursors[{2, group}] = 5;
	const cs_conn bob = stage_login(st, 1, 2);
	st->w.hold_arrivals = false;
	world_settle(&st->w);
	say(st, ann, group, 6);
	assert_string_equal(stage_seqs(st, bob).c_str(), "6");
	assert_string_equal(stage_seqs(st, eve).c_str(), "3 4 5 6");
}

/* The first commit had an unknown outcome, and no hint. */
static void a_repeated_message_is_told_to_the_other_devices_of_its_sender(void **state)
{
	stage *st = stage_open(state, 1);
	const cs_conn ann = stage_login_wanting(st, 0, 1, "echo"), bob = stage_login(st, 0, 2),
		      phone = world_connect(&st->w, 0);

	st->w.host->unknown_outcomes = true;
	world_conn_of(&st->w, phone)->want = stage_want(st, "echo");
	world_conn_of(&st->w, phone)->device = 7;
	world_login(&st->w, phone, 1, false);
	(void)stage_say(st, ann, 2, 1);
	st->w.host->losses = 9; /* of the hints */
	(void)stage_say_as(st, ann, CS_CONVERSATION_PAIR, 2, 2, "a");
	assert_string_equal(stage_seen(st, phone).c_str(), "1");
	st->w.host->losses = 0;
	(void)stage_say_as(st, ann, CS_CONVERSATION_PAIR, 2, 2, "a");
	for (const cs_conn conn : {bob, phone})
		assert_string_equal(stage_seen(st, conn).c_str(), "1 2");
	assert_string_equal(stage_seen(st, ann).c_str(), "");
}

/* The first commit had an unknown outcome, and no hint; the sender asks again. The refusal names the group. */
static void who_makes_a_group_that_is_its_own_already_gets_what_is_said_there(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2), phone = world_connect(&st->w, 1);

	st->w.host->unknown_outcomes = true;
	world_conn_of(&st->w, phone)->device = 7;
	world_login(&st->w, phone, 1, false);
	world_settle(&st->w);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	assert_int_equal(stage_errno(st, stage_do(st, ann, STAGE_IS_MADE, group, 0, 1)), CS_ERRNO_EXISTS);
	for (const cs_conn conn : {ann, phone})
		assert_true(mailbox_session_is_in(stage_session(st, conn), group));
	say(st, bob, group, 2);
	for (const cs_conn conn : {ann, phone})
		assert_string_equal(stage_seen(st, conn).c_str(), "2");
}

static void a_refused_effect_is_answered_with_its_words(void **state)
{
	stage *st = stage_open(state, 1);
	const cs_conn ann = stage_login(st, 0, 1);
	const int64_t req = stage_do(st, ann, STAGE_JOIN, 1, 99, 1);

	assert_int_equal(stage_errno(st, req), CS_ERRNO_NO_SUCH_GROUP);
	assert_string_equal(stage_answer(st, req).c_str(), ",\"errmsg\":\"no such group\"");
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(an_event_goes_only_to_sessions_that_want_events),
		TEST(a_late_hint_waits_for_an_event_that_is_passed_over),
		TEST(own_entries_are_brought_by_catch_up_and_not_to_the_session_that_sent_them),
		TEST(an_own_entry_does_not_come_back_to_a_session_that_is_told_of_the_group_later),
		TEST(a_new_member_gets_what_is_said_from_the_join_on),
		TEST(a_new_member_gets_all_that_was_said_since_the_join),
		TEST(a_former_member_gets_everything_up_to_its_removal_and_no_more),
		TEST(who_joins_again_begins_there),
		TEST(who_hears_of_a_new_membership_before_the_end_of_the_old_one_begins_with_the_new_one),
		TEST(who_joins_again_before_it_hears_of_its_removal_is_told_of_it_no_more),
		TEST(a_message_of_one_who_was_removed_meanwhile_brings_nothing_back),
		TEST(who_is_removed_during_a_read_is_not_sent_what_follows),
		TEST(who_was_removed_so_long_ago_that_nothing_tells_of_it_is_in_no_index),
		TEST(entries_that_retention_removed_are_passed_over),
		TEST(who_confirms_its_removal_before_the_hint_of_it_comes_is_sent_nothing_more),
		TEST(a_hint_of_the_end_makes_a_session_leave_that_has_the_entry_already),
		TEST(who_logs_in_on_the_connection_of_the_sender_gets_the_message),
		TEST(a_session_notes_a_bounded_number_of_its_own_entries),
		TEST(a_late_hint_of_a_join_sends_nothing_again),
		TEST(a_repeated_message_is_told_to_the_other_devices_of_its_sender),
		TEST(who_makes_a_group_that_is_its_own_already_gets_what_is_said_there),
		TEST(a_refused_effect_is_answered_with_its_words),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
