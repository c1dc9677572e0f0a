/* SPDX-License-Identifier: MIT
 * The value of one option: from text, to text, its range, its member in the option struct. */
#include "core/conf/conf_value.h"

#include <cstring>

struct unit {
	const char *suffix;
	int64_t factor;
};

static constexpr struct unit conf_size_units[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
static constexpr struct unit conf_time_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static constexpr int64_t conf_few_days = 2 * 86400000; /* a shorter time is printed in hours */
static constexpr int64_t conf_most_text = 4096;
static constexpr char conf_forever[] = "forever";

std::string conf_format_units(int64_t value, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count && value != 0; i++) {
		if (value % units[i].factor == 0)
			return std::to_string(value / units[i].factor) + units[i].suffix;
	}
	return "0";
}

std::string conf_format_number(enum cs_option_type type, int64_t value)
{
	if (type == CS_OPTION_SIZE)
		return conf_format_units(value, conf_size_units, std::size(conf_size_units));
	if (type == CS_OPTION_TIME) {
		const size_t skipped = value < conf_few_days;

		return conf_format_units(value, conf_time_units + skipped, std::size(conf_time_units) - skipped);
	}
	return std::to_string(value);
}

std::string conf_choice_at(const char *choices, int number)
{
	const char *at = choices;

	for (; number > 0 && at; number--) {
		at = strchr(at, '|');
		at = at ? at + 1 : nullptr;
	}
	return at ? std::string(at, strcspn(at, "|")) : "";
}

static int conf_choice_find(const char *choices, std::string_view text)
{
	for (int i = 0;; i++) {
		const std::string choice = conf_choice_at(choices, i);

		if (choice.empty())
			return -1;
		if (choice == text)
			return i;
	}
}

/* Reads digits; *rest_r is the text behind them. false: no digits, or too many. */
static bool conf_parse_digits(std::string_view text, int64_t *value_r, std::string_view *rest_r)
{
	const bool negative = text.starts_with("-");
	size_t at = negative;
	int64_t value = 0;

	for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text[at] - '0', &value))
			return false;
	}
	*value_r = negative ? -value : value;
	*rest_r = text.substr(at);
	return at > static_cast<size_t>(negative);
}

static bool conf_parse_unit(std::string_view suffix, const struct unit *units, size_t count, int64_t *value)
{
	for (size_t i = 0; i < count; i++) {
		if (suffix == units[i].suffix)
			return !__builtin_mul_overflow(*value, units[i].factor, value);
	}
	return false;
}

/* A time whose default is `forever` has that word for 0. */
static bool conf_has_forever(const struct cs_option *option)
{
	return option->type == CS_OPTION_TIME && strcmp(option->default_text, conf_forever) == 0;
}

static bool conf_parse_number(const struct cs_option *option, std::string_view text, int64_t *value_r)
{
	std::string_view suffix;
	bool good = conf_parse_digits(text, value_r, &suffix);

	if (text == conf_forever && conf_has_forever(option))
		return *value_r = 0, true;
	if (option->type == CS_OPTION_INTEGER)
		good = good && suffix.empty();
	else if (option->type == CS_OPTION_SIZE)
		good = good && conf_parse_unit(suffix, conf_size_units, std::size(conf_size_units), value_r);
	else if (*value_r != 0 || !suffix.empty())
		good = good && conf_parse_unit(suffix, conf_time_units, std::size(conf_time_units), value_r);
	return good && *value_r >= option->min && *value_r <= option->max;
}

static bool conf_parse_bool(std::string_view text, int *value_r)
{
	for (const char *yes : {"yes", "on", "true", "1"}) {
		if (text == yes)
			return *value_r = 1, true;
	}
	for (const char *no : {"no", "off", "false", "0"}) {
		if (text == no)
			return *value_r = 0, true;
	}
	return false;
}

template <class T> static void conf_put(const struct conf_struct *bound, const struct cs_option *option, T value)
{
	memcpy(bound->memory.get() + option->offset, &value, sizeof(value));
}

template <class T> static T conf_get(const struct cs_option *option, const void *bound)
{
	T value;

	memcpy(&value, static_cast<const char *>(bound) + option->offset, sizeof(value));
	return value;
}

const char *conf_type_name(enum cs_option_type type)
{
	switch (type) {
	case CS_OPTION_BOOL: return "bool";
	case CS_OPTION_INTEGER: return "integer";
	case CS_OPTION_SIZE: return "size";
	case CS_OPTION_TIME: return "time";
	case CS_OPTION_TEXT: return "text";
	case CS_OPTION_SECRET: return "secret";
	case CS_OPTION_CHOICE: return "choice";
	}
	return nullptr;
}

bool conf_type_is_text(enum cs_option_type type)
{
	return type == CS_OPTION_TEXT || type == CS_OPTION_SECRET;
}

bool conf_type_is_number(enum cs_option_type type)
{
	return type == CS_OPTION_INTEGER || type == CS_OPTION_SIZE || type == CS_OPTION_TIME;
}

size_t conf_type_size(enum cs_option_type type)
{
	if (conf_type_is_text(type))
		return sizeof(const char *);
	return conf_type_is_number(type) ? sizeof(int64_t) : sizeof(int);
}

int64_t conf_longest_text(const struct cs_option *option)
{
	return option->max == 0 ? conf_most_text : option->max;
}

std::string conf_value_allowed(const struct cs_option *option)
{
	const std::string range =
		conf_format_number(option->type, option->min) + " to " + conf_format_number(option->type, option->max);

	switch (option->type) {
	case CS_OPTION_BOOL: return "yes or no";
	case CS_OPTION_INTEGER: return "a number, " + range;
	case CS_OPTION_SIZE: return "a size such as 64K, 19M, 1G, from " + range;
	case CS_OPTION_TIME:
		return std::string(conf_has_forever(option) ? "forever, or " : "") +
		       "a time with its unit such as 250ms, 30s, 5m, 2h, 7d, from " + range;
	case CS_OPTION_CHOICE: return "one of " + std::string(option->choices);
	case CS_OPTION_TEXT:
	case CS_OPTION_SECRET:
		return "a text of " + std::to_string(option->min) + " to " + std::to_string(conf_longest_text(option)) +
		       " bytes";
	}
	return "";
}

bool conf_value_set(const struct conf_struct *bound, const struct cs_option *option, std::string_view text)
{
	int64_t number = 0;
	int choice = 0;

	if (conf_type_is_number(option->type)) {
		if (!conf_parse_number(option, text, &number))
			return false;
		conf_put(bound, option, number);
		return true;
	}
	if (conf_type_is_text(option->type)) {
		if (static_cast<int64_t>(text.size()) < option->min ||
		    static_cast<int64_t>(text.size()) > conf_longest_text(option))
			return false;
		bound->texts->emplace_back(text);
		conf_put(bound, option, bound->texts->back().c_str());
		return true;
	}
	if (option->type == CS_OPTION_BOOL) {
		if (!conf_parse_bool(text, &choice))
			return false;
	} else if ((choice = conf_choice_find(option->choices, text)) == -1) {
		return false;
	}
	conf_put(bound, option, choice);
	return true;
}

std::string conf_value_format(const struct cs_option *option, const void *bound)
{
	if (conf_type_is_number(option->type)) {
		const int64_t number = conf_get<int64_t>(option, bound);

		return number == 0 && conf_has_forever(option) ? conf_forever
		                                               : conf_format_number(option->type, number);
	}
	if (option->type == CS_OPTION_BOOL)
		return conf_get<int>(option, bound) ? "yes" : "no";
	if (option->type == CS_OPTION_CHOICE)
		return conf_choice_at(option->choices, conf_get<int>(option, bound));
	return conf_value_quote(conf_get<const char *>(option, bound));
}

/* Without quotes a # at the beginning or after a blank would start a comment, and blanks at the ends would be lost. */
std::string conf_value_quote(const std::string &text)
{
	const auto is_blank = [](char c) {
		return c == ' ' || c == '\t';
	};
	bool quoted = !text.empty() && (is_blank(text.front()) || is_blank(text.back()));

	for (size_t i = 0; i < text.size(); i++)
		quoted |= text[i] == '#' && (i == 0 || is_blank(text[i - 1]));
	return quoted ? "\"" + text + "\"" : text;
}

std::string conf_value_range(const struct cs_option *option)
{
	if (option->type == CS_OPTION_CHOICE)
		return option->choices;
	if (option->type == CS_OPTION_BOOL)
		return "yes|no";
	if (conf_type_is_text(option->type))
		return std::to_string(option->min) + ".." + std::to_string(conf_longest_text(option));
	return conf_format_number(option->type, option->min) + ".." + conf_format_number(option->type, option->max);
}

void conf_value_copy(const struct conf_struct *to, const struct cs_option *option, const void *from)
{
	if (conf_type_is_text(option->type)) {
		to->texts->emplace_back(conf_get<const char *>(option, from));
		conf_put(to, option, to->texts->back().c_str());
	} else {
		memcpy(to->memory.get() + option->offset, static_cast<const char *>(from) + option->offset,
		       conf_type_size(option->type));
	}
}
