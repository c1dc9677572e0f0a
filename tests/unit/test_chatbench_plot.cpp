/* SPDX-License-Identifier: MIT
 * Tests the drawings of chatbench: what stands at their axes. */
#include <cstring>
#include <string>

#include <unistd.h>

#include "tests/support/check.h"
#include "tools/chatbench/plot.h"

static std::string drawn(const plot *p)
{
	char path[] = "/tmp/plot.XXXXXX";
	const int fd = mkstemp(path);

	assert_true(fd != -1);
	(void)close(fd);
	assert_int_equal(plot_write(p, path), 0);
	const std::string text = check_read_file(path);
	(void)unlink(path);
	assert_non_null(strstr(text.c_str(), "</svg>"));
	return text;
}

static plot with_times(std::initializer_list<int64_t> times)
{
	plot p = {"Title", "subtitle", {{"acknowledged", {}, {}}}};

	for (const int64_t time : times)
		histogram_add(&p.curves[0].times, time);
	return p;
}

static void a_time_is_told_in_the_unit_that_suits_it(void **)
{
	static const struct {
		int64_t time;
		const char *text;
	} rows[] = {{999900000, "all in 1 s"},
	            {999000000, "all in 999 ms"},
	            {999900, "all in 1 ms"},
	            {12340, "all in 12.3 µs"}};

	for (const auto &row : rows) {
		const plot p = with_times({row.time});
		assert_non_null(strstr(drawn(&p).c_str(), row.text));
	}
}

static void without_times_the_axes_are_short(void **)
{
	const plot p = with_times({});
	const std::string text = drawn(&p);

	assert_true(text.size() < 10000);
	assert_null(strstr(text.c_str(), "nan"));
	assert_null(strstr(text.c_str(), "inf"));
	assert_non_null(strstr(text.c_str(), ">10 ms</text>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_told_in_the_unit_that_suits_it),
		cmocka_unit_test(without_times_the_axes_are_short),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
