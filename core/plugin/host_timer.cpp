/* SPDX-License-Identifier: MIT
 * The timers of plugins. */
#include <algorithm>
#include <memory>

#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"

/* A timer of a plugin. It may be deleted from within its own call. */
struct cs_timer {
	struct cs_self *self;
	event_ptr event;
	cs_timer_fn *fn;
	void *arg;
	size_t index; /* index in self->timers */
	bool repeat;
	bool running;
	bool deleted;
};

static void host_timer_free(struct cs_timer *timer)
{
	const std::unique_ptr<struct cs_timer> owner(timer);
	auto &timers = timer->self->timers;

	timers.back()->index = timer->index;
	timers[timer->index] = timers.back();
	timers.pop_back();
}

static void host_timer_fire(evutil_socket_t, short, void *arg)
{
	auto *timer = static_cast<struct cs_timer *>(arg);

	timer->running = true;
	{
		const plugin_call call(timer->self, CALL_TIMER);

		timer->fn(timer->self->state, timer->arg);
	}
	timer->running = false;
	if (timer->deleted || !timer->repeat)
		host_timer_free(timer);
}

struct cs_timer *host_timer_add(struct cs_self *self, int64_t ms, int repeat, cs_timer_fn *fn, void *arg)
{
	auto owner = std::make_unique<struct cs_timer>();
	struct cs_timer *timer = owner.release();
	const int64_t wait = std::max<int64_t>(ms, repeat ? 1 : 0);
	const struct timeval time {
		.tv_sec = wait / 1000, .tv_usec = static_cast<suseconds_t>(wait % 1000 * 1000)
	};

	timer->self = self;
	timer->fn = fn;
	timer->arg = arg;
	timer->repeat = repeat;
	timer->index = self->timers.size();
	timer->event.reset(event_new(self->worker->loop.base.get(), -1, static_cast<short>(repeat ? EV_PERSIST : 0),
	                             host_timer_fire, timer));
	self->timers.push_back(timer);
	(void)event_add(timer->event.get(), &time);
	return timer;
}

void host_timer_del(struct cs_self *, struct cs_timer *timer)
{
	if (!timer)
		return;
	if (!timer->running)
		return host_timer_free(timer);
	timer->deleted = true;
	(void)event_del(timer->event.get());
}

void host_timers_free(struct cs_self *self)
{
	while (!self->timers.empty())
		host_timer_free(self->timers.back());
}
