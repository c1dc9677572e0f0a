/* SPDX-License-Identifier: MIT
 * Tests the life of the bus: its opening, its thread and the calls that wait for it, its end. */
#include <semaphore>

#include "tests/support/bus_pair.h"

static void an_adapter_that_cannot_be_opened_says_why(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct cs_error e {};
	bus_ptr bus;

	assert_int_equal(bus_open(&bus, &t->nodes[0].f->shared, &bus_hub_driver, nullptr, &e), CS_EINVAL);
	assert_string_equal(e.text, "no hub");
	assert_null(bus.get());
}

/* ---- the end */

static void a_goodbye_sends_what_waits_and_gives_up_the_places(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];

	assert_int_equal(claim(t, n, 12, 1, 0), 0);
	(void)log_in(t, &t->nodes[1], 13);
	assert_int_equal(send(n, 0, 13, "last", 0), 0);
	bus_stop(n->bus.get(), 10000);
	assert_false(bus_hub_has(t->hub.get(), 12));
	assert_true(bus_hub_has(t->hub.get(), 13));
	assert_true(wait_for(t, [t] { return t->nodes[1].told[0].got == "last "; }));
}

static void a_bus_that_has_stopped_answers_as_one_that_is_away(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const cs_account accounts[] = {13};
	unsigned char online[] = {0};
	answer a;

	bus_stop(n->bus.get(), 10000);
	assert_int_equal(claim(t, n, 13, 1, 0), 0);
	bus_ending(n->bus.get(), 13, 0, 1);
	bus_release(n->bus.get(), 13, 0, 1);
	bus_presence(n->bus.get(), accounts, nullptr, online, 1, loop_of(n, 0), on_done, &a);
	assert_int_equal(send(n, 0, 13, "x", 0), CS_ENOENT);
	assert_true(is_quiet(t));
	assert_int_equal(a.result, CS_ENOENT);
	assert_false(bus_hub_has(t->hub.get(), 13));
}

static void a_bus_that_does_not_answer_does_not_hold_up_the_end(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const struct cs_bus_session session {
		.account = 13, .conn = 1, .generation = 1
	};
	const int64_t before = worker_monotonic_ms();
	answer a;

	bus_hub_deafen(t->hub.get(), 0);
	bus_claim(n->bus.get(), &session, 0, loop_of(n, 0), on_done, &a);
	bus_stop(n->bus.get(), 50);
	assert_true(worker_monotonic_ms() - before < 5000);
	assert_true(is_quiet(t));
	assert_int_equal(a.calls, 1);
}

static void what_was_handed_in_before_the_thread_runs_is_done_by_it(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const struct cs_bus_session session {
		.account = 13, .conn = 1, .generation = 1
	};
	answer a;

	bus_claim(n->bus.get(), &session, 0, loop_of(n, 0), on_done, &a);
	turn(t);
	assert_int_equal(a.calls, 0);
	start(t);
	assert_true(wait_for(t, [&a] { return a.calls == 1; }));
}

/* A server that cannot open its last part stops what never ran. */
static void a_bus_whose_thread_never_ran_can_be_stopped(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	answer a;
	const struct cs_bus_session session {
		.account = 13, .conn = 1, .generation = 1
	};

	bus_claim(n->bus.get(), &session, 0, loop_of(n, 0), on_done, &a);
	bus_stop(n->bus.get(), 10000);
	assert_true(is_quiet(t));
	assert_int_equal(a.calls, 1);
}

/* ---- more than the bus thread takes */

/* Holds up a node's bus thread until it is let go. */
struct bus_block {
	std::binary_semaphore reached{0}, go{0};
};

static void block(test *t, unsigned node, struct bus_block *b)
{
	bus_hub_run(t->hub.get(), node, [b] {
		b->reached.release();
		b->go.acquire();
	});
	b->reached.acquire();
}

static size_t count_events(const struct node *n)
{
	return n->told[0].events.size() / 2;
}

static void what_waits_for_the_thread_has_a_bound_and_what_is_dropped_is_made_good(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	struct bus *b = n->bus.get();
	const std::string body(64 * 1024, 'x');
	struct bus_block thread;
	unsigned casual = 0, hints = 0;

	(void)log_in(t, &t->nodes[1], 13);
	block(t, 0, &thread);
	while (send(n, 0, 13, body, CS_ROUTE_CASUAL) == 0)
		casual++;
	assert_int_equal(bus_count(b).dropped, 1);
	while (send(n, 0, 13, body, 0) == 0)
		hints++;
	assert_int_equal(bus_count(b).dropped, 2);
	for (int i = 0; i < 1000; i++)
		send_all(n, 0, body, i % 2 ? CS_ROUTE_CASUAL : 0);
	/* 16 MiB, half of it for casual data. Claims are not limited. */
	assert_in_range(casual, 120, 128);
	assert_in_range(hints, 120, 128);
	assert_int_equal(bus_count(b).dropped, 1002);
	thread.go.release();
	assert_int_equal(claim(t, n, 14, 1, 0), 0);
	assert_true(wait_for(t, [t] { return count_events(&t->nodes[1]) >= 1; }));
	assert_string_equal(t->nodes[1].told[0].events.c_str(), "3 ");
	assert_true(
		wait_for(t, [&] { return t->nodes[1].told[0].got.size() == (casual + hints) * (body.size() + 1); }));
	/* There is room again, and the next time is told again. */
	assert_int_equal(send(n, 0, 13, body, CS_ROUTE_CASUAL), 0);
	assert_true(is_quiet(t));
	block(t, 0, &thread);
	for (int i = 0; i < 300; i++)
		send_all(n, 0, body, CS_ROUTE_CASUAL);
	thread.go.release();
	assert_true(is_quiet(t));
	assert_int_equal(count_events(&t->nodes[1]), 1);
	block(t, 0, &thread);
	for (int i = 0; i < 300; i++)
		send_all(n, 0, body, 0);
	thread.go.release();
	assert_true(wait_for(t, [t] { return count_events(&t->nodes[1]) == 2; }));
	assert_true(is_quiet(t));
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(an_adapter_that_cannot_be_opened_says_why),
		TEST(a_goodbye_sends_what_waits_and_gives_up_the_places),
		TEST(a_bus_that_has_stopped_answers_as_one_that_is_away),
		TEST(a_bus_that_does_not_answer_does_not_hold_up_the_end),
		UNSTARTED(what_was_handed_in_before_the_thread_runs_is_done_by_it),
		UNSTARTED(a_bus_whose_thread_never_ran_can_be_stopped),
		TEST(what_waits_for_the_thread_has_a_bound_and_what_is_dropped_is_made_good),
	};

	return cmocka_run_group_tests_name("bus_life", tests, nullptr, nullptr);
}
