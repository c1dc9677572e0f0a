/* SPDX-License-Identifier: MIT
 * Tests histograms: in which range a value is counted, and how /metrics shows it. */
#include <string>

#include "core/base/metric.h"
#include "tests/support/check.h"

static struct histogram_total times_of(std::initializer_list<uint64_t> values)
{
	struct histogram h;
	struct histogram_total total;

	for (const uint64_t value : values)
		histogram_count(&h, &histogram_times, value);
	histogram_read(&h, &total);
	return total;
}

static void a_value_is_counted_in_the_first_range_whose_bound_it_does_not_exceed(void **)
{
	for (size_t i = 0; i < histogram_times.count; i++) {
		const uint64_t bound = histogram_times.bounds[i];

		assert_int_equal(times_of({bound}).counts[i], 1);
		assert_int_equal(times_of({bound + 1}).counts[i + 1], 1);
	}
	assert_int_equal(times_of({0}).counts[0], 1);
	assert_int_equal(times_of({UINT64_MAX}).counts[histogram_most_bounds], 1);
	assert_int_equal(times_of({3, 4, 5}).sum, 12);
}

static void several_histograms_make_one_total(void **)
{
	struct histogram first, second;
	struct histogram_total total;

	histogram_count(&first, &histogram_pieces, 1);
	histogram_count(&first, &histogram_pieces, 2);
	histogram_count(&second, &histogram_pieces, 2);
	histogram_count(&second, &histogram_pieces, 257);
	histogram_read(&first, &total);
	histogram_read(&second, &total);
	assert_int_equal(total.counts[0], 1);
	assert_int_equal(total.counts[1], 2);
	assert_int_equal(total.counts[histogram_most_bounds], 1);
	assert_int_equal(total.sum, 262);
}

static void a_page_shows_each_range_with_those_below_it(void **)
{
	struct histogram h;
	struct histogram_total total;
	std::string text;

	for (const uint64_t value : {1, 2, 2, 100, 1000})
		histogram_count(&h, &histogram_pieces, value);
	histogram_read(&h, &total);
	metric_add_histogram(&text, "cups", {{"of", "\"tea\""}}, &histogram_pieces, &total);
	assert_string_equal(text.c_str(), "cups_bucket{of=\"\\\"tea\\\"\",le=\"1\"} 1\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"2\"} 3\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"4\"} 3\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"8\"} 3\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"16\"} 3\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"32\"} 3\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"64\"} 3\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"128\"} 4\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"256\"} 4\n"
	                                  "cups_bucket{of=\"\\\"tea\\\"\",le=\"+Inf\"} 5\n"
	                                  "cups_sum{of=\"\\\"tea\\\"\"} 1105\n"
	                                  "cups_count{of=\"\\\"tea\\\"\"} 5\n");
}

static void times_are_shown_in_seconds(void **)
{
	const struct histogram_total total = times_of({250, 2500000, 40000000});
	std::string text;

	metric_add_histogram(&text, "brewing_seconds", {}, &histogram_times, &total);
	assert_non_null(strstr(text.c_str(), "brewing_seconds_bucket{le=\"0.0001\"} 0\n"
	                                     "brewing_seconds_bucket{le=\"0.00025\"} 1\n"));
	assert_non_null(strstr(text.c_str(), "{le=\"1\"} 1\nbrewing_seconds_bucket{le=\"2.5\"} 2\n"));
	assert_non_null(strstr(text.c_str(), "{le=\"30\"} 2\nbrewing_seconds_bucket{le=\"+Inf\"} 3\n"
	                                     "brewing_seconds_sum 42.500250\nbrewing_seconds_count 3\n"));
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_counted_in_the_first_range_whose_bound_it_does_not_exceed),
		cmocka_unit_test(several_histograms_make_one_total),
		cmocka_unit_test(a_page_shows_each_range_with_those_below_it),
		cmocka_unit_test(times_are_shown_in_seconds),
	};

	return cmocka_run_group_tests_name("histogram", tests, nullptr, nullptr);
}
