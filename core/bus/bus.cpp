/* SPDX-License-Identifier: MIT
 * The life of the bus: its thread and loop, opening, goodbye, counters. */
#include "core/bus/bus.h"

#include <chrono>
#include <memory>

#include "core/base/call.h"
#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/bus/bus_internal.h"

void bus_deleter::operator()(struct bus *b) const
{
	bus_stop(b, 0);
	std::default_delete<struct bus>()(b);
}

int bus_open(bus_ptr *bus_r, struct worker_shared *shared, const struct cs_bus_driver *driver, const void *conf,
             struct cs_error *e)
{
	bus_ptr b(std::make_unique<struct bus>().release());

	if (const int failed = loop_open(&b->loop, e))
		return failed;
	b->shared = shared;
	b->driver = driver;
	if (driver->open(conf, &bus_host_table, b.get(), &b->handle, e) != 0) {
		b->handle = nullptr;
		return CS_EINVAL;
	}
	*bus_r = std::move(b);
	return 0;
}

void bus_start(struct bus *b)
{
	b->thread = call_start_thread([b] { loop_run(&b->loop); });
}

static void bus_on_left(void *arg, int)
{
	static_cast<struct bus *>(arg)->left.release();
}

static void bus_leave(void *arg)
{
	auto *b = static_cast<struct bus *>(arg);

	b->leaving = true;
	b->driver->leave(b->handle, bus_on_left, b);
}

void bus_stop(struct bus *b, int64_t timeout_ms)
{
	if (b->stopped)
		return;
	if (b->thread.joinable()) {
		loop_post(&b->loop, bus_leave, b);
		if (!b->left.try_acquire_for(std::chrono::milliseconds(timeout_ms)))
			log_warning("no time for a goodbye to the cluster timeout_ms=%lld",
			            static_cast<long long>(timeout_ms));
		loop_stop(&b->loop);
		b->thread.join();
	}
	b->leaving = true;
	if (b->loop.base)
		loop_drain(&b->loop);
	b->stopped = true;
	b->address = 0;
	if (b->handle)
		b->driver->close(b->handle);
	b->handle = nullptr;
	bus_abandon(b);
}

struct loop *bus_loop(struct bus *b)
{
	return &b->loop;
}

cs_bus_address bus_address(const struct bus *b)
{
	return b->address.load(std::memory_order_acquire);
}

struct bus_counters bus_count(const struct bus *b)
{
	const int64_t echoed_at = b->echoed_at.load(std::memory_order_relaxed);

	return {.away = bus_address(b) == 0,
	        .epochs = b->epochs.load(std::memory_order_relaxed),
	        .sent = b->sent.load(std::memory_order_relaxed),
	        .received = b->received.load(std::memory_order_relaxed),
	        .dropped = b->dropped.load(std::memory_order_relaxed),
	        .refused = b->refused.load(std::memory_order_relaxed),
	        .echo_ms = b->echo_ms.load(std::memory_order_relaxed),
	        .silent_ms = echoed_at == 0 ? 0 : worker_monotonic_ms() - echoed_at,
	        .waiting_bytes = b->waiting_bytes.load(std::memory_order_relaxed)};
}

size_t bus_unfinished(const struct bus *b)
{
	return b->unfinished.load(std::memory_order_acquire);
}
