/* SPDX-License-Identifier: MIT
 * Tests what the store does with hashes and reads, which do not wait for the writer. */
#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>

#include "test_store.h"

static void hashing_needs_no_database_and_reading_has_one(void **state)
{
	struct fixture *f = opened_store(state);

	assert_int_equal(hand_in_work(f, 1, CS_WORK_HASH, do_work, "hash"), 0);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_READ, do_read, "read"), 0);
	wait_done(f, 2);
	assert_int_equal(f->items[0]->result, 7);
	assert_int_equal(f->items[1]->result, 9);
}

static void reads_and_hashes_go_on_while_the_writer_waits(void **state)
{
	struct fixture *f = held_store(state);

	assert_int_equal(hand_in_work(f, 1, CS_WORK_HASH, do_work, "hash"), 0);
	assert_int_equal(hand_in_work(f, 1, CS_WORK_READ, do_read, "read"), 0);
	wait_done(f, 2);
	assert_int_equal(f->items[0]->completions, 0);
	let_go(f);
	wait_done(f, 3);
}

static void without_readers_reads_run_on_the_writer(void **state)
{
	struct fixture *f = fixture_of(state);

	f->database.most_readers = 0;
	hold_writer(f);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_READ, do_read, "read"), 0);
	assert_int_equal(store_figures_read(f->store.get()).waiting_write, 1);
	let_go(f);
	wait_done(f, 2);
	assert_int_equal(f->items[1]->result, 9);
	assert_int_equal(f->database.transactions.size(), 1);
}

static int hash_behind_the_gate(struct cs_db *, void *arg)
{
	struct database *d = &static_cast<struct item *>(arg)->fixture->database;
	std::unique_lock lock(d->mutex);

	pass_gate(d, &lock);
	return 7;
}

/* The only one. */
static void hold_hasher(struct fixture *f)
{
	f->conf.hashers = 1;
	hold(f, [f] { return hand_in_work(f, 0, CS_WORK_HASH, hash_behind_the_gate, "begun", 1); });
}

static int hand_in_hash(struct fixture *f, const std::string &name, uint64_t client)
{
	return hand_in_work(f, 0, CS_WORK_HASH, hash_behind_the_gate, name, 42, client);
}

static void clients_take_turns_at_hashing(void **state)
{
	struct fixture *f = fixture_of(state);

	hold_hasher(f);
	for (const char *name : {"a1", "a2", "a3", "a4"})
		assert_int_equal(hand_in_hash(f, name, 10), 0);
	for (const char *name : {"b1", "b2"})
		assert_int_equal(hand_in_hash(f, name, 11), 0);
	assert_int_equal(hand_in_hash(f, "c1", 12), 0);
	assert_int_equal(hand_in_hash(f, "a5", 10), 0);
	let_go(f);
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
	struct fixture *f = fixture_of(state);
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
	let_go(f);
	wait_done(f, taken);
	assert_int_equal(count_busy(f), taken - 64);
}

static void a_hash_that_nobody_waits_for_any_longer_is_not_made(void **state)
{
	struct fixture *f = fixture_of(state);

	hold_hasher(f);
	for (const cs_conn conn : {1, 2, 1})
		assert_int_equal(hand_in_work(f, 0, CS_WORK_HASH, hash_behind_the_gate, "waits", conn), 0);
	store_cancel_hashes(f->store.get(), 1);
	wait_done(f, 2);
	assert_int_equal(f->items[1]->result, CS_ECANCELED);
	assert_int_equal(f->items[3]->result, CS_ECANCELED);
	let_go(f);
	wait_done(f, 4);
	assert_int_equal(f->items[0]->result, 7);
	assert_int_equal(f->items[2]->result, 7);
}

static void without_a_driver_only_hashing_works(void **state)
{
	struct fixture *f = fixture_of(state);
	struct cs_error e {};

	assert_int_equal(store_open(&f->store, &f->conf, nullptr, nullptr, "test", nullptr, &e), 0);
	store_start(f->store.get());
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "x"), CS_ENOSTORE);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_READ, do_read, "x"), CS_ENOSTORE);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "x"), CS_ENOSTORE);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_HASH, do_work, "hash"), 0);
	assert_false(store_outcome_can_be_unknown(f->store.get()));
	assert_false(store_is_exclusive(f->store.get()));
	wait_done(f, 1);
}

/* The threads of this process. *named_r: those with a name of their own, as each of the store has soon. */
static size_t count_threads(size_t *named_r)
{
	std::error_code failed;
	size_t count = 0;

	*named_r = 0;
	for (const auto &task : std::filesystem::directory_iterator("/proc/self/task", failed)) {
		const std::string name = check_read_file(task.path() / "comm");

		*named_r += name.starts_with("hasher") || name.starts_with("reader") || name.starts_with("writer");
		count++;
	}
	return count;
}

static void half_of_the_processors_hash_unless_the_option_says_how_many(void **state)
{
	struct fixture *f = fixture_of(state);
	struct cs_error e {};

	for (const unsigned hashers : {0u, 3u}) {
		size_t before = 0, named = 0;

		/* Threads of earlier stores are joined, but the kernel may still list them. */
		check_wait("earlier threads to go", [&] {
			before = count_threads(&named);
			return named == 0;
		});
		f->conf.hashers = hashers;
		assert_int_equal(store_open(&f->store, &f->conf, nullptr, nullptr, "test", nullptr, &e), 0);
		store_start(f->store.get());
		assert_int_equal(count_threads(&named) - before,
		                 hashers ? hashers : std::max(1u, std::thread::hardware_concurrency() / 2));
		store_stop(f->store.get());
		f->store.reset();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hashing_needs_no_database_and_reading_has_one),
		TEST(reads_and_hashes_go_on_while_the_writer_waits),
		TEST(without_readers_reads_run_on_the_writer),
		TEST(clients_take_turns_at_hashing),
		TEST(in_a_full_hashing_pool_who_has_most_makes_room),
		TEST(a_hash_that_nobody_waits_for_any_longer_is_not_made),
		TEST(without_a_driver_only_hashing_works),
		TEST(half_of_the_processors_hash_unless_the_option_says_how_many),
	};

	return cmocka_run_group_tests_name("store_hash", tests, nullptr, nullptr);
}
