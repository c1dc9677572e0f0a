/* SPDX-License-Identifier: MIT
 * Tests what becomes of works and items that share a transaction. The test plays the database by a script of
 * answers. */
#include "test_store_engine.h"

static void works_and_items_share_a_transaction(void **state)
{
	fixture *f = fixture_of(state);

	run_batch(f, {"a", "b", "+w", "+x", "c"});
	assert_told(f, "begin ( run2 ) ( work ) ( work ) ( run1 ) commit "
	               "committed:a committed:b committed:c finished5 ");
	assert_all(f, {"a", "b", "+w", "+x", "c"}, 0);
	assert_stored(f, {"a", "b", "+w", "+x", "c"});
	assert_int_equal(f->shared.items, 3);
}

static void a_work_that_fails_between_two_messages_leaves_both_stored_and_itself_undone(void **state)
{
	fixture *f = fixture_of(state);
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
		assert_told(f, "begin ( run1 ) ( work undo) ( run1 ) commit "
		               "committed:a committed:b finished3 ");
	}
}

static void a_work_whose_statement_fails_costs_its_neighbours_nothing(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_FAILED};
	run_batch(f, {"a", "+w", "b"});
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	assert_stored(f, {"a", "b"});
	assert_int_equal(f->shared.failures, 1);
}

/* The database has ended the transaction by itself; the savepoint is gone with it. */
static void where_a_part_cannot_be_undone_all_are_run_apart(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_FAILED, CS_DB_FAILED};
	f->player.part = {0, 0, 0, CS_DB_FAILED};
	run_batch(f, {"a", "+w", "b"});
	assert_told(f, "begin ( run1 ) ( work undo) rollback begin run1 commit committed:a finished1 "
	               "begin work rollback finished1 begin run1 commit committed:b finished1 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	assert_stored(f, {"a", "b"});
}

static void a_work_that_waits_for_a_lock_in_vain_does_not_hold_its_neighbours(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = std::deque<int>(50, CS_DB_RETRY);
	run_batch(f, {"a", "+w", "b"});
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	assert_stored(f, {"a", "b"});
	assert_int_equal(f->player.work.size(), 50 - 2 - 6);
}

static void a_deadlock_among_many_is_run_again_together_and_then_apart(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_RETRY};
	run_batch(f, {"a", "+w"});
	assert_told(f, "begin ( run1 ) ( work rollback "
	               "begin ( run1 ) ( work ) commit committed:a finished2 ");
	f->player.told.clear();
	f->player.work = {CS_DB_RETRY};
	f->player.commit = {CS_DB_RETRY};
	run_batch(f, {"b", "+x"});
	assert_told(f, "begin ( run1 ) ( work rollback begin ( run1 ) ( work ) commit "
	               "begin run1 commit committed:b finished1 "
	               "begin work commit finished1 ");
	assert_stored(f, {"a", "+w", "b", "+x"});
}

/* It would be waited for again, and all would wait. */
static void a_lock_that_one_waits_for_in_vain_parts_all_at_once(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_RETRY};
	f->player.working = [f] {
		std::this_thread::sleep_for(std::chrono::milliseconds(1050));
		f->player.working = nullptr;
	};
	f->shared.patience.batch = 10000;
	run_batch(f, {"a", "+w"});
	assert_told(f, "begin ( run1 ) ( work rollback begin run1 commit committed:a finished1 "
	               "begin work commit finished1 ");
}

static void a_lock_before_all_is_waited_for_together(void **state)
{
	fixture *f = fixture_of(state);

	f->player.begin = {CS_DB_RETRY, CS_DB_RETRY};
	run_batch(f, {"a", "+w", "+x"});
	assert_told(f, "begin begin begin ( run1 ) ( work ) ( work ) commit committed:a finished3 ");
}

static void a_full_disk_is_told_to_all_that_share(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_FULL, CS_DB_FULL};
	f->player.run = {0, CS_DB_FULL};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_ENOSTORE);
	assert_true(f->shared.degraded);
	assert_stored(f, {});
}

static void a_batch_that_repeats_itself_does_not_part_the_others(void **state)
{
	fixture *f = fixture_of(state);

	f->player.run = {CS_DB_DUPLICATE};
	run_batch(f, {"a", "+w"});
	assert_told(f, "begin ( run1 undo) ( careful1 ) ( work ) commit committed:a finished2 ");
	assert_stored(f, {"a", "+w"});
}

static void a_bad_value_among_works_is_undone_alone_and_parts_nobody(void **state)
{
	fixture *f = fixture_of(state);

	f->player.refused = {"b"};
	run_batch(f, {"a", "b", "c", "+w"});
	assert_told(f, "begin ( run3 undo) ( run1 ) ( run1 undo) ( run1 ) ( work ) commit "
	               "committed:a committed:c finished4 ");
	assert_finished(f, {{"a", 0}, {"b", CS_DB_BAD_VALUE}, {"c", 0}, {"+w", 0}});
	assert_stored(f, {"a", "c", "+w"});
	assert_int_equal(f->shared.items, 2);
	assert_int_equal(f->shared.failures, 1);
}

static void a_work_that_leaves_a_part_open_is_refused_and_undone_alone(void **state)
{
	fixture *f = fixture_of(state);

	f->player.working = [f] {
		assert_int_equal(driver.savepoint(f->engine.db.get()), 0);
	};
	run_batch(f, {"a", "+w", "b"});
	assert_told(f, "begin ( run1 ) ( work ( undo) undo) ( run1 ) commit "
	               "committed:a committed:b finished3 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_ENOSTORE}, {"b", 0}});
	f->player.told.clear();
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_told(f, "begin work ( undo) rollback ");
}

/* Nobody can say what of the others it has committed. */
static void a_work_that_ends_the_transaction_is_told_as_unknown(void **state)
{
	fixture *f = fixture_of(state);

	f->player.working = [f] {
		driver.rollback(f->engine.db.get());
	};
	for (const int told :
	     {0, static_cast<int>(CS_DB_RETRY), static_cast<int>(CS_DB_UNKNOWN), static_cast<int>(CS_DB_FULL)}) {
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
	fixture *f = fixture_of(state);

	f->player.running = [f] {
		assert_int_equal(driver.commit(f->engine.db.get()), 0);
	};
	run_batch(f, {"a", "b"});
	assert_told(f, "begin run2 commit rollback close finished2 ");
	assert_all(f, {"a", "b"}, CS_EUNKNOWN);
	assert_false(f->shared.away);
}

static void a_read_that_leaves_a_transaction_open_is_refused(void **state)
{
	fixture *f = fixture_of(state);

	f->player.working = [f] {
		assert_int_equal(driver.begin(f->engine.db.get()), 0);
	};
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
	assert_told(f, "work begin rollback ");
}

/* The database has ended its parts together with the transaction. */
static void a_work_that_meets_a_deadlock_within_its_part_is_not_blamed(void **state)
{
	fixture *f = fixture_of(state);

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
	fixture *f = fixture_of(state);

	f->player.run = {CS_DB_FAILED};
	run_batch(f, {"a", "b", "+w", "c"});
	assert_told(f, "begin ( run2 undo) ( work ) ( run1 ) commit committed:c finished4 ");
	assert_finished(f, {{"a", CS_ENOSTORE}, {"b", CS_ENOSTORE}, {"+w", 0}, {"c", 0}});
	assert_stored(f, {"+w", "c"});
	assert_int_equal(f->shared.failures, 2);
}

/* A shared transaction that is run again forgets what the first run found. */
static void an_item_that_was_undone_in_a_lost_run_is_judged_again(void **state)
{
	fixture *f = fixture_of(state);

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
	fixture *f = fixture_of(state);

	f->player.commit = {CS_DB_UNKNOWN};
	f->player.work = {0, 5, 5};
	run_batch(f, {"a", "+w", "+x"});
	assert_told(f, "begin ( run1 ) ( work ) ( work undo) commit close open "
	               "begin run1 commit committed:a finished1 finished1 begin work rollback finished1 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_EUNKNOWN}, {"+x", 5}});
}

/* The bad value was undone before the commit was sent; the others need not be unknown because of it. */
static void a_bad_value_in_a_lost_commit_leaves_its_neighbours_to_be_run_again(void **state)
{
	fixture *f = fixture_of(state);

	f->player.refused = {"c"};
	f->player.commit = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "b", "c", "d", "+w"});
	assert_told(f, "begin ( run4 undo) ( run1 ) ( run1 ) ( run1 undo) ( run1 ) ( work ) commit close open "
	               "begin run2 commit committed:a committed:b finished2 begin run1 rollback finished1 "
	               "begin run1 commit committed:d finished1 finished1 ");
	assert_finished(f, {{"a", 0}, {"b", 0}, {"c", CS_DB_BAD_VALUE}, {"d", 0}, {"+w", CS_EUNKNOWN}});
	assert_stored(f, {"a", "b", "d"});
}

static void a_message_of_a_lost_commit_that_was_done_is_stored_once(void **state)
{
	fixture *f = fixture_of(state);

	f->player.lost_commit_is_done = 1;
	f->player.commit = {CS_DB_UNKNOWN};
	f->player.run = {0, CS_DB_DUPLICATE};
	run_batch(f, {"a", "+w"});
	assert_told(f, "begin ( run1 ) ( work ) commit close open begin run1 rollback "
	               "begin careful1 commit committed:a finished1 finished1 ");
	assert_finished(f, {{"a", 0}, {"+w", CS_EUNKNOWN}});
}

/* A lost commit of a store that was being tried: it stays away, but nobody may be told that nothing was done. */
static void what_was_in_a_lost_commit_is_not_refused_as_undone(void **state)
{
	fixture *f = fixture_of(state);

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.commit = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_EUNKNOWN);
}

static void a_connection_that_is_lost_under_all_is_opened_again_for_all(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_UNKNOWN};
	run_batch(f, {"a", "+w"});
	assert_told(f, "begin ( run1 ) ( work rollback close open "
	               "begin ( run1 ) ( work ) commit committed:a finished2 ");
	assert_all(f, {"a", "+w"}, 0);
}

static void a_work_that_always_loses_its_connection_does_not_take_others_with_it(void **state)
{
	fixture *f = fixture_of(state);

	f->shared.patience.unsent = 0;
	f->player.work = std::deque<int>(50, CS_DB_UNKNOWN);
	run_batch(f, {"a", "+w"});
	assert_string_equal(f->finished[0].c_str(), "a=0");
	assert_stored(f, {"a"});
}

static void while_the_store_is_away_works_and_items_are_refused_at_once(void **state)
{
	fixture *f = fixture_of(state);

	lose_store(f);
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_ENOSTORE);
	assert_told(f, "finished1 finished1 ");
}

static void what_has_to_be_run_apart_while_stopping_is_cancelled(void **state)
{
	fixture *f = fixture_of(state);

	f->shared.stopping = true;
	f->player.run = {CS_DB_RETRY};
	run_batch(f, {"a", "+w"});
	assert_all(f, {"a", "+w"}, CS_ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
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

	return cmocka_run_group_tests_name("store_engine_share", tests, nullptr, nullptr);
}
