/* SPDX-License-Identifier: MIT
 * Tests the threads and queues of the store over real loops: batching, order, bounds, exactly one completion each. */
#include <algorithm>
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

#include <cstdarg>
#include <setjmp.h>

extern "C" {
#include <cmocka.h>
}

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
	std::vector<std::string> life; /* lock, migrate, unlock */
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

static struct database *database_of(struct cs_db *db)
{
	return (static_cast<struct fake_connection *>((void *)db))->database;
}

static void fake_limits(const void *conf, unsigned *readers_r, unsigned *writers_r)
{
	*readers_r = (static_cast<const struct database *>(conf))->most_readers;
	*writers_r = 4;
}

static int fake_lock(const void *conf, const struct cs_db_server *server, void **lock_r, struct cs_error *)
{
	auto *d = (struct database *)conf;

	d->life.push_back(std::string("lock for ") + server->name);
	*lock_r = d;
	return d->taken ? CS_EINVAL : 0;
}

static void fake_unlock(void *lock, int in_order)
{
	auto *d = static_cast<struct database *>(lock);

	d->life.push_back("unlock in_order=" + std::to_string(in_order) +
	                  " connections=" + std::to_string(d->connections));
}

static int fake_migrate(const void *conf, const char *const *, struct cs_error *)
{
	((struct database *)conf)->life.push_back("migrate");
	return 0;
}

static int fake_open(const void *conf, struct cs_db **db_r, struct cs_error *);

static void fake_close(struct cs_db *db)
{
	database_of(db)->connections--;
	delete static_cast<struct fake_connection *>((void *)db);
}

static int fake_begin(struct cs_db *)
{
	return 0;
}

static int fake_commit(struct cs_db *db)
{
	struct database *d = database_of(db);
	const std::scoped_lock lock(d->mutex);

	d->transactions.push_back(std::move(d->staged));
	d->staged.clear();
	return 0;
}

static void fake_rollback(struct cs_db *) {}

static int fake_part(struct cs_db *)
{
	return 0;
}

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
	.begin = fake_begin,
	.commit = fake_commit,
	.rollback = fake_rollback,
	.savepoint = fake_part,
	.release = fake_part,
	.rollback_to = fake_part,
	.query = nullptr,
	.last_id = nullptr,
	.affected = nullptr,
	.message = fake_message,
	.lock = fake_lock,
	.unlock = fake_unlock,
};

static int fake_open(const void *conf, struct cs_db **db_r, struct cs_error *)
{
	((struct database *)conf)->connections++;
	*db_r = &(new fake_connection{{&driver}, (struct database *)conf})->base;
	return 0;
}

static void pass_gate(struct database *d, std::unique_lock<std::mutex> *lock)
{
	d->inside++;
	d->changed.notify_all();
	d->changed.wait(*lock, [d] { return !d->closed_gate; });
	d->inside--;
}

static int run_items(struct cs_db *db, void *const *items, size_t count, int)
{
	struct database *d = database_of(db);
	std::unique_lock lock(d->mutex);

	for (size_t i = 0; i < count; i++)
		d->staged.push_back((static_cast<struct item *>(items[i]))->name);
	pass_gate(d, &lock);
	return 0;
}

static void note_committed(const struct cs_host *, struct cs_self *, void *arg)
{
	auto *i = static_cast<struct item *>(arg);
	const std::scoped_lock lock(i->fixture->database.mutex);

	i->fixture->database.committed.push_back(i->name);
}

static void note_done(void *state, int result, void *arg)
{
	auto *i = static_cast<struct item *>(arg);
	struct fixture *f = i->fixture;

	i->completions++;
	i->result = result;
	i->completed_on = (static_cast<struct cs_self *>(state))->worker->index;
	{
		const std::scoped_lock lock(f->mutex);

		f->order.push_back(i->name);
	}
	f->done++;
}

static void note_work_done(void *state, cs_conn conn, int result, void *arg)
{
	assert_int_equal(conn, ((struct item *)arg)->conn);
	note_done(state, result, arg);
}

static const struct cs_batch batch_a = {"a", run_items, note_committed, note_done};
static const struct cs_batch batch_b = {"b", run_items, nullptr, note_done};

static int do_work(struct cs_db *db, void *arg)
{
	if (!db)
		return 7;
	struct database *d = database_of(db);
	std::unique_lock lock(d->mutex);

	d->staged.push_back((static_cast<struct item *>(arg))->name);
	if (d->staged.back() != d->locked && !d->locked.empty())
		return 0;
	pass_gate(d, &lock);
	return d->locked.empty() ? 0 : CS_DB_RETRY;
}

static int do_read(struct cs_db *db, void *)
{
	return db ? 9 : CS_DB_FAILED;
}

/* ---- the fixture */

static void open_store(struct fixture *f)
{
	struct cs_error e {};

	assert_int_equal(store_open(&f->store, &f->conf, &driver, &f->database, "test", nullptr, &e), 0);
	store_start(f->store.get());
}

static int set_up(void **state)
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

static int tear_down(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	if (f->store)
		store_stop(f->store.get());
	for (const auto &w : f->shared.workers) {
		worker_stop(w.get());
		loop_drain(&w->loop);
	}
	delete f;
	return 0;
}

static struct item *add_item(struct fixture *f, std::string name)
{
	f->items.push_back(std::make_unique<struct item>());
	f->items.back()->fixture = f;
	f->items.back()->name = std::move(name);
	return f->items.back().get();
}

static int hand_in(struct fixture *f, unsigned worker, const struct cs_batch *batch, uint64_t key,
                   const std::string &name, size_t bytes = 1)
{
	return store_batch(f->store.get(), &f->selves[worker], batch, key, add_item(f, name), bytes);
}

static int hand_in_work(struct fixture *f, unsigned worker, enum cs_work_kind kind, cs_work_fn *fn,
                        const std::string &name, cs_conn conn = 42, uint64_t client = 1)
{
	struct item *item = add_item(f, name);

	item->conn = conn;
	return store_work(f->store.get(), &f->selves[worker], conn, client, kind, fn, note_work_done, item);
}

/* Closes the gate and waits until the writer stands at it with one item: what comes now piles up. */
static void hold_writer(struct fixture *f)
{
	struct database *d = &f->database;

	{
		const std::scoped_lock lock(d->mutex);

		d->closed_gate = true;
	}
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "first"), 0);
	std::unique_lock lock(d->mutex);

	assert_true(d->changed.wait_for(lock, std::chrono::seconds(20), [d] { return d->inside == 1; }));
}

static void let_writer_go(struct fixture *f)
{
	const std::scoped_lock lock(f->database.mutex);

	f->database.closed_gate = false;
	f->database.changed.notify_all();
}

static void wait_done(struct fixture *f, size_t count)
{
	const int64_t end = worker_monotonic_ms() + 20000;

	while (f->done < count && worker_monotonic_ms() < end)
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
	assert_int_equal(f->done, count);
}

/* ---- the tests */

static void a_batch_takes_all_that_waits_up_to_256(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (int i = 0; i < 300; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, (uint64_t)i, std::to_string(i)), 0);
	let_writer_go(f);
	wait_done(f, 301);
	assert_int_equal(f->database.transactions.size(), 3);
	assert_int_equal(f->database.transactions[1].size(), 256);
	assert_int_equal(f->database.transactions[2].size(), 44);
	assert_string_equal(f->order[0].c_str(), "first");
	for (int i = 0; i < 300; i++) {
		assert_string_equal(f->order[(size_t)i + 1].c_str(), std::to_string(i).c_str());
		assert_string_equal(f->database.committed[(size_t)i + 1].c_str(), std::to_string(i).c_str());
	}
}

static void a_batch_holds_at_most_1_mib(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (int i = 0; i < 5; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, 1, std::to_string(i), 400 << 10), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "5", 3 << 20), 0);
	let_writer_go(f);
	wait_done(f, 7);
	assert_int_equal(f->database.transactions.size(), 5);
	for (const size_t i : {1, 2})
		assert_int_equal(f->database.transactions[i].size(), 2);
	for (const size_t i : {3, 4})
		assert_int_equal(f->database.transactions[i].size(), 1);
}

static void what_waits_shares_a_transaction_and_kinds_are_brought_together(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (int i = 0; i < 6; i++)
		assert_int_equal(hand_in(f, 0, i % 2 ? &batch_b : &batch_a, 1, (i % 2 ? "b" : "a") + std::to_string(i)),
		                 0);
	let_writer_go(f);
	wait_done(f, 7);
	const std::vector<std::vector<std::string>> expected = {{"first"}, {"a0", "a2", "a4", "b1", "b3", "b5"}};

	assert_true(f->database.transactions == expected);
}

static void writes_and_items_of_one_instance_keep_their_order(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "1"), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "2"), 0);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "3"), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "4"), 0);
	let_writer_go(f);
	wait_done(f, 5);
	const std::vector<std::vector<std::string>> expected = {{"first"}, {"1", "2", "3", "4"}};
	const std::vector<std::string> order = {"first", "1", "2", "3", "4"};

	assert_true(f->database.transactions == expected);
	assert_true(f->order == order);
}

static void works_of_others_do_not_part_what_is_stored_together(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (const char *name : {"1", "2", "3"}) {
		assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, std::string("work") + name), 0);
		assert_int_equal(hand_in(f, 0, &batch_a, 1, name), 0);
	}
	let_writer_go(f);
	wait_done(f, 7);
	const std::vector<std::vector<std::string>> expected = {{"first"}, {"1", "2", "3", "work1", "work2", "work3"}};

	assert_true(f->database.transactions == expected);
}

static void a_work_beside_a_thousand_messages_costs_no_commit(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(hand_in(f, 0, &batch_a, (uint64_t)i, "message"), 0);
		if (i == 500)
			assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, "work"), 0);
	}
	let_writer_go(f);
	wait_done(f, 1002);
	assert_int_equal(f->database.transactions.size(), 1 + 4);
}

/* A work costs more than a message: however many there are, messages keep most of each transaction. */
static void works_have_a_part_of_each_turn_and_keep_their_order(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (int i = 0; i < 100; i++)
		assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, "work" + std::to_string(i)), 0);
	for (int i = 0; i < 80; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, 1, "message"), 0);
	let_writer_go(f);
	wait_done(f, 181);
	assert_int_equal(f->database.transactions.size(), 3);
	assert_int_equal(f->database.transactions[1].size(), 80 + 20);
	assert_int_equal(f->database.transactions[2].size(), 80);
	std::erase_if(f->order, [](const std::string &name) { return !name.starts_with("work"); });
	for (size_t i = 0; i < 100; i++)
		assert_string_equal(f->order[i].c_str(), ("work" + std::to_string(i)).c_str());
}

static void completions_come_on_the_worker_that_handed_in(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	for (int i = 0; i < 100; i++)
		assert_int_equal(hand_in(f, (unsigned)i % workers, &batch_a, (uint64_t)i, "x"), 0);
	wait_done(f, 100);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(f->items[i]->completed_on, i % workers);
		assert_int_equal(f->items[i]->completions, 1);
		assert_int_equal(f->items[i]->result, 0);
	}
	assert_int_equal(store_unfinished(f->store.get()), 0);
}

static void hashing_needs_no_database_and_reading_has_one(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_HASH, do_work, "hash"), 0);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_READ, do_read, "read"), 0);
	wait_done(f, 2);
	assert_int_equal(f->items[0]->result, 7);
	assert_int_equal(f->items[1]->result, 9);
}

static void reads_and_hashes_go_on_while_the_writer_waits(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_HASH, do_work, "hash"), 0);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_READ, do_read, "read"), 0);
	wait_done(f, 2);
	assert_int_equal(f->items[0]->completions, 0);
	let_writer_go(f);
	wait_done(f, 3);
}

static int hash_behind_the_gate(struct cs_db *, void *arg)
{
	struct database *d = &(static_cast<struct item *>(arg))->fixture->database;
	std::unique_lock lock(d->mutex);

	pass_gate(d, &lock);
	return 7;
}

/* One hasher, which stands at the gate with one hash: what comes now piles up. */
static void hold_hasher(struct fixture *f)
{
	struct database *d = &f->database;

	f->conf.hashers = 1;
	open_store(f);
	d->closed_gate = true;
	assert_int_equal(hand_in_work(f, 0, CS_WORK_HASH, hash_behind_the_gate, "begun", 1), 0);
	std::unique_lock lock(d->mutex);

	assert_true(d->changed.wait_for(lock, std::chrono::seconds(20), [d] { return d->inside == 1; }));
}

static int hand_in_hash(struct fixture *f, const std::string &name, uint64_t client)
{
	return hand_in_work(f, 0, CS_WORK_HASH, hash_behind_the_gate, name, 42, client);
}

static void clients_take_turns_at_hashing(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	hold_hasher(f);
	for (const char *name : {"a1", "a2", "a3", "a4"})
		assert_int_equal(hand_in_hash(f, name, 10), 0);
	for (const char *name : {"b1", "b2"})
		assert_int_equal(hand_in_hash(f, name, 11), 0);
	assert_int_equal(hand_in_hash(f, "c1", 12), 0);
	assert_int_equal(hand_in_hash(f, "a5", 10), 0);
	let_writer_go(f);
	wait_done(f, 9);
	const std::vector<std::string> order = {"begun", "a1", "b1", "c1", "a2", "b2", "a3", "a4", "a5"};

	assert_true(f->order == order);
}

static size_t count_busy(const struct fixture *f)
{
	return static_cast<size_t>(std::count_if(f->items.begin(), f->items.end(), [](const auto &item) {
		return item->completions == 1 && item->result == CS_EBUSY;
	}));
}

static size_t hand_in_hashes(struct fixture *f, uint64_t client)
{
	size_t count = 0;

	while (hand_in_hash(f, "hash", client) == 0)
		count++;
	return count;
}

static void in_a_full_hashing_pool_who_has_most_makes_room(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	size_t taken = 1;

	f->conf.queue = 64;
	hold_hasher(f);
	assert_int_equal(hand_in_hashes(f, 10), 63);
	assert_int_equal(hand_in_hashes(f, 11), 31);
	/* However many come, each has its part. */
	for (uint64_t client = 12; client < 42; client++) {
		const size_t own = hand_in_hashes(f, client);

		assert_true(own >= 1);
		taken += own;
	}
	taken += 63 + 31;
	let_writer_go(f);
	wait_done(f, taken);
	assert_int_equal(count_busy(f), taken - 64);
}

static void a_hash_that_nobody_waits_for_any_longer_is_not_made(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	hold_hasher(f);
	for (const cs_conn conn : {1, 2, 1})
		assert_int_equal(hand_in_work(f, 0, CS_WORK_HASH, hash_behind_the_gate, "waits", conn), 0);
	store_cancel_hashes(f->store.get(), 1);
	wait_done(f, 2);
	assert_int_equal(f->items[1]->result, CS_ECANCELED);
	assert_int_equal(f->items[3]->result, CS_ECANCELED);
	let_writer_go(f);
	wait_done(f, 4);
	assert_int_equal(f->items[0]->result, 7);
	assert_int_equal(f->items[2]->result, 7);
}

static void a_lock_that_is_never_free_is_given_up_and_holds_up_no_other_writer(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct database *d = &f->database;

	f->conf.writers = 2;
	d->locked = "locked";
	d->closed_gate = true;
	open_store(f);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "locked"), 0);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, "other"), 0);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_READ, do_read, "read"), 0);
	wait_done(f, 2);
	assert_int_equal(f->items[0]->completions, 0);
	assert_int_equal(f->items[1]->result, 0);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "behind"), 0);
	let_writer_go(f);
	wait_done(f, 4);
	assert_int_equal(f->items[0]->result, CS_ENOSTORE);
	assert_int_equal(f->items[3]->result, 0);
}

static void without_readers_reads_run_on_the_writer(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->database.most_readers = 0;
	open_store(f);
	hold_writer(f);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_READ, do_read, "read"), 0);
	assert_int_equal(store_figures_read(f->store.get()).waiting_write, 1);
	let_writer_go(f);
	wait_done(f, 2);
	assert_int_equal(f->items[1]->result, 9);
	assert_int_equal(f->database.transactions.size(), 1);
}

static void a_full_queue_is_told_at_once(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->conf.queue = 4;
	f->conf.queue_bytes = 1000;
	open_store(f);
	hold_writer(f);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "big", 1000), CS_EBUSY);
	for (int i = 0; i < 3; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, 1, "x", 300), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "one too many"), CS_EBUSY);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "one too many"), CS_EBUSY);
	let_writer_go(f);
	wait_done(f, 4);
	while (store_unfinished(f->store.get()) != 0)
		std::this_thread::yield();
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "again"), 0);
	wait_done(f, 5);
}

static void what_is_larger_than_the_queue_goes_through_alone(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	f->conf.queue_bytes = 1000;
	open_store(f);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "big", 2000), 0);
	wait_done(f, 1);
	assert_int_equal(f->items[0]->result, 0);
}

static void without_a_driver_only_hashing_works(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct cs_error e {};

	assert_int_equal(store_open(&f->store, &f->conf, nullptr, nullptr, "test", nullptr, &e), 0);
	store_start(f->store.get());
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "x"), CS_ENOSTORE);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_READ, do_read, "x"), CS_ENOSTORE);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "x"), CS_ENOSTORE);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_HASH, do_work, "hash"), 0);
	assert_false(store_outcome_can_be_unknown(f->store.get()));
	wait_done(f, 1);
}

static std::string life(struct fixture *f)
{
	std::string text;

	f->store.reset();
	for (const std::string &event : f->database.life)
		text += event + ";";
	return text;
}

static void the_lock_is_held_from_before_migrating_until_all_is_closed(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	assert_int_equal(f->database.connections, 2);
	store_stop(f->store.get());
	assert_string_equal(life(f).c_str(), "lock for test;migrate;unlock in_order=1 connections=0;");
}

static void a_database_that_is_taken_is_left_alone(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct cs_error e {};

	f->database.taken = true;
	assert_int_equal(store_open(&f->store, &f->conf, &driver, &f->database, "test", nullptr, &e), CS_EINVAL);
	assert_string_equal(life(f).c_str(), "lock for test;");
}

static void stopping_completes_everything_exactly_once(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);

	open_store(f);
	hold_writer(f);
	for (int i = 0; i < 500; i++)
		assert_int_equal(hand_in(f, (unsigned)i % workers, &batch_a, (uint64_t)i, "x"), 0);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "work"), 0);
	std::thread stopping(store_stop, f->store.get());

	while (hand_in_work(f, 0, CS_WORK_HASH, do_work, "hash") == 0)
		std::this_thread::yield();
	assert_int_equal(hand_in_work(f, 0, CS_WORK_HASH, do_work, "late"), CS_ECANCELED);
	let_writer_go(f);
	stopping.join();
	assert_int_equal(store_unfinished(f->store.get()), 0);
	for (const auto &w : f->shared.workers) {
		worker_stop(w.get());
		loop_drain(&w->loop);
	}
	assert_int_equal(f->items[0]->result, 0);
	for (size_t i = 1; i < 502; i++) {
		assert_int_equal(f->items[i]->completions, 1);
		assert_int_equal(f->items[i]->result, CS_ECANCELED);
	}
	assert_int_equal(f->database.transactions.size(), 1);
	assert_string_equal(life(f).c_str(), "lock for test;migrate;unlock in_order=0 connections=0;");
}

/* What each worker does in the storm: everything at once, from its own thread. */
struct storm {
	struct fixture *fixture;
	unsigned worker;
	std::vector<std::unique_ptr<struct item>> items;
	std::atomic<size_t> accepted = 0;
	std::atomic<bool> finished = false;
};

static void storm_run(void *arg)
{
	auto *s = static_cast<struct storm *>(arg);
	struct store *store = s->fixture->store.get();
	struct cs_self *self = &s->fixture->selves[s->worker];

	for (size_t i = 0; i < s->items.size(); i++) {
		struct item *item = s->items[i].get();
		int result;

		switch (i % 8) {
		case 0: result = store_work(store, self, 42, 1, CS_WORK_READ, do_read, note_work_done, item); break;
		case 1: result = store_work(store, self, 42, 1, CS_WORK_HASH, do_read, note_work_done, item); break;
		case 2: result = store_work(store, self, 42, 1, CS_WORK_WRITE, do_work, note_work_done, item); break;
		case 3: result = store_batch(store, self, &batch_b, i, item, 10); break;
		default: result = store_batch(store, self, &batch_a, i, item, 10); break;
		}
		if (result == 0)
			s->accepted++;
	}
	s->finished = true;
}

static void a_storm_from_all_workers_is_completed_exactly_once(void **state)
{
	auto *f = static_cast<struct fixture *>(*state);
	struct storm storms[workers];

	f->conf.writers = 3;
	open_store(f);
	for (unsigned w = 0; w < workers; w++) {
		storms[w].fixture = f;
		storms[w].worker = w;
		for (int i = 0; i < 5000; i++) {
			storms[w].items.push_back(std::make_unique<struct item>());
			storms[w].items.back()->fixture = f;
		}
		loop_post(&f->shared.workers[w]->loop, storm_run, &storms[w]);
	}
	for (const struct storm &s : storms) {
		while (!s.finished)
			std::this_thread::yield();
	}
	wait_done(f, storms[0].accepted + storms[1].accepted);
	for (unsigned w = 0; w < workers; w++) {
		worker_stop(f->shared.workers[w].get());
		for (const auto &item : storms[w].items)
			assert_true(item->completions <= 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_takes_all_that_waits_up_to_256),
		TEST(a_batch_holds_at_most_1_mib),
		TEST(what_waits_shares_a_transaction_and_kinds_are_brought_together),
		TEST(writes_and_items_of_one_instance_keep_their_order),
		TEST(works_of_others_do_not_part_what_is_stored_together),
		TEST(a_work_beside_a_thousand_messages_costs_no_commit),
		TEST(works_have_a_part_of_each_turn_and_keep_their_order),
		TEST(completions_come_on_the_worker_that_handed_in),
		TEST(hashing_needs_no_database_and_reading_has_one),
		TEST(reads_and_hashes_go_on_while_the_writer_waits),
		TEST(clients_take_turns_at_hashing),
		TEST(in_a_full_hashing_pool_who_has_most_makes_room),
		TEST(a_hash_that_nobody_waits_for_any_longer_is_not_made),
		TEST(a_lock_that_is_never_free_is_given_up_and_holds_up_no_other_writer),
		TEST(without_readers_reads_run_on_the_writer),
		TEST(a_full_queue_is_told_at_once),
		TEST(what_is_larger_than_the_queue_goes_through_alone),
		TEST(without_a_driver_only_hashing_works),
		TEST(the_lock_is_held_from_before_migrating_until_all_is_closed),
		TEST(a_database_that_is_taken_is_left_alone),
		TEST(stopping_completes_everything_exactly_once),
		TEST(a_storm_from_all_workers_is_completed_exactly_once),
	};

	return cmocka_run_group_tests_name("store", tests, nullptr, nullptr);
}
