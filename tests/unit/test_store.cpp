/* SPDX-License-Identifier: MIT
 * Tests what the store does with writes: batches, order, bounds, exactly one completion each; its lock and its end. */
#include "test_store.h"

static void a_batch_takes_all_that_waits_up_to_256(void **state)
{
	struct fixture *f = held_store(state);

	for (size_t i = 0; i < 300; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, i, std::to_string(i)), 0);
	let_go(f);
	wait_done(f, 301);
	assert_int_equal(f->database.transactions.size(), 3);
	assert_int_equal(f->database.transactions[1].size(), 256);
	assert_int_equal(f->database.transactions[2].size(), 44);
	assert_string_equal(f->order[0].c_str(), "first");
	for (size_t i = 0; i < 300; i++) {
		assert_string_equal(f->order[i + 1].c_str(), std::to_string(i).c_str());
		assert_string_equal(f->database.committed[i + 1].c_str(), std::to_string(i).c_str());
	}
}

static uint64_t count_of(const struct histogram_total &total)
{
	uint64_t count = 0;

	for (const uint64_t n : total.counts)
		count += n;
	return count;
}

static void each_wait_and_each_commit_is_measured(void **state)
{
	struct fixture *f = held_store(state);

	assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, "work"), 0);
	for (size_t i = 0; i < 299; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, i, std::to_string(i)), 0);
	let_go(f);
	wait_done(f, 301);
	const struct store_histograms h = store_histograms_read(f->store.get());

	assert_int_equal(count_of(h.waits[CS_WORK_WRITE]), 301);
	assert_int_equal(count_of(h.waits[CS_WORK_READ]), 0);
	assert_int_equal(count_of(h.waits[CS_WORK_HASH]), 0);
	assert_int_equal(count_of(h.commit_times), f->database.transactions.size());
	assert_int_equal(count_of(h.commit_sizes), f->database.transactions.size());
	assert_int_equal(h.commit_sizes.sum, 301);
}

static void a_batch_holds_at_most_1_mib(void **state)
{
	struct fixture *f = held_store(state);

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, 1, std::to_string(i), 400 << 10), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "5", 3 << 20), 0);
	let_go(f);
	wait_done(f, 7);
	assert_int_equal(f->database.transactions.size(), 5);
	for (const size_t i : {1, 2})
		assert_int_equal(f->database.transactions[i].size(), 2);
	for (const size_t i : {3, 4})
		assert_int_equal(f->database.transactions[i].size(), 1);
}

static void what_waits_shares_a_transaction_and_kinds_are_brought_together(void **state)
{
	struct fixture *f = held_store(state);

	for (size_t i = 0; i < 6; i++)
		assert_int_equal(hand_in(f, 0, i % 2 ? &batch_b : &batch_a, 1, (i % 2 ? "b" : "a") + std::to_string(i)),
		                 0);
	let_go(f);
	wait_done(f, 7);
	assert_transactions(f, {{"first"}, {"a0", "a2", "a4", "b1", "b3", "b5"}});
}

static void writes_and_items_of_one_instance_keep_their_order(void **state)
{
	struct fixture *f = held_store(state);

	assert_int_equal(hand_in(f, 0, &batch_a, 1, "1"), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "2"), 0);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "3"), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "4"), 0);
	let_go(f);
	wait_done(f, 5);
	const std::vector<std::string> order = {"first", "1", "2", "3", "4"};

	assert_transactions(f, {{"first"}, {"1", "2", "3", "4"}});
	assert_true(f->order == order);
}

static void works_of_others_do_not_part_what_is_stored_together(void **state)
{
	struct fixture *f = held_store(state);

	for (const char *name : {"1", "2", "3"}) {
		assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, std::string("work") + name), 0);
		assert_int_equal(hand_in(f, 0, &batch_a, 1, name), 0);
	}
	let_go(f);
	wait_done(f, 7);
	assert_transactions(f, {{"first"}, {"1", "2", "3", "work1", "work2", "work3"}});
}

static void a_work_beside_a_thousand_messages_costs_no_commit(void **state)
{
	struct fixture *f = held_store(state);

	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(hand_in(f, 0, &batch_a, i, "message"), 0);
		if (i == 500)
			assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, "work"), 0);
	}
	let_go(f);
	wait_done(f, 1002);
	assert_int_equal(f->database.transactions.size(), 1 + 4);
}

/* A work costs more than a message: however many there are, messages keep most of each transaction. */
static void works_have_a_part_of_each_turn_and_keep_their_order(void **state)
{
	struct fixture *f = held_store(state);

	for (size_t i = 0; i < 100; i++)
		assert_int_equal(hand_in_work(f, 1, CS_WORK_WRITE, do_work, "work" + std::to_string(i)), 0);
	for (size_t i = 0; i < 80; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, 1, "message"), 0);
	let_go(f);
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
	struct fixture *f = opened_store(state);

	for (size_t i = 0; i < 100; i++)
		assert_int_equal(hand_in(f, i % workers, &batch_a, i, "x"), 0);
	wait_done(f, 100);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(f->items[i]->completed_on, i % workers);
		assert_int_equal(f->items[i]->completions, 1);
		assert_int_equal(f->items[i]->result, 0);
	}
	assert_int_equal(store_unfinished(f->store.get()), 0);
}

static void a_lock_that_is_never_free_is_given_up_and_holds_up_no_other_writer(void **state)
{
	struct fixture *f = fixture_of(state);
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
	let_go(f);
	wait_done(f, 4);
	assert_int_equal(f->items[0]->result, CS_ENOSTORE);
	assert_int_equal(f->items[3]->result, 0);
}

static void a_full_queue_is_told_at_once(void **state)
{
	struct fixture *f = fixture_of(state);

	f->conf.queue = 4;
	f->conf.queue_bytes = 1000;
	hold_writer(f);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "big", 1000), CS_EBUSY);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(hand_in(f, 0, &batch_a, 1, "x", 300), 0);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "one too many"), CS_EBUSY);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "one too many"), CS_EBUSY);
	let_go(f);
	wait_done(f, 4);
	check_wait("the queue to be empty", [f] { return store_unfinished(f->store.get()) == 0; });
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "again"), 0);
	wait_done(f, 5);
}

static void what_is_larger_than_the_queue_goes_through_alone(void **state)
{
	struct fixture *f = fixture_of(state);

	f->conf.queue_bytes = 1000;
	open_store(f);
	assert_int_equal(hand_in(f, 0, &batch_a, 1, "big", 2000), 0);
	wait_done(f, 1);
	assert_int_equal(f->items[0]->result, 0);
}

static void the_lock_is_held_from_before_migrating_until_all_is_closed(void **state)
{
	struct fixture *f = opened_store(state);

	assert_int_equal(f->database.connections, 2);
	store_stop(f->store.get());
	f->store.reset();
	assert_string_equal(f->database.life.c_str(), "lock for test;migrate;unlock in_order=1 connections=0;");
}

static void a_store_is_exclusive_if_it_is_locked_and_commits_are_known(void **state)
{
	struct fixture *f = fixture_of(state);
	struct cs_db_driver one = driver;
	struct cs_error e {};

	for (const bool locks : {true, false})
		for (const int unknown : {0, 1}) {
			one.lock = locks ? driver.lock : nullptr;
			one.unlock = locks ? driver.unlock : nullptr;
			one.outcome_can_be_unknown = unknown;
			assert_int_equal(store_open(&f->store, &f->conf, &one, &f->database, "test", nullptr, &e), 0);
			assert_int_equal(store_is_exclusive(f->store.get()), locks && !unknown);
			f->store.reset();
		}
}

static void a_database_that_is_taken_is_left_alone(void **state)
{
	struct fixture *f = fixture_of(state);
	struct cs_error e {};

	f->database.taken = true;
	assert_int_equal(store_open(&f->store, &f->conf, &driver, &f->database, "test", nullptr, &e), CS_EINVAL);
	f->store.reset();
	assert_string_equal(f->database.life.c_str(), "lock for test;");
}

static void stopping_completes_everything_exactly_once(void **state)
{
	struct fixture *f = held_store(state);

	for (size_t i = 0; i < 500; i++)
		assert_int_equal(hand_in(f, i % workers, &batch_a, i, "x"), 0);
	assert_int_equal(hand_in_work(f, 0, CS_WORK_WRITE, do_work, "work"), 0);
	std::thread stopping(store_stop, f->store.get());

	while (hand_in_work(f, 0, CS_WORK_HASH, do_work, "hash") != CS_ECANCELED)
		std::this_thread::yield();
	let_go(f);
	stopping.join();
	assert_int_equal(store_unfinished(f->store.get()), 0);
	stop_workers(f);
	assert_int_equal(f->items[0]->result, 0);
	for (size_t i = 1; i < 502; i++) {
		assert_int_equal(f->items[i]->completions, 1);
		assert_int_equal(f->items[i]->result, CS_ECANCELED);
	}
	assert_int_equal(f->database.transactions.size(), 1);
	f->store.reset();
	assert_string_equal(f->database.life.c_str(), "lock for test;migrate;unlock in_order=0 connections=0;");
}

/* What each worker does in the storm: everything at once, from its own thread. */
struct storm {
	struct fixture *fixture;
	unsigned worker;
	std::vector<struct item *> items;
	std::atomic<size_t> accepted = 0;
	std::atomic<bool> finished = false;
};

static void storm_run(void *arg)
{
	auto *s = static_cast<struct storm *>(arg);
	struct store *store = s->fixture->store.get();
	struct cs_self *self = &s->fixture->selves[s->worker];

	for (size_t i = 0; i < s->items.size(); i++) {
		struct item *item = s->items[i];
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
	struct fixture *f = fixture_of(state);
	struct storm storms[workers];

	f->conf.writers = 3;
	open_store(f);
	for (unsigned w = 0; w < workers; w++) {
		storms[w].fixture = f;
		storms[w].worker = w;
		for (size_t i = 0; i < 5000; i++)
			storms[w].items.push_back(add_item(f, ""));
		loop_post(&f->shared.workers[w]->loop, storm_run, &storms[w]);
	}
	for (const struct storm &s : storms)
		check_wait("the end of the storm", [&s] { return s.finished.load(); });
	wait_done(f, storms[0].accepted + storms[1].accepted);
	stop_workers(f);
	for (const auto &item : f->items)
		assert_true(item->completions <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_takes_all_that_waits_up_to_256),
		TEST(each_wait_and_each_commit_is_measured),
		TEST(a_batch_holds_at_most_1_mib),
		TEST(what_waits_shares_a_transaction_and_kinds_are_brought_together),
		TEST(writes_and_items_of_one_instance_keep_their_order),
		TEST(works_of_others_do_not_part_what_is_stored_together),
		TEST(a_work_beside_a_thousand_messages_costs_no_commit),
		TEST(works_have_a_part_of_each_turn_and_keep_their_order),
		TEST(completions_come_on_the_worker_that_handed_in),
		TEST(a_lock_that_is_never_free_is_given_up_and_holds_up_no_other_writer),
		TEST(a_full_queue_is_told_at_once),
		TEST(what_is_larger_than_the_queue_goes_through_alone),
		TEST(the_lock_is_held_from_before_migrating_until_all_is_closed),
		TEST(a_store_is_exclusive_if_it_is_locked_and_commits_are_known),
		TEST(a_database_that_is_taken_is_left_alone),
		TEST(stopping_completes_everything_exactly_once),
		TEST(a_storm_from_all_workers_is_completed_exactly_once),
	};

	return cmocka_run_group_tests_name("store", tests, nullptr, nullptr);
}
