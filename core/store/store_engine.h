/* SPDX-License-Identifier: MIT
 * Transactions on one database connection, and what follows from each class of error. One engine by one thread at a
 * time. */
#ifndef CORE_STORE_ENGINE_H
#define CORE_STORE_ENGINE_H

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <span>

#include <chatserverd/db.h>
#include <chatserverd/plugin.h>

#include "core/base/histogram.h"

struct db_deleter {
	void operator()(struct cs_db *db) const
	{
		db->driver->close(db);
	}
};
using db_ptr = std::unique_ptr<struct cs_db, db_deleter>;

/* Lets one log line through each second, and counts the lines held back. */
struct log_limit {
	std::atomic<int64_t> next_ms = 0;
	std::atomic<uint64_t> held_back = 0;
};

/* How many ms a failed run is repeated before the request is refused. */
struct store_patience {
	int64_t batch = 10000, work = 3000; /* since the request was handed in */
	int64_t unsent = 4000; /* if no commit was sent; longer than a restart of the database takes */
	int64_t probe = 1000; /* pause between two requests that try the store while it is away */
};

/* Shared by all connections of a store. Constant except the atomics. */
struct store_shared {
	const struct cs_db_driver *driver = nullptr;
	const void *driver_conf = nullptr;
	struct store_patience patience;
	std::atomic<bool> stopping = false;
	std::mutex turns; /* held while one of the next four changes and its log line is written */
	std::atomic<bool> degraded = false; /* the last write found the disk full or read-only */
	bool degraded_logged = false;
	std::atomic<bool> away = false; /* it answers nobody: one request at a time may try, others are refused */
	std::atomic<uint64_t> returns = 0; /* how often it answered again after being away */
	std::atomic<int64_t> answered_ms = 0; /* monotonic: when it last answered */
	std::atomic<int64_t> probe_ms = 0; /* monotonic: when the next request may try while it is away */
	struct log_limit full_limit, failed_limit, lost_limit, duplicate_limit, value_limit;
	std::atomic<uint64_t> batches = 0, items = 0, retries = 0, failures = 0;
};

/* Kinds of work; items of batches are writes. */
inline constexpr size_t store_kinds = 3;

/* What one thread of the store has measured; it alone adds. */
struct store_measures {
	std::array<struct histogram, store_kinds>
		waits; /* from the handing in to the beginning, by enum cs_work_kind */
	struct histogram commit_times; /* of COMMIT alone */
	struct histogram commit_sizes; /* works and items in a transaction that was committed */
};

struct store_engine {
	struct store_shared *shared = nullptr;
	db_ptr db; /* null while the connection is lost */
	uint64_t returns = 0; /* shared->returns when db was last opened, or opening was last tried */
	struct store_measures measures;
	const char *role = "";
	/* When its thread last began a task, a run of it or a function of a plugin, monotonic; 0: it waits for tasks.
	 * Read by the watchdog. */
	std::atomic<int64_t> moved_ms = 0;
	std::minstd_rand random{std::random_device{}()}; /* for the pauses between retries */
};

/* One work() or one item of batch() while it is in the store. */
struct store_task {
	struct cs_self *self = nullptr;
	const struct cs_batch *batch = nullptr; /* null: a work */
	enum cs_work_kind kind = CS_WORK_READ;
	cs_work_fn *fn = nullptr;
	cs_done_fn *done = nullptr;
	void *arg = nullptr; /* the work's arg, or the item */
	cs_conn conn = 0;
	uint64_t client = 0; /* whose turn counts, see network_client; 0: nobody */
	uint64_t turn = 0; /* number of its client's turn, counted by the queue */
	size_t bytes = 0;
	int64_t begun = 0; /* ms, monotonic: when it was handed in */
	uint64_t begun_us = 0; /* the same in microseconds */
	int result = 0;
};

/* The engine's thread does something new. */
void store_engine_note_move(struct store_engine *engine);
/* Runs a CS_WORK_READ, or a CS_WORK_WRITE in a transaction of its own, and sets its result. */
void store_engine_work(struct store_engine *engine, struct store_task *task);
/* Runs writes and items in their order, if possible as one transaction. In it, items of one kind that follow each other
 * are one batch, and each work, each batch, and each item of a batch that fails can be undone alone. If the shared
 * transaction fails, each work and each batch gets a transaction of its own; if a batch fails there because of one
 * item, each of its items does. Sets each result. Directly
 * after each commit calls committed() of its items in order, and then finished(arg, tasks) before the next
 * transaction. */
void store_engine_run(struct store_engine *engine, std::span<struct store_task> tasks,
                      void (*finished)(void *arg, std::span<struct store_task> tasks), void *arg);

#endif
