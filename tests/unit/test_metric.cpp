/* SPDX-License-Identifier: MIT
 * Tests the text format of /metrics: labels and help as Prometheus reads them, and the figures of plugins. */
#include <string>

#include "core/base/gauge.h"
#include "core/base/metric.h"
#include "tests/support/check.h"

using namespace std::literals;

static std::string label(std::string_view value)
{
	std::string text;

	metric_add_label(&text, "name", value);
	return text;
}

static void a_label_escapes_backslash_quote_and_line_end(void **)
{
	assert_string_equal(label("LOGIN").c_str(), R"(name="LOGIN")");
	assert_string_equal(label("").c_str(), R"(name="")");
	assert_string_equal(label("a\\b\"c\nd").c_str(), R"(name="a\\b\"c\nd")");
	assert_string_equal(label("\\n").c_str(), R"(name="\\n")");
	assert_string_equal(label("{},= \t").c_str(), "name=\"{},= \t\"");
	assert_string_equal(label("\xc3\xa9").c_str(), "name=\"\xc3\xa9\"");
}

static void a_help_escapes_backslash_and_line_end(void **)
{
	std::string text;

	metric_add_head(&text, "cups", "gauge", "Cups of \"tea\"\\\n# TYPE x gauge");
	assert_string_equal(text.c_str(), "# HELP cups Cups of \"tea\"\\\\\\n# TYPE x gauge\n# TYPE cups gauge\n");
}

static void a_value_has_its_labels_in_their_order_or_none(void **)
{
	std::string text;

	metric_add_value(&text, "cups", {}, UINT64_MAX);
	metric_add_value(&text, "cups", {{"of", "tea"}, {"by", "\"Ann\""}}, 0);
	metric_add_fraction(&text, "brewing_seconds", {{"of", "tea"}}, 0.25);
	metric_add_counter(&text, "pots_total", "Pots of tea.", 7);
	assert_string_equal(text.c_str(), "cups 18446744073709551615\n"
	                                  "cups{of=\"tea\",by=\"\\\"Ann\\\"\"} 0\n"
	                                  "brewing_seconds{of=\"tea\"} 0.250000\n"
	                                  "# HELP pots_total Pots of tea.\n"
	                                  "# TYPE pots_total counter\n"
	                                  "pots_total 7\n");
}

static std::string print(struct gauge_table *table)
{
	std::string text;

	gauge_print(table, &text);
	return text;
}

static void a_figure_has_a_name_that_prometheus_reads(void **)
{
	struct gauge_table table;

	assert_null(gauge_set(&table, "tea", "cups", "Cups of tea.", -3));
	assert_null(gauge_set(&table, "tea", "0", "A \\ and\na line.", 5));
	assert_null(gauge_set(&table, "tea", "drunk_total", "Cups that were drunk.", 6));
	for (const char *name : {"", "Cups", "a:b", "a b", "a\nb", "a\"", "\xc3\xa9"})
		assert_non_null(gauge_set(&table, "tea", name, "Cups of tea.", 1));
	assert_non_null(gauge_set(&table, "tea", nullptr, "Cups of tea.", 1));
	assert_non_null(gauge_set(&table, "tea", "pots", nullptr, 1));
	assert_string_equal(print(&table).c_str(), "# HELP chatserverd_tea_0 A \\\\ and\\na line.\n"
	                                           "# TYPE chatserverd_tea_0 gauge\n"
	                                           "chatserverd_tea_0 5\n"
	                                           "# HELP chatserverd_tea_cups Cups of tea.\n"
	                                           "# TYPE chatserverd_tea_cups gauge\n"
	                                           "chatserverd_tea_cups -3\n"
	                                           "# HELP chatserverd_tea_drunk_total Cups that were drunk.\n"
	                                           "# TYPE chatserverd_tea_drunk_total counter\n"
	                                           "chatserverd_tea_drunk_total 6\n");
}

static void two_plugins_cannot_have_figures_of_one_name(void **)
{
	struct gauge_table table;

	assert_null(gauge_set(&table, "tea", "pot_cups", "Cups of the pot.", 1));
	assert_string_equal(gauge_set(&table, "tea_pot", "cups", "Cups.", 2),
	                    "another plugin has a figure of that name");
	assert_null(gauge_set(&table, "tea", "pot_cups", "Cups of the pot.", 3));
	assert_string_equal(print(&table).c_str(), "# HELP chatserverd_tea_pot_cups Cups of the pot.\n"
	                                           "# TYPE chatserverd_tea_pot_cups gauge\n"
	                                           "chatserverd_tea_pot_cups 3\n");
}

/* Prometheus refuses a whole page with a metric that is there twice. */
static void a_plugin_has_no_figure_with_the_name_of_one_of_the_server(void **)
{
	struct gauge_table table;
	const std::string page = "# HELP chatserverd_store_degraded x\n# TYPE chatserverd_store_degraded gauge\n"
				 "chatserverd_store_degraded 0\n";
	std::string text = page;

	assert_null(gauge_set(&table, "store", "degraded", "Of a plugin.", 1));
	assert_null(gauge_set(&table, "store", "degraded_too", "Of a plugin.", 1));
	gauge_print(&table, &text);
	assert_string_equal(text.c_str(), (page + "# HELP chatserverd_store_degraded_too Of a plugin.\n"
	                                          "# TYPE chatserverd_store_degraded_too gauge\n"
	                                          "chatserverd_store_degraded_too 1\n")
	                                          .c_str());
	assert_false(gauge_may_tell(&table, "store"));
}

static void a_figure_that_is_left_out_is_told_once_for_each_plugin(void **)
{
	struct gauge_table table;

	assert_true(gauge_may_tell(&table, "tea"));
	assert_false(gauge_may_tell(&table, "tea"));
	assert_true(gauge_may_tell(&table, "coffee"));
	assert_false(gauge_may_tell(&table, "tea"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_escapes_backslash_quote_and_line_end),
		cmocka_unit_test(a_help_escapes_backslash_and_line_end),
		cmocka_unit_test(a_value_has_its_labels_in_their_order_or_none),
		cmocka_unit_test(a_figure_has_a_name_that_prometheus_reads),
		cmocka_unit_test(two_plugins_cannot_have_figures_of_one_name),
		cmocka_unit_test(a_plugin_has_no_figure_with_the_name_of_one_of_the_server),
		cmocka_unit_test(a_figure_that_is_left_out_is_told_once_for_each_plugin),
	};

	return cmocka_run_group_tests_name("metric", tests, nullptr, nullptr);
}
