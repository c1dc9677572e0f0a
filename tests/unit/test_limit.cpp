/* SPDX-License-Identifier: MIT
 * Tests the token bucket, with a clock of the test's own. */
#include "core/net/limit.h"
#include "tests/support/check.h"

static void a_burst_passes_and_the_next_one_waits(void **)
{
	struct limit_bucket b;

	limit_init(&b, 10, 1000);
	for (int i = 0; i < 10; i++)
		assert_int_equal(limit_charge(&b, 5, 10, 1, 1000), 0);
	/* One over, five a second. */
	assert_int_equal(limit_charge(&b, 5, 10, 1, 1000), 200);
}

static void a_pause_is_as_long_as_it_says(void **)
{
	struct limit_bucket b;

	limit_init(&b, 1, 0);
	assert_int_equal(limit_charge(&b, 2, 1, 3, 0), 1000);
	assert_int_equal(limit_charge(&b, 2, 1, 0, 999), 1);
	assert_int_equal(limit_charge(&b, 2, 1, 0, 1000), 0);
}

static void time_fills_the_bucket_no_further_than_the_burst(void **)
{
	struct limit_bucket b;

	limit_init(&b, 3, 0);
	assert_int_equal(limit_charge(&b, 1000, 3, 3, 0), 0);
	assert_int_equal(limit_charge(&b, 1000, 3, 3, INT64_MAX / 4), 0);
	assert_int_not_equal(limit_charge(&b, 1000, 3, 1, INT64_MAX / 4), 0);
}

static void no_rate_is_no_limit(void **)
{
	struct limit_bucket b;

	limit_init(&b, 1, 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(limit_charge(&b, 0, 1, 1000, 0), 0);
}

static void a_lower_burst_after_a_reload_takes_what_was_saved(void **)
{
	struct limit_bucket b;

	limit_init(&b, 1000, 0);
	assert_int_equal(limit_charge(&b, 1, 2, 2, 0), 0);
	assert_int_equal(limit_charge(&b, 1, 2, 1, 0), 1000);
}

static void a_clock_that_stands_still_gives_nothing(void **)
{
	struct limit_bucket b;

	limit_init(&b, 1, 100);
	assert_int_equal(limit_charge(&b, 10, 1, 1, 100), 0);
	assert_int_equal(limit_charge(&b, 10, 1, 1, 50), 100);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_passes_and_the_next_one_waits),
		cmocka_unit_test(a_pause_is_as_long_as_it_says),
		cmocka_unit_test(time_fills_the_bucket_no_further_than_the_burst),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(a_lower_burst_after_a_reload_takes_what_was_saved),
		cmocka_unit_test(a_clock_that_stands_still_gives_nothing),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
