/* SPDX-License-Identifier: MIT
 * The store's threads: which task runs on which thread, in which order, in which transaction. */
#include "core/store/store.h"

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "core/base/instance.h"
#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/store/store_connection.h"
#include "core/store/store_engine.h"
#include "core/store/store_queue.h"
#include "core/store/store_turn.h"

static constexpr int store_hasher_niceness = 10;

struct store_thread {
	struct store *store = nullptr;
	struct store_queue *queue = nullptr;
	std::string role;
	struct store_engine engine;
	std::thread thread;
};

struct store {
	struct store_shared shared;
	std::string name; /* of this server, for the database's lock */
	struct cs_db_server server {};
	void *lock = nullptr;
	bool locked = false;
	bool in_order = true; /* false: writes were cut off at the stop */
	struct store_queue reads, hashes;
	std::vector<std::unique_ptr<struct store_queue>> writes;
	std::vector<std::unique_ptr<struct store_thread>> threads;
	bool reads_on_writer = false;
	int64_t hang_ms = 0; /* the option; 0: no thread ever hangs */
};

void store_deleter::operator()(struct store *s) const
{
	const std::unique_ptr<struct store> owned(s);

	s->threads.clear(); /* and with them their connections */
	if (s->locked)
		s->shared.driver->unlock(s->lock, s->in_order);
}

static void store_run_finished(void *arg, std::span<struct store_task> tasks)
{
	store_queue_finish(static_cast<struct store_thread *>(arg)->queue, tasks);
}

/* ---- threads */

static bool store_is_stopping(const struct store_thread *t)
{
	return t->store->shared.stopping.load(std::memory_order_relaxed);
}

static void store_note_waits(struct store_thread *t, std::span<const struct store_task> tasks)
{
	const uint64_t now = worker_monotonic_us();

	for (const struct store_task &task : tasks) {
		const enum cs_work_kind kind = task.batch ? CS_WORK_WRITE : task.kind;

		histogram_count(&t->engine.measures.waits[kind], &histogram_times, now - task.begun_us);
	}
}

static void store_run_single(struct store_thread *t, struct store_task *task)
{
	if (task->kind == CS_WORK_HASH)
		task->result = task->fn(nullptr, task->arg);
	else
		store_engine_work(&t->engine, task);
	store_queue_finish(t->queue, {task, 1});
}

static void store_note_idle(struct store_thread *t)
{
	t->engine.moved_ms.store(0, std::memory_order_relaxed);
}

static void store_pool_run(struct store_thread *t)
{
	struct store_task task;

	while (store_queue_take(t->queue, &task)) {
		store_note_waits(t, {&task, 1});
		store_engine_note_move(&t->engine);
		store_run_single(t, &task);
		store_note_idle(t);
	}
}

/* On Linux each thread has a niceness of its own: hashing gives way to all other threads. */
static void store_hasher_run(struct store_thread *t)
{
	(void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), store_hasher_niceness);
	store_pool_run(t);
}

static void store_run_turn(struct store_thread *t, std::span<struct store_task> tasks)
{
	while (!tasks.empty()) {
		const size_t length = std::max<size_t>(store_turn_transaction(tasks), 1);

		if (store_is_stopping(t))
			store_queue_cancel(t->queue, tasks.first(length));
		else if (store_turn_is_read(tasks.front()))
			store_run_single(t, &tasks.front());
		else
			store_engine_run(&t->engine, tasks.first(length), store_run_finished, t);
		tasks = tasks.subspan(length);
	}
}

/* Each turn takes all waiting tasks: while one commit is on its way to the disk, the tasks of the next transaction
 * gather. */
static void store_writer_run(struct store_thread *t)
{
	std::vector<struct store_task> tasks; /* works left over from the last turn, then new tasks */
	size_t left = 0;

	while (store_queue_take_all(t->queue, &tasks)) {
		store_note_waits(t, std::span(tasks).subspan(left));
		const size_t length = store_turn_begin(&tasks);

		store_engine_note_move(&t->engine);
		store_run_turn(t, {tasks.data(), length});
		store_note_idle(t);
		tasks.erase(tasks.begin(), tasks.begin() + static_cast<ptrdiff_t>(length));
		left = tasks.size();
	}
	store_queue_cancel(t->queue, tasks);
}

/* ---- set-up */

static void store_add_thread(struct store *s, struct store_queue *q, std::string role)
{
	auto t = std::make_unique<struct store_thread>();

	t->store = s;
	t->queue = q;
	t->role = std::move(role);
	t->engine.shared = &s->shared;
	t->engine.role = t->role.c_str();
	s->threads.push_back(std::move(t));
}

static void store_set_bounds(struct store_queue *q, const struct store_conf *conf)
{
	q->most_tasks = static_cast<size_t>(conf->queue);
	q->most_bytes = static_cast<size_t>(conf->queue_bytes);
}

static void store_add_database_threads(struct store *s, const struct store_conf *conf)
{
	unsigned most_readers = 0, most_writers = 1;

	s->shared.driver->limits(s->shared.driver_conf, &most_readers, &most_writers);
	const unsigned readers = std::min(static_cast<unsigned>(conf->readers), most_readers);
	const unsigned writers = std::max(1u, std::min(static_cast<unsigned>(conf->writers), most_writers));

	s->reads_on_writer = readers == 0;
	for (unsigned i = 0; i < readers; i++)
		store_add_thread(s, &s->reads, "reader" + std::to_string(i));
	for (unsigned i = 0; i < writers; i++) {
		s->writes.push_back(std::make_unique<struct store_queue>());
		store_set_bounds(s->writes.back().get(), conf);
		store_add_thread(s, s->writes.back().get(), "writer" + std::to_string(i));
	}
}

static int store_lock_database(struct store *s, const char *name, struct cs_error *e)
{
	if (!s->shared.driver->lock)
		return 0;
	s->name = name;
	s->server = {.name = s->name.c_str(), .log = log_write};
	const int failed = s->shared.driver->lock(s->shared.driver_conf, &s->server, &s->lock, e);

	s->locked = !failed;
	return failed;
}

static int store_open_database(struct store *s, const struct store_conf *conf, const char *name,
                               const char *const *plugins, struct cs_error *e)
{
	if (const int failed = store_lock_database(s, name, e))
		return failed;
	if (const int failed = s->shared.driver->migrate(s->shared.driver_conf, plugins, e))
		return failed;
	store_add_database_threads(s, conf);
	for (const auto &t : s->threads) {
		if (store_connection_open(&t->engine, e) != CS_DB_OK)
			return CS_EINVAL;
	}
	return 0;
}

static void store_run_thread(struct store_thread *t)
{
	(void)pthread_setname_np(pthread_self(), t->role.c_str());
	if (t->queue == &t->store->hashes)
		store_hasher_run(t);
	else if (t->queue == &t->store->reads)
		store_pool_run(t);
	else
		store_writer_run(t);
}

static struct store_queue *store_choose_queue(struct store *s, const struct cs_self *self, enum cs_work_kind kind)
{
	if (kind == CS_WORK_HASH)
		return &s->hashes;
	if (s->writes.empty())
		return nullptr;
	if (kind == CS_WORK_READ && !s->reads_on_writer)
		return &s->reads;
	return s->writes[self->worker->index % s->writes.size()].get();
}

/* Keys may be small consecutive numbers; each of their bits must count. */
static size_t store_hash_key(uint64_t key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdu;
	key ^= key >> 33;
	return static_cast<size_t>(key);
}

int store_open(store_ptr *store_r, const struct store_conf *conf, const struct cs_db_driver *driver,
               const void *driver_conf, const char *name, const char *const *plugins, struct cs_error *e)
{
	store_ptr s(std::make_unique<struct store>().release());
	/* A hash needs much memory and passes it through the caches: on all processors it would slow every message. */
	const unsigned half = std::max(1u, std::thread::hardware_concurrency() / 2);
	const unsigned hashers = conf->hashers ? static_cast<unsigned>(conf->hashers) : half;

	s->hang_ms = conf->hang_timeout;
	store_set_bounds(&s->reads, conf);
	store_set_bounds(&s->hashes, conf);
	s->hashes.fair = true;
	s->shared.driver = driver;
	s->shared.driver_conf = driver_conf;
	if (driver) {
		if (const int failed = store_open_database(s.get(), conf, name, plugins, e))
			return failed;
	}
	for (unsigned i = 0; i < hashers; i++)
		store_add_thread(s.get(), &s->hashes, "hasher" + std::to_string(i));
	*store_r = std::move(s);
	return 0;
}

void store_start(struct store *s)
{
	for (const auto &t : s->threads)
		t->thread = call_start_thread([thread = t.get()] { store_run_thread(thread); });
}

int store_work(struct store *s, struct cs_self *self, cs_conn conn, uint64_t client, enum cs_work_kind kind,
               cs_work_fn *fn, cs_done_fn *done, void *arg)
{
	struct store_queue *q = store_choose_queue(s, self, kind);
	const uint64_t now = worker_monotonic_us();

	if (!q)
		return CS_ENOSTORE;
	return store_queue_add(q, {.self = self,
	                           .kind = kind,
	                           .fn = fn,
	                           .done = done,
	                           .arg = arg,
	                           .conn = conn,
	                           .client = client,
	                           .begun = static_cast<int64_t>(now / 1000),
	                           .begun_us = now});
}

void store_cancel_hashes(struct store *s, cs_conn conn)
{
	store_queue_cancel_of(&s->hashes, conn);
}

int store_batch(struct store *s, struct cs_self *self, const struct cs_batch *batch, uint64_t key, void *item,
                size_t bytes)
{
	const uint64_t now = worker_monotonic_us();

	if (s->writes.empty())
		return CS_ENOSTORE;
	return store_queue_add(s->writes[store_hash_key(key) % s->writes.size()].get(),
	                       {.self = self,
	                        .batch = batch,
	                        .arg = item,
	                        .bytes = bytes,
	                        .begun = static_cast<int64_t>(now / 1000),
	                        .begun_us = now});
}

bool store_outcome_can_be_unknown(const struct store *s)
{
	return s->shared.driver && s->shared.driver->outcome_can_be_unknown;
}

bool store_is_exclusive(const struct store *s)
{
	return s->shared.driver && s->shared.driver->lock && !s->shared.driver->outcome_can_be_unknown;
}

size_t store_unfinished(const struct store *s)
{
	size_t waiting = 0, unfinished = 0;

	store_queue_count(const_cast<struct store_queue *>(&s->reads), &waiting, &unfinished);
	store_queue_count(const_cast<struct store_queue *>(&s->hashes), &waiting, &unfinished);
	for (const auto &q : s->writes)
		store_queue_count(q.get(), &waiting, &unfinished);
	return unfinished;
}

void store_stop(struct store *s)
{
	std::vector<struct store_queue *> queues{&s->reads, &s->hashes};

	for (const auto &q : s->writes)
		queues.push_back(q.get());
	s->shared.stopping = true;
	/* A read that is cut off, as one of a plugin's timer, leaves nothing in the store. */
	size_t waiting = 0, unfinished = 0;
	for (const auto &q : s->writes)
		store_queue_count(q.get(), &waiting, &unfinished);
	s->in_order = unfinished == 0;
	for (struct store_queue *q : queues)
		store_queue_stop(q);
	for (const auto &t : s->threads) {
		if (t->thread.joinable())
			t->thread.join();
	}
	for (struct store_queue *q : queues)
		store_queue_cancel_waiting(q);
}

static void store_read_bounds(struct store *s, struct store_figures *f)
{
	f->most_read = s->reads.most_tasks;
	f->most_hash = s->hashes.most_tasks;
	f->bytes = store_queue_bytes(&s->reads) + store_queue_bytes(&s->hashes);
	for (const auto &q : s->writes) {
		f->most_write += q->most_tasks;
		f->bytes += store_queue_bytes(q.get());
	}
}

std::string store_hung_threads(const struct store *s, int64_t now_ms, int64_t *longest_ms)
{
	std::string names;

	for (const auto &t : s->threads) {
		const int64_t moved = t->engine.moved_ms.load(std::memory_order_relaxed);

		if (s->hang_ms == 0 || moved == 0 || now_ms - moved < s->hang_ms)
			continue;
		names += (names.empty() ? "" : ",") + t->role;
		*longest_ms = std::max(*longest_ms, now_ms - moved);
	}
	return names;
}

bool store_is_away(const struct store *s)
{
	return s->shared.away.load(std::memory_order_relaxed);
}

bool store_cannot_write(const struct store *s)
{
	return s->shared.degraded.load(std::memory_order_relaxed) && !store_is_away(s);
}

struct store_figures store_figures_read(struct store *s)
{
	struct store_figures f {};
	size_t unfinished = 0;

	store_queue_count(&s->reads, &f.waiting_read, &unfinished);
	store_queue_count(&s->hashes, &f.waiting_hash, &unfinished);
	for (const auto &q : s->writes)
		store_queue_count(q.get(), &f.waiting_write, &unfinished);
	f.batches = s->shared.batches.load(std::memory_order_relaxed);
	f.items = s->shared.items.load(std::memory_order_relaxed);
	f.retries = s->shared.retries.load(std::memory_order_relaxed);
	f.failures = s->shared.failures.load(std::memory_order_relaxed);
	f.degraded = s->shared.degraded.load(std::memory_order_relaxed);
	f.away = s->shared.away.load(std::memory_order_relaxed);
	store_read_bounds(s, &f);
	return f;
}

struct store_histograms store_histograms_read(const struct store *s)
{
	struct store_histograms total {};

	for (const auto &t : s->threads) {
		const struct store_measures &m = t->engine.measures;

		for (size_t kind = 0; kind < store_kinds; kind++)
			histogram_read(&m.waits[kind], &total.waits[kind]);
		histogram_read(&m.commit_times, &total.commit_times);
		histogram_read(&m.commit_sizes, &total.commit_sizes);
	}
	return total;
}
