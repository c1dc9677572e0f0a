/* SPDX-License-Identifier: MIT
 * Tests what each class of database error leads to. The test plays the database by a script of answers. */
#include "test_store_engine.h"

static void a_batch_is_one_transaction_told_right_after_its_commit(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	run_batch(f, {"a", "b"});
	assert_string_equal(f->player.told.c_str(), "begin run2 commit committed:a committed:b finished2 ");
	assert_all(f, {"a", "b"}, 0);
	assert_int_equal(f->shared.batches, 1);
	assert_int_equal(f->shared.items, 2);
}

static void a_deadlock_is_run_again(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.begin = {CS_DB_RETRY};
	f->player.run = {CS_DB_RETRY};
	f->player.commit = {CS_DB_RETRY};
	run_batch(f, {"a"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin begin run1 rollback begin run1 commit begin run1 commit committed:a finished1 ");
	assert_all(f, {"a"}, 0);
	assert_int_equal(f->shared.retries, 3);
}

static void a_deadlock_without_end_is_given_up(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = std::deque<int>(50, CS_DB_RETRY);
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_int_equal(f->player.run.size(), 50 - 6);
	assert_true(f->player.stored.empty());
	assert_int_equal(f->shared.failures, 2);
}

/* 6 runs of 80 ms each would be more than these 200 ms. */
static void locks_that_are_never_free_are_waited_for_in_time(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->shared.patience.work = f->shared.patience.batch;
	f->player.begin_takes = 80;
	f->player.begin = std::deque<int>(50, CS_DB_RETRY);
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_in_range(f->player.begin.size(), 50 - 4, 50 - 1);
	f->player.begin = std::deque<int>(50, CS_DB_RETRY);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_in_range(f->player.begin.size(), 50 - 4, 50 - 1);
	assert_int_equal(f->shared.failures, 3);
	assert_false(f->shared.away);
}

static void who_waited_long_behind_a_lock_tries_once(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	struct store_task task {
		.kind = CS_WORK_WRITE, .fn = do_work, .begun = now_ms() - 3000
	};

	f->player.begin = {CS_DB_RETRY};
	store_engine_work(&f->engine, &task);
	assert_int_equal(task.result, CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "begin ");
	store_engine_work(&f->engine, &task);
	assert_int_equal(task.result, 0);
}

static void a_lock_in_the_way_does_not_take_the_place_of_a_new_connection(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->shared.patience.unsent = 0;
	f->player.begin = {CS_DB_RETRY, CS_DB_RETRY, CS_DB_UNKNOWN};
	run_batch(f, {"a"});
	assert_all(f, {"a"}, 0);
	assert_string_equal(f->player.told.c_str(),
	                    "begin begin begin close open begin run1 commit committed:a finished1 ");
}

static void a_duplicate_is_run_carefully(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_DUPLICATE};
	run_batch(f, {"a", "b"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin run2 rollback begin careful2 commit committed:a committed:b finished2 ");
	assert_all(f, {"a", "b"}, 0);
}

static void a_duplicate_despite_care_is_run_one_by_one(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_DUPLICATE, CS_DB_DUPLICATE, 0, CS_DB_DUPLICATE, CS_DB_DUPLICATE};
	run_batch(f, {"a", "b"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin run2 rollback begin careful2 rollback begin run1 commit committed:a finished1 "
	                    "begin run1 rollback begin careful1 rollback finished1 ");
	assert_string_equal(f->finished[0].c_str(), "a=0");
	assert_string_equal(f->finished[1].c_str(), ("b=" + std::to_string(CS_ENOSTORE)).c_str());
}

static void a_bad_value_fails_its_own_item_only(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.refused = {"b"};
	run_batch(f, {"a", "b", "c"});
	assert_int_equal(f->finished.size(), 3);
	assert_string_equal(f->finished[0].c_str(), "a=0");
	assert_string_equal(f->finished[1].c_str(), ("b=" + std::to_string(CS_DB_BAD_VALUE)).c_str());
	assert_string_equal(f->finished[2].c_str(), "c=0");
	assert_int_equal(f->player.stored.size(), 2);
}

static void an_unknown_outcome_is_run_again_on_a_new_connection(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.commit = {CS_DB_UNKNOWN};
	f->player.open = {CS_DB_UNKNOWN};
	run_batch(f, {"a"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin run1 commit close open open begin run1 commit committed:a finished1 ");
	assert_all(f, {"a"}, 0);
}

static void an_unknown_outcome_without_end_is_told_as_unknown(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.commit = std::deque<int>(1000, CS_DB_UNKNOWN);
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_EUNKNOWN);
	assert_null(f->engine.db.get());
	f->player.commit.clear();
	f->shared.probe_ms = 0;
	run_batch(f, {"c"});
	assert_string_equal(f->finished.back().c_str(), "c=0");
}

static void a_store_that_cannot_be_reached_changed_nothing(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.begin = {CS_DB_UNKNOWN};
	f->player.open = std::deque<int>(1000, CS_DB_UNKNOWN);
	run_batch(f, {"a"});
	assert_all(f, {"a"}, CS_ENOSTORE);
}

/* The store is away from here on. */
static void lose_store(fixture *f)
{
	f->player.begin = {CS_DB_UNKNOWN};
	f->player.open = std::deque<int>(1000, CS_DB_UNKNOWN);
	run_batch(f, {"lost"});
	assert_true(f->shared.away);
	f->finished.clear();
	f->player.told.clear();
}

static void while_the_store_is_away_everything_is_refused_at_once(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "finished2 ");
}

static void one_request_a_second_tries_once_whether_the_store_is_back(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	f->shared.probe_ms = 0;
	run_batch(f, {"a"});
	run_batch(f, {"b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "open finished1 finished1 ");
}

static void while_one_tries_whether_the_store_is_back_nobody_else_does(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	struct store_engine other;

	lose_store(f);
	f->shared.probe_ms = 0;
	other.shared = &f->shared;
	f->player.opening = [&] {
		struct store_task task {
			.kind = CS_WORK_READ, .fn = do_work, .begun = now_ms()
		};

		f->player.opening = nullptr;
		std::this_thread::sleep_for(std::chrono::milliseconds(f->shared.patience.probe + 200));
		store_engine_work(&other, &task);
		assert_int_equal(task.result, CS_ENOSTORE);
	};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "open ");
	assert_in_range(f->shared.probe_ms, now_ms() + 1, now_ms() + f->shared.patience.probe + 100);
}

static void a_store_that_is_locked_is_not_away(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.begin = std::deque<int>(50, CS_DB_RETRY);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_false(f->shared.away);
}

static void a_store_that_leaves_a_commit_unanswered_is_still_away(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.commit = {CS_DB_UNKNOWN};
	f->shared.away = true;
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_EUNKNOWN);
	assert_true(f->shared.away);
	assert_in_range(f->shared.probe_ms, now_ms() + 1, now_ms() + f->shared.patience.probe + 100);
}

static void a_store_that_is_back_is_used_by_everybody(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	assert_int_equal(run_work(f, CS_WORK_READ), 0);
	assert_false(f->shared.away);
	run_batch(f, {"a"});
	assert_all(f, {"a"}, 0);
}

static void one_connection_that_hangs_while_others_are_answered_keeps_nobody_out(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->shared.answered_ms = now_ms() + 60000;
	f->player.begin = {CS_DB_UNKNOWN};
	f->player.open = std::deque<int>(1000, CS_DB_UNKNOWN);
	run_batch(f, {"lost"});
	assert_false(f->shared.away);
	f->player.open.clear();
	run_batch(f, {"a"});
	assert_string_equal(f->finished.back().c_str(), "a=0");
}

static void a_full_disk_fails_all_and_the_next_batch_tries_again(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_FULL};
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_true(f->shared.degraded);
	f->finished.clear();
	run_batch(f, {"c"});
	assert_all(f, {"c"}, 0);
	assert_false(f->shared.degraded);
}

static void any_other_failure_is_rolled_back_and_changed_nothing(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_FAILED};
	run_batch(f, {"a"});
	f->player.run = {17};
	run_batch(f, {"b"});
	assert_string_equal(f->player.told.c_str(), "begin run1 rollback finished1 begin run1 rollback finished1 ");
	assert_string_equal(f->finished[1].c_str(), ("b=" + std::to_string(CS_ENOSTORE)).c_str());
}

static void a_write_is_committed_on_0_and_rolled_back_otherwise(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	assert_int_equal(run_work(f, CS_WORK_WRITE), 0);
	f->player.work = {2};
	assert_int_equal(run_work(f, CS_WORK_WRITE), 2);
	f->player.work = {CS_DB_DUPLICATE};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_DB_DUPLICATE);
	assert_string_equal(f->player.told.c_str(), "begin work commit begin work rollback begin work rollback ");
}

static void a_write_that_perhaps_was_done_is_not_done_twice(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.commit = {CS_DB_UNKNOWN};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_EUNKNOWN);
	assert_string_equal(f->player.told.c_str(), "begin work commit close ");
}

static void a_write_whose_connection_was_lost_before_the_commit_is_run_again(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_UNKNOWN};
	assert_int_equal(run_work(f, CS_WORK_WRITE), 0);
	assert_string_equal(f->player.told.c_str(), "begin work rollback close open begin work commit ");
}

static void a_read_runs_outside_of_a_transaction_and_again_when_its_connection_is_lost(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_UNKNOWN, CS_DB_RETRY, 3};
	assert_int_equal(run_work(f, CS_WORK_READ), 3);
	assert_string_equal(f->player.told.c_str(), "work close open work work ");
	f->player.work = {CS_DB_FAILED};
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
}

static void stopping_ends_the_retries(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->shared.stopping = true;
	f->player.run = std::deque<int>(50, CS_DB_RETRY);
	run_batch(f, {"a"});
	assert_all(f, {"a"}, CS_ENOSTORE);
	assert_int_equal(f->player.run.size(), 49);
	f->player.run.clear();
	f->player.commit = {CS_DB_UNKNOWN};
	run_batch(f, {"b"});
	assert_string_equal(f->finished.back().c_str(), ("b=" + std::to_string(CS_EUNKNOWN)).c_str());
}

/* ---- works and items together */

static void assert_finished(const fixture *f, const std::vector<std::pair<std::string, int>> &expected)
{
	assert_int_equal(f->finished.size(), expected.size());
	for (size_t i = 0; i < expected.size(); i++)
		assert_string_equal(f->finished[i].c_str(),
		                    (expected[i].first + "=" + std::to_string(expected[i].second)).c_str());
}

static void assert_stored(const fixture *f, const std::vector<std::string> &expected)
{
	assert_true(f->player.stored == expected);
}

static void works_and_items_share_a_transaction(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	run_batch(f, {"a", "b", "+w", "+x", "c"});
	assert_string_equal(f->player.told.c_str(), "begin ( run2 ) ( work ) ( work ) ( run1 ) commit "
	                                            "committed:a committed:b committed:c finished5 ");
	assert_all(f, {"a", "b", "+w", "+x", "c"}, 0);
	assert_stored(f, {"a", "b", "+w", "+x", "c"});
	assert_int_equal(f->shared.items, 3);
}

static void a_work_that_fails_between_two_messages_leaves_both_stored_and_itself_undone(void **state)
{
	auto *f = static_cast<fixture *>(*state);
	std::vector<std::pair<std::string, int>> expected = {{"a", 0}, {"+w", 0}, {"b", 0}};

	for (const int answer : {5, static_cast<int>(CS_DB_DUPLICATE), static_cast<int>(CS_DB_BAD_VALUE)}) {
		f->player.work = {answer};
		f->player.told.clear();
		f->player.stored.clear();
		f->finished.clear();
		run_batch(f, {"a", "+w", "b"});
		expected[1].second = answer;
		assert_finished(f, expected);
		assert_stored(f, {"a", "b"});
		assert_string_equal(f->player.told.c_str(), "begin ( run1 ) ( work undo) ( run1 ) commit "
		                                            "committed:a committed:b finished3 ");
	}
}

static void a_work_whose_statement_fails_costs_its_neighbours_nothing(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_FAILED};
	run_batch(f, {"a", "+w", "b"});
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	assert_stored(f, {"a", "b"});
	assert_int_equal(f->shared.failures, 1);
}

/* The database has ended the transaction by itself; the savepoint is gone with it. */
static void where_a_part_cannot_be_undone_all_are_run_apart(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_FAILED, CS_DB_FAILED};
	f->player.part = {0, 0, 0, CS_DB_FAILED};
	run_batch(f, {"a", "+w", "b"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin ( run1 ) ( work undo) rollback begin run1 commit committed:a finished1 "
	                    "begin work rollback finished1 begin run1 commit committed:b finished1 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	assert_stored(f, {"a", "b"});
}

static void a_work_that_waits_for_a_lock_in_vain_does_not_hold_its_neighbours(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = std::deque<int>(50, CS_DB_RETRY);
	run_batch(f, {"a", "+w", "b"});
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	assert_stored(f, {"a", "b"});
	assert_int_equal(f->player.work.size(), 50 - 2 - 6);
}

static void a_deadlock_among_many_is_run_again_together_and_then_apart(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_RETRY};
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->player.told.c_str(), "begin ( run1 ) ( work rollback "
	                                            "begin ( run1 ) ( work ) commit committed:a finished2 ");
	f->player.told.clear();
	f->player.work = {CS_DB_RETRY};
	f->player.commit = {CS_DB_RETRY};
	run_batch(f, {"b", "+x"});
	assert_string_equal(f->player.told.c_str(), "begin ( run1 ) ( work rollback begin ( run1 ) ( work ) commit "
	                                            "begin run1 commit committed:b finished1 "
	                                            "begin work commit finished1 ");
	assert_stored(f, {"a", "+w", "b", "+x"});
}

/* It would be waited for again, and all would wait. */
static void a_lock_that_one_waits_for_in_vain_parts_all_at_once(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_RETRY};
	f->player.working = [f] {
		std::this_thread::sleep_for(std::chrono::milliseconds(1050));
		f->player.working = nullptr;
	};
	f->shared.patience.batch = 10000;
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin ( run1 ) ( work rollback begin run1 commit committed:a finished1 "
	                    "begin work commit finished1 ");
}

static void a_lock_before_all_is_waited_for_together(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.begin = {CS_DB_RETRY, CS_DB_RETRY};
	run_batch(f, {"a", "+w", "+x"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin begin begin ( run1 ) ( work ) ( work ) commit committed:a finished3 ");
}

static void a_full_disk_is_told_to_all_that_share(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_FULL, CS_DB_FULL};
	f->player.run = {0, CS_DB_FULL};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_ENOSTORE);
	assert_true(f->shared.degraded);
	assert_stored(f, {});
}

static void a_batch_that_repeats_itself_does_not_part_the_others(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_DUPLICATE};
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin ( run1 undo) ( careful1 ) ( work ) commit committed:a finished2 ");
	assert_stored(f, {"a", "+w"});
}

static void a_bad_value_among_works_is_undone_alone_and_parts_nobody(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.refused = {"b"};
	run_batch(f, {"a", "b", "c", "+w"});
	assert_string_equal(f->player.told.c_str(), "begin ( run3 undo) ( run1 ) ( run1 undo) ( run1 ) ( work ) commit "
	                                            "committed:a committed:c finished4 ");
	assert_finished(f, {{"a", 0}, {"b", CS_DB_BAD_VALUE}, {"c", 0}, {"+w", 0}});
	assert_stored(f, {"a", "c", "+w"});
	assert_int_equal(f->shared.items, 2);
	assert_int_equal(f->shared.failures, 1);
}

static void a_work_that_leaves_a_part_open_is_refused_and_undone_alone(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.working = [f] {
		assert_int_equal(driver.savepoint(f->engine.db.get()), 0);
	};
	run_batch(f, {"a", "+w", "b"});
	assert_string_equal(f->player.told.c_str(), "begin ( run1 ) ( work ( undo) undo) ( run1 ) commit "
	                                            "committed:a committed:b finished3 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	f->player.told.clear();
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "begin work ( undo) rollback ");
}

/* Nobody can say what of the others it has committed. */
static void a_work_that_ends_the_transaction_is_told_as_unknown(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.working = [f] {
		driver.rollback(f->engine.db.get());
	};
	for (const int told : {0, (int)CS_DB_RETRY, (int)CS_DB_UNKNOWN, (int)CS_DB_FULL}) {
		f->finished.clear();
		f->shared.failed_limit.next_ms = 0;
		f->player.work = std::deque<int>(50, told);
		f->player.run = {0, CS_DB_DUPLICATE};
		run_batch(f, {"a", "+w"});
		assert_finished(f, {{"a", 0}, {"+w", CS_EUNKNOWN}});
		assert_true(f->shared.failed_limit.next_ms != 0);
	}
	f->player.working = [f] {
		assert_int_equal(driver.commit(f->engine.db.get()), 0);
	};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_EUNKNOWN);
}

/* The store answers, so it is not away. */
static void a_batch_that_ends_its_transaction_is_run_once_and_told_as_unknown(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.running = [f] {
		assert_int_equal(driver.commit(f->engine.db.get()), 0);
	};
	run_batch(f, {"a", "b"});
	assert_string_equal(f->player.told.c_str(), "begin run2 commit rollback close finished2 ");
	assert_all(f, {"a", "b"}, CS_EUNKNOWN);
	assert_false(f->shared.away);
}

static void a_read_that_leaves_a_transaction_open_is_refused(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.working = [f] {
		assert_int_equal(driver.begin(f->engine.db.get()), 0);
	};
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "work begin rollback ");
}

/* The database has ended its parts together with the transaction. */
static void a_work_that_meets_a_deadlock_within_its_part_is_not_blamed(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_RETRY};
	f->player.working = [f] {
		assert_int_equal(driver.savepoint(f->engine.db.get()), 0);
		f->player.working = nullptr;
	};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, 0);
	assert_int_equal(f->shared.failed_limit.next_ms, 0);
}

static void a_batch_that_fails_costs_its_neighbours_nothing(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_FAILED};
	run_batch(f, {"a", "b", "+w", "c"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin ( run2 undo) ( work ) ( run1 ) commit committed:c finished4 ");
	assert_finished(f, {{"a", CS_ENOSTORE}, {"b", CS_ENOSTORE}, {"+w", 0}, {"c", 0}});
	assert_stored(f, {"+w", "c"});
	assert_int_equal(f->shared.failures, 2);
}

/* A shared transaction that is run again forgets what the first run found. */
static void an_item_that_was_undone_in_a_lost_run_is_judged_again(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.run = {CS_DB_BAD_VALUE};
	f->player.work = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, 0);
	f->finished.clear();
	f->player.run = {CS_DB_BAD_VALUE, CS_DB_BAD_VALUE};
	f->player.commit = {CS_DB_UNKNOWN};
	run_batch(f, {"b", "+x"});
	assert_finished(f, {{"b", CS_DB_BAD_VALUE}, {"+x", CS_EUNKNOWN}});
}

/* What answered that it changed nothing is run again; it need not be unknown. */
static void after_a_lost_commit_works_are_unknown_and_messages_run_again(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.commit = {CS_DB_UNKNOWN};
	f->player.work = {0, 5, 5};
	run_batch(f, {"a", "+w", "+x"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin ( run1 ) ( work ) ( work undo) commit close open "
	                    "begin run1 commit committed:a finished1 finished1 begin work rollback finished1 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_EUNKNOWN}, {"+x", 5}});
}

/* The bad value was undone before the commit was sent; the others need not be unknown because of it. */
static void a_bad_value_in_a_lost_commit_leaves_its_neighbours_to_be_run_again(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.refused = {"c"};
	f->player.commit = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "b", "c", "d", "+w"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin ( run4 undo) ( run1 ) ( run1 ) ( run1 undo) ( run1 ) ( work ) commit close open "
	                    "begin run2 commit committed:a committed:b finished2 begin run1 rollback finished1 "
	                    "begin run1 commit committed:d finished1 finished1 ");
	assert_finished(f, {{"a", 0}, {"b", 0}, {"c", CS_DB_BAD_VALUE}, {"d", 0}, {"+w", CS_EUNKNOWN}});
	assert_stored(f, {"a", "b", "d"});
}

static void a_message_of_a_lost_commit_that_was_done_is_stored_once(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.lost_commit_is_done = 1;
	f->player.commit = {CS_DB_UNKNOWN};
	f->player.run = {0, CS_DB_DUPLICATE};
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->player.told.c_str(), "begin ( run1 ) ( work ) commit close open begin run1 rollback "
	                                            "begin careful1 commit committed:a finished1 finished1 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_EUNKNOWN}});
}

/* A lost commit of a store that was being tried: it stays away, but nobody may be told that nothing was done. */
static void what_was_in_a_lost_commit_is_not_refused_as_undone(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.commit = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_EUNKNOWN);
}

static void a_connection_that_is_lost_under_all_is_opened_again_for_all(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->player.work = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->player.told.c_str(), "begin ( run1 ) ( work rollback close open "
	                                            "begin ( run1 ) ( work ) commit committed:a finished2 ");
	assert_all(f, {"a", "+w"}, 0);
}

static void a_work_that_always_loses_its_connection_does_not_take_others_with_it(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->shared.patience.unsent = 0;
	f->player.work = std::deque<int>(50, CS_DB_UNKNOWN);
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->finished[0].c_str(), "a=0");
	assert_stored(f, {"a"});
}

static void while_the_store_is_away_works_and_items_are_refused_at_once(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	lose_store(f);
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "finished1 finished1 ");
}

static void what_has_to_be_run_apart_while_stopping_is_cancelled(void **state)
{
	auto *f = static_cast<fixture *>(*state);

	f->shared.stopping = true;
	f->player.run = {CS_DB_RETRY};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_ECANCELED);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(a_batch_is_one_transaction_told_right_after_its_commit),
		TEST(a_deadlock_is_run_again),
		TEST(a_deadlock_without_end_is_given_up),
		TEST(locks_that_are_never_free_are_waited_for_in_time),
		TEST(who_waited_long_behind_a_lock_tries_once),
		TEST(a_lock_in_the_way_does_not_take_the_place_of_a_new_connection),
		TEST(a_duplicate_is_run_carefully),
		TEST(a_duplicate_despite_care_is_run_one_by_one),
		TEST(a_bad_value_fails_its_own_item_only),
		TEST(an_unknown_outcome_is_run_again_on_a_new_connection),
		TEST(an_unknown_outcome_without_end_is_told_as_unknown),
		TEST(a_store_that_cannot_be_reached_changed_nothing),
		TEST(while_the_store_is_away_everything_is_refused_at_once),
		TEST(one_request_a_second_tries_once_whether_the_store_is_back),
		TEST(while_one_tries_whether_the_store_is_back_nobody_else_does),
		TEST(a_store_that_is_locked_is_not_away),
		TEST(a_store_that_leaves_a_commit_unanswered_is_still_away),
		TEST(a_store_that_is_back_is_used_by_everybody),
		TEST(one_connection_that_hangs_while_others_are_answered_keeps_nobody_out),
		TEST(a_full_disk_fails_all_and_the_next_batch_tries_again),
		TEST(any_other_failure_is_rolled_back_and_changed_nothing),
		TEST(a_write_is_committed_on_0_and_rolled_back_otherwise),
		TEST(a_write_that_perhaps_was_done_is_not_done_twice),
		TEST(a_write_whose_connection_was_lost_before_the_commit_is_run_again),
		TEST(a_read_runs_outside_of_a_transaction_and_again_when_its_connection_is_lost),
		TEST(stopping_ends_the_retries),
		TEST(works_and_items_share_a_transaction),
		TEST(a_work_that_fails_between_two_messages_leaves_both_stored_and_itself_undone),
		TEST(a_work_whose_statement_fails_costs_its_neighbours_nothing),
		TEST(where_a_part_cannot_be_undone_all_are_run_apart),
		TEST(a_work_that_waits_for_a_lock_in_vain_does_not_hold_its_neighbours),
		TEST(a_deadlock_among_many_is_run_again_together_and_then_apart),
		TEST(a_lock_that_one_waits_for_in_vain_parts_all_at_once),
		TEST(a_lock_before_all_is_waited_for_together),
		TEST(a_full_disk_is_told_to_all_that_share),
		TEST(a_batch_that_repeats_itself_does_not_part_the_others),
		TEST(a_bad_value_among_works_is_undone_alone_and_parts_nobody),
		TEST(a_work_that_leaves_a_part_open_is_refused_and_undone_alone),
		TEST(a_work_that_ends_the_transaction_is_told_as_unknown),
		TEST(a_batch_that_ends_its_transaction_is_run_once_and_told_as_unknown),
		TEST(a_read_that_leaves_a_transaction_open_is_refused),
		TEST(a_work_that_meets_a_deadlock_within_its_part_is_not_blamed),
		TEST(a_batch_that_fails_costs_its_neighbours_nothing),
		TEST(an_item_that_was_undone_in_a_lost_run_is_judged_again),
		TEST(after_a_lost_commit_works_are_unknown_and_messages_run_again),
		TEST(a_bad_value_in_a_lost_commit_leaves_its_neighbours_to_be_run_again),
		TEST(a_message_of_a_lost_commit_that_was_done_is_stored_once),
		TEST(what_was_in_a_lost_commit_is_not_refused_as_undone),
		TEST(a_connection_that_is_lost_under_all_is_opened_again_for_all),
		TEST(a_work_that_always_loses_its_connection_does_not_take_others_with_it),
		TEST(while_the_store_is_away_works_and_items_are_refused_at_once),
		TEST(what_has_to_be_run_apart_while_stopping_is_cancelled),
	};

	return cmocka_run_group_tests_name("store_engine", tests, nullptr, nullptr);
}
