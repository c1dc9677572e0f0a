/* SPDX-License-Identifier: MIT
 * Owns what happens on one database connection: transactions, what each class of error leads to, opening again.
 * It must not know queues, threads or workers. */
#include "core/store/store_engine.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/instance.h"
#include "core/base/worker.h"

namespace {

constexpr unsigned most_retries = 5;
constexpr int64_t most_pause = 500;
/* A probe that did not end by then no longer keeps others from trying. */
constexpr int64_t longest_probe = 10000;

/* How an attempt went, over all its runs. */
struct attempt {
	int64_t begun;               /* when it was handed in */
	int64_t patience;            /* ms from then on for which it is run again */
	bool repeatable;             /* running again what perhaps was done is harmless */
	int64_t started = worker_monotonic_ms();
	bool probe = false;          /* the store is away: one try is enough */
	bool alone = true;           /* there is nothing that could be tried one by one */
	bool careful = false;        /* a duplicate was met */
	unsigned lost = 0;           /* runs whose connection did not answer */
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

bool is_stopping(const struct store_engine *engine)
{
	return engine->shared->stopping.load(std::memory_order_relaxed);
}

/* Waits a random time around base * 2^n, so that those that met do not meet again; shorter when stopping. */
void pause(struct store_engine *engine, unsigned n, int64_t base)
{
	const int64_t longest = std::min(base << std::min(n, 10u), most_pause);
	int64_t left = 1 + (int64_t)(engine->random() % (uint64_t)longest);

	for (; left > 0 && !is_stopping(engine); left -= 10)
		std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(left, 10)));
}

/* The disk filled up, or has room again: one line at each turn. One that was held back comes with a later
 * failure. */
void note_full(struct store_engine *engine, bool full)
{
	struct store_shared *shared = engine->shared;

	if (!full && !shared->degraded.load(std::memory_order_relaxed))
		return;
	const std::scoped_lock lock(shared->turns);

	shared->degraded = full;
	if (full && !shared->degraded_logged)
		shared->degraded_logged = log_limited(engine, &shared->full_limit,
		                                      "store cannot write: disk full or read-only", CS_DB_FULL,
		                                      last_message(engine));
	else if (!full && std::exchange(shared->degraded_logged, false))
		log_warning("store writes again connection=%s", engine->role);
}

/* What befell a connection from before the store answered again is old news, and would be read as a new loss. */
void note_lost(struct store_engine *engine, const char *text, int result, const char *message)
{
	struct store_shared *shared = engine->shared;
	const std::scoped_lock lock(shared->turns);

	if (engine->returns == shared->returns)
		log_limited(engine, &shared->lost_limit, text, result, message);
}

/* Whoever asks while the store is away should not wait for what others have waited for in vain. One connection that
 * hangs while others are answered does not count. */
void note_away(struct store_engine *engine, const struct attempt *a)
{
	struct store_shared *shared = engine->shared;
	const std::scoped_lock lock(shared->turns);

	if (shared->answered_ms.load(std::memory_order_relaxed) >= a->started)
		return;
	shared->probe_ms.store(worker_monotonic_ms() + shared->patience.probe, std::memory_order_relaxed);
	if (!shared->away.exchange(true))
		log_error("store does not answer: requests are refused until it does connection=%s", engine->role);
}

/* All connections are from before then but the one that was answered. */
void note_answered(struct store_engine *engine)
{
	struct store_shared *shared = engine->shared;

	shared->answered_ms.store(worker_monotonic_ms(), std::memory_order_relaxed);
	if (!shared->away.load(std::memory_order_relaxed))
		return;
	const std::scoped_lock lock(shared->turns);

	if (!shared->away.exchange(false))
		return;
	engine->returns = ++shared->returns;
	log_warning("store answers again connection=%s", engine->role);
}

/* false: the store is away and it is not yet time to see whether it is back, or somebody is just doing so. */
bool may_try(struct store_engine *engine, struct attempt *a)
{
	struct store_shared *shared = engine->shared;
	int64_t due = shared->probe_ms.load(std::memory_order_relaxed);

	a->probe = shared->away.load(std::memory_order_relaxed);
	if (!a->probe)
		return true;
	if (a->started < due ||
	    !shared->probe_ms.compare_exchange_strong(due, a->started + longest_probe, std::memory_order_relaxed))
		return false;
	engine->db.reset();   /* what it knows of the store is old */
	return true;
}

/* A deadlock or a lock that was waited for in vain: nothing was changed. */
bool run_again_locked(struct store_engine *engine, struct attempt *a)
{
	if (a->retries == most_retries || worker_monotonic_ms() - a->begun >= a->patience || is_stopping(engine)) {
		log_limited(engine, &engine->shared->failed_limit, "store gave up after retries", CS_DB_RETRY,
		            last_message(engine));
		return false;
	}
	pause(engine, ++a->retries, 2);
	return true;
}

/* An attempt that is no probe goes on for a while: long where a commit was sent, since running again tells. */
bool is_hopeless(const struct store_engine *engine, const struct attempt *a)
{
	const int64_t now = worker_monotonic_ms();

	if (a->probe || now - a->begun >= a->patience || is_stopping(engine))
		return true;
	/* The first run may have met a connection that had died unnoticed; the second had a new one. */
	return !a->perhaps_done && a->lost >= 2 && now - a->started >= engine->shared->patience.unsent;
}

/* The connection does not answer; the next run opens another. */
bool run_again_lost(struct store_engine *engine, struct attempt *a)
{
	const bool only_once = a->perhaps_done && !a->repeatable;   /* twice only if its caller says so */

	a->lost++;
	note_lost(engine, "store connection lost", CS_DB_UNKNOWN, last_message(engine));
	engine->db.reset();
	if (only_once && !a->probe)
		return false;
	if (is_hopeless(engine, a)) {
		note_away(engine, a);
		return false;
	}
	pause(engine, a->lost, 10);
	return true;
}

/* Decides after a failed run whether to run again. */
bool run_again(struct store_engine *engine, struct attempt *a, int result)
{
	bool again = false;

	if (result == CS_DB_DUPLICATE && a->repeatable && !a->careful) {
		a->careful = true;
		return true;
	}
	if (result == CS_DB_RETRY)
		again = run_again_locked(engine, a);
	else if (result == CS_DB_UNKNOWN)
		again = run_again_lost(engine, a);
	if (again)
		engine->shared->retries.fetch_add(1, std::memory_order_relaxed);
	return again;
}

/* What the caller is told of a class. */
int final_result(struct store_engine *engine, const struct attempt *a, int result)
{
	switch (result) {
	case CS_DB_RETRY:
	case CS_DB_UNKNOWN:
		break;
	case CS_DB_FULL:
		note_full(engine, true);
		break;
	case CS_DB_BAD_VALUE:
		if (a->alone)
			log_limited(engine, &engine->shared->value_limit, "store cannot hold a value", result,
			            last_message(engine));
		[[fallthrough]];
	case CS_DB_DUPLICATE:
		if (!a->perhaps_done)
			return result;
		break;
	default:
		log_limited(engine, &engine->shared->failed_limit, "store statement failed", result,
		            last_message(engine));
	}
	return a->perhaps_done ? CS_EUNKNOWN : CS_ENOSTORE;
}

/* Runs until it is decided: what run answered, a class that its caller judges, CS_ENOSTORE or CS_EUNKNOWN. */
template <class Run> int settle(struct store_engine *engine, struct attempt *a, Run run)
{
	int result;

	if (!may_try(engine, a))
		return CS_ENOSTORE;
	do {
		result = run(a);
		if (result != CS_DB_UNKNOWN)
			note_answered(engine);
		if (result >= 0)
			return result;
	} while (run_again(engine, a, result));
	return final_result(engine, a, result);
}

/* ---- one transaction */

/* Between two requests a connection may have ended, or have become one from before the store answered again. */
void drop_old(struct store_engine *engine)
{
	if (!engine->db)
		return;
	if (engine->returns != engine->shared->returns) {
		engine->db.reset();
	} else if (engine->db->driver->ended && engine->db->driver->ended(engine->db.get())) {
		log_debug("store connection ended while idle, another is opened connection=%s", engine->role);
		engine->db.reset();
	}
}

/* CS_DB_OK or CS_DB_UNKNOWN. */
int connect(struct store_engine *engine)
{
	struct cs_error e{};

	drop_old(engine);
	const int failed = store_engine_open(engine, &e);

	if (failed == CS_DB_OK)
		return CS_DB_OK;
	note_lost(engine, "store connection cannot be opened", failed, e.text);
	return CS_DB_UNKNOWN;
}

/* Commits where body answers 0. */
template <class Body> int run_transaction(struct store_engine *engine, struct attempt *a, Body body)
{
	int result = connect(engine);

	if (result == CS_DB_OK)
		result = engine->db->driver->begin(engine->db.get());
	if (result != CS_DB_OK)
		return result;
	result = body(engine->db.get());
	if (result != 0) {
		engine->db->driver->rollback(engine->db.get());
		return result;
	}
	result = engine->db->driver->commit(engine->db.get());
	if (result == CS_DB_OK)
		note_full(engine, false);
	a->perhaps_done = a->perhaps_done || result == CS_DB_UNKNOWN;
	return result;
}

int run_read(struct store_engine *engine, const struct store_task *task)
{
	const int result = connect(engine);

	return result == CS_DB_OK ? task->fn(engine->db.get(), task->arg) : result;
}

int run_batch(struct store_engine *engine, std::span<struct store_task> tasks, struct attempt *a)
{
	std::vector<void *> items(tasks.size());

	std::transform(tasks.begin(), tasks.end(), items.begin(), [](const store_task &t) { return t.arg; });
	return run_transaction(engine, a, [&](struct cs_db *db) {
		const int result = tasks.front().batch->run(db, items.data(), items.size(), a->careful);

		if (result == CS_DB_DUPLICATE && a->careful)
			log_limited(engine, &engine->shared->duplicate_limit,
			            "store batch is a duplicate when run carefully", result, last_message(engine));
		return result > 0 ? CS_DB_FAILED : result;
	});
}

void tell_committed(std::span<struct store_task> tasks)
{
	for (struct store_task &task : tasks) {
		task.result = 0;
		if (task.batch->committed)
			task.batch->committed(task.self->host, task.self, task.arg);
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
	engine->returns = engine->shared->returns;
	const int result = engine->shared->driver->open(engine->shared->driver_conf, &db, e);

	if (result == CS_DB_OK)
		engine->db.reset(db);
	return result;
}

void store_engine_work(struct store_engine *engine, struct store_task *task)
{
	struct attempt a{.begun = task->begun, .patience = engine->shared->patience.work, .repeatable = false};

	task->result = settle(engine, &a, [&](struct attempt *run) {
		if (task->kind != CS_WORK_WRITE)
			return run_read(engine, task);
		return run_transaction(engine, run, [&](struct cs_db *db) { return task->fn(db, task->arg); });
	});
	if (task->result < 0)
		engine->shared->failures.fetch_add(1, std::memory_order_relaxed);
}

void store_engine_batch(struct store_engine *engine, std::span<struct store_task> tasks,
                        void (*finished)(void *arg, std::span<struct store_task> tasks), void *arg)
{
	struct attempt a{.begun = tasks.front().begun, .patience = engine->shared->patience.batch,
	                 .repeatable = true, .alone = tasks.size() == 1};
	const int result = settle(engine, &a, [&](struct attempt *run) { return run_batch(engine, tasks, run); });

	if ((result == CS_DB_BAD_VALUE || result == CS_DB_DUPLICATE) && tasks.size() > 1) {
		for (size_t i = 0; i < tasks.size(); i++)
			store_engine_batch(engine, tasks.subspan(i, 1), finished, arg);
		return;
	}
	if (result == 0) {
		engine->shared->batches.fetch_add(1, std::memory_order_relaxed);
		engine->shared->items.fetch_add(tasks.size(), std::memory_order_relaxed);
		tell_committed(tasks);
	} else {
		finish_all(engine, tasks, result);
	}
	finished(arg, tasks);
}
