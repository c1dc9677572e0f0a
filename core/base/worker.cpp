/* SPDX-License-Identifier: MIT
 * The life of a worker: opening it, its thread, its counters. */
#include "core/base/worker.h"

#include <ctime>

#include <chatserverd/msgid.h>

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

/* ---- measuring */

/* The marks of requests are 32 bits of microseconds, which is more than an hour; the lowest bit is always set, since 0
 * is no mark. */
static uint32_t worker_turn_us(struct worker *w)
{
	if (w->clock_turn != w->loop.turn) {
		w->clock_turn = w->loop.turn;
		w->clock_us = static_cast<uint32_t>(worker_monotonic_us()) | 1;
	}
	return w->clock_us;
}

void worker_stamp(struct worker *w, struct cs_request *request)
{
	request->since = worker_turn_us(w);
}

static enum worker_answer worker_answer_kind(uint32_t msgid)
{
	if (msgid == CS_MSGID_CHAT)
		return WORKER_ANSWER_CHAT;
	return msgid == CS_MSGID_GROUP_CHAT ? WORKER_ANSWER_GROUP_CHAT : WORKER_ANSWER_OTHER;
}

/* Answers of a later turn share one reading of the clock. For an answer in the turn of the request it is read anew. */
void worker_count_answer(struct worker *w, const struct cs_request *request)
{
	if (request->since == 0)
		return;
	const uint32_t turn = worker_turn_us(w);
	const uint32_t now = turn == request->since ? static_cast<uint32_t>(worker_monotonic_us()) | 1 : turn;

	histogram_count(&w->answers[worker_answer_kind(request->msgid)], &histogram_times, now - request->since);
}

static void worker_note_lag(void *arg)
{
	auto *w = static_cast<struct worker *>(arg);

	histogram_count(&w->lag, &histogram_times, worker_waiting_us(w));
	w->probed_us.store(0, std::memory_order_relaxed);
}

void worker_probe_lag(struct worker *w)
{
	if (w->probed_us.load(std::memory_order_relaxed) != 0)
		return;
	w->probed_us.store(worker_monotonic_us(), std::memory_order_relaxed);
	loop_post(&w->loop, worker_note_lag, w);
}

uint64_t worker_waiting_us(const struct worker *w)
{
	const uint64_t since = w->probed_us.load(std::memory_order_relaxed), now = worker_monotonic_us();

	return since == 0 || now < since ? 0 : now - since;
}

/* ---- clocks */

/* A coarse clock: at most a few milliseconds late, but much cheaper than the exact clock. */
int64_t worker_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

uint64_t worker_monotonic_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}
