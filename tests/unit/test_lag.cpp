/* SPDX-License-Identifier: MIT
 * Tests what a worker measures: how long its answers take, and how late its loop runs what is posted to it. */
#include <string>

#include "tests/support/worker_fixture.h"

static struct histogram_total total_of(const struct histogram *h)
{
	struct histogram_total total;

	histogram_read(h, &total);
	return total;
}

static uint64_t count_of(const struct histogram *h)
{
	const struct histogram_total total = total_of(h);
	uint64_t count = 0;

	for (const uint64_t n : total.counts)
		count += n;
	return count;
}

static struct histogram *answers(struct worker_test *t, enum worker_answer kind)
{
	return &t->f->worker->answers[kind];
}

/* Returns no earlier than us microseconds from now. */
static void let_pass(uint64_t us)
{
	const uint64_t until = worker_monotonic_us() + us;

	while (worker_monotonic_us() < until)
		check_sleep_ms(1);
}

static void every_answer_and_refusal_is_counted_once(void **state)
{
	struct worker_test *t = worker_test_of(state);

	(void)worker_fixture_talk(t->f.get(), t->peer, R"({"msgid":102,"req":1}{"msgid":15,"req":2}{"msgid":4711}!)");
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_OTHER)), 3);
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_CHAT)), 0);
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_GROUP_CHAT)), 0);
}

static void an_answer_that_comes_later_counts_the_time_between(void **state)
{
	struct worker_test *t = worker_test_of(state);
	struct cs_request request = {};

	t->f->on_open = [&request](const struct cs_frame *frame) {
		request = frame->request;
		return CS_DONE;
	};
	(void)worker_fixture_talk(t->f.get(), t->peer, R"({"msgid":11,"req":1})");
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_OTHER)), 0);
	let_pass(5000);
	conn_answer(t->c, &request, "");
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_OTHER)), 1);
	assert_true(total_of(answers(t, WORKER_ANSWER_OTHER)).sum >= 5000 - 2);
}

/* The handler takes its time; the answer is in the turn of its request. */
static void an_answer_at_once_counts_the_time_that_the_handler_took(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->on_open = [t](const struct cs_frame *frame) {
		let_pass(5000);
		conn_answer(t->c, &frame->request, "");
		return CS_DONE;
	};
	(void)worker_fixture_talk(t->f.get(), t->peer, R"({"msgid":11,"req":1})");
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_OTHER)), 1);
	assert_true(total_of(answers(t, WORKER_ANSWER_OTHER)).sum >= 5000 - 2);
}

static void a_request_that_a_hook_held_counts_from_its_coming(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->hooks[FIXTURE_HOOK_LATE] = [](const struct cs_frame *) {
		return CS_PENDING;
	};
	t->f->on_open = [t](const struct cs_frame *frame) {
		conn_answer(t->c, &frame->request, "");
		return CS_DONE;
	};
	(void)worker_fixture_talk(t->f.get(), t->peer, R"({"msgid":11,"req":1})");
	let_pass(5000);
	assert_int_equal(worker_fixture_resume(t->f.get(), t->c, CS_PASS), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_OTHER)), 1);
	assert_true(total_of(answers(t, WORKER_ANSWER_OTHER)).sum >= 5000 - 2);
}

static void messages_are_counted_by_their_kind_and_what_has_no_mark_is_not(void **state)
{
	struct worker_test *t = worker_test_of(state);
	struct cs_request chat = {.msgid = CS_MSGID_CHAT, .req = 1}, group = {.msgid = CS_MSGID_GROUP_CHAT, .req = 2};

	conn_answer(t->c, &chat, "");
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_CHAT)), 0);
	worker_stamp(t->f->worker, &chat);
	worker_stamp(t->f->worker, &group);
	assert_true(chat.since != 0);
	assert_int_equal(chat.since, group.since);
	conn_answer(t->c, &chat, "");
	conn_refuse(t->c, &group, CS_MSGID_ACK, CS_ERRNO_UNAVAILABLE, "the store does not answer");
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_CHAT)), 1);
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_GROUP_CHAT)), 1);
	assert_int_equal(count_of(answers(t, WORKER_ANSWER_OTHER)), 0);
}

static void a_loop_that_comes_late_is_seen_at_once_and_counted_when_it_comes(void **state)
{
	struct worker_test *t = worker_test_of(state);
	struct worker *w = t->f->worker;

	assert_int_equal(worker_waiting_us(w), 0);
	worker_probe_lag(w);
	let_pass(5000);
	worker_probe_lag(w);
	assert_true(worker_waiting_us(w) >= 5000);
	assert_int_equal(count_of(&w->lag), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(worker_waiting_us(w), 0);
	assert_int_equal(count_of(&w->lag), 1);
	assert_true(total_of(&w->lag).sum >= 5000);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_answer_and_refusal_is_counted_once, worker_test_set_up,
	                                        worker_test_tear_down),
		cmocka_unit_test_setup_teardown(an_answer_that_comes_later_counts_the_time_between, worker_test_set_up,
	                                        worker_test_tear_down),
		cmocka_unit_test_setup_teardown(an_answer_at_once_counts_the_time_that_the_handler_took,
	                                        worker_test_set_up, worker_test_tear_down),
		cmocka_unit_test_setup_teardown(a_request_that_a_hook_held_counts_from_its_coming,
	                                        worker_test_set_up_hooked, worker_test_tear_down),
		cmocka_unit_test_setup_teardown(messages_are_counted_by_their_kind_and_what_has_no_mark_is_not,
	                                        worker_test_set_up, worker_test_tear_down),
		cmocka_unit_test_setup_teardown(a_loop_that_comes_late_is_seen_at_once_and_counted_when_it_comes,
	                                        worker_test_set_up, worker_test_tear_down),
	};

	return cmocka_run_group_tests_name("lag", tests, nullptr, nullptr);
}
