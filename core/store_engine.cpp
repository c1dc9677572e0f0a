/* SPDX-License-Identifier: MIT
 * Owns what happens on one database connection: transactions, what each class of error leads to, opening again.
 * It must not know queues, threads or workers. */
#include "store_engine.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "log.h"
#include "plugin.h"
#include "worker.h"

namespace {

constexpr unsigned most_retries = 5;
constexpr int64_t most_pause = 500;
constexpr int64_t read_timeout = 3000;
/* Where no commit was sent: longer than a restart of the database, shorter than patience. */
constexpr int64_t unsent_timeout = 4000;
constexpr int64_t probe_pause = 1000;

/* How an attempt went, over all its runs. */
struct attempt {
	int64_t begun;               /* when it was handed in */
	int64_t started = worker_monotonic_ms();
	bool probe = false;          /* the store is away: one try is enough */
	unsigned runs = 0;
	unsigned retries = 0;
	bool perhaps_done = false;   /* a commit was sent and not answered */
};

bool limit_passes(struct log_limit *limit, uint64_t *held_back_r)
{
	const int64_t now = worker_monotonic_ms();
	int64_t next = limit->next_ms.load(std::memory_order_relaxed);

	if (now < next || !limit->next_ms.compare_exchange_strong(next, now + 1000, std::memory_order_relaxed)) {
		limit->held_back.fetch_add(1, std::memory_order_relaxed);
		return false;
	}
	*held_back_r = limit->held_back.exchange(0, std::memory_order_relaxed);
	return true;
}

const char *last_message(const struct store_engine *engine)
{
	const char *text = engine->db ? engine->db->driver->message(engine->db.get()) : nullptr;

	return text ? text : "";
}

/* true: the line was written. */
bool log_limited(struct store_engine *engine, struct log_limit *limit, const char *text, int result,
                 const char *message)
{
	uint64_t held_back = 0;

	if (!limit_passes(limit, &held_back))
		return false;
	log_error("%s connection=%s class=%d held_back=%llu message=\"%s\"", text, engine->role, result,
	          (unsigned long long)held_back, message);
	return true;
}

/* Waits a random time around base * 2^n, so that those that met do not meet again; shorter when stopping. */
void pause(struct store_engine *engine, unsigned n, int64_t base)
{
	const int64_t longest = std::min(base << std::min(n, 10u), most_pause);
	int64_t left = 1 + (int64_t)(engine->random() % (uint64_t)longest);

	for (; left > 0 && !engine->shared->stopping.load(std::memory_order_relaxed); left -= 10)
		std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(left, 10)));
}

/* The disk filled up, or has room again: one line at each turn. */
void note_full(struct store_engine *engine, bool full)
{
	if (engine->shared->degraded.load(std::memory_order_relaxed) == full)
		return;
	if (engine->shared->degraded.exchange(full) == full)
		return;
	if (full)
		engine->shared->degraded_logged = log_limited(engine, &engine->shared->full_limit,
		                                              "store cannot write: disk full or read-only",
		                                              CS_DB_FULL, last_message(engine));
	else if (engine->shared->degraded_logged.exchange(false))
		log_warning("store writes again connection=%s", engine->role);
}

/* Whoever asks while the store is away should not wait for what others have waited for in vain. One connection that
 * hangs while others are answered does not count. */
void note_away(struct store_engine *engine, const struct attempt *a)
{
	struct store_shared *shared = engine->shared;

	if (shared->answered_ms.load(std::memory_order_relaxed) >= a->started)
		return;
	shared->probe_ms.store(worker_monotonic_ms() + probe_pause, std::memory_order_relaxed);
	if (!shared->away.exchange(true))
		log_error("store does not answer: requests are refused until it does connection=%s", engine->role);
}

void note_answered(struct store_engine *engine)
{
	struct store_shared *shared = engine->shared;

	shared->answered_ms.store(worker_monotonic_ms(), std::memory_order_relaxed);
	if (shared->away.load(std::memory_order_relaxed) && shared->away.exchange(false))
		log_warning("store answers again connection=%s", engine->role);
}

/* false: the store is away and it is not yet time to see whether it is back. */
bool may_try(struct store_engine *engine, struct attempt *a)
{
	struct store_shared *shared = engine->shared;
	int64_t due = shared->probe_ms.load(std::memory_order_relaxed);

	a->probe = shared->away.load(std::memory_order_relaxed);
	if (!a->probe)
		return true;
	if (a->started < due ||
	    !shared->probe_ms.compare_exchange_strong(due, a->started + probe_pause, std::memory_order_relaxed))
		return false;
	engine->db.reset();   /* what it knows of the store is old */
	return true;
}

/* Closes a connection that does not answer; the next run opens another. */
void lose(struct store_engine *engine, struct attempt *a, const char *message)
{
	log_limited(engine, &engine->shared->lost_limit, "store connection lost", CS_DB_UNKNOWN, message);
	engine->db.reset();
	pause(engine, a->runs, 10);
}

bool is_stopping(const struct store_engine *engine)
{
	return engine->shared->stopping.load(std::memory_order_relaxed);
}

/* Opens where needed and begins. */
int begin(struct store_engine *engine)
{
	struct cs_error e{};

	if (!engine->db) {
		if (const int failed = store_engine_open(engine, &e)) {
			log_limited(engine, &engine->shared->lost_limit, "store connection cannot be opened", failed,
			            e.text);
			return CS_DB_UNKNOWN;
		}
	}
	return engine->db->driver->begin(engine->db.get());
}

int commit(struct store_engine *engine, struct attempt *a)
{
	const int result = engine->db->driver->commit(engine->db.get());

	if (result == CS_DB_UNKNOWN)
		a->perhaps_done = true;
	return result;
}

/* An attempt that is no probe goes on for a while: long where a commit was sent, since running again tells. */
bool is_hopeless(const struct attempt *a, int64_t timeout)
{
	const int64_t now = worker_monotonic_ms();

	if (a->probe || now - a->begun >= timeout)
		return true;
	/* The first run may have met a connection that had died unnoticed; the second had a new one. */
	return !a->perhaps_done && a->runs >= 2 && now - a->started >= unsent_timeout;
}

/* Decides after a failed run whether to run again (true), or with which result to end (false, *result_r). */
bool run_again(struct store_engine *engine, struct attempt *a, int result, int64_t timeout, int *result_r)
{
	a->runs++;
	*result_r = a->perhaps_done ? CS_EUNKNOWN : CS_ENOSTORE;
	if (result == CS_DB_RETRY) {
		engine->shared->retries.fetch_add(1, std::memory_order_relaxed);
		if (a->retries++ == most_retries || worker_monotonic_ms() - a->started >= timeout ||
		    is_stopping(engine)) {
			log_limited(engine, &engine->shared->failed_limit, "store gave up after retries", result,
			            last_message(engine));
			return false;
		}
		pause(engine, a->retries, 2);
		return true;
	}
	if (result == CS_DB_UNKNOWN) {
		const std::string message = last_message(engine);

		if (is_hopeless(a, timeout) || is_stopping(engine)) {
			log_limited(engine, &engine->shared->lost_limit, "store connection lost", result, message.c_str());
			engine->db.reset();
			note_away(engine, a);
			return false;
		}
		engine->shared->retries.fetch_add(1, std::memory_order_relaxed);
		lose(engine, a, message.c_str());
		return true;
	}
	return false;
}

/* What the caller is told of a class that running again does not help. */
int final_result(struct store_engine *engine, int result)
{
	switch (result) {
	case CS_DB_FULL:
		note_full(engine, true);
		return CS_ENOSTORE;
	case CS_DB_BAD_VALUE:
	case CS_DB_DUPLICATE:
		return result;
	default:
		log_limited(engine, &engine->shared->failed_limit, "store statement failed", result,
		            last_message(engine));
		return CS_ENOSTORE;
	}
}

/* ---- work */

int run_read(struct store_engine *engine, struct store_task *task)
{
	struct cs_error e{};

	if (!engine->db && store_engine_open(engine, &e) != 0) {
		log_limited(engine, &engine->shared->lost_limit, "store connection cannot be opened", CS_DB_UNKNOWN,
		            e.text);
		return CS_DB_UNKNOWN;
	}
	return task->fn(engine->db.get(), task->arg);
}

int run_write(struct store_engine *engine, struct store_task *task, struct attempt *a)
{
	int result = begin(engine);

	if (result != 0)
		return result;
	result = task->fn(engine->db.get(), task->arg);
	if (result != 0) {
		engine->db->driver->rollback(engine->db.get());
		return result;
	}
	result = commit(engine, a);
	if (result == 0)
		note_full(engine, false);
	return result;
}

/* ---- batches */

int run_batch(struct store_engine *engine, std::span<struct store_task> tasks, struct attempt *a, bool careful)
{
	std::vector<void *> items(tasks.size());
	int result = begin(engine);

	if (result != 0)
		return result;
	std::transform(tasks.begin(), tasks.end(), items.begin(), [](const store_task &t) { return t.arg; });
	result = tasks.front().batch->run(engine->db.get(), items.data(), items.size(), careful);
	if (result != 0) {
		engine->db->driver->rollback(engine->db.get());
		return result > 0 ? CS_DB_FAILED : result;
	}
	return commit(engine, a);
}

void tell_committed(std::span<struct store_task> tasks)
{
	for (struct store_task &task : tasks) {
		task.result = 0;
		if (task.batch->committed)
			task.batch->committed(&host_table, task.self, task.arg);
	}
}

/* Runs all as one transaction until it is decided. 0: committed; a class: an item stands in the way of the
 * others; CS_ENOSTORE, CS_EUNKNOWN: so for all. */
int settle_batch(struct store_engine *engine, std::span<struct store_task> tasks, bool careful)
{
	struct attempt a{.begun = tasks.front().begun};
	int ended = 0;

	if (!may_try(engine, &a))
		return CS_ENOSTORE;
	for (;;) {
		const int result = run_batch(engine, tasks, &a, careful);

		if (result == 0) {
			note_answered(engine);
			return 0;
		}
		if (result == CS_DB_DUPLICATE && !careful) {
			careful = true;
			continue;
		}
		if (result == CS_DB_DUPLICATE)
			log_limited(engine, &engine->shared->duplicate_limit, "store batch is a duplicate when run carefully",
			            result, last_message(engine));
		if (result == CS_DB_RETRY || result == CS_DB_UNKNOWN) {
			if (run_again(engine, &a, result, engine->shared->unknown_timeout, &ended))
				continue;
			return ended;
		}
		note_answered(engine);
		ended = final_result(engine, result);
		return a.perhaps_done ? CS_EUNKNOWN : ended;
	}
}

void finish_all(struct store_engine *engine, std::span<struct store_task> tasks, int result)
{
	if (result != 0)
		engine->shared->failures.fetch_add(tasks.size(), std::memory_order_relaxed);
	for (struct store_task &task : tasks)
		task.result = result == CS_DB_DUPLICATE ? CS_ENOSTORE : result;
}

}

int store_engine_open(struct store_engine *engine, struct cs_error *e)
{
	struct cs_db *db = nullptr;

	if (engine->db)
		return CS_DB_OK;
	const int result = engine->shared->driver->open(engine->shared->driver_conf, &db, e);

	if (result == CS_DB_OK)
		engine->db.reset(db);
	return result;
}

void store_engine_work(struct store_engine *engine, struct store_task *task)
{
	struct attempt a{.begun = task->begun};

	if (!may_try(engine, &a)) {
		engine->shared->failures.fetch_add(1, std::memory_order_relaxed);
		task->result = CS_ENOSTORE;
		return;
	}
	for (;;) {
		const bool write = task->kind == CS_WORK_WRITE;
		const int result = write ? run_write(engine, task, &a) : run_read(engine, task);

		if (result >= 0) {
			note_answered(engine);
			task->result = result;
			return;
		}
		/* A write that perhaps was done must not be done twice: only its caller knows whether it may. */
		if (a.perhaps_done) {
			engine->db.reset();
			task->result = CS_EUNKNOWN;
			break;
		}
		if (result == CS_DB_RETRY || result == CS_DB_UNKNOWN) {
			if (run_again(engine, &a, result, read_timeout, &task->result))
				continue;
			break;
		}
		note_answered(engine);
		task->result = final_result(engine, result);
		break;
	}
	engine->shared->failures.fetch_add(1, std::memory_order_relaxed);
}

void store_engine_batch(struct store_engine *engine, std::span<struct store_task> tasks,
                        void (*finished)(void *arg, std::span<struct store_task> tasks), void *arg)
{
	const int result = settle_batch(engine, tasks, false);

	if ((result == CS_DB_BAD_VALUE || result == CS_DB_DUPLICATE) && tasks.size() > 1) {
		for (size_t i = 0; i < tasks.size(); i++)
			store_engine_batch(engine, tasks.subspan(i, 1), finished, arg);
		return;
	}
	if (result == 0) {
		note_full(engine, false);
		engine->shared->batches.fetch_add(1, std::memory_order_relaxed);
		engine->shared->items.fetch_add(tasks.size(), std::memory_order_relaxed);
		tell_committed(tasks);
	} else {
		finish_all(engine, tasks, result);
	}
	finished(arg, tasks);
}
