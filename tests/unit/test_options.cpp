/* SPDX-License-Identifier: MIT
 * Tests option tables: those of the core, mistakes in a table, reloading. */
#include <cstring>
#include <string>

#include "core/conf/conf.h"
#include "core/conf/options.h"
#include "tests/support/check.h"

struct pair {
	const char *text;
	int64_t number;
	int choice;
	int padding;
};

static const struct cs_option good = {"number", CS_OPTION_INTEGER, offsetof(pair, number), 1, 5, "3", nullptr, 1, "h"};

static std::string check(struct cs_option option)
{
	const struct cs_option table[] = {option, {nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr}};
	struct cs_error e {};

	return conf_check_options(table, sizeof(struct pair), &e) == 0 ? "" : e.text;
}

static void the_tables_of_the_core_are_sound(void **)
{
	struct cs_error e {};

	assert_int_equal(conf_check_options(core_options, sizeof(struct core_conf), &e), 0);
	assert_int_equal(conf_check_options(store_options, sizeof(struct store_conf), &e), 0);
	assert_int_equal(conf_check_options(nullptr, 0, &e), 0);
	assert_string_equal(check(good).c_str(), "");
}

static void an_offset_outside_of_the_struct_is_refused(void **)
{
	struct cs_option o = good;

	for (const size_t offset :
	     {sizeof(struct pair), sizeof(struct pair) - 4, static_cast<size_t>(9), SIZE_MAX - 7}) {
		o.offset = offset;
		assert_string_equal(check(o).c_str(), ("option number: its offset " + std::to_string(offset) +
		                                       " does not fit a struct of 24 bytes")
		                                              .c_str());
	}
}

static void a_range_upside_down_is_refused(void **)
{
	struct cs_option o = good;

	o.min = 6;
	assert_string_equal(check(o).c_str(), "option number: its smallest value is above its largest");
	o = {"text", CS_OPTION_TEXT, 0, 6, 5, "abcdef", nullptr, 0, "h"};
	assert_string_equal(check(o).c_str(), "option text: its smallest length is above its largest");
}

static void a_default_that_is_not_allowed_is_refused(void **)
{
	struct cs_option o = good;

	for (const char *text : {"", "0", "6", "3K", (const char *)nullptr}) {
		o.default_text = text;
		assert_string_equal(check(o).c_str(),
		                    "option number: its default is not allowed; allowed is a number, 1 to 5");
	}
	o = {"choice", CS_OPTION_CHOICE, offsetof(pair, choice), 0, 0, "c", "a|b", 0, "h"};
	assert_string_equal(check(o).c_str(), "option choice: its default is not allowed; allowed is one of a|b");
}

static void a_choice_without_choices_a_missing_help_and_an_unknown_type_are_refused(void **)
{
	struct cs_option o = {"choice", CS_OPTION_CHOICE, offsetof(pair, choice), 0, 0, "a", nullptr, 0, "h"};

	assert_string_equal(check(o).c_str(), "option choice: it has no choices");
	o = good;
	o.help = nullptr;
	assert_string_equal(check(o).c_str(), "option number: it has no help");
	o = good;
	o.type = static_cast<enum cs_option_type>(7);
	assert_string_equal(check(o).c_str(), "option number: unknown type 7");
}

static void a_key_twice_is_refused(void **)
{
	const struct cs_option table[] = {good, good, {nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr}};
	struct cs_error e {};

	assert_int_equal(conf_check_options(table, sizeof(struct pair), &e), CS_EINVAL);
	assert_string_equal(e.text, "option number: it is there twice");
}

static void a_dump_has_one_line_of_six_columns_per_option(void **)
{
	std::string text;
	size_t lines = 0, tabs = 0, options = 0;

	conf_dump("core", core_options, &text);
	for (const char c : text) {
		lines += c == '\n';
		tabs += c == '\t';
	}
	for (const struct cs_option *o = core_options; o->key; o++)
		options++;
	assert_int_equal(lines, options);
	assert_int_equal(tabs, 5 * options);
	assert_non_null(strstr(text.c_str(), "core.max_frame\tsize\t64K\t1K..16M\treload\t"));
	assert_non_null(strstr(text.c_str(), "core.log_level\tchoice\tinfo\terror|warning|info|debug\treload\t"));
	assert_non_null(strstr(text.c_str(), "core.plugins\ttext\t\"\"\t0..4096\treload\t"));
}

static void a_reload_keeps_fixed_options_and_names_those_that_changed(void **)
{
	static const struct cs_option table[] = {
		{"text", CS_OPTION_TEXT, offsetof(pair, text), 0, 0, "old", nullptr, 0, "h"},
		good,
		{"choice", CS_OPTION_CHOICE, offsetof(pair, choice), 0, 0, "a", "a|b", 0, "h"},
		{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
	};
	struct conf_file file;
	struct conf_struct before, after;
	struct cs_error e {};

	assert_int_equal(conf_bind(&file, "s", table, sizeof(struct pair), &before, &e), 0);
	for (const char *text : {"s.text=new", "s.number=5", "s.choice=b"})
		assert_int_equal(conf_override(&file, text, &e), 0);
	assert_int_equal(conf_bind(&file, "s", table, sizeof(struct pair), &after, &e), 0);
	const auto changed = conf_changed_fixed(table, before.memory.get(), after.memory.get());

	assert_int_equal(changed.size(), 2);
	assert_string_equal(changed[0].c_str(), "text");
	assert_string_equal(changed[1].c_str(), "choice");
	conf_keep_fixed(table, before.memory.get(), &after);
	before = {};
	const auto *now = reinterpret_cast<const struct pair *>(after.memory.get());

	assert_string_equal(now->text, "old");
	assert_int_equal(now->number, 5);
	assert_int_equal(now->choice, 0);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tables_of_the_core_are_sound),
		cmocka_unit_test(an_offset_outside_of_the_struct_is_refused),
		cmocka_unit_test(a_range_upside_down_is_refused),
		cmocka_unit_test(a_default_that_is_not_allowed_is_refused),
		cmocka_unit_test(a_choice_without_choices_a_missing_help_and_an_unknown_type_are_refused),
		cmocka_unit_test(a_key_twice_is_refused),
		cmocka_unit_test(a_dump_has_one_line_of_six_columns_per_option),
		cmocka_unit_test(a_reload_keeps_fixed_options_and_names_those_that_changed),
	};

	return cmocka_run_group_tests_name("options", tests, nullptr, nullptr);
}
