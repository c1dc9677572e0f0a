/* SPDX-License-Identifier: MIT
 * Owns one queue of the store: its bounds, what waits in it, and the way of completions back to their workers. It
 * must not know what a task does. Any thread. */
#ifndef CORE_STORE_QUEUE_H
#define CORE_STORE_QUEUE_H

#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "core/store/store_engine.h"

/* What waits for one thread, or for one pool of equal threads. Its bounds count what runs as well. */
struct store_queue {
	size_t most_tasks = 0, most_bytes = 0;   /* constant once threads run */
	bool fair = false;                       /* clients take turns and make room for each other; constant as well */
	std::mutex mutex;                        /* guards all below */
	std::condition_variable filled;
	std::deque<struct store_task> waiting;   /* in the order in which it is taken */
	size_t unfinished = 0;                   /* waiting or running */
	size_t unfinished_bytes = 0;
	bool stopping = false;
};

/* 0; CS_EBUSY: over a bound; CS_ECANCELED: stopped. In a full queue that is fair, a task of the client that has most
 * makes room and is completed with CS_EBUSY. */
[[nodiscard]] int store_queue_add(struct store_queue *q, const struct store_task &task);
/* Waits, then takes the oldest. false: the queue is stopped. */
bool store_queue_take(struct store_queue *q, struct store_task *task_r);
/* Waits unless there are tasks already, then adds all that wait, oldest first. false: the queue is stopped. */
bool store_queue_take_all(struct store_queue *q, std::vector<struct store_task> *tasks);
/* Posts the completions of tasks that were taken, all of one worker in one post, in their order; only then they
 * no longer count as unfinished. */
void store_queue_finish(struct store_queue *q, std::span<const struct store_task> tasks);
/* The same with CS_ECANCELED as the result of each. */
void store_queue_cancel(struct store_queue *q, std::span<struct store_task> tasks);
/* Cancels what was never taken of that connection. */
void store_queue_cancel_of(struct store_queue *q, cs_conn conn);
/* Refuses what comes from now on and wakes who takes. */
void store_queue_stop(struct store_queue *q);
/* Cancels what was never taken. */
void store_queue_cancel_waiting(struct store_queue *q);
/* Adds up. */
void store_queue_count(struct store_queue *q, size_t *waiting, size_t *unfinished);

#endif
