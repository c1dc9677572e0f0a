/* SPDX-License-Identifier: MIT
 * Tests the event loop: the order of posts and of the end of a turn, also from several threads. */
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>

#include "core/base/loop.h"
#include "tests/support/check.h"

struct fixture {
	struct loop loop;
	std::string trace;
	int left = 0;
	int arrived = 0;
};

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

static void stop(void *arg)
{
	loop_stop(&static_cast<fixture *>(arg)->loop);
}

static void trace_later(void *arg)
{
	static_cast<fixture *>(arg)->trace += "later ";
}

static void trace_end(void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	f->trace += "end ";
	if (f->left-- > 0)
		loop_at_end_of_turn(&f->loop, trace_end, f);
}

static void trace_first(void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	loop_post(&f->loop, trace_later, f);
	loop_post(&f->loop, stop, f);
	loop_at_end_of_turn(&f->loop, trace_end, f);
	f->trace += "first ";
}

static void trace_second(void *arg)
{
	static_cast<fixture *>(arg)->trace += "second ";
}

static void a_post_is_never_run_inside_the_call(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	loop_post(&f->loop, trace_second, f);
	assert_string_equal(f->trace.c_str(), "");
	loop_drain(&f->loop);
	assert_string_equal(f->trace.c_str(), "second ");
}

static void the_end_of_a_turn_comes_after_its_posts_and_before_the_next(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	loop_post(&f->loop, trace_first, f);
	loop_post(&f->loop, trace_second, f);
	loop_run(&f->loop);
	assert_string_equal(f->trace.c_str(), "first second end later ");
}

static void a_call_added_at_the_end_of_a_turn_belongs_to_it(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->left = 2;
	loop_post(&f->loop, trace_first, f);
	loop_run(&f->loop);
	assert_string_equal(f->trace.c_str(), "first end end end later ");
}

static void what_is_posted_after_the_stop_waits_for_the_drain(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	loop_stop(&f->loop);
	loop_run(&f->loop);
	loop_post(&f->loop, trace_later, f);
	assert_string_equal(f->trace.c_str(), "");
	loop_drain(&f->loop);
	assert_string_equal(f->trace.c_str(), "later ");
}

static bool is_awake(const fixture *f)
{
	pollfd p = {f->loop.wake.fd, POLLIN, 0};

	return poll(&p, 1, 0) == 1;
}

static void only_the_first_post_into_an_empty_queue_wakes_the_loop(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	uint64_t count = 0;

	for (int i = 0; i < 10; i++)
		loop_post(&f->loop, trace_later, f);
	assert_int_equal(read(f->loop.wake.fd, &count, sizeof count), sizeof count);
	assert_int_equal(count, 1);
	loop_post(&f->loop, trace_later, f);
	assert_false(is_awake(f));
	loop_drain(&f->loop);
	loop_post(&f->loop, trace_later, f);
	assert_true(is_awake(f));
	loop_drain(&f->loop);
}

static void trace_later_and_stop(void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	f->trace += is_awake(f) ? "woken " : "later ";
	loop_stop(&f->loop);
}

static void trace_event(evutil_socket_t, short, void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	loop_at_end_of_turn(&f->loop, trace_end, f);
	loop_post(&f->loop, trace_later_and_stop, f);
	f->trace += "event ";
}

static void at_once(fixture *f, event_callback_fn fn)
{
	const timeval now = {0, 0};

	assert_int_equal(event_base_once(f->loop.base.get(), -1, EV_TIMEOUT, fn, f, &now), 0);
}

static void a_post_of_an_event_belongs_to_its_turn_and_wakes_nobody(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	at_once(f, trace_event);
	loop_run(&f->loop);
	assert_string_equal(f->trace.c_str(), "event later end ");
}

static void trace_turn(void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	f->trace += "turn " + std::to_string(f->loop.turn) + " ";
	if (++f->arrived == 4)
		loop_stop(&f->loop);
}

static void do_nothing(void *) {}

static void do_much(evutil_socket_t fd, short what, void *arg);

static void do_much_again(void *arg)
{
	at_once(static_cast<fixture *>(arg), do_much);
}

static void do_much(evutil_socket_t, short, void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	for (int i = 0; i < 8; i++)
		loop_at_end_of_turn(&f->loop, do_nothing, f);
	loop_post(&f->loop, trace_turn, f);
	f->trace += "event ";
	if (--f->left > 0)
		loop_at_end_of_turn(&f->loop, do_much_again, f);
}

static void in_turns_that_do_much_own_posts_wait_for_the_next_turn_and_no_longer(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->left = 4;
	at_once(f, do_much);
	loop_run(&f->loop);
	assert_string_equal(f->trace.c_str(), "event event turn 2 turn 2 event event turn 4 turn 4 ");
}

static void posts_that_are_held_come_together_and_in_order(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	bool too_early = true;

	std::thread([f, &too_early] {
		loop_hold_posts();
		loop_post(&f->loop, trace_second, f);
		loop_post(&f->loop, trace_later, f);
		too_early = is_awake(f);
		loop_release_posts();
		loop_post(&f->loop, stop, f);
	}).join();
	assert_false(too_early);
	assert_true(is_awake(f));
	loop_run(&f->loop);
	assert_string_equal(f->trace.c_str(), "second later ");
}

static void note_here(void *arg)
{
	auto *f = static_cast<fixture *>(arg);

	f->trace = loop_is_here(&f->loop) ? "here" : "elsewhere";
	loop_stop(&f->loop);
}

static void the_loop_knows_its_thread(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	assert_true(loop_is_here(&f->loop));
	loop_post(&f->loop, note_here, f);
	std::thread thread(loop_run, &f->loop);
	thread.join();
	assert_string_equal(f->trace.c_str(), "here");
	assert_true(loop_is_here(&f->loop));
	f->loop.owner = std::thread::id();
	std::thread([f] { f->loop.owner = std::this_thread::get_id(); }).join();
	assert_false(loop_is_here(&f->loop));
}

/* ---- posts of several threads */

static constexpr int posters = 4, posts = 20000;

struct letter {
	struct receiver *to;
	int from, number;
};

struct receiver {
	struct loop loop;
	int next[posters] = {}, received = 0;
	bool in_order = true;
};

static void receive(void *arg)
{
	const std::unique_ptr<struct letter> l(static_cast<struct letter *>(arg));
	struct receiver *r = l->to;

	r->in_order = r->in_order && r->next[l->from] == l->number;
	r->next[l->from]++;
	if (++r->received == posters * posts)
		loop_stop(&r->loop);
}

static void post_all(struct receiver *r, int from)
{
	for (int i = 0; i < posts; i++)
		loop_post(&r->loop, receive, std::make_unique<struct letter>(letter{r, from, i}).release());
}

static void posts_of_each_thread_arrive_in_order_and_none_is_lost(void **)
{
	struct receiver r;
	struct cs_error e;
	std::vector<std::thread> all;

	assert_int_equal(loop_open(&r.loop, &e), 0);
	std::thread running(loop_run, &r.loop);
	for (int from = 0; from < posters; from++)
		all.emplace_back(post_all, &r, from);
	for (std::thread &t : all)
		t.join();
	running.join();
	assert_true(r.in_order);
	assert_int_equal(r.received, posters * posts);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_post_is_never_run_inside_the_call),
		TEST(the_end_of_a_turn_comes_after_its_posts_and_before_the_next),
		TEST(a_call_added_at_the_end_of_a_turn_belongs_to_it),
		TEST(what_is_posted_after_the_stop_waits_for_the_drain),
		TEST(only_the_first_post_into_an_empty_queue_wakes_the_loop),
		TEST(a_post_of_an_event_belongs_to_its_turn_and_wakes_nobody),
		TEST(in_turns_that_do_much_own_posts_wait_for_the_next_turn_and_no_longer),
		TEST(posts_that_are_held_come_together_and_in_order),
		TEST(the_loop_knows_its_thread),
		TEST(posts_of_each_thread_arrive_in_order_and_none_is_lost),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
