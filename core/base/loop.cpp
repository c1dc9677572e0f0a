/* SPDX-License-Identifier: MIT
 * The turn of an event loop: events, then posted calls, then the end-of-turn list. */
#include "core/base/loop.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <sys/eventfd.h>

#include "core/base/log.h"

using event_config_ptr = std::unique_ptr<event_config, function_deleter<event_config_free>>;

static void loop_run_inbox(struct loop *l)
{
	{
		std::scoped_lock lock(l->mutex);
		l->running.swap(l->inbox);
	}
	for (const struct loop_call &call : l->running)
		call.fn(call.arg);
	l->running.clear();
}

static void loop_on_wake(evutil_socket_t fd, short, void *arg)
{
	uint64_t count = 0;

	/* The read may fail if another turn has read the count already; only the inbox matters, not the count. */
	(void)!::read(fd, &count, sizeof count);
	loop_run_inbox(static_cast<struct loop *>(arg));
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
	l->wake_event.reset(event_new(l->base.get(), l->wake.fd, EV_READ | EV_PERSIST, loop_on_wake, l));
	if (!l->wake_event || event_add(l->wake_event.get(), nullptr) == -1) {
		error_set(e, "cannot watch the eventfd of a loop");
		return CS_EINVAL;
	}
	return 0;
}

static void loop_wake(struct loop *l)
{
	const uint64_t one = 1;

	/* The write fails only if the counter is full, and then the loop is awake already. */
	(void)!::write(l->wake.fd, &one, sizeof one);
}

void loop_post(struct loop *l, void (*fn)(void *), void *arg)
{
	bool was_empty;

	{
		std::scoped_lock lock(l->mutex);
		was_empty = l->inbox.empty();
		l->inbox.push_back({fn, arg});
	}
	if (was_empty)
		loop_wake(l);
}

void loop_at_end_of_turn(struct loop *l, void (*fn)(void *), void *arg)
{
	l->end_of_turn.push_back({fn, arg});
}

void loop_run(struct loop *l)
{
	l->owner = std::this_thread::get_id();
	loop_run_end_of_turn(l);
	while (!l->stopping) {
		if (event_base_loop(l->base.get(), EVLOOP_ONCE) == -1) {
			log_error("event loop failed errno=%d", errno);
			break;
		}
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
		std::scoped_lock lock(l->mutex);
		if (l->inbox.empty())
			return;
	}
}

bool loop_is_here(const struct loop *l)
{
	const std::thread::id owner = l->owner.load(std::memory_order_relaxed);

	return owner == std::thread::id() || owner == std::this_thread::get_id();
}
