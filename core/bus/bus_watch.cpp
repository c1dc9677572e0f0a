/* SPDX-License-Identifier: MIT
 * The functions that the adapter of the bus gets from the server: descriptors and timers by libevent, the log. Bus
 * thread. Contracts in bus.h. */
#include <cstdio>
#include <memory>

#include "core/base/log.h"
#include "core/bus/bus_internal.h"
#include <base/raii.h>

/* One event for each direction: adding or removing the watch for writing then costs one system call, not two. */
struct cs_bus_watch {
	event_ptr read_event, write_event;
	bool reads = false, writes = false;
	void (*ready)(void *arg, int readable, int writable) = nullptr;
	void *arg = nullptr;
};

struct cs_bus_timer {
	event_ptr event;
	void (*fn)(void *arg) = nullptr;
	void *arg = nullptr;
};

static void bus_host_log(void *, enum cs_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vwrite(level, format, arguments);
	va_end(arguments);
}

/* ---- descriptors */

static void bus_watch_on_ready(evutil_socket_t, short what, void *arg)
{
	const auto *watch = static_cast<const struct cs_bus_watch *>(arg);

	watch->ready(watch->arg, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

static struct cs_bus_watch *bus_host_watch(void *core, int fd, void (*ready)(void *arg, int readable, int writable),
                                           void *arg)
{
	event_base *base = static_cast<struct bus *>(core)->loop.base.get();
	auto watch = std::make_unique<struct cs_bus_watch>();

	watch->ready = ready;
	watch->arg = arg;
	watch->read_event.reset(event_new(base, fd, EV_READ | EV_PERSIST, bus_watch_on_ready, watch.get()));
	watch->write_event.reset(event_new(base, fd, EV_WRITE | EV_PERSIST, bus_watch_on_ready, watch.get()));
	if (!watch->read_event || !watch->write_event)
		return nullptr;
	return watch.release();
}

static void bus_watch_set(event *ev, bool *is, bool wanted)
{
	if (*is == wanted)
		return;
	*is = wanted;
	if (wanted ? event_add(ev, nullptr) == -1 : event_del(ev) == -1)
		log_error("cannot watch a descriptor of the bus");
}

static void bus_host_interest(struct cs_bus_watch *watch, int read, int write)
{
	bus_watch_set(watch->read_event.get(), &watch->reads, read != 0);
	bus_watch_set(watch->write_event.get(), &watch->writes, write != 0);
}

static void bus_host_unwatch(struct cs_bus_watch *watch)
{
	std::default_delete<struct cs_bus_watch>()(watch);
}

/* ---- time */

/* Frees the timer first: fn may free the object that the timer belongs to. */
static void bus_timer_on_due(evutil_socket_t, short, void *arg)
{
	auto *timer = static_cast<struct cs_bus_timer *>(arg);
	void (*const fn)(void *) = timer->fn;
	void *const of_fn = timer->arg;

	std::default_delete<struct cs_bus_timer>()(timer);
	fn(of_fn);
}

static struct cs_bus_timer *bus_host_timer_add(void *core, int64_t ms, void (*fn)(void *arg), void *arg)
{
	event_base *base = static_cast<struct bus *>(core)->loop.base.get();
	const struct timeval time {
		.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000
	};
	auto timer = std::make_unique<struct cs_bus_timer>();

	timer->fn = fn;
	timer->arg = arg;
	timer->event.reset(event_new(base, -1, 0, bus_timer_on_due, timer.get()));
	if (!timer->event || event_add(timer->event.get(), &time) == -1)
		abort();
	return timer.release();
}

static void bus_host_timer_del(struct cs_bus_timer *timer)
{
	std::default_delete<struct cs_bus_timer>()(timer);
}

const struct cs_bus_host bus_host_table = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_bus_host),
	.log = bus_host_log,
	.watch = bus_host_watch,
	.interest = bus_host_interest,
	.unwatch = bus_host_unwatch,
	.timer_add = bus_host_timer_add,
	.timer_del = bus_host_timer_del,
	.address = bus_on_address,
	.arrived = bus_on_arrived,
	.close_session = bus_on_close_session,
	.changed = bus_on_changed,
	.dropped = bus_on_dropped,
	.refused = bus_on_refused,
	.probe_session = bus_on_probe_session,
	.alone = bus_on_alone,
	.echoed = bus_on_echoed,
};
