/* SPDX-License-Identifier: MIT
 * Owns the option table: text to value and back, defaults, ranges, the nearest name of a mistyped one. It must
 * not know any option by name nor how lines come out of a file (conf). */
#include "conf.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <numeric>

#include "log.h"

namespace {

struct unit {
	const char *suffix;
	int64_t factor;
};

constexpr struct unit size_units[] = {{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
constexpr struct unit time_units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
constexpr int64_t most_text = 4096;

const char *type_name(enum cs_option_type type)
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

bool is_text(enum cs_option_type type)
{
	return type == CS_OPTION_TEXT || type == CS_OPTION_SECRET;
}

bool is_number(enum cs_option_type type)
{
	return type == CS_OPTION_INTEGER || type == CS_OPTION_SIZE || type == CS_OPTION_TIME;
}

size_t value_size(enum cs_option_type type)
{
	if (is_text(type))
		return sizeof(const char *);
	return is_number(type) ? sizeof(int64_t) : sizeof(int);
}

int64_t longest_text(const struct cs_option *option)
{
	return option->max == 0 ? most_text : option->max;
}

std::string format_units(int64_t value, const struct unit *units, size_t count)
{
	for (size_t i = 0; i < count && value != 0; i++) {
		if (value % units[i].factor == 0)
			return std::to_string(value / units[i].factor) + units[i].suffix;
	}
	return "0";
}

std::string format_number(enum cs_option_type type, int64_t value)
{
	if (type == CS_OPTION_SIZE)
		return format_units(value, size_units, std::size(size_units));
	if (type == CS_OPTION_TIME)
		return format_units(value, time_units, std::size(time_units));
	return std::to_string(value);
}

std::string choice_at(const char *choices, int place)
{
	const char *at = choices;

	for (; place > 0 && at; place--) {
		at = strchr(at, '|');
		at = at ? at + 1 : nullptr;
	}
	return at ? std::string(at, strcspn(at, "|")) : "";
}

int choice_find(const char *choices, std::string_view text)
{
	for (int i = 0;; i++) {
		const std::string choice = choice_at(choices, i);

		if (choice.empty())
			return -1;
		if (choice == text)
			return i;
	}
}

std::string allowed(const struct cs_option *option)
{
	const std::string range = format_number(option->type, option->min) + " to " +
		format_number(option->type, option->max);

	switch (option->type) {
	case CS_OPTION_BOOL: return "yes or no";
	case CS_OPTION_INTEGER: return "a number, " + range;
	case CS_OPTION_SIZE: return "a size such as 64K, 19M, 1G, from " + range;
	case CS_OPTION_TIME: return "a time with its unit such as 250ms, 30s, 5m, 2h, from " + range;
	case CS_OPTION_CHOICE: return "one of " + std::string(option->choices);
	case CS_OPTION_TEXT:
	case CS_OPTION_SECRET:
		return "a text of " + std::to_string(option->min) + " to " + std::to_string(longest_text(option)) +
			" bytes";
	}
	return "";
}

/* Digits, then the rest. false: no digits, or too many. */
bool parse_digits(std::string_view text, int64_t *value_r, std::string_view *rest_r)
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
	return at > (size_t)negative;
}

bool parse_unit(std::string_view suffix, const struct unit *units, size_t count, int64_t *value)
{
	for (size_t i = 0; i < count; i++) {
		if (suffix == units[i].suffix)
			return !__builtin_mul_overflow(*value, units[i].factor, value);
	}
	return false;
}

bool parse_number(const struct cs_option *option, std::string_view text, int64_t *value_r)
{
	std::string_view suffix;
	bool good = parse_digits(text, value_r, &suffix);

	if (option->type == CS_OPTION_INTEGER)
		good = good && suffix.empty();
	else if (option->type == CS_OPTION_SIZE)
		good = good && parse_unit(suffix, size_units, std::size(size_units), value_r);
	else if (*value_r != 0 || !suffix.empty())
		good = good && parse_unit(suffix, time_units, std::size(time_units), value_r);
	return good && *value_r >= option->min && *value_r <= option->max;
}

bool parse_bool(std::string_view text, int *value_r)
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

template <class T> void put(const struct conf_struct *bound, const struct cs_option *option, T value)
{
	memcpy(bound->memory.get() + option->offset, &value, sizeof(value));
}

template <class T> T get(const struct cs_option *option, const void *bound)
{
	T value;

	memcpy(&value, (const char *)bound + option->offset, sizeof(value));
	return value;
}

/* Parses the text into the struct. false: not allowed. */
bool set_value(const struct conf_struct *bound, const struct cs_option *option, std::string_view text)
{
	int64_t number = 0;
	int place = 0;

	if (is_number(option->type)) {
		if (!parse_number(option, text, &number))
			return false;
		put(bound, option, number);
		return true;
	}
	if (is_text(option->type)) {
		if ((int64_t)text.size() < option->min || (int64_t)text.size() > longest_text(option))
			return false;
		bound->texts->emplace_back(text);
		put(bound, option, bound->texts->back().c_str());
		return true;
	}
	if (option->type == CS_OPTION_BOOL) {
		if (!parse_bool(text, &place))
			return false;
	} else if ((place = choice_find(option->choices, text)) == -1) {
		return false;
	}
	put(bound, option, place);
	return true;
}

/* As it would stand in the file; a secret too. */
std::string format_value(const struct cs_option *option, const void *bound)
{
	if (is_number(option->type))
		return format_number(option->type, get<int64_t>(option, bound));
	if (option->type == CS_OPTION_BOOL)
		return get<int>(option, bound) ? "yes" : "no";
	if (option->type == CS_OPTION_CHOICE)
		return choice_at(option->choices, get<int>(option, bound));
	const std::string text = get<const char *>(option, bound);
	const bool quoted = text.find('#') != text.npos || (!text.empty() && (text.front() == ' ' || text.back() == ' '));

	return quoted ? "\"" + text + "\"" : text;
}

const struct cs_option *find_option(const struct cs_option *options, std::string_view key)
{
	for (; options && options->key; options++) {
		if (key == options->key)
			return options;
	}
	return nullptr;
}

struct conf_struct make_struct(size_t size)
{
	struct conf_struct bound{.memory = std::make_unique<char[]>(size),
	                         .texts = std::make_unique<std::deque<std::string>>()};

	return bound;
}

int refuse_key(const struct conf_line *line, const struct cs_option *options, struct cs_error *e)
{
	std::vector<std::string> keys;

	for (; options && options->key; options++)
		keys.emplace_back(options->key);
	const std::string nearest = conf_nearest(line->key, keys);

	if (nearest.empty())
		error_set(e, "%s: [%s] has no options, and none named %s", conf_place(line).c_str(),
		          line->section.c_str(), line->key.c_str());
	else
		error_set(e, "%s: [%s] has no option %s; the nearest one is %s", conf_place(line).c_str(),
		          line->section.c_str(), line->key.c_str(), nearest.c_str());
	return CS_EINVAL;
}

int bind_line(const struct conf_struct *bound, const struct conf_line *line, const struct cs_option *options,
              struct cs_error *e)
{
	const struct cs_option *option = find_option(options, line->key);

	if (!option)
		return refuse_key(line, options, e);
	if (set_value(bound, option, line->value))
		return 0;
	const bool shown = option->type != CS_OPTION_SECRET && line->value.size() <= 64;

	error_set(e, "%s: %s.%s cannot be %s; allowed is %s", conf_place(line).c_str(), line->section.c_str(),
	          option->key, shown ? ("\"" + line->value + "\"").c_str() : "that", allowed(option).c_str());
	return CS_EINVAL;
}

int check_option(const struct cs_option *option, size_t size, struct cs_error *e)
{
	if (!type_name(option->type))
		return error_set(e, "option %s: unknown type %d", option->key, (int)option->type), CS_EINVAL;
	const size_t needed = value_size(option->type);

	if (option->offset % needed != 0 || option->offset > size || size - option->offset < needed)
		return error_set(e, "option %s: its offset %zu does not fit a struct of %zu bytes", option->key,
		                 option->offset, size), CS_EINVAL;
	if (option->type != CS_OPTION_BOOL && option->type != CS_OPTION_CHOICE && !is_text(option->type) &&
	    option->min > option->max)
		return error_set(e, "option %s: its smallest value is above its largest", option->key), CS_EINVAL;
	if (is_text(option->type) && option->min > longest_text(option))
		return error_set(e, "option %s: its smallest length is above its largest", option->key), CS_EINVAL;
	if (option->type == CS_OPTION_CHOICE && (!option->choices || !*option->choices))
		return error_set(e, "option %s: it has no choices", option->key), CS_EINVAL;
	if (!option->default_text || !set_value(std::make_unique<conf_struct>(make_struct(size)).get(), option,
	                                        option->default_text))
		return error_set(e, "option %s: its default is not allowed; allowed is %s", option->key,
		                 allowed(option).c_str()), CS_EINVAL;
	if (!option->help)
		return error_set(e, "option %s: it has no help", option->key), CS_EINVAL;
	return 0;
}

size_t edit_distance(std::string_view a, std::string_view b)
{
	std::vector<size_t> row(b.size() + 1);

	std::iota(row.begin(), row.end(), 0);
	for (size_t i = 0; i < a.size(); i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < b.size(); j++) {
			const size_t replaced = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
		}
	}
	return row.back();
}

}

std::string conf_nearest(std::string_view name, const std::vector<std::string> &candidates)
{
	const auto nearer = [name](const std::string &a, const std::string &b) {
		return edit_distance(name, a) < edit_distance(name, b);
	};
	const auto best = std::min_element(candidates.begin(), candidates.end(), nearer);

	return best == candidates.end() ? "" : *best;
}

int conf_check_options(const struct cs_option *options, size_t size, struct cs_error *e)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		if (const int failed = check_option(o, size, e))
			return failed;
		if (find_option(options, o->key) != o)
			return error_set(e, "option %s: it is there twice", o->key), CS_EINVAL;
	}
	return 0;
}

int conf_bind(const struct conf_file *file, const char *section, const struct cs_option *options, size_t size,
              struct conf_struct *bound_r, struct cs_error *e)
{
	struct conf_struct bound = make_struct(size);

	for (const struct cs_option *o = options; o && o->key; o++) {
		if (!set_value(&bound, o, o->default_text))
			return error_set(e, "%s.%s: its default is not allowed", section, o->key), CS_EINVAL;
	}
	for (const struct conf_line &line : file->lines) {
		if (line.section != section || line.key.empty())
			continue;
		if (const int failed = bind_line(&bound, &line, options, e))
			return failed;
	}
	*bound_r = std::move(bound);
	return 0;
}

int conf_check_sections(const struct conf_file *file, const std::vector<std::string> &known, struct cs_error *e)
{
	for (const struct conf_line &line : file->lines) {
		if (std::find(known.begin(), known.end(), line.section) != known.end())
			continue;
		error_set(e, "%s: there is no section [%s], and no loaded plugin of that name; the nearest one is [%s]",
		          conf_place(&line).c_str(), line.section.c_str(), conf_nearest(line.section, known).c_str());
		return CS_EINVAL;
	}
	return 0;
}

void conf_print(const struct cs_option *options, const void *bound, std::string *text_r)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		const bool secret = o->type == CS_OPTION_SECRET && *get<const char *>(o, bound);

		text_r->append(o->key).append(" = ").append(secret ? "***" : format_value(o, bound)).append("\n");
	}
}

void conf_dump(const char *section, const struct cs_option *options, std::string *text_r)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		std::string range = o->type == CS_OPTION_CHOICE ? o->choices : "yes|no";

		if (is_number(o->type))
			range = format_number(o->type, o->min) + ".." + format_number(o->type, o->max);
		else if (is_text(o->type))
			range = std::to_string(o->min) + ".." + std::to_string(longest_text(o));
		text_r->append(section).append(".").append(o->key).append("\t").append(type_name(o->type));
		text_r->append("\t").append(*o->default_text ? o->default_text : "\"\"").append("\t").append(range);
		text_r->append("\t").append(o->reload ? "reload" : "fixed").append("\t").append(o->help).append("\n");
	}
}

std::vector<std::string> conf_changed_fixed(const struct cs_option *options, const void *before, const void *after)
{
	std::vector<std::string> changed;

	for (const struct cs_option *o = options; o && o->key; o++) {
		if (!o->reload && format_value(o, before) != format_value(o, after))
			changed.emplace_back(o->key);
	}
	return changed;
}

void conf_keep_fixed(const struct cs_option *options, const void *before, const struct conf_struct *after)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		if (o->reload)
			continue;
		if (is_text(o->type)) {
			after->texts->emplace_back(get<const char *>(o, before));
			put(after, o, after->texts->back().c_str());
		} else {
			memcpy(after->memory.get() + o->offset, (const char *)before + o->offset, value_size(o->type));
		}
	}
}
