/* SPDX-License-Identifier: MIT
 * Tests the histogram of chatbench: quantiles of known times, and its bounds. */
#include <cstdint>
#include <cstdlib>

#include "tests/support/check.h"
#include "tools/chatbench/histogram.h"

static void a_quantile_is_exact_to_half_a_percent(void **)
{
	static const double parts[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999};

	for (const int64_t step : {INT64_C(1), INT64_C(37), INT64_C(1000), INT64_C(99991)}) {
		histogram h;
		for (int64_t i = 1; i <= 20000; i++)
			histogram_add(&h, i * step);
		for (const double part : parts) {
			const double exact = part * 20000 * static_cast<double>(step);
			const double got = static_cast<double>(histogram_quantile(&h, part));
			assert_true(got >= exact * 0.995 - 1 && got <= exact * 1.005 + 1);
		}
		assert_int_equal(histogram_quantile(&h, 1), 20000 * step);
	}
}

static void small_times_are_exact(void **)
{
	histogram h;

	for (int64_t i = 0; i < 256; i++)
		histogram_add(&h, i);
	for (int64_t i = 1; i <= 256; i++)
		assert_int_equal(histogram_quantile(&h, static_cast<double>(i) / 256), i - 1);
}

static void without_times_all_quantiles_are_zero(void **)
{
	const histogram h;

	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	assert_int_equal(histogram_quantile(&h, 1), 0);
}

static void times_out_of_bounds_count_as_the_bounds(void **)
{
	histogram h;

	histogram_add(&h, -5);
	histogram_add(&h, INT64_MAX);
	assert_int_equal(h.count, 2);
	assert_int_equal(histogram_quantile(&h, 0.5), 0);
	assert_int_equal(histogram_quantile(&h, 1), INT64_C(3600) * 1000000000);
}

static void a_pace_counts_by_tenths_of_a_second(void **)
{
	pace p;

	p.began = 1000;
	pace_add(&p, 1000);
	pace_add(&p, 999);
	pace_add(&p, 1000 + pace_step - 1);
	pace_add(&p, 1000 + 3 * pace_step);
	assert_int_equal(p.counts.size(), 4);
	assert_int_equal(p.counts[0], 3);
	assert_int_equal(p.counts[1], 0);
	assert_int_equal(p.counts[3], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quantile_is_exact_to_half_a_percent),
		cmocka_unit_test(small_times_are_exact),
		cmocka_unit_test(without_times_all_quantiles_are_zero),
		cmocka_unit_test(times_out_of_bounds_count_as_the_bounds),
		cmocka_unit_test(a_pace_counts_by_tenths_of_a_second),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
