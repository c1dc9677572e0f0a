/* SPDX-License-Identifier: MIT
 * Owns the proof of `durability = relay`: what is relayed, what is stored, and that order is kept between the
 * two. It must not know catching up. */
#include "mailbox_stage.h"

#include <chatserverd/msgid.h>

struct scene {
	stage st;
	cs_conn ann, bob;
};

static void open(scene *s)
{
	s->st.conf.durability = MAILBOX_RELAY;
	stage_open_as(&s->st, 3);
	s->ann = stage_login(&s->st, 0, 1);
	s->bob = stage_login(&s->st, 1, 2);
}

static size_t stored(scene *s)
{
	const uint64_t pair = memory_log_pair(&s->st.log, 1, 2);

	return pair ? s->st.log.conversations[pair].messages.size() : 0;
}

static world_conn *conn_of(scene *s, cs_conn conn)
{
	return world_conn_of(&s->st.w, conn);
}

static void what_an_online_receiver_takes_is_not_stored(void **)
{
	scene s;

	open(&s);
	const int64_t req = stage_chat(&s.st, s.ann, 2, 1);
	stage_chat(&s.st, s.ann, 2, 2);
	world_settle(&s.st.w);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2");
	assert_string_equal(stage_seqs(&s.st, s.bob).c_str(), "0 0");
	assert_true(s.st.seen[s.bob][0].ts > 0);
	assert_int_equal(stage_errno(&s.st, req), 0);
	assert_string_equal(stage_answer(&s.st, req).c_str(), "");
	assert_int_equal(stored(&s), 0);
	stage_close(&s.st);
}

static void it_is_answered_when_the_kernel_took_it_and_not_before(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	const int64_t req = stage_chat(&s.st, s.ann, 2, 1);
	world_settle(&s.st.w);
	assert_int_equal(stage_errno(&s.st, req), -1);
	conn_of(&s, s.bob)->stuck = false;
	world_settle(&s.st.w);
	assert_int_equal(stage_errno(&s.st, req), 0);
	assert_int_equal(stored(&s), 0);
	stage_close(&s.st);
}

static void the_rest_is_stored(void **)
{
	scene s;

	open(&s);
	const uint64_t group = memory_log_add_group(&s.st.log, {1, 2});
	const cs_conn cid = stage_login(&s.st, 2, 3, true);
	const int64_t away = stage_chat(&s.st, s.ann, 4, 1);
	const int64_t named = stage_chat_as(&s.st, s.ann, CS_CONVERSATION_PAIR, 2, 2, "a");
	const int64_t to_group = stage_chat_as(&s.st, s.ann, CS_CONVERSATION_GROUP, group, 3, nullptr);
	const int64_t acknowledging = stage_chat(&s.st, s.ann, 3, 4);
	const int64_t oneself = stage_chat(&s.st, s.ann, 1, 5);
	world_settle(&s.st.w);
	for (const int64_t req : {away, named, to_group, acknowledging, oneself})
		assert_string_equal(stage_answer(&s.st, req).c_str(), ",\"seq\":1");
	assert_string_equal(stage_seqs(&s.st, cid).c_str(), "1");
	stage_close(&s.st);
}

static void what_was_not_written_when_the_receiver_went_is_stored_in_order(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	for (uint64_t n = 1; n <= 3; n++)
		stage_chat(&s.st, s.ann, 2, n);
	world_settle(&s.st.w);
	conn_of(&s, s.bob)->stuck = false;
	world_step_take(&s.st.w, s.bob, world_unsent(conn_of(&s, s.bob)) - 1);
	world_kill(&s.st.w, s.bob);
	world_settle(&s.st.w);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2");
	assert_int_equal(stored(&s), 1);
	assert_string_equal(stage_answer(&s.st, 3).c_str(), ",\"seq\":1");
	s.bob = stage_login(&s.st, 1, 2);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "3");
	stage_close(&s.st);
}

static void a_receiver_with_waiting_output_takes_nothing_relayed(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	stage_chat(&s.st, s.ann, 2, 1);
	world_settle(&s.st.w);
	conn_of(&s, s.bob)->stuck = false;
	world_step_take(&s.st.w, s.bob, 1);
	conn_of(&s, s.bob)->stuck = true;
	stage_chat(&s.st, s.ann, 2, 2);
	stage_chat(&s.st, s.ann, 2, 3);
	world_settle(&s.st.w);
	conn_of(&s, s.bob)->stuck = false;
	world_settle(&s.st.w);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2 3");
	assert_string_equal(stage_seqs(&s.st, s.bob).c_str(), "0 1 2");
	stage_close(&s.st);
}

static void a_stored_message_waits_for_the_relayed_ones_before_it(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	stage_chat(&s.st, s.ann, 2, 1);
	stage_chat_as(&s.st, s.ann, CS_CONVERSATION_PAIR, 2, 2, "a");
	stage_chat(&s.st, s.ann, 2, 3);
	world_settle(&s.st.w);
	assert_int_equal(stored(&s), 0);
	world_kill(&s.st.w, s.bob);
	world_settle(&s.st.w);
	assert_int_equal(stored(&s), 3);
	s.bob = stage_login(&s.st, 1, 2);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2 3");
	stage_close(&s.st);
}

static void nothing_is_relayed_past_a_message_on_its_way_to_the_store(void **)
{
	scene s;

	open(&s);
	s.st.w.hold_writes = true;
	stage_chat_as(&s.st, s.ann, CS_CONVERSATION_PAIR, 2, 1, "a");
	stage_chat(&s.st, s.ann, 2, 2);
	world_settle(&s.st.w);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "");
	s.st.w.hold_writes = false;
	world_settle(&s.st.w);
	stage_chat(&s.st, s.ann, 2, 3);
	world_settle(&s.st.w);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2 3");
	assert_string_equal(stage_seqs(&s.st, s.bob).c_str(), "1 2 0");
	stage_close(&s.st);
}

static void a_receiver_that_is_behind_takes_nothing_relayed(void **)
{
	scene s;

	open(&s);
	s.st.w.hold_reads = true;   /* bob's first contact */
	stage_chat_as(&s.st, s.ann, CS_CONVERSATION_PAIR, 2, 1, "a");
	world_settle(&s.st.w);
	stage_chat(&s.st, s.ann, 2, 2);
	world_settle(&s.st.w);
	s.st.w.hold_reads = false;
	world_settle(&s.st.w);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2");
	assert_string_equal(stage_seqs(&s.st, s.bob).c_str(), "1 2");
	stage_close(&s.st);
}

/* The first is refused by the session that ended; the second meets the session after it. */
static void a_receiver_that_logs_in_elsewhere_does_not_turn_the_order_round(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	stage_chat(&s.st, s.ann, 2, 1);
	world_settle(&s.st.w);
	world_kill(&s.st.w, s.bob);
	while (world_step_post(&s.st.w, 1))
		;
	/* The refusal waits at ann's worker, which dispatches her next message first. */
	const cs_conn again = world_connect(&s.st.w, 2);
	std::deque<std::function<void()>> refusal;
	refusal.swap(s.st.w.workers[0]->posts);
	assert_int_equal(refusal.size(), 1);
	world_login(&s.st.w, again, 2, false);
	world_settle(&s.st.w);
	assert_int_equal(conn_of(&s, again)->phase, WORLD_IN);
	stage_chat(&s.st, s.ann, 2, 2);
	world_settle(&s.st.w);
	s.st.w.workers[0]->posts.swap(refusal);
	world_settle(&s.st.w);
	world_advance(&s.st.w, 5000);
	assert_string_equal(stage_seen(&s.st, again).c_str(), "1 2");
	stage_close(&s.st);
}

static void a_receiver_that_is_not_heard_of_for_two_seconds_is_not_waited_for(void **)
{
	scene s;

	open(&s);
	s.st.w.routed_drops = 1;
	const int64_t first = stage_chat(&s.st, s.ann, 2, 1), second = stage_chat(&s.st, s.ann, 2, 2);
	world_settle(&s.st.w);
	world_advance(&s.st.w, 1000);
	assert_int_equal(stage_errno(&s.st, first), -1);
	world_advance(&s.st.w, 1500);
	assert_string_equal(stage_answer(&s.st, first).c_str(), ",\"seq\":1");
	assert_string_equal(stage_answer(&s.st, second).c_str(), ",\"seq\":2");
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2");
	stage_close(&s.st);
}

/* Nobody waits for the two seconds: what was under way to a node that its receiver has just left comes back. */
static void what_meets_a_node_that_its_receiver_has_left_is_stored_at_once(void **)
{
	scene s;

	s.st.conf.durability = MAILBOX_RELAY;
	stage_open_nodes(&s.st, 2, 1);
	s.ann = stage_login(&s.st, 0, 1);
	s.bob = stage_login(&s.st, 1, 2);
	s.st.w.hold_arrivals = true;
	const int64_t first = stage_chat(&s.st, s.ann, 2, 1), second = stage_chat(&s.st, s.ann, 2, 2);
	world_settle(&s.st.w);
	assert_int_equal(s.st.w.relayed, 2);
	/* The first finds the session on its node, but not on its worker; the second not even there. */
	assert_true(world_step_bus_arrive(&s.st.w, 1, 0));
	world_kill(&s.st.w, s.bob);
	world_settle(&s.st.w);
	s.st.w.hold_arrivals = false;
	const int64_t before = s.st.w.clock;
	world_settle(&s.st.w);
	assert_true(s.st.w.clock - before < 100);
	assert_string_equal(stage_answer(&s.st, first).c_str(), ",\"seq\":1");
	assert_string_equal(stage_answer(&s.st, second).c_str(), ",\"seq\":2");
	s.bob = stage_login(&s.st, 1, 2);
	assert_string_equal(stage_seen(&s.st, s.bob).c_str(), "1 2");
	stage_close(&s.st);
}

static void a_sender_keeps_its_place_while_its_messages_wait(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	stage_chat(&s.st, s.ann, 2, 1);
	world_settle(&s.st.w);
	world_kill(&s.st.w, s.ann);
	const cs_conn again = world_connect(&s.st.w, 2);
	world_login(&s.st.w, again, 1, false);
	world_settle(&s.st.w);
	assert_int_equal(conn_of(&s, again)->phase, WORLD_LOGGING_IN);
	world_kill(&s.st.w, s.bob);
	world_settle(&s.st.w);
	assert_int_equal(conn_of(&s, again)->phase, WORLD_IN);
	assert_int_equal(stored(&s), 1);
	stage_close(&s.st);
}

static void the_end_of_the_server_loses_no_relayed_item(void **)
{
	scene s;

	open(&s);
	conn_of(&s, s.bob)->stuck = true;
	stage_chat(&s.st, s.ann, 2, 1);
	stage_chat_as(&s.st, s.ann, CS_CONVERSATION_PAIR, 2, 2, "a");
	world_settle(&s.st.w);
	stage_close(&s.st);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_online_receiver_takes_is_not_stored),
		cmocka_unit_test(it_is_answered_when_the_kernel_took_it_and_not_before),
		cmocka_unit_test(the_rest_is_stored),
		cmocka_unit_test(what_was_not_written_when_the_receiver_went_is_stored_in_order),
		cmocka_unit_test(a_receiver_with_waiting_output_takes_nothing_relayed),
		cmocka_unit_test(a_stored_message_waits_for_the_relayed_ones_before_it),
		cmocka_unit_test(nothing_is_relayed_past_a_message_on_its_way_to_the_store),
		cmocka_unit_test(a_receiver_that_is_behind_takes_nothing_relayed),
		cmocka_unit_test(a_receiver_that_logs_in_elsewhere_does_not_turn_the_order_round),
		cmocka_unit_test(a_receiver_that_is_not_heard_of_for_two_seconds_is_not_waited_for),
		cmocka_unit_test(what_meets_a_node_that_its_receiver_has_left_is_stored_at_once),
		cmocka_unit_test(a_sender_keeps_its_place_while_its_messages_wait),
		cmocka_unit_test(the_end_of_the_server_loses_no_relayed_item),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
