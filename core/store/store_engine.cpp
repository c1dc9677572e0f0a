/* SPDX-License-Identifier: MIT
 * Transactions on one database connection, and what follows from each class of error. */
#include "core/store/store_engine.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/instance.h"
#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/store/store_connection.h"

static constexpr unsigned store_engine_most_retries = 5;
/* A run that failed sooner met a deadlock, not a lock that is held for long. */
static constexpr int64_t store_engine_longest_deadlock = 1000;
static constexpr int64_t store_engine_most_pause = 500;

/* A request with all its runs, until it is decided. */
struct store_tries {
	int64_t begun; /* how many ms from then on it may be run again */
	int64_t patience; /* ms from then on for which it is run again */
	bool repeatable; /* a second run is harmless, even if the first was committed */
	int64_t started = worker_monotonic_ms();
	bool probe = false; /* the store is away: one run is enough */
	bool alone = true; /* it has one part only: nothing can be run apart */
	size_t tasks = 1; /* of the transaction */
	bool careful = false; /* a duplicate was met: the batch looks for existing rows */
	unsigned lost = 0; /* runs whose connection did not answer */
	unsigned retries = 0;
	bool perhaps_done = false; /* a commit was sent and not answered */
};

void store_engine_note_move(struct store_engine *engine)
{
	engine->moved_ms.store(worker_monotonic_ms(), std::memory_order_relaxed);
}

static bool store_engine_is_stopping(const struct store_engine *engine)
{
	return engine->shared->stopping.load(std::memory_order_relaxed);
}

/* Waits a random time around base * 2^n ms, so that requests that collided do not collide again. Shorter when
 * stopping. */
static void store_engine_pause(struct store_engine *engine, unsigned n, int64_t base)
{
	const int64_t longest = std::min(base << std::min(n, 10u), store_engine_most_pause);
	int64_t left = 1 + static_cast<int64_t>(engine->random() % static_cast<uint64_t>(longest));

	for (; left > 0 && !store_engine_is_stopping(engine); left -= 10)
		std::this_thread::sleep_for(std::chrono::milliseconds(std::min<int64_t>(left, 10)));
}

/* Logs when the disk is full, and when it has room again: one line at each change. A line that was held back is written
 * at a later failure. */
static void store_engine_note_full(struct store_engine *engine, bool full)
{
	struct store_shared *shared = engine->shared;

	if (!full && !shared->degraded.load(std::memory_order_relaxed))
		return;
	const std::scoped_lock lock(shared->turns);

	shared->degraded = full;
	if (full && !shared->degraded_logged)
		shared->degraded_logged =
			store_connection_log(engine, &shared->full_limit, "store cannot write: disk full or read-only",
		                             CS_DB_FULL, store_connection_message(engine));
	else if (!full && std::exchange(shared->degraded_logged, false))
		log_warning("store writes again connection=%s", engine->role);
}

/* A deadlock, or a lock that was not granted in time: nothing was changed. */
static bool store_engine_run_again_locked(struct store_engine *engine, struct store_tries *a)
{
	if (a->retries == store_engine_most_retries || worker_monotonic_ms() - a->begun >= a->patience ||
	    store_engine_is_stopping(engine)) {
		store_connection_log(engine, &engine->shared->failed_limit, "store gave up after retries", CS_DB_RETRY,
		                     store_connection_message(engine));
		return false;
	}
	store_engine_pause(engine, ++a->retries, 2);
	return true;
}

/* A probe has one run. Others are repeated for a while; longer if a commit was sent, because a repetition finds out
 * whether it was done. */
static bool store_engine_is_hopeless(const struct store_engine *engine, const struct store_tries *a)
{
	const int64_t now = worker_monotonic_ms();

	if (a->probe || now - a->begun >= a->patience || store_engine_is_stopping(engine))
		return true;
	/* The first run may have met a connection that had died unnoticed; the second run had a new one. */
	return !a->perhaps_done && a->lost >= 2 && now - a->started >= engine->shared->patience.unsent;
}

static bool store_engine_run_again_lost(struct store_engine *engine, struct store_tries *a)
{
	const bool only_once = a->perhaps_done && !a->repeatable; /* only the caller can allow a second run */

	a->lost++;
	store_connection_drop_lost(engine);
	if (only_once && !a->probe)
		return false;
	if (store_engine_is_hopeless(engine, a)) {
		store_connection_note_away(engine, a->started);
		return false;
	}
	store_engine_pause(engine, a->lost, 10);
	return true;
}

/* Decides after a failed run whether to run again. */
static bool store_engine_run_again(struct store_engine *engine, struct store_tries *a, int result)
{
	bool again = false;

	if (result == CS_DB_DUPLICATE && a->repeatable && !a->careful) {
		a->careful = true;
		return true;
	}
	if (result == CS_DB_RETRY)
		again = store_engine_run_again_locked(engine, a);
	else if (result == CS_DB_UNKNOWN)
		again = store_engine_run_again_lost(engine, a);
	if (again)
		engine->shared->retries.fetch_add(1, std::memory_order_relaxed);
	return again;
}

/* The result that the caller gets for a class of error. */
static int store_engine_final_result(struct store_engine *engine, const struct store_tries *a, int result)
{
	switch (result) {
	case CS_DB_RETRY:
	case CS_DB_UNKNOWN: break;
	case CS_DB_FULL: store_engine_note_full(engine, true); break;
	case CS_DB_BAD_VALUE:
		if (a->alone)
			store_connection_log(engine, &engine->shared->value_limit, "store cannot hold a value", result,
			                     store_connection_message(engine));
		[[fallthrough]];
	case CS_DB_DUPLICATE:
		if (!a->perhaps_done)
			return result;
		break;
	default:
		store_connection_log(engine, &engine->shared->failed_limit, "store statement failed", result,
		                     store_connection_message(engine));
	}
	return a->perhaps_done ? CS_EUNKNOWN : CS_ENOSTORE;
}

/* Runs until the request is decided. Returns the result of run, a class that the caller must judge, CS_ENOSTORE or
 * CS_EUNKNOWN. */
template <class Run>
static int store_engine_run_until_decided(struct store_engine *engine, struct store_tries *a, Run run)
{
	int result;

	if (!store_connection_may_try(engine, a->started, &a->probe))
		return a->perhaps_done ? CS_EUNKNOWN : CS_ENOSTORE;
	do {
		store_engine_note_move(engine);
		result = run(a);
		if (result != CS_DB_UNKNOWN)
			store_connection_note_answered(engine);
		if (result >= 0)
			return result;
	} while (store_engine_run_again(engine, a, result));
	return store_engine_final_result(engine, a, result);
}

/* ---- one transaction */

static int store_engine_commit(struct store_engine *engine, const struct store_tries *a)
{
	const uint64_t before = worker_monotonic_us();
	const int result = engine->db->driver->commit(engine->db.get());

	if (result == CS_DB_OK) {
		histogram_count(&engine->measures.commit_times, &histogram_times, worker_monotonic_us() - before);
		histogram_count(&engine->measures.commit_sizes, &histogram_pieces, a->tasks);
	}
	return result;
}

/* Commits if body returns 0, else rolls back. */
template <class Body>
static int store_engine_run_transaction(struct store_engine *engine, struct store_tries *a, Body body)
{
	int result = store_connection_renew(engine);

	if (result == CS_DB_OK)
		result = engine->db->driver->begin(engine->db.get());
	if (result != CS_DB_OK)
		return result;
	result = body(engine->db.get());
	if (result != 0) {
		engine->db->driver->rollback(engine->db.get());
		return result;
	}
	result = store_engine_commit(engine, a);
	if (result == CS_DB_OK)
		store_engine_note_full(engine, false);
	a->perhaps_done = a->perhaps_done || result == CS_DB_UNKNOWN;
	return result;
}

/* Whether a result ends the whole transaction. */
static bool store_engine_run_is_ended_by(int result)
{
	return result == CS_DB_RETRY || result == CS_DB_UNKNOWN || result == CS_DB_FULL;
}

/* A function did not end what it began, or ended what it did not begin. Undoes what can be undone alone, and logs whose
 * function it was. If it ended the transaction, nobody knows whether that was committed, and it would end the next one
 * too. */
static int store_engine_run_unended(struct store_engine *engine, struct store_tries *a, const struct store_task *task,
                                    unsigned depth)
{
	const char *name = task->self && task->self->declared ? task->self->declared->name : "";
	const std::string text =
		std::string("a function for the store did not end its parts of the transaction plugin=") + name;
	struct cs_db *db = engine->db.get();

	store_connection_log(engine, &engine->shared->failed_limit, text.c_str(), CS_DB_FAILED, "");
	if (depth == 0)
		db->driver->rollback(db);
	while (db->depth > depth && db->driver->rollback_to(db) == CS_DB_OK)
		;
	if (db->depth > 0 || depth == 0)
		return CS_DB_FAILED;
	a->perhaps_done = true;
	a->repeatable = false;
	return CS_DB_UNKNOWN;
}

/* Calls a function of the task's plugin. */
template <class Call>
static int store_engine_run_function(struct store_engine *engine, struct store_tries *a, const struct store_task *task,
                                     Call call)
{
	const unsigned depth = engine->db->depth;
	store_engine_note_move(engine);
	const int result = call();
	const unsigned left = engine->db->depth; /* also a transaction that the database has ended keeps it */

	/* With these results it returns at once, within the parts that it began: the transaction is undone. */
	if (left == depth || (left > depth && depth > 0 && store_engine_run_is_ended_by(result)))
		return result;
	return store_engine_run_unended(engine, a, task, depth);
}

static int store_engine_run_work(struct store_engine *engine, struct store_tries *a, const struct store_task *task)
{
	return store_engine_run_function(engine, a, task, [&] { return task->fn(engine->db.get(), task->arg); });
}

static int store_engine_run_read(struct store_engine *engine, struct store_tries *a, const struct store_task *task)
{
	const int result = store_connection_renew(engine);

	return result == CS_DB_OK ? store_engine_run_work(engine, a, task) : result;
}

static int store_engine_run_batch(struct store_engine *engine, struct store_tries *a,
                                  std::span<struct store_task> tasks, bool careful)
{
	std::vector<void *> items(tasks.size());

	std::transform(tasks.begin(), tasks.end(), items.begin(), [](store_task &t) {
		t.result = 0;
		return t.arg;
	});
	const int result = store_engine_run_function(engine, a, &tasks.front(), [&] {
		return tasks.front().batch->run(engine->db.get(), items.data(), items.size(), careful);
	});

	if (result == CS_DB_DUPLICATE && careful)
		store_connection_log(engine, &engine->shared->duplicate_limit,
		                     "store batch is a duplicate when run carefully", result,
		                     store_connection_message(engine));
	return result > 0 ? CS_DB_FAILED : result;
}

static void store_engine_note_failed(struct store_engine *engine, size_t count)
{
	engine->shared->failures.fetch_add(count, std::memory_order_relaxed);
}

/* Some items of a batch can have been undone alone; they have a result. */
static void store_engine_tell_committed(struct store_engine *engine, std::span<struct store_task> tasks)
{
	size_t stored = 0;

	/* A worker takes the hints of all tasks in one turn: several for one connection share a send. */
	loop_hold_posts();
	for (struct store_task &task : tasks) {
		stored += task.result == 0;
		if (task.result == 0 && task.batch->committed)
			task.batch->committed(task.self->host, task.self, task.arg);
	}
	loop_release_posts();
	engine->shared->batches.fetch_add(stored > 0, std::memory_order_relaxed);
	engine->shared->items.fetch_add(stored, std::memory_order_relaxed);
	store_engine_note_failed(engine, tasks.size() - stored);
}

static void store_engine_fail_all(struct store_engine *engine, std::span<struct store_task> tasks, int result)
{
	store_engine_note_failed(engine, tasks.size());
	for (struct store_task &task : tasks)
		task.result = result == CS_DB_DUPLICATE ? CS_ENOSTORE : result;
}

void store_engine_work(struct store_engine *engine, struct store_task *task)
{
	struct store_tries a {
		.begun = task->begun, .patience = engine->shared->patience.work, .repeatable = false
	};

	task->result = store_engine_run_until_decided(engine, &a, [&](struct store_tries *run) {
		if (task->kind != CS_WORK_WRITE)
			return store_engine_run_read(engine, run, task);
		return store_engine_run_transaction(
			engine, run, [&](struct cs_db *) { return store_engine_run_work(engine, run, task); });
	});
	if (task->result < 0)
		engine->shared->failures.fetch_add(1, std::memory_order_relaxed);
}

/* The result of a shared transaction that failed: its steps must run apart. */
constexpr int store_engine_run_parted = 1;

struct run_end {
	void (*finished)(void *arg, std::span<struct store_task> tasks);
	void *arg;
};

/* The tasks of one step of a transaction: one work, or the items of one kind that follow each other. */
static std::span<struct store_task> store_engine_run_step(std::span<struct store_task> tasks)
{
	size_t length = 1;

	while (tasks.front().batch && length < tasks.size() && tasks[length].batch == tasks.front().batch)
		length++;
	return tasks.first(length);
}

/* Runs one batch in a transaction of its own. perhaps_done: the batch was in a commit that was not answered. */
static void store_engine_run_batch_alone(struct store_engine *engine, std::span<struct store_task> tasks,
                                         bool perhaps_done, const struct run_end &end)
{
	struct store_tries a {
		.begun = tasks.front().begun, .patience = engine->shared->patience.batch, .repeatable = true,
		.alone = tasks.size() == 1, .tasks = tasks.size(), .perhaps_done = perhaps_done
	};
	const int result = store_engine_run_until_decided(engine, &a, [&](struct store_tries *run) {
		return store_engine_run_transaction(engine, run, [&](struct cs_db *) {
			return store_engine_run_batch(engine, run, tasks, run->careful);
		});
	});

	if ((result == CS_DB_BAD_VALUE || result == CS_DB_DUPLICATE) && tasks.size() > 1) {
		for (size_t i = 0; i < tasks.size(); i++)
			store_engine_run_batch_alone(engine, tasks.subspan(i, 1), false, end);
		return;
	}
	if (result == 0)
		store_engine_tell_committed(engine, tasks);
	else
		store_engine_fail_all(engine, tasks, result);
	end.finished(end.arg, tasks);
}

static void store_engine_run_work_alone(struct store_engine *engine, std::span<struct store_task> task,
                                        const struct run_end &end)
{
	store_engine_work(engine, &task.front());
	end.finished(end.arg, task);
}

/* Runs one work in a shared transaction. 0: the transaction goes on, whatever the work returned. */
static int store_engine_run_work_among(struct store_engine *engine, struct store_tries *a, struct store_task *task)
{
	struct cs_db *db = engine->db.get();
	int result = db->driver->savepoint(db);

	if (result)
		return result;
	result = store_engine_run_work(engine, a, task);
	if (store_engine_run_is_ended_by(result))
		return result;
	task->result = result < 0 ? store_engine_final_result(engine, a, result) : result;
	return result ? db->driver->rollback_to(db) : db->driver->release(db);
}

/* Undoes a batch that failed in a shared transaction, for a reason that does not end the transaction, and sets the
 * results of its items. 0: the transaction goes on. */
static int store_engine_run_batch_undone(struct store_engine *engine, const struct store_tries *a,
                                         std::span<struct store_task> tasks, int result)
{
	const int told = store_engine_final_result(engine, a, result);
	struct cs_db *db = engine->db.get();

	for (struct store_task &task : tasks)
		task.result = told == CS_DB_DUPLICATE ? CS_ENOSTORE : told;
	return db->driver->rollback_to(db);
}

/* Runs one batch in a shared transaction. A duplicate, which comes from a client that repeats a message, does not end
 * the transaction for the others: the batch is run again carefully. If one item may be the cause of another failure,
 * each is run by itself, in their order. 0: the transaction goes on. */
static int store_engine_run_batch_among(struct store_engine *engine, struct store_tries *a,
                                        std::span<struct store_task> tasks)
{
	struct cs_db *db = engine->db.get();
	int result = db->driver->savepoint(db);

	if (result)
		return result;
	result = store_engine_run_batch(engine, a, tasks, false);
	if (result == CS_DB_DUPLICATE) {
		result = db->driver->rollback_to(db);
		if (!result)
			result = db->driver->savepoint(db);
		if (!result)
			result = store_engine_run_batch(engine, a, tasks, true);
	}
	if (!result)
		return db->driver->release(db);
	if (store_engine_run_is_ended_by(result))
		return result;
	if (result == CS_DB_FAILED || tasks.size() == 1)
		return store_engine_run_batch_undone(engine, a, tasks, result);
	result = db->driver->rollback_to(db);
	for (size_t i = 0; i < tasks.size() && !result; i++)
		result = store_engine_run_batch_among(engine, a, tasks.subspan(i, 1));
	return result;
}

static int store_engine_run_steps(struct store_engine *engine, struct store_tries *a,
                                  std::span<struct store_task> tasks)
{
	int result = 0;

	for (; !result && !tasks.empty(); tasks = tasks.subspan(store_engine_run_step(tasks).size())) {
		const std::span<struct store_task> step = store_engine_run_step(tasks);

		result = step.front().batch ? store_engine_run_batch_among(engine, a, step)
		                            : store_engine_run_work_among(engine, a, &step.front());
	}
	return result;
}

/* Whether all run together once more after a deadlock: to run apart costs a commit for each. */
static bool store_engine_run_may_collide_again(const struct store_engine *engine, const struct store_tries *a,
                                               int64_t began)
{
	const int64_t now = worker_monotonic_ms();

	return a->retries == 0 && now - began < store_engine_longest_deadlock && now - a->begun < a->patience &&
	       !store_engine_is_stopping(engine);
}

/* A failure after the beginning, in a step or in the commit, may come from one step alone, so the steps then run apart.
 * A deadlock or a lost connection may have hit all steps alike, so after the first all are tried together once more. */
static int store_engine_run_together(struct store_engine *engine, struct store_tries *a,
                                     std::span<struct store_task> tasks)
{
	const int64_t began = worker_monotonic_ms();
	bool begun = false;

	a->tasks = tasks.size();
	const int result = store_engine_run_transaction(engine, a, [&](struct cs_db *) {
		begun = true;
		return store_engine_run_steps(engine, a, tasks);
	});

	if (!begun || result == 0 || (result == CS_DB_UNKNOWN && (a->perhaps_done || a->lost == 0)) ||
	    (result == CS_DB_RETRY && store_engine_run_may_collide_again(engine, a, began)))
		return result;
	if (result == CS_DB_UNKNOWN)
		store_connection_drop_lost(engine);
	return store_engine_run_parted;
}

/* Tells the results of a committed transaction. A work keeps the result that it returned. */
static void store_engine_run_told(struct store_engine *engine, std::span<struct store_task> tasks,
                                  const struct run_end &end)
{
	for (std::span<struct store_task> rest = tasks; !rest.empty();
	     rest = rest.subspan(store_engine_run_step(rest).size())) {
		const std::span<struct store_task> step = store_engine_run_step(rest);

		if (step.front().batch)
			store_engine_tell_committed(engine, step);
		else if (step.front().result < 0)
			store_engine_note_failed(engine, 1);
	}
	end.finished(end.arg, tasks);
}

/* The tasks at the beginning of a step that a lost commit held all, or of which it held none. */
static std::span<struct store_task> store_engine_run_step_alike(std::span<struct store_task> step)
{
	const bool held = step.front().result == 0;
	const auto end =
		std::find_if(step.begin(), step.end(), [held](const auto &task) { return (task.result == 0) != held; });

	return step.first(static_cast<size_t>(end - step.begin()));
}

/* Runs each step by itself after a shared transaction failed. together: store_engine_run_parted, nothing was changed
 * and one step is the cause; CS_EUNKNOWN, the commit was not answered; else the transaction could not begin. A work or
 * an item whose result is not 0 has changed nothing in any case. */
static void store_engine_run_apart(struct store_engine *engine, std::span<struct store_task> tasks, int together,
                                   const struct run_end &end)
{
	for (std::span<struct store_task> step; !tasks.empty(); tasks = tasks.subspan(step.size())) {
		step = store_engine_run_step(tasks);
		if (together == CS_EUNKNOWN)
			step = store_engine_run_step_alike(step);
		if (step.front().batch) {
			store_engine_run_batch_alone(engine, step, together == CS_EUNKNOWN && step.front().result == 0,
			                             end);
		} else if (together == store_engine_run_parted ||
		           (together == CS_EUNKNOWN && step.front().result != 0)) {
			store_engine_run_work_alone(engine, step, end);
		} else {
			store_engine_fail_all(engine, step, together);
			end.finished(end.arg, step);
		}
	}
}

void store_engine_run(struct store_engine *engine, std::span<struct store_task> tasks,
                      void (*finished)(void *arg, std::span<struct store_task> tasks), void *arg)
{
	const struct run_end end {
		finished, arg
	};

	if (store_engine_run_step(tasks).size() == tasks.size()) {
		store_engine_run_apart(engine, tasks, store_engine_run_parted, end);
		return;
	}
	/* Items are waited for longer than works, also when they share a transaction. */
	const auto item = std::find_if(tasks.begin(), tasks.end(), [](const auto &task) { return task.batch; });
	const bool has_items = item != tasks.end();
	struct store_tries a {
		.begun = has_items ? item->begun : tasks.front().begun,
		.patience = has_items ? engine->shared->patience.batch : engine->shared->patience.work,
		.repeatable = false
	};
	const int result = store_engine_run_until_decided(
		engine, &a, [&](struct store_tries *run) { return store_engine_run_together(engine, run, tasks); });

	if (result == 0) {
		store_engine_run_told(engine, tasks, end);
	} else if (result == store_engine_run_parted && store_engine_is_stopping(engine)) {
		store_engine_fail_all(engine, tasks, CS_ECANCELED);
		finished(arg, tasks);
	} else {
		if (result == store_engine_run_parted)
			engine->shared->retries.fetch_add(1, std::memory_order_relaxed);
		store_engine_run_apart(engine, tasks, result, end);
	}
}
