/* SPDX-License-Identifier: MIT
 * The fixture of the tests of the store: its threads and queues over real loops, and a database that notes every
 * transaction. */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/plugin/plugin.h"
#include "core/store/store.h"
#include "tests/support/check.h"

constexpr unsigned workers = 2;

/* The database: notes every transaction; a closed gate holds whoever is inside one. */
struct database {
	std::mutex mutex; /* guards all below */
	std::condition_variable changed;
	bool closed_gate = false;
	std::string locked; /* whoever is called so waits at the gate and then is to be tried again */
	unsigned inside = 0;
	unsigned most_readers = 1;
	std::vector<std::vector<std::string>> transactions;
	std::vector<std::string> staged;
	std::vector<std::string> committed;
	std::string life; /* lock, migrate, unlock */
	bool taken = false; /* by another server */
	int connections = 0;
};

struct item {
	struct fixture *fixture;
	std::string name;
	std::atomic<int> completions = 0;
	int result = 1;
	unsigned completed_on = workers; /* worker */
	cs_conn conn = 42;
};

struct fixture {
	struct database database;
	struct worker_shared shared;
	struct core_conf core {};
	struct store_conf conf {
		.driver = "", .readers = 2, .writers = 1, .hashers = 2, .queue = 4096, .queue_bytes = 16 << 20
	};
	store_ptr store;
	struct cs_self selves[workers];
	std::vector<std::unique_ptr<struct item>> items;
	std::mutex mutex; /* guards order */
	std::vector<std::string> order; /* of completions */
	std::atomic<size_t> done = 0;
};

/* A connection remembers its database by its place behind the base. */
struct fake_connection {
	struct cs_db base;
	struct database *database;
};

static inline struct database *database_of(struct cs_db *db)
{
	return reinterpret_cast<struct fake_connection *>(db)->database;
}

static inline struct database *database_of_conf(const void *conf)
{
	return static_cast<struct database *>(const_cast<void *>(conf));
}

static inline void fake_limits(const void *conf, unsigned *readers_r, unsigned *writers_r)
{
	*readers_r = database_of_conf(conf)->most_readers;
	*writers_r = 4;
}

static inline int fake_lock(const void *conf, const struct cs_db_server *server, void **lock_r, struct cs_error *)
{
	struct database *d = database_of_conf(conf);

	d->life += std::string("lock for ") + server->name + ";";
	*lock_r = d;
	return d->taken ? CS_EINVAL : 0;
}

static inline void fake_unlock(void *lock, int in_order)
{
	auto *d = static_cast<struct database *>(lock);

	d->life += check_format("unlock in_order=%d connections=%d;", in_order, d->connections);
}

static inline int fake_migrate(const void *conf, const char *const *, struct cs_error *)
{
	database_of_conf(conf)->life += "migrate;";
	return 0;
}

static inline int fake_open(const void *conf, struct cs_db **db_r, struct cs_error *);

static inline void fake_close(struct cs_db *db)
{
	database_of(db)->connections--;
	delete reinterpret_cast<struct fake_connection *>(db);
}

static inline int fake_done(struct cs_db *)
{
	return 0;
}

static inline int fake_commit(struct cs_db *db)
{
	struct database *d = database_of(db);
	const std::scoped_lock lock(d->mutex);

	d->transactions.push_back(std::move(d->staged));
	d->staged.clear();
	return 0;
}

static inline void fake_rollback(struct cs_db *) {}

static const char *fake_message(struct cs_db *)
{
	return "";
}

static const struct cs_db_driver driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_db_driver),
	.dialect = CS_DB_SQLITE,
	.outcome_can_be_unknown = 0,
	.limits = fake_limits,
	.migrate = fake_migrate,
	.open = fake_open,
	.close = fake_close,
	.begin = fake_done,
	.commit = fake_commit,
	.rollback = fake_rollback,
	.savepoint = fake_done,
	.release = fake_done,
	.rollback_to = fake_done,
	.query = nullptr,
	.last_id = nullptr,
	.affected = nullptr,
	.message = fake_message,
	.lock = fake_lock,
	.unlock = fake_unlock,
};

static inline int fake_open(const void *conf, struct cs_db **db_r, struct cs_error *)
{
	database_of_conf(conf)->connections++;
	*db_r = &(new fake_connection{{&driver}, database_of_conf(conf)})->base;
	return 0;
}

static inline void pass_gate(struct database *d, std::unique_lock<std::mutex> *lock)
{
	d->inside++;
	d->changed.notify_all();
	d->changed.wait(*lock, [d] { return !d->closed_gate; });
	d->inside--;
}

static inline int run_items(struct cs_db *db, void *const *items, size_t count, int)
{
	struct database *d = database_of(db);
	std::unique_lock lock(d->mutex);

	for (size_t i = 0; i < count; i++)
		d->staged.push_back(static_cast<struct item *>(items[i])->name);
	pass_gate(d, &lock);
	return 0;
}

static inline void note_committed(const struct cs_host *, struct cs_self *, void *arg)
{
	auto *i = static_cast<struct item *>(arg);
	const std::scoped_lock lock(i->fixture->database.mutex);

	i->fixture->database.committed.push_back(i->name);
}

static inline void note_done(void *state, int result, void *arg)
{
	auto *i = static_cast<struct item *>(arg);
	struct fixture *f = i->fixture;

	i->completions++;
	i->result = result;
	i->completed_on = static_cast<struct cs_self *>(state)->worker->index;
	{
		const std::scoped_lock lock(f->mutex);

		f->order.push_back(i->name);
	}
	f->done++;
}

static inline void note_work_done(void *state, cs_conn conn, int result, void *arg)
{
	assert_int_equal(conn, static_cast<struct item *>(arg)->conn);
	note_done(state, result, arg);
}

static const struct cs_batch batch_a = {"a", run_items, note_committed, note_done};
static const struct cs_batch batch_b = {"b", run_items, nullptr, note_done};

static inline int do_work(struct cs_db *db, void *arg)
{
	if (!db)
		return 7;
	struct database *d = database_of(db);
	std::unique_lock lock(d->mutex);

	d->staged.push_back(static_cast<struct item *>(arg)->name);
	if (d->staged.back() != d->locked && !d->locked.empty())
		return 0;
	pass_gate(d, &lock);
	return d->locked.empty() ? 0 : CS_DB_RETRY;
}

static inline int do_read(struct cs_db *db, void *)
{
	return db ? 9 : CS_DB_FAILED;
}

/* ---- the fixture */

static inline void open_store(struct fixture *f)
{
	struct cs_error e {};

	assert_int_equal(store_open(&f->store, &f->conf, &driver, &f->database, "test", nullptr, &e), 0);
	store_start(f->store.get());
}

static inline int set_up(void **state)
{
	auto *f = new fixture;
	struct cs_error e {};

	log_set_level(static_cast<enum cs_log_level>(-1));
	for (unsigned i = 0; i < workers; i++) {
		f->shared.workers.push_back(std::make_unique<struct worker>());
		assert_int_equal(worker_open(f->shared.workers[i].get(), i, &f->shared, &e), 0);
		f->selves[i].worker = f->shared.workers[i].get();
		f->selves[i].state = &f->selves[i];
		f->selves[i].started = true;
		worker_start(f->shared.workers[i].get());
	}
	*state = f;
	return 0;
}

static inline struct fixture *fixture_of(void **state)
{
	return static_cast<struct fixture *>(*state);
}

static inline void stop_workers(struct fixture *f)
{
	for (const auto &w : f->shared.workers) {
		worker_stop(w.get());
		loop_drain(&w->loop);
	}
}

static inline int tear_down(void **state)
{
	struct fixture *f = fixture_of(state);

	if (f->store)
		store_stop(f->store.get());
	stop_workers(f);
	delete f;
	return 0;
}

static inline struct item *add_item(struct fixture *f, std::string name)
{
	f->items.push_back(std::make_unique<struct item>());
	f->items.back()->fixture = f;
	f->items.back()->name = std::move(name);
	return f->items.back().get();
}

static inline int hand_in(struct fixture *f, size_t worker, const struct cs_batch *batch, uint64_t key,
                          const std::string &name, size_t bytes = 1)
{
	return store_batch(f->store.get(), &f->selves[worker], batch, key, add_item(f, name), bytes);
}

static inline int hand_in_work(struct fixture *f, unsigned worker, enum cs_work_kind kind, cs_work_fn *fn,
                               const std::string &name, cs_conn conn = 42, uint64_t client = 1)
{
	struct item *item = add_item(f, name);

	item->conn = conn;
	return store_work(f->store.get(), &f->selves[worker], conn, client, kind, fn, note_work_done, item);
}

/* Opens the store with a closed gate, and waits until somebody stands there with that first task: what comes now piles
 * up. */
template <class HandIn> static inline void hold(struct fixture *f, HandIn hand_in_first)
{
	struct database *d = &f->database;

	d->closed_gate = true;
	open_store(f);
	assert_int_equal(hand_in_first(), 0);
	check_wait("somebody at the gate", [d] {
		const std::scoped_lock lock(d->mutex);

		return d->inside == 1;
	});
}

static inline void hold_writer(struct fixture *f)
{
	hold(f, [f] { return hand_in(f, 0, &batch_a, 1, "first"); });
}

static inline void let_go(struct fixture *f)
{
	const std::scoped_lock lock(f->database.mutex);

	f->database.closed_gate = false;
	f->database.changed.notify_all();
}

static inline void wait_done(struct fixture *f, size_t count)
{
	check_wait("the completions", [=] { return f->done >= count; });
	assert_int_equal(f->done, count);
}

static inline struct fixture *opened_store(void **state)
{
	struct fixture *f = fixture_of(state);

	open_store(f);
	return f;
}

static inline struct fixture *held_store(void **state)
{
	struct fixture *f = fixture_of(state);

	hold_writer(f);
	return f;
}

static inline void assert_transactions(const struct fixture *f, const std::vector<std::vector<std::string>> &expected)
{
	assert_true(f->database.transactions == expected);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
