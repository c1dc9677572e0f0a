/* SPDX-License-Identifier: MIT
 * Tests what each class of database error leads to, for a work or a batch alone. The test plays the database by a
 * script of answers. */
#include "test_store_engine.h"

static void a_batch_is_one_transaction_told_right_after_its_commit(void **state)
{
	fixture *f = fixture_of(state);

	run_batch(f, {"a", "b"});
	assert_told(f, "begin run2 commit committed:a committed:b finished2 ");
	assert_all(f, {"a", "b"}, 0);
	assert_int_equal(f->shared.batches, 1);
	assert_int_equal(f->shared.items, 2);
}

static void a_deadlock_is_run_again(void **state)
{
	fixture *f = fixture_of(state);

	f->player.begin = {CS_DB_RETRY};
	f->player.run = {CS_DB_RETRY};
	f->player.commit = {CS_DB_RETRY};
	run_batch(f, {"a"});
	assert_told(f, "begin begin run1 rollback begin run1 commit begin run1 commit committed:a finished1 ");
	assert_all(f, {"a"}, 0);
	assert_int_equal(f->shared.retries, 3);
}

static void a_deadlock_without_end_is_given_up(void **state)
{
	fixture *f = fixture_of(state);

	f->shared.patience.batch = 60000; /* the tries end, not the time */
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
	fixture *f = fixture_of(state);

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
	fixture *f = fixture_of(state);
	struct store_task task {
		.kind = CS_WORK_WRITE, .fn = do_work, .begun = worker_monotonic_ms() - 3000
	};

	f->player.begin = {CS_DB_RETRY};
	store_engine_work(&f->engine, &task);
	assert_int_equal(task.result, CS_ENOSTORE);
	assert_told(f, "begin ");
	store_engine_work(&f->engine, &task);
	assert_int_equal(task.result, 0);
}

static void a_lock_in_the_way_does_not_take_the_place_of_a_new_connection(void **state)
{
	fixture *f = fixture_of(state);

	f->shared.patience.unsent = 0;
	f->player.begin = {CS_DB_RETRY, CS_DB_RETRY, CS_DB_UNKNOWN};
	run_batch(f, {"a"});
	assert_all(f, {"a"}, 0);
	assert_told(f, "begin begin begin close open begin run1 commit committed:a finished1 ");
}

static void a_duplicate_is_run_carefully(void **state)
{
	fixture *f = fixture_of(state);

	f->player.run = {CS_DB_DUPLICATE};
	run_batch(f, {"a", "b"});
	assert_told(f, "begin run2 rollback begin careful2 commit committed:a committed:b finished2 ");
	assert_all(f, {"a", "b"}, 0);
}

static void a_duplicate_despite_care_is_run_one_by_one(void **state)
{
	fixture *f = fixture_of(state);

	f->player.run = {CS_DB_DUPLICATE, CS_DB_DUPLICATE, 0, CS_DB_DUPLICATE, CS_DB_DUPLICATE};
	run_batch(f, {"a", "b"});
	assert_told(f, "begin run2 rollback begin careful2 rollback begin run1 commit committed:a finished1 "
	               "begin run1 rollback begin careful1 rollback finished1 ");
	assert_finished(f, {{"a", 0}, {"b", CS_ENOSTORE}});
}

static void a_bad_value_fails_its_own_item_only(void **state)
{
	fixture *f = fixture_of(state);

	f->player.refused = {"b"};
	run_batch(f, {"a", "b", "c"});
	assert_finished(f, {{"a", 0}, {"b", CS_DB_BAD_VALUE}, {"c", 0}});
	assert_stored(f, {"a", "c"});
}

static void an_unknown_outcome_is_run_again_on_a_new_connection(void **state)
{
	fixture *f = fixture_of(state);

	f->player.commit = {CS_DB_UNKNOWN};
	f->player.open = {CS_DB_UNKNOWN};
	run_batch(f, {"a"});
	assert_told(f, "begin run1 commit close open open begin run1 commit committed:a finished1 ");
	assert_all(f, {"a"}, 0);
}

static void an_unknown_outcome_without_end_is_told_as_unknown(void **state)
{
	fixture *f = fixture_of(state);

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
	fixture *f = fixture_of(state);

	f->player.begin = {CS_DB_UNKNOWN};
	f->player.open = std::deque<int>(1000, CS_DB_UNKNOWN);
	run_batch(f, {"a"});
	assert_all(f, {"a"}, CS_ENOSTORE);
}

static void while_the_store_is_away_everything_is_refused_at_once(void **state)
{
	fixture *f = fixture_of(state);

	lose_store(f);
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_told(f, "finished2 ");
}

static void one_request_a_second_tries_once_whether_the_store_is_back(void **state)
{
	fixture *f = fixture_of(state);

	lose_store(f);
	f->shared.probe_ms = 0;
	run_batch(f, {"a"});
	run_batch(f, {"b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_told(f, "open finished1 finished1 ");
}

static void while_one_tries_whether_the_store_is_back_nobody_else_does(void **state)
{
	fixture *f = fixture_of(state);
	struct store_engine other;

	lose_store(f);
	f->shared.probe_ms = 0;
	other.shared = &f->shared;
	f->player.opening = [&] {
		f->player.opening = nullptr;
		std::this_thread::sleep_for(std::chrono::milliseconds(f->shared.patience.probe + 200));
		assert_int_equal(run_work(&other, CS_WORK_READ), CS_ENOSTORE);
	};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_told(f, "open ");
	assert_in_range(f->shared.probe_ms, worker_monotonic_ms() + 1,
	                worker_monotonic_ms() + f->shared.patience.probe + 100);
}

static void a_store_that_is_locked_is_not_away(void **state)
{
	fixture *f = fixture_of(state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.begin = std::deque<int>(50, CS_DB_RETRY);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_false(f->shared.away);
}

static void a_store_that_leaves_a_commit_unanswered_is_still_away(void **state)
{
	fixture *f = fixture_of(state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.commit = {CS_DB_UNKNOWN};
	f->shared.away = true;
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_EUNKNOWN);
	assert_true(f->shared.away);
	assert_in_range(f->shared.probe_ms, worker_monotonic_ms() + 1,
	                worker_monotonic_ms() + f->shared.patience.probe + 100);
}

static void a_store_that_is_back_is_used_by_everybody(void **state)
{
	fixture *f = fixture_of(state);

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
	fixture *f = fixture_of(state);

	f->shared.answered_ms = worker_monotonic_ms() + 60000;
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
	fixture *f = fixture_of(state);

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
	fixture *f = fixture_of(state);

	f->player.run = {CS_DB_FAILED};
	run_batch(f, {"a"});
	f->player.run = {17};
	run_batch(f, {"b"});
	assert_told(f, "begin run1 rollback finished1 begin run1 rollback finished1 ");
	assert_string_equal(f->finished[1].c_str(), ("b=" + std::to_string(CS_ENOSTORE)).c_str());
}

static void a_write_is_committed_on_0_and_rolled_back_otherwise(void **state)
{
	fixture *f = fixture_of(state);

	assert_int_equal(run_work(f, CS_WORK_WRITE), 0);
	f->player.work = {2};
	assert_int_equal(run_work(f, CS_WORK_WRITE), 2);
	f->player.work = {CS_DB_DUPLICATE};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_DB_DUPLICATE);
	assert_told(f, "begin work commit begin work rollback begin work rollback ");
}

static void a_write_that_perhaps_was_done_is_not_done_twice(void **state)
{
	fixture *f = fixture_of(state);

	f->player.commit = {CS_DB_UNKNOWN};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_EUNKNOWN);
	assert_told(f, "begin work commit close ");
}

static void a_write_whose_connection_was_lost_before_the_commit_is_run_again(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_UNKNOWN};
	assert_int_equal(run_work(f, CS_WORK_WRITE), 0);
	assert_told(f, "begin work rollback close open begin work commit ");
}

static void a_read_runs_outside_of_a_transaction_and_again_when_its_connection_is_lost(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_UNKNOWN, CS_DB_RETRY, 3};
	assert_int_equal(run_work(f, CS_WORK_READ), 3);
	assert_told(f, "work close open work work ");
	f->player.work = {CS_DB_FAILED};
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
}

static void stopping_ends_the_retries(void **state)
{
	fixture *f = fixture_of(state);

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

int main(void)
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
	};

	return cmocka_run_group_tests_name("store_engine", tests, nullptr, nullptr);
}
