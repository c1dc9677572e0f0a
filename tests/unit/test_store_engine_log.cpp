/* SPDX-License-Identifier: MIT
 * Tests the log lines about a database connection, and their order. */
#include <algorithm>

#include "tests/support/capture.h"

#include "test_store_engine.h"

static int set_up_log(void **state)
{
	const int result = set_up(state);

	log_set_level(CS_LOG_INFO);
	return result;
}

static size_t count(const std::string &text, const std::string &part)
{
	size_t found = 0;

	for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size())
		found++;
	return found;
}

static void what_the_store_cannot_hold_is_told_once(void **state)
{
	fixture *f = fixture_of(state);

	f->player.refused = {"b"};
	const std::string log = capture_stderr([&] { run_batch(f, {"a", "b", "c"}); });

	assert_int_equal(count(log, "\n"), 1);
	assert_int_equal(count(log, "store cannot hold a value connection=test"), 1);
	assert_int_equal(count(log, "as the script says"), 1);
	assert_int_equal(f->finished.size(), 3);
}

static void what_the_store_cannot_hold_is_told_of_works_too(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_BAD_VALUE, CS_DB_DUPLICATE};
	const std::string log = capture_stderr([&] {
		assert_int_equal(run_work(f, CS_WORK_WRITE), CS_DB_BAD_VALUE);
		assert_int_equal(run_work(f, CS_WORK_WRITE), CS_DB_DUPLICATE);
	});

	assert_int_equal(count(log, "\n"), 1);
	assert_int_equal(count(log, "store cannot hold a value"), 1);
}

static void such_lines_come_once_a_second_and_count_the_others(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = std::deque<int>(20, CS_DB_BAD_VALUE);
	f->shared.value_limit.next_ms = worker_monotonic_ms() + 60000;
	const std::string none = capture_stderr([&] {
		for (int i = 0; i < 19; i++)
			(void)run_work(f, CS_WORK_WRITE);
	});
	f->shared.value_limit.next_ms = 0;
	const std::string one = capture_stderr([&] { (void)run_work(f, CS_WORK_WRITE); });

	assert_string_equal(none.c_str(), "");
	assert_int_equal(count(one, "held_back=19"), 1);
}

/* The database closes connections that nobody has used for a while: nothing is wrong. */
static void a_connection_that_ended_while_idle_is_opened_again_without_an_error(void **state)
{
	fixture *f = fixture_of(state);

	log_set_level(CS_LOG_DEBUG);
	f->player.ended = true;
	const std::string log = capture_stderr([&] { run_batch(f, {"a"}); });

	assert_told(f, "close open begin run1 commit committed:a finished1 ");
	assert_int_equal(count(log, "debug "), 1);
	assert_int_equal(count(log, "\n"), 1);
	assert_int_equal(f->shared.retries, 0);
	f->player.told.clear();
	f->player.ended = true;
	assert_int_equal(run_work(f, CS_WORK_READ), 0);
	assert_told(f, "close open work ");
}

static void a_connection_that_ended_and_cannot_be_opened_is_an_error(void **state)
{
	fixture *f = fixture_of(state);

	f->player.ended = true;
	f->player.open = std::deque<int>(1000, CS_DB_UNKNOWN);
	f->shared.patience.work = 0;
	const std::string log = capture_stderr([&] { assert_int_equal(run_work(f, CS_WORK_READ), CS_ENOSTORE); });

	assert_int_equal(count(log, "error store connection cannot be opened"), 1);
	assert_int_equal(count(log, "error store does not answer"), 1);
}

/* The store is away, then another connection finds it back. */
static void go_and_return(fixture *f, struct store_engine *other)
{
	const auto answers = f->player.work;

	f->player.working = nullptr;
	f->player.opening = nullptr;
	f->shared.patience.work = 0;
	f->shared.answered_ms = 0;
	f->player.work = {CS_DB_UNKNOWN, 0};
	for (int i = 0; i < 2; i++) {
		f->shared.probe_ms = 0;
		(void)run_work(other, CS_WORK_READ);
		assert_int_equal(f->shared.away.load(), i == 0);
	}
	f->player.work = answers;
	f->shared.lost_limit.next_ms = 0;
}

static struct store_engine other_engine(fixture *f)
{
	return {.shared = &f->shared, .role = "other"};
}

static void assert_nothing_after_the_return(const std::string &log)
{
	assert_int_equal(count(log, "store answers again"), 1);
	assert_int_equal(count(log.substr(log.find("store answers again")), "\n"), 1);
}

static void connections_from_before_the_return_are_replaced_without_a_line(void **state)
{
	fixture *f = fixture_of(state);
	struct store_engine other = other_engine(f);

	const std::string log = capture_stderr([&] {
		go_and_return(f, &other);
		f->player.told.clear();
		assert_int_equal(run_work(f, CS_WORK_READ), 0);
	});

	assert_told(f, "close open work ");
	assert_nothing_after_the_return(log);
	/* The one that found it back goes on with its connection, and so do all from then on. */
	f->player.told.clear();
	assert_int_equal(run_work(&other, CS_WORK_READ), 0);
	assert_int_equal(run_work(f, CS_WORK_READ), 0);
	assert_told(f, "work work ");
}

static void what_was_lost_before_the_return_is_not_told_after_it(void **state)
{
	fixture *f = fixture_of(state);
	struct store_engine other = other_engine(f);

	f->player.work = {CS_DB_UNKNOWN};
	f->player.working = [&] {
		go_and_return(f, &other);
	};
	const std::string log = capture_stderr([&] { (void)run_work(f, CS_WORK_READ); });

	assert_nothing_after_the_return(log);
	assert_false(f->shared.away);
}

static void an_open_that_began_before_the_return_is_not_told_after_it(void **state)
{
	fixture *f = fixture_of(state);
	struct store_engine other = other_engine(f);
	struct cs_error e {};

	assert_int_equal(store_connection_open(&other, &e), 0);
	f->engine.db.reset();
	f->player.opening = [&] {
		f->player.open.clear();
		go_and_return(f, &other);
		f->player.open = {CS_DB_UNKNOWN};
	};
	const std::string log = capture_stderr([&] { (void)run_work(f, CS_WORK_READ); });

	assert_nothing_after_the_return(log);
	assert_false(f->shared.away);
}

static void what_is_lost_after_the_return_is_told(void **state)
{
	fixture *f = fixture_of(state);
	struct store_engine other = other_engine(f);

	const std::string log = capture_stderr([&] {
		go_and_return(f, &other);
		f->player.work = {CS_DB_UNKNOWN};
		(void)run_work(f, CS_WORK_READ);
	});

	assert_int_equal(count(log.substr(log.find("store answers again")), "error store connection lost"), 1);
}

static void the_second_loss_of_a_shared_transaction_is_told_too(void **state)
{
	fixture *f = fixture_of(state);

	f->player.work = {CS_DB_UNKNOWN, CS_DB_UNKNOWN};
	f->player.working = [f] {
		f->shared.lost_limit.next_ms = 0;
	};
	const std::string log = capture_stderr([&] { run_batch(f, {"a", "+w"}); });

	assert_int_equal(count(log, "store connection lost"), 2);
	assert_told(f, "begin ( run1 ) ( work rollback close open "
	               "begin ( run1 ) ( work rollback close open "
	               "begin run1 commit committed:a finished1 "
	               "begin work commit finished1 ");
	assert_all(f, {"a", "+w"}, 0);
}

static void whose_work_left_a_part_open_is_told(void **state)
{
	fixture *f = fixture_of(state);
	const struct cs_plugin plugin = {.name = "careless"};

	f->self.declared = &plugin;
	f->player.working = [f] {
		assert_int_equal(driver.savepoint(f->engine.db.get()), 0);
	};
	const std::string log = capture_stderr([&] { run_batch(f, {"a", "+w"}); });

	assert_int_equal(count(log, "\n"), 1);
	assert_int_equal(count(log, "did not end its parts of the transaction plugin=careless connection=test"), 1);
}

static void a_full_disk_is_told_even_if_it_comes_back_at_once(void **state)
{
	fixture *f = fixture_of(state);

	f->player.run = {CS_DB_FULL, 0, CS_DB_FULL, CS_DB_FULL, CS_DB_FULL, 0};
	const std::string log = capture_stderr([&] {
		run_batch(f, {"a"});
		run_batch(f, {"b"});
		f->shared.full_limit.next_ms = worker_monotonic_ms() + 60000;
		run_batch(f, {"c"}); /* too early for a line */
		f->shared.full_limit.next_ms = 0;
		run_batch(f, {"d"});
		run_batch(f, {"e"});
		run_batch(f, {"f"});
	});
	const char cannot[] = "store cannot write: disk full or read-only", writes[] = "store writes again";

	assert_int_equal(count(log, "\n"), 4);
	assert_int_equal(count(log, cannot), 2);
	assert_int_equal(count(log, writes), 2);
	assert_true(log.find(cannot) < log.find(writes));
	assert_true(log.rfind(cannot) < log.rfind(writes));
}

#define TEST_LOG(name) cmocka_unit_test_setup_teardown(name, set_up_log, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_LOG(what_the_store_cannot_hold_is_told_once),
		TEST_LOG(what_the_store_cannot_hold_is_told_of_works_too),
		TEST_LOG(such_lines_come_once_a_second_and_count_the_others),
		TEST_LOG(a_connection_that_ended_while_idle_is_opened_again_without_an_error),
		TEST_LOG(a_connection_that_ended_and_cannot_be_opened_is_an_error),
		TEST_LOG(connections_from_before_the_return_are_replaced_without_a_line),
		TEST_LOG(what_was_lost_before_the_return_is_not_told_after_it),
		TEST_LOG(an_open_that_began_before_the_return_is_not_told_after_it),
		TEST_LOG(what_is_lost_after_the_return_is_told),
		TEST_LOG(the_second_loss_of_a_shared_transaction_is_told_too),
		TEST_LOG(whose_work_left_a_part_open_is_told),
		TEST_LOG(a_full_disk_is_told_even_if_it_comes_back_at_once),
	};

	return cmocka_run_group_tests_name("store_engine_log", tests, nullptr, nullptr);
}
