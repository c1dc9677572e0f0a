/* SPDX-License-Identifier: MIT
 * The life of a worker: opening it, its thread, its counters. */
#include "core/base/worker.h"

#include <ctime>

#include "core/base/log.h"

int worker_open(struct worker *w, unsigned index, struct worker_shared *shared, struct cs_error *e)
{
	w->index = index;
	w->shared = shared;
	return loop_open(&w->loop, e);
}

void worker_start(struct worker *w)
{
	w->thread = call_start_thread([w] {
		call_mark_thread(&w->call);
		loop_run(&w->loop);
	});
}

void worker_stop(struct worker *w)
{
	loop_stop(&w->loop);
	if (w->thread.joinable())
		w->thread.join();
}

struct route_counters *worker_counters(const struct worker *w, uint32_t msgid)
{
	auto found = w->counters.find(msgid);

	if (found == w->counters.end())
		found = w->counters.find(0);
	return found == w->counters.end() ? nullptr : found->second.get();
}

void worker_count_refusal(const struct worker *w, uint32_t msgid, int wire_errno)
{
	struct route_counters *counters = worker_counters(w, msgid);
	const auto number = static_cast<size_t>(wire_errno);

	if (counters)
		worker_add(&counters->refused[number < route_most_errnos ? number : 0], 1);
}

void worker_add(std::atomic<uint64_t> *counter, uint64_t n)
{
	counter->store(counter->load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

/* A coarse clock: at most a few milliseconds late, but much cheaper than the exact clock. */
int64_t worker_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}
