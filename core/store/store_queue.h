/* SPDX-License-Identifier: MIT
 * One queue of the store: its limits, the tasks in it, and the way of completions back to their workers. Any thread. */
#ifndef CORE_STORE_QUEUE_H
#define CORE_STORE_QUEUE_H

#include <condition_variable>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "core/store/store_engine.h"

/* The tasks that wait for one thread, or for one pool of equal threads. Running tasks count toward the limits, too. */
struct store_queue {
	size_t most_tasks = 0, most_bytes = 0; /* constant once threads run */
	bool fair = false; /* clients take turns and make room for each other; constant, too */
	std::mutex mutex; /* guards what follows */
	std::condition_variable filled;
	std::deque<struct store_task> waiting; /* in the order in which they will be taken */
	size_t unfinished = 0; /* waiting or running */
	size_t unfinished_bytes = 0;
	bool stopping = false;
};

/* 0; CS_EBUSY: a limit is reached; CS_ECANCELED: stopped. In a full queue that is fair, a task of the client that has
 * most makes room and is completed with CS_EBUSY. */
[[nodiscard]] int store_queue_add(struct store_queue *q, const struct store_task &task);
/* Waits for a task and takes the oldest. false: the queue is stopped. */
bool store_queue_take(struct store_queue *q, struct store_task *task_r);
/* Waits, unless *tasks holds some already; then appends all that wait, oldest first. false: the queue is stopped. */
bool store_queue_take_all(struct store_queue *q, std::vector<struct store_task> *tasks);
/* Posts the completions of tasks that were taken: all of one worker in one post, in their order. After that the tasks
 * no longer count as unfinished. */
void store_queue_finish(struct store_queue *q, std::span<const struct store_task> tasks);
/* As store_queue_finish, with CS_ECANCELED as the result of each task. */
void store_queue_cancel(struct store_queue *q, std::span<struct store_task> tasks);
/* Cancels the connection's tasks that were not taken yet. */
void store_queue_cancel_of(struct store_queue *q, cs_conn conn);
/* Refuses tasks from now on and wakes all threads that wait for one. */
void store_queue_stop(struct store_queue *q);
/* Cancels the tasks that were not taken yet. */
void store_queue_cancel_waiting(struct store_queue *q);
/* Adds the numbers of waiting and of unfinished tasks to *waiting and *unfinished. */
void store_queue_count(struct store_queue *q, size_t *waiting, size_t *unfinished);
/* Bytes of waiting and running tasks. */
size_t store_queue_bytes(struct store_queue *q);

#endif
