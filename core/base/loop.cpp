/* SPDX-License-Identifier: MIT
 * The turn of an event loop: events, then posted calls, then the end-of-turn list. */
#include "core/base/loop.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <sys/eventfd.h>

#include "core/base/log.h"

/* With so many calls at its end, a turn does much. */
static constexpr size_t loop_much = 8;

using event_config_ptr = std::unique_ptr<event_config, function_deleter<event_config_free>>;

static void loop_run_inbox(struct loop *l)
{
	{
		std::scoped_lock lock(l->mutex);
		l->asleep = false;
		l->from_others = false;
		l->running.swap(l->inbox);
	}
	for (const struct loop_call &call : l->running)
		call.fn(call.arg);
	l->running.clear();
}

/* The turn that it began runs the inbox. */
static void loop_on_wake(evutil_socket_t fd, short, void *)
{
	uint64_t count;

	(void)!::read(fd, &count, sizeof count);
}

/* By index, because calls may add calls. */
static void loop_run_end_of_turn(struct loop *l)
{
	for (size_t i = 0; i < l->end_of_turn.size(); i++) {
		const struct loop_call call = l->end_of_turn[i];

		call.fn(call.arg);
	}
	l->end_of_turn.clear();
	l->turn++;
}

int loop_open(struct loop *l, struct cs_error *e)
{
	event_config_ptr config(event_config_new());

	/* Needs no lock: other threads use only the loop's inbox. */
	event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
	l->base.reset(event_base_new_with_config(config.get()));
	if (!l->base) {
		error_set(e, "cannot make an event loop: %s", strerror(errno));
		return CS_EINVAL;
	}
	l->wake.reset(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	if (l->wake.fd == -1) {
		error_set(e, "cannot make an eventfd: %s", strerror(errno));
		return CS_EINVAL;
	}
	l->wake_event.reset(event_new(l->base.get(), l->wake.fd, EV_READ | EV_PERSIST, loop_on_wake, nullptr));
	if (!l->wake_event || event_add(l->wake_event.get(), nullptr) == -1) {
		error_set(e, "cannot watch the eventfd of a loop");
		return CS_EINVAL;
	}
	return 0;
}

bool loop_runs_here(const struct loop *l)
{
	return l->owner.load(std::memory_order_relaxed) == std::this_thread::get_id();
}

static void loop_wake(struct loop *l)
{
	const uint64_t one = 1;

	/* The write fails only if the counter is full, and then the loop is awake already. */
	(void)!::write(l->wake.fd, &one, sizeof one);
}

static void loop_post_all(struct loop *l, std::span<const struct loop_call> calls)
{
	const bool from_other = !loop_runs_here(l);
	bool was_asleep;

	{
		std::scoped_lock lock(l->mutex);
		was_asleep = l->asleep.exchange(false, std::memory_order_relaxed);
		l->from_others |= from_other;
		l->inbox.insert(l->inbox.end(), calls.begin(), calls.end());
	}
	if (was_asleep && from_other)
		loop_wake(l);
}

/* What a thread has posted to one loop since loop_hold_posts. */
struct loop_held {
	struct loop *loop;
	std::vector<struct loop_call> calls;
};

static thread_local bool loop_is_holding;
static thread_local std::vector<struct loop_held> loop_held_posts;

void loop_hold_posts(void)
{
	loop_is_holding = true;
}

void loop_release_posts(void)
{
	loop_is_holding = false;
	for (const struct loop_held &held : loop_held_posts)
		loop_post_all(held.loop, held.calls);
	loop_held_posts.clear();
}

static void loop_hold_post(struct loop *l, const struct loop_call &call)
{
	for (struct loop_held &held : loop_held_posts)
		if (held.loop == l) {
			held.calls.push_back(call);
			return;
		}
	loop_held_posts.push_back({l, {call}});
}

void loop_post(struct loop *l, void (*fn)(void *), void *arg)
{
	const struct loop_call call = {fn, arg};

	if (loop_is_holding)
		loop_hold_post(l, call);
	else
		loop_post_all(l, {&call, 1});
}

void loop_at_end_of_turn(struct loop *l, void (*fn)(void *), void *arg)
{
	l->asleep.store(false, std::memory_order_relaxed); /* this turn will run the inbox */
	l->end_of_turn.push_back({fn, arg});
}

/* In a turn that does much, the loop's own calls wait for the next turn, which comes at once: what they send then goes
 * out together with what the next turn sends to the same connections. */
static bool loop_holds_over(struct loop *l)
{
	std::scoped_lock lock(l->mutex);

	l->held_over = !l->held_over && !l->from_others && l->end_of_turn.size() >= loop_much;
	return l->held_over;
}

/* From now on a post wakes the loop, if nothing was posted before. */
static bool loop_fall_asleep(struct loop *l)
{
	std::scoped_lock lock(l->mutex);

	l->asleep = l->inbox.empty();
	return l->asleep;
}

void loop_run(struct loop *l)
{
	l->owner = std::this_thread::get_id();
	loop_run_end_of_turn(l);
	while (!l->stopping) {
		const int wait = loop_fall_asleep(l) ? 0 : EVLOOP_NONBLOCK;

		if (event_base_loop(l->base.get(), EVLOOP_ONCE | wait) == -1) {
			log_error("event loop failed errno=%d", errno);
			break;
		}
		if (!loop_holds_over(l))
			loop_run_inbox(l);
		loop_run_end_of_turn(l);
	}
	l->owner = std::thread::id();
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
	loop_wake(l);
}

void loop_drain(struct loop *l)
{
	for (;;) {
		loop_run_inbox(l);
		loop_run_end_of_turn(l);
		if (loop_fall_asleep(l))
			return;
	}
}

bool loop_is_here(const struct loop *l)
{
	const std::thread::id owner = l->owner.load(std::memory_order_relaxed);

	return owner == std::thread::id() || owner == std::this_thread::get_id();
}
