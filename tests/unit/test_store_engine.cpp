/* SPDX-License-Identifier: MIT
 * Owns the tests of what each class of database error leads to. It must not know queues or threads: it plays the
 * database by a script of answers. */
#include <chrono>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/log.h"
#include "core/plugin.h"
#include "core/store_engine.h"

#include <setjmp.h>
#include <cstdarg>

extern "C" {
#include <cmocka.h>
}

/* The database: answers by script, 0 when the script is at its end, and writes down what was asked. */
struct player {
	std::deque<int> open, begin, run, commit, work;
	int64_t begin_takes = 0;         /* ms, as a lock that is waited for */
	std::function<void()> opening;   /* called by each open, if any */
	std::set<std::string> refused;   /* items that answer BAD_VALUE, alone or among others */
	std::string told;                /* one word per call */
	std::vector<std::string> stored; /* after a commit */
	std::vector<std::string> staged;
};

static struct player *playing;   /* the driver's functions know their connection only */

static int next(std::deque<int> *script)
{
	if (script->empty())
		return 0;
	const int answer = script->front();

	script->pop_front();
	return answer;
}

static int play_open(const void *, struct cs_db **db_r, struct cs_error *e);

static void play_close(struct cs_db *db)
{
	playing->told += "close ";
	delete db;
}

static int play_begin(struct cs_db *)
{
	playing->told += "begin ";
	playing->staged.clear();
	std::this_thread::sleep_for(std::chrono::milliseconds(playing->begin_takes));
	return next(&playing->begin);
}

static int play_commit(struct cs_db *)
{
	const int answer = next(&playing->commit);

	playing->told += "commit ";
	if (answer == 0)
		playing->stored.insert(playing->stored.end(), playing->staged.begin(), playing->staged.end());
	return answer;
}

static void play_rollback(struct cs_db *)
{
	playing->told += "rollback ";
}

static const char *play_message(struct cs_db *)
{
	return "as the script says";
}

static const struct cs_db_driver driver = {
	.abi = CS_ABI, .size = sizeof(struct cs_db_driver), .dialect = CS_DB_SQLITE, .outcome_can_be_unknown = 1,
	.limits = nullptr, .migrate = nullptr, .open = play_open, .close = play_close, .begin = play_begin,
	.commit = play_commit, .rollback = play_rollback, .query = nullptr, .last_id = nullptr, .affected = nullptr,
	.message = play_message,
};

static int play_open(const void *, struct cs_db **db_r, struct cs_error *e)
{
	const int answer = next(&playing->open);

	playing->told += "open ";
	if (playing->opening)
		playing->opening();
	if (answer != 0)
		error_set(e, "cannot be reached");
	else
		*db_r = new cs_db{&driver};
	return answer;
}

static int run_items(struct cs_db *, void *const *items, size_t count, int careful)
{
	playing->told += (careful ? "careful" : "run") + std::to_string(count) + " ";
	for (size_t i = 0; i < count; i++) {
		playing->staged.push_back((const char *)items[i]);
		if (playing->refused.count((const char *)items[i]))
			return CS_DB_BAD_VALUE;
	}
	return next(&playing->run);
}

static void note_committed(const struct cs_host *host, struct cs_self *, void *item)
{
	assert_ptr_equal(host, &host_table);
	playing->told += std::string("committed:") + (const char *)item + " ";
}

static const struct cs_batch batch = {"test", run_items, note_committed, nullptr};

static int do_work(struct cs_db *, void *)
{
	playing->told += "work ";
	return next(&playing->work);
}

struct fixture {
	struct player player;
	struct store_shared shared;
	struct store_engine engine;
	std::vector<std::string> finished;   /* item=result, in the order of the completions */
};

static int set_up(void **state)
{
	auto *f = new fixture;
	struct cs_error e{};

	log_set_level((enum cs_log_level)-1);
	playing = &f->player;
	f->shared.driver = &driver;
	f->shared.patience.batch = 200;
	f->engine.shared = &f->shared;
	f->engine.role = "test";
	assert_int_equal(store_engine_open(&f->engine, &e), 0);
	f->player.told.clear();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	delete (fixture *)*state;
	return 0;
}

static void note_finished(void *arg, std::span<struct store_task> tasks)
{
	for (const struct store_task &task : tasks)
		((fixture *)arg)->finished.push_back((const char *)task.arg + ("=" + std::to_string(task.result)));
	playing->told += "finished" + std::to_string(tasks.size()) + " ";
}

static int64_t now_ms()
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void run_batch(fixture *f, std::vector<const char *> items)
{
	std::vector<struct store_task> tasks(items.size());

	for (size_t i = 0; i < items.size(); i++) {
		tasks[i].batch = &batch;
		tasks[i].arg = (void *)items[i];
		tasks[i].begun = now_ms();
	}
	store_engine_batch(&f->engine, tasks, note_finished, f);
}

static int run_work(fixture *f, enum cs_work_kind kind)
{
	struct store_task task{.kind = kind, .fn = do_work, .begun = now_ms()};

	store_engine_work(&f->engine, &task);
	return task.result;
}

static void assert_all(const fixture *f, const std::vector<std::string> &items, int result)
{
	assert_int_equal(f->finished.size(), items.size());
	for (size_t i = 0; i < items.size(); i++)
		assert_string_equal(f->finished[i].c_str(), (items[i] + "=" + std::to_string(result)).c_str());
}

static void a_batch_is_one_transaction_told_right_after_its_commit(void **state)
{
	auto *f = (fixture *)*state;

	run_batch(f, {"a", "b"});
	assert_string_equal(f->player.told.c_str(), "begin run2 commit committed:a committed:b finished2 ");
	assert_all(f, {"a", "b"}, 0);
	assert_int_equal(f->shared.batches, 1);
	assert_int_equal(f->shared.items, 2);
}

static void a_deadlock_is_run_again(void **state)
{
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;
	struct store_task task{.kind = CS_WORK_WRITE, .fn = do_work, .begun = now_ms() - 3000};

	f->player.begin = {CS_DB_RETRY};
	store_engine_work(&f->engine, &task);
	assert_int_equal(task.result, CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "begin ");
	store_engine_work(&f->engine, &task);
	assert_int_equal(task.result, 0);
}

static void a_lock_in_the_way_does_not_take_the_place_of_a_new_connection(void **state)
{
	auto *f = (fixture *)*state;

	f->shared.patience.unsent = 0;
	f->player.begin = {CS_DB_RETRY, CS_DB_RETRY, CS_DB_UNKNOWN};
	run_batch(f, {"a"});
	assert_all(f, {"a"}, 0);
	assert_string_equal(f->player.told.c_str(),
	                    "begin begin begin close open begin run1 commit committed:a finished1 ");
}

static void a_duplicate_is_run_carefully(void **state)
{
	auto *f = (fixture *)*state;

	f->player.run = {CS_DB_DUPLICATE};
	run_batch(f, {"a", "b"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin run2 rollback begin careful2 commit committed:a committed:b finished2 ");
	assert_all(f, {"a", "b"}, 0);
}

static void a_duplicate_despite_care_is_run_one_by_one(void **state)
{
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

	f->player.commit = {CS_DB_UNKNOWN};
	f->player.open = {CS_DB_UNKNOWN};
	run_batch(f, {"a"});
	assert_string_equal(f->player.told.c_str(),
	                    "begin run1 commit close open open begin run1 commit committed:a finished1 ");
	assert_all(f, {"a"}, 0);
}

static void an_unknown_outcome_without_end_is_told_as_unknown(void **state)
{
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

	lose_store(f);
	run_batch(f, {"a", "b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "finished2 ");
}

static void one_request_a_second_tries_once_whether_the_store_is_back(void **state)
{
	auto *f = (fixture *)*state;

	lose_store(f);
	f->shared.probe_ms = 0;
	run_batch(f, {"a"});
	run_batch(f, {"b"});
	assert_all(f, {"a", "b"}, CS_ENOSTORE);
	assert_string_equal(f->player.told.c_str(), "open finished1 finished1 ");
}

static void while_one_tries_whether_the_store_is_back_nobody_else_does(void **state)
{
	auto *f = (fixture *)*state;
	struct store_engine other;

	lose_store(f);
	f->shared.probe_ms = 0;
	other.shared = &f->shared;
	f->player.opening = [&] {
		struct store_task task{.kind = CS_WORK_READ, .fn = do_work, .begun = now_ms()};

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
	auto *f = (fixture *)*state;

	lose_store(f);
	f->player.open.clear();
	f->shared.probe_ms = 0;
	f->player.begin = std::deque<int>(50, CS_DB_RETRY);
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_ENOSTORE);
	assert_false(f->shared.away);
}

static void a_store_that_leaves_a_commit_unanswered_is_still_away(void **state)
{
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

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
	auto *f = (fixture *)*state;

	f->player.run = {CS_DB_FAILED};
	run_batch(f, {"a"});
	f->player.run = {17};
	run_batch(f, {"b"});
	assert_string_equal(f->player.told.c_str(), "begin run1 rollback finished1 begin run1 rollback finished1 ");
	assert_string_equal(f->finished[1].c_str(), ("b=" + std::to_string(CS_ENOSTORE)).c_str());
}

static void a_write_is_committed_on_0_and_rolled_back_otherwise(void **state)
{
	auto *f = (fixture *)*state;

	assert_int_equal(run_work(f, CS_WORK_WRITE), 0);
	f->player.work = {2};
	assert_int_equal(run_work(f, CS_WORK_WRITE), 2);
	f->player.work = {CS_DB_DUPLICATE};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_DB_DUPLICATE);
	assert_string_equal(f->player.told.c_str(), "begin work commit begin work rollback begin work rollback ");
}

static void a_write_that_perhaps_was_done_is_not_done_twice(void **state)
{
	auto *f = (fixture *)*state;

	f->player.commit = {CS_DB_UNKNOWN};
	assert_int_equal(run_work(f, CS_WORK_WRITE), CS_EUNKNOWN);
	assert_string_equal(f->player.told.c_str(), "begin work commit close ");
}

static void a_write_whose_connection_was_lost_before_the_commit_is_run_again(void **state)
{
	auto *f = (fixture *)*state;

	f->player.work = {CS_DB_UNKNOWN};
	assert_int_equal(run_work(f, CS_WORK_WRITE), 0);
	assert_string_equal(f->player.told.c_str(), "begin work rollback close open begin work commit ");
}

static void a_read_runs_outside_of_a_transaction_and_again_when_its_connection_is_lost(void **state)
{
	auto *f = (fixture *)*state;

	f->player.work = {CS_DB_UNKNOWN, CS_DB_RETRY, 3};
	assert_int_equal(run_work(f, CS_WORK_READ), 3);
	assert_string_equal(f->player.told.c_str(), "work close open work work ");
	f->player.work = {CS_DB_FAILED};
	assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE);
}

static void stopping_ends_the_retries(void **state)
{
	auto *f = (fixture *)*state;

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
	};

	return cmocka_run_group_tests_name("store_engine", tests, nullptr, nullptr);
}
