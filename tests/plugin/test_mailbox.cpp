/* SPDX-License-Identifier: MIT
 * Tests sending and live delivery: who gets which message, with which seq, and what the answers say. */
#include "mailbox_stage.h"

#include "plugins/mailbox/hint.h"
#include "plugins/mailbox/incoming.h"

#include <chatserverd/msgid.h>

static void a_message_reaches_its_receiver_on_another_worker(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	const int64_t first = stage_chat(st, ann, 2, 1), second = stage_say(st, ann, 2, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2");
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2");
	assert_true(st->seen[bob][0].ts > 0 && st->seen[bob][1].ts > st->seen[bob][0].ts);
	assert_string_equal(stage_answer(st, first).c_str(), ",\"seq\":1");
	assert_string_equal(stage_answer(st, second).c_str(), ",\"seq\":2");
}

/* The rows of a conversation are stored side by side, whatever came between them. */
static void what_is_stored_together_has_one_time(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2), carl = stage_login(st, 1, 3);

	st->w.hold_writes = true;
	stage_say(st, ann, 3, 1);
	stage_say(st, ann, 2, 2);
	stage_say(st, ann, 3, 3);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_string_equal(stage_seen(st, carl).c_str(), "1 3");
	assert_string_equal(stage_seen(st, bob).c_str(), "2");
	assert_true(st->seen[bob][0].ts == st->seen[carl][0].ts);
	assert_true(st->seen[bob][0].ts == st->seen[carl][1].ts);
}

static void nothing_is_answered_or_delivered_before_the_commit(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	st->w.hold_writes = true;
	const int64_t req = stage_say(st, ann, 2, 1);
	assert_int_equal(stage_errno(st, req), -1);
	assert_string_equal(stage_seen(st, bob).c_str(), "");
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, req), 0);
}

static void an_answering_dialogue_needs_no_read_after_its_first_contact(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	const size_t reads = stage_reads(st);
	for (uint64_t n = 2; n < 20; n += 2) {
		stage_say(st, bob, 1, n);
		stage_say(st, ann, 2, n + 1);
	}
	assert_string_equal(stage_seen(st, ann).c_str(), "2 4 6 8 10 12 14 16 18");
	assert_string_equal(stage_seen(st, bob).c_str(), "1 3 5 7 9 11 13 15 17 19");
	assert_int_equal(stage_reads(st), reads);
}

static void the_first_message_of_a_pair_needs_no_read(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	const size_t reads = stage_reads(st);
	stage_say(st, ann, 2, 1);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	assert_int_equal(stage_reads(st), reads);
}

static void where_no_other_process_writes_a_known_pair_needs_no_read_after_the_login(void **state)
{
	for (const bool exclusive : {true, false}) {
		stage *st = exclusive ? stage_open_exclusive(state, 2) : stage_open(state, 2);
		cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
		stage_say(st, ann, 2, 1);
		ann = stage_login_again(st, ann, 0);
		bob = stage_login_again(st, bob, 1);
		const size_t reads = stage_reads(st);
		stage_say(st, ann, 2, 2);
		stage_say(st, bob, 1, 3);
		assert_string_equal(stage_seqs(st, bob).c_str(), "2");
		assert_string_equal(stage_seqs(st, ann).c_str(), "3");
		assert_int_equal(stage_reads(st) - reads, exclusive ? 0 : 2);
		stage_teardown(state);
	}
}

/* The hint waits on the receiver's worker while its message is delivered by a page. */
static void a_hint_that_is_older_than_the_session_delivers_nothing_twice(void **state)
{
	stage *st = stage_open_exclusive(state, 2);
	const cs_conn ann = stage_login(st, 0, 1);
	cs_conn bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	const int64_t created = st->seen[bob][0].ts;
	bob = stage_login_again(st, bob, 1);
	const mailbox_hint late = {
		1, 1, 1, 1, created, MAILBOX_HINT_STORED, CS_CONVERSATION_PAIR, mailbox_hint_process()};
	mailbox_incoming_hint(stage_mailbox(st, 1), stage_session(st, bob), late, stage_body(1, 1));
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), "");
}

static void a_note_to_oneself_is_delivered(void **state)
{
	stage *st = stage_open(state, 1);
	const cs_conn ann = stage_login(st, 0, 1);
	stage_chat(st, ann, 1, 1);
	stage_say(st, ann, 1, 2);
	assert_string_equal(stage_seen(st, ann).c_str(), "1 2");
}

static void a_group_message_wakes_only_workers_that_have_members(void **state)
{
	stage *st = stage_open(state, 3);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_login(st, 2, 3);
	stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, 1, nullptr);
	assert_string_equal(stage_seen(st, bob).c_str(), "1");
	assert_int_equal(fake_self_woken(st->w.workers[0]), 1);
	assert_int_equal(fake_self_woken(st->w.workers[1]), 1);
	assert_int_equal(fake_self_woken(st->w.workers[2]), 0);
	world_kill(&st->w, bob);
	world_settle(&st->w);
	stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, 2, nullptr);
	assert_int_equal(fake_self_woken(st->w.workers[0]), 2);
	assert_int_equal(fake_self_woken(st->w.workers[1]), 1);
}

/* The group and an account share their number. */
static void a_group_message_reaches_every_member_but_its_sender(void **state)
{
	stage *st = stage_open(state, 2);
	const uint64_t group = memory_log_add_group(&st->log, {1, 2, 3});
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2), eve = stage_login(st, 1, 4);
	const cs_conn cid = stage_login(st, 0, 3);
	assert_int_equal(group, 1);
	for (uint64_t n = 1; n <= 3; n++)
		stage_say_as(st, ann, CS_CONVERSATION_GROUP, group, n, nullptr);
	stage_say_as(st, bob, CS_CONVERSATION_GROUP, group, 4, nullptr);
	assert_string_equal(stage_seen(st, ann).c_str(), "4");
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2 3");
	assert_string_equal(stage_seen(st, cid).c_str(), "1 2 3 4");
	assert_string_equal(stage_seen(st, eve).c_str(), "");
}

static void a_repeated_cid_is_answered_with_the_first_seq_and_delivered_once(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_say_as(st, ann, CS_CONVERSATION_PAIR, 2, 1, "a");
	const int64_t again = stage_chat_as(st, ann, CS_CONVERSATION_PAIR, 2, 99, "a");
	const int64_t twice = stage_chat_as(st, ann, CS_CONVERSATION_PAIR, 2, 2, "b");
	const int64_t same_batch = stage_chat_as(st, ann, CS_CONVERSATION_PAIR, 2, 98, "b");
	world_settle(&st->w);
	assert_string_equal(stage_answer(st, again).c_str(), ",\"seq\":1");
	assert_string_equal(stage_answer(st, twice).c_str(), ",\"seq\":2");
	assert_string_equal(stage_answer(st, same_batch).c_str(), ",\"seq\":2");
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2");
}

static void a_repetition_with_other_words_brings_the_first_ones(void **state)
{
	stage *st = stage_open(state, 2);

	st->w.host->unknown_outcomes = true;
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	st->w.host->losses = 2;
	stage_say_as(st, ann, CS_CONVERSATION_PAIR, 2, 2, "a");
	assert_string_equal(stage_seen(st, bob).c_str(), "1");
	stage_say_as(st, ann, CS_CONVERSATION_PAIR, 2, 99, "a");
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2");
}

static void a_cid_used_in_two_conversations_is_a_message_in_each(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2), eve = stage_login(st, 1, 3);
	stage_say_as(st, ann, CS_CONVERSATION_PAIR, 2, 1, "a");
	stage_say_as(st, ann, CS_CONVERSATION_PAIR, 3, 2, "a");
	const int64_t again = stage_chat_as(st, ann, CS_CONVERSATION_PAIR, 3, 99, "a");
	world_settle(&st->w);
	assert_string_equal(stage_answer(st, again).c_str(), ",\"seq\":1");
	assert_string_equal(stage_seen(st, bob).c_str(), "1");
	assert_string_equal(stage_seen(st, eve).c_str(), "2");
}

static void a_commit_of_unknown_outcome_is_stored_and_delivered_once(void **state)
{
	stage *st = stage_open(state, 2);

	st->w.host->unknown_outcomes = true;
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_fail(st, FAKE_BATCH, {FAKE_UNHEARD});
	const int64_t req = stage_say(st, ann, 2, 1);
	assert_string_equal(stage_answer(st, req).c_str(), ",\"seq\":1");
	stage_say(st, ann, 2, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "1 2");
	const log_conversation &pair = st->log.conversations[memory_log_pair(&st->log, 1, 2)];
	assert_int_equal(pair.messages.size(), 2);
	assert_true(pair.messages[0].cid[0] == '\0' && pair.messages[0].cid != pair.messages[1].cid);
}

static void a_plugin_that_sets_spare_members_is_refused(void **state)
{
	stage *st = stage_open(state, 1);
	cs_frame frame = {};
	cs_outgoing message = {};

	message.to = 2;
	message.spare[3] = 1;

	frame.conn = stage_login(st, 0, 1);
	frame.account = 1;
	frame.request.req = 5;
	frame.bytes = "{}";
	frame.size = 2;
	assert_int_equal(st->w.mailbox->send(fake_self_state(st->w.workers[0]), &frame, &message), CS_REJECT);
	assert_int_equal(stage_errno(st, 5), CS_ERRNO_UNAVAILABLE);
	message.spare[3] = 0;
	assert_int_equal(st->w.mailbox->send(fake_self_state(st->w.workers[0]), &frame, &message), CS_DONE);
	world_settle(&st->w);
}

static void refusals_say_why(void **state)
{
	stage *st = stage_open(state, 1);
	const uint64_t group = memory_log_add_group(&st->log, {2});
	const cs_conn ann = stage_login(st, 0, 1);
	const int64_t nobody = stage_chat(st, ann, 77, 1);
	const int64_t nowhere = stage_chat_as(st, ann, CS_CONVERSATION_GROUP, 78, 2, nullptr);
	const int64_t stranger = stage_chat_as(st, ann, CS_CONVERSATION_GROUP, group, 3, nullptr);
	world_settle(&st->w);
	assert_int_equal(stage_errno(st, nobody), CS_ERRNO_NO_SUCH_USER);
	assert_int_equal(stage_errno(st, nowhere), CS_ERRNO_NO_SUCH_GROUP);
	assert_int_equal(stage_errno(st, stranger), CS_ERRNO_NOT_ALLOWED);
	stage_fail(st, FAKE_BATCH, {CS_ENOSTORE, CS_EUNKNOWN});
	const int64_t down = stage_say(st, ann, 2, 4);
	const int64_t unknown = stage_say(st, ann, 2, 5);
	assert_int_equal(stage_errno(st, down), CS_ERRNO_UNAVAILABLE);
	assert_string_equal(stage_answer(st, down).c_str(),
	                    ",\"errmsg\":\"the store does not answer; nothing was changed\"");
	assert_string_equal(stage_answer(st, unknown).c_str(),
	                    ",\"errmsg\":\"the store does not answer; whether it was done is unknown\"");
	st->w.host->full = {FAKE_BATCH};
	const int64_t full = stage_say(st, ann, 2, 6);
	assert_int_equal(stage_errno(st, full), CS_ERRNO_BUSY);
}

static void a_connection_with_256_messages_under_way_waits(void **state)
{
	stage *st = stage_open(state, 1);
	const cs_conn ann = stage_login(st, 0, 1);
	st->w.hold_writes = true;
	for (uint64_t n = 1; n <= 300; n++)
		stage_chat(st, ann, 2, n);
	world_settle(&st->w);
	assert_int_equal(fake_host_count(st->w.host.get(), "batch"), 256);
	assert_int_equal(world_conn_of(&st->w, ann)->inbox.size(), 44);
	st->w.hold_writes = false;
	world_settle(&st->w);
	assert_int_equal(st->w.answers.size(), 300);
	assert_int_equal(st->log.conversations[1].messages.size(), 300);
}

static void a_hint_that_skips_a_seq_makes_the_session_read_the_gap(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	st->w.host->losses = 1;
	stage_say(st, ann, 2, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "1");
	stage_chat(st, ann, 2, 3);
	stage_say(st, ann, 2, 4);
	/* The missing one may be on its way; not for long. */
	assert_string_equal(stage_seqs(st, bob).c_str(), "1");
	world_advance(&st->w, 60);
	assert_string_equal(stage_seqs(st, bob).c_str(), "1 2 3 4");
}

static void hints_that_come_while_a_gap_is_read_are_not_lost_or_doubled(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1);
	cs_conn bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	bob = stage_login_again(st, bob, 1);
	st->w.hold_read_results = true;
	for (uint64_t n = 2; n <= 5; n++)
		stage_say(st, ann, 2, n);
	assert_string_equal(stage_seen(st, bob).c_str(), "");
	st->w.hold_read_results = false;
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), "2 3 4 5");
}

/* Found by the schedule checker: the answer to the read wiped out the call to read again. */
static void a_hint_without_a_body_that_comes_while_a_gap_is_read_is_not_lost(void **state)
{
	stage *st = stage_open(state, 2);

	st->w.host->unknown_outcomes = true;
	const cs_conn ann = stage_login(st, 0, 1);
	cs_conn bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	bob = stage_login_again(st, bob, 1);
	st->w.hold_read_results = true;
	stage_say(st, ann, 2, 2);
	stage_fail(st, FAKE_BATCH, {FAKE_UNHEARD});
	stage_say(st, ann, 2, 3);
	st->w.hold_read_results = false;
	world_settle(&st->w);
	assert_string_equal(stage_seqs(st, bob).c_str(), "2 3");
}

static void a_read_that_fails_is_tried_again(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1);
	cs_conn bob = stage_login(st, 1, 2);
	stage_say(st, ann, 2, 1);
	bob = stage_login_again(st, bob, 1);
	stage_fail(st, FAKE_READ, {CS_ENOSTORE, CS_DB_FAILED, CS_ENOSTORE});
	stage_say(st, ann, 2, 2);
	assert_string_equal(stage_seen(st, bob).c_str(), "");
	world_advance(&st->w, 5000);
	assert_string_equal(stage_seen(st, bob).c_str(), "2");
	bob = stage_login_again(st, bob, 1);
	st->w.host->full = {FAKE_READ};
	stage_say(st, ann, 2, 3);
	assert_string_equal(stage_seen(st, bob).c_str(), "");
	st->w.host->full.clear();
	world_advance(&st->w, 5000);
	assert_string_equal(stage_seen(st, bob).c_str(), "3");
}

static void conversations_that_are_idle_are_forgotten(void **state)
{
	stage *st = stage_open(state, 1);

	st->log.accounts = 1000;
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 0, 2);
	stage_chat(st, bob, 1, 1);
	for (uint64_t to = 100; to < 600; to++) {
		stage_say(st, ann, to, to);
		world_advance(&st->w, 300);
	}
	assert_true(stage_session(st, ann)->views->by_key.size() <= 2 * mailbox_views_kept);
	stage_say(st, bob, 1, 2);
	assert_string_equal(stage_seqs(st, ann).c_str(), "1 2");
}

static void a_late_hint_of_a_conversation_that_was_forgotten_delivers_nothing_twice(void **state)
{
	for (const bool exclusive : {true, false}) {
		stage *st = exclusive ? stage_open_exclusive(state, 1) : stage_open(state, 1);

		st->log.accounts = 1000;
		const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 0, 2);
		world_advance(&st->w, 1000);
		stage_say(st, bob, 1, 1);
		const int64_t created = st->seen[ann][0].ts;
		for (uint64_t to = 100; to < 300; to++) {
			stage_say(st, ann, to, to);
			world_advance(&st->w, 300);
		}
		const mailbox_hint late = {
			2, 1, 2, 1, created, MAILBOX_HINT_STORED, CS_CONVERSATION_PAIR, mailbox_hint_process()};
		mailbox_incoming_hint(stage_mailbox(st, 0), stage_session(st, ann), late, stage_body(2, 1));
		world_settle(&st->w);
		assert_string_equal(stage_seqs(st, ann).c_str(), "1");
		stage_say(st, bob, 1, 2);
		assert_string_equal(stage_seqs(st, ann).c_str(), "1 2");
		stage_teardown(state);
	}
}

static void the_end_of_the_server_loses_no_item(void **state)
{
	stage *st = stage_open(state, 2);
	const cs_conn ann = stage_login(st, 0, 1), bob = stage_login(st, 1, 2);
	st->w.hold_reads = st->w.hold_writes = true;
	for (uint64_t n = 1; n <= 10; n++)
		stage_chat(st, ann, 2, n);
	world_delivered(&st->w, bob, CS_CONVERSATION_PAIR, 1, 1, ++st->last_req);
	world_login(&st->w, world_connect(&st->w, 0), 3, false);
	world_settle(&st->w);
	stage_close(st); /* leaks, if any, are the sanitizer's to find */
	assert_int_equal(stage_errno(st, 1), CS_ERRNO_GOING_AWAY);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_reaches_its_receiver_on_another_worker),
		TEST(what_is_stored_together_has_one_time),
		TEST(nothing_is_answered_or_delivered_before_the_commit),
		TEST(an_answering_dialogue_needs_no_read_after_its_first_contact),
		TEST(a_note_to_oneself_is_delivered),
		TEST(a_group_message_reaches_every_member_but_its_sender),
		TEST(a_group_message_wakes_only_workers_that_have_members),
		TEST(a_repeated_cid_is_answered_with_the_first_seq_and_delivered_once),
		TEST(a_repetition_with_other_words_brings_the_first_ones),
		TEST(a_cid_used_in_two_conversations_is_a_message_in_each),
		TEST(a_commit_of_unknown_outcome_is_stored_and_delivered_once),
		TEST(a_plugin_that_sets_spare_members_is_refused),
		TEST(refusals_say_why),
		TEST(a_connection_with_256_messages_under_way_waits),
		TEST(a_hint_that_skips_a_seq_makes_the_session_read_the_gap),
		TEST(the_first_message_of_a_pair_needs_no_read),
		TEST(where_no_other_process_writes_a_known_pair_needs_no_read_after_the_login),
		TEST(a_hint_that_is_older_than_the_session_delivers_nothing_twice),
		TEST(hints_that_come_while_a_gap_is_read_are_not_lost_or_doubled),
		TEST(a_hint_without_a_body_that_comes_while_a_gap_is_read_is_not_lost),
		TEST(a_read_that_fails_is_tried_again),
		TEST(conversations_that_are_idle_are_forgotten),
		TEST(a_late_hint_of_a_conversation_that_was_forgotten_delivers_nothing_twice),
		TEST(the_end_of_the_server_loses_no_item),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
