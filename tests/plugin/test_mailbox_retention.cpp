/* SPDX-License-Identifier: MIT
 * Tests that retention removes nothing while the clock of its node cannot be trusted. */
#include "mailbox_stage.h"

static constexpr int64_t hour = 3600000, day = 24 * hour;

/* A stage whose retention finds something old in each round. How old the newest entry is, and how far the database's
 * clock is behind; -1: there is none. */
static stage *open_old(void **state, int64_t newest_age, int64_t database_behind)
{
	static constexpr mailbox_conf conf = {0, 0, 250, 30 * day, 0};
	stage *st = stage_open(state, 1, conf);

	st->log.is_old = true;
	st->log.newest = newest_age < 0 ? 0 : fake_clock - newest_age;
	st->log.database = database_behind < 0 ? 0 : fake_clock - database_behind;
	return st;
}

/* So many hours. */
static void pass(stage *st, int hours, bool database_too = false)
{
	for (int i = 0; i < hours; i++) {
		if (database_too)
			st->log.database += hour;
		world_advance(&st->w, hour);
	}
}

static void what_is_old_is_removed_by_a_clock_that_fits(void **state)
{
	stage *st = open_old(state, hour, -1);

	pass(st, 2);
	assert_true(st->log.removals > 0);
}

/* It is wrong, or the server was off for long. */
static void a_clock_far_ahead_of_the_newest_entry_removes_nothing_for_a_day(void **state)
{
	stage *st = open_old(state, 60 * day, -1);

	pass(st, 23);
	assert_int_equal(st->log.removals, 0);
	pass(st, 4);
	assert_true(st->log.removals > 0);
}

static void a_store_without_entries_is_no_reason_to_wait(void **state)
{
	stage *st = open_old(state, -1, -1);

	pass(st, 2);
	assert_true(st->log.removals > 0);
}

static void a_clock_ahead_of_the_database_removes_nothing_until_it_is_set(void **state)
{
	stage *st = open_old(state, -1, 2 * hour);

	pass(st, 48, true);
	assert_int_equal(st->log.removals, 0);
	st->log.database = fake_clock;
	pass(st, 2, true);
	assert_true(st->log.removals > 0);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_old_is_removed_by_a_clock_that_fits),
		TEST(a_clock_far_ahead_of_the_newest_entry_removes_nothing_for_a_day),
		TEST(a_store_without_entries_is_no_reason_to_wait),
		TEST(a_clock_ahead_of_the_database_removes_nothing_until_it_is_set),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
