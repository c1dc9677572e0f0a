/* SPDX-License-Identifier: MIT
 * One queue of the store: its limits, the tasks in it, and the way of completions back to their workers. */
#include "core/store/store_queue.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <unordered_map>

#include "core/base/instance.h"
#include "core/base/loop.h"
#include "core/base/worker.h"

/* The completions of one worker, all in one post. */
struct completions {
	std::vector<struct store_task> tasks;
};

static void store_queue_completions_run(void *arg)
{
	const std::unique_ptr<struct completions> c(static_cast<struct completions *>(arg));

	for (const struct store_task &task : c->tasks) {
		task.self->under_way.fetch_sub(1, std::memory_order_relaxed);
		/* start() failed: the instance has no state. */
		if (!task.self->started)
			continue;
		const plugin_call call(task.self, CALL_COMPLETION);

		if (task.batch)
			task.batch->done(task.self->state, task.result, task.arg);
		else
			task.done(task.self->state, task.conn, task.result, task.arg);
	}
}

/* One post per worker, in the order of the tasks. */
static void store_queue_post_completions(std::span<const struct store_task> tasks)
{
	std::vector<std::pair<struct worker *, std::unique_ptr<struct completions>>> groups;

	for (const struct store_task &task : tasks) {
		auto group = std::find_if(groups.begin(), groups.end(),
		                          [&task](const auto &g) { return g.first == task.self->worker; });

		if (group == groups.end())
			group = groups.emplace(groups.end(), task.self->worker, std::make_unique<struct completions>());
		group->second->tasks.push_back(task);
	}
	for (auto &[worker, group] : groups)
		loop_post(&worker->loop, store_queue_completions_run, group.release());
}

void store_queue_finish(struct store_queue *q, std::span<const struct store_task> tasks)
{
	size_t bytes = 0;

	store_queue_post_completions(tasks);
	for (const struct store_task &task : tasks)
		bytes += task.bytes;
	const std::scoped_lock lock(q->mutex);

	q->unfinished -= tasks.size();
	q->unfinished_bytes -= bytes;
}

void store_queue_cancel(struct store_queue *q, std::span<struct store_task> tasks)
{
	for (struct store_task &task : tasks)
		task.result = CS_ECANCELED;
	store_queue_finish(q, tasks);
}

/* A task larger than the limit is accepted when nothing waits or runs: else the client would be told BUSY for ever. */
static bool store_queue_has_room(const struct store_queue *q, size_t bytes)
{
	return q->unfinished == 0 || (q->unfinished < q->most_tasks && q->unfinished_bytes + bytes <= q->most_bytes);
}

/* Each client has one task in each turn, and turns are taken in order. So a new client waits for at most one task of
 * each other client. */
static void store_queue_put_fairly(struct store_queue *q, struct store_task task)
{
	task.turn = q->waiting.empty() ? 0 : q->waiting.front().turn;
	for (const struct store_task &other : q->waiting)
		if (other.client == task.client)
			task.turn = other.turn + 1;
	q->waiting.insert(std::upper_bound(q->waiting.begin(), q->waiting.end(), task,
	                                   [](const auto &a, const auto &b) { return a.turn < b.turn; }),
	                  task);
}

/* Takes the last task of the client that has most out of a full queue, to make room for another client's task, unless
 * that client has as many. So there is room for a new client, however many clients fill the queue. */
static std::optional<struct store_task> store_queue_make_room(struct store_queue *q, uint64_t client)
{
	std::unordered_map<uint64_t, size_t> counts;

	for (const struct store_task &task : q->waiting)
		counts[task.client]++;
	const auto most = std::max_element(counts.begin(), counts.end(),
	                                   [](const auto &a, const auto &b) { return a.second < b.second; });

	if (most == counts.end() || most->second <= counts[client] + 1)
		return std::nullopt;
	const auto last = std::find_if(q->waiting.rbegin(), q->waiting.rend(),
	                               [most](const auto &task) { return task.client == most->first; });
	const struct store_task task = *last;

	q->waiting.erase(std::next(last).base());
	return task;
}

int store_queue_add(struct store_queue *q, const struct store_task &task)
{
	std::optional<struct store_task> gone;
	{
		const std::scoped_lock lock(q->mutex);

		if (q->stopping)
			return CS_ECANCELED;
		if (!store_queue_has_room(q, task.bytes)) {
			if (q->fair)
				gone = store_queue_make_room(q, task.client);
			if (!gone)
				return CS_EBUSY;
		}
		if (q->fair)
			store_queue_put_fairly(q, task);
		else
			q->waiting.push_back(task);
		q->unfinished++;
		task.self->under_way.fetch_add(1, std::memory_order_relaxed);
		q->unfinished_bytes += task.bytes;
	}
	q->filled.notify_one();
	if (gone) {
		gone->result = CS_EBUSY;
		store_queue_finish(q, {&*gone, 1});
	}
	return 0;
}

bool store_queue_take(struct store_queue *q, struct store_task *task_r)
{
	std::unique_lock lock(q->mutex);

	q->filled.wait(lock, [q] { return q->stopping || !q->waiting.empty(); });
	if (q->stopping)
		return false;
	*task_r = q->waiting.front();
	q->waiting.pop_front();
	return true;
}

bool store_queue_take_all(struct store_queue *q, std::vector<struct store_task> *tasks)
{
	std::unique_lock lock(q->mutex);

	q->filled.wait(lock, [q, tasks] { return q->stopping || !q->waiting.empty() || !tasks->empty(); });
	if (q->stopping)
		return false;
	tasks->insert(tasks->end(), q->waiting.begin(), q->waiting.end());
	q->waiting.clear();
	return true;
}

void store_queue_cancel_of(struct store_queue *q, cs_conn conn)
{
	std::vector<struct store_task> gone;
	{
		const std::scoped_lock lock(q->mutex);
		const auto others = std::stable_partition(q->waiting.begin(), q->waiting.end(),
		                                          [conn](const auto &task) { return task.conn != conn; });

		gone.assign(others, q->waiting.end());
		q->waiting.erase(others, q->waiting.end());
	}
	store_queue_cancel(q, gone);
}

void store_queue_stop(struct store_queue *q)
{
	{
		const std::scoped_lock lock(q->mutex);

		q->stopping = true;
	}
	q->filled.notify_all();
}

void store_queue_cancel_waiting(struct store_queue *q)
{
	std::vector<struct store_task> left;
	{
		const std::scoped_lock lock(q->mutex);

		left.assign(q->waiting.begin(), q->waiting.end());
		q->waiting.clear();
	}
	store_queue_cancel(q, left);
}

void store_queue_count(struct store_queue *q, size_t *waiting, size_t *unfinished)
{
	const std::scoped_lock lock(q->mutex);

	*waiting += q->waiting.size();
	*unfinished += q->unfinished;
}

size_t store_queue_bytes(struct store_queue *q)
{
	const std::scoped_lock lock(q->mutex);

	return q->unfinished_bytes;
}
