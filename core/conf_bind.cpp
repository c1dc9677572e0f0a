/* SPDX-License-Identifier: MIT
 * Owns option tables: filling their structs from lines, printing them, what makes a table wrong, the nearest name
 * of a mistyped one. It must not know any option by name nor how lines come out of a file (conf). */
#include "conf.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "conf_value.h"
#include "log.h"

namespace {

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

	if (keys.empty())
		error_set(e, "%s: [%s] has no options, and none named %s", conf_place(line).c_str(),
		          line->section.c_str(), line->key.c_str());
	else
		error_set(e, "%s: [%s] has no option %s%s%s", conf_place(line).c_str(), line->section.c_str(),
		          line->key.c_str(), nearest.empty() ? "" : "; the nearest one is ", nearest.c_str());
	return CS_EINVAL;
}

int bind_line(const struct conf_struct *bound, const struct conf_line *line, const struct cs_option *options,
              struct cs_error *e)
{
	const struct cs_option *option = find_option(options, line->key);

	if (!option)
		return refuse_key(line, options, e);
	if (conf_value_set(bound, option, line->value))
		return 0;
	const bool shown = option->type != CS_OPTION_SECRET && line->value.size() <= 64;

	error_set(e, "%s: %s.%s cannot be %s; allowed is %s", conf_place(line).c_str(), line->section.c_str(),
	          option->key, shown ? ("\"" + line->value + "\"").c_str() : "that", conf_value_allowed(option).c_str());
	return CS_EINVAL;
}

int check_option(const struct cs_option *option, size_t size, struct cs_error *e)
{
	unsigned type;

	/* A number first: a plugin's table may hold what is no value of the enum. */
	static_assert(sizeof(type) == sizeof(option->type));
	memcpy(&type, &option->type, sizeof(type));
	if (type > CS_OPTION_CHOICE)
		return error_set(e, "option %s: unknown type %u", option->key, type), CS_EINVAL;
	const size_t needed = conf_type_size(option->type);

	if (option->offset % needed != 0 || option->offset > size || size - option->offset < needed)
		return error_set(e, "option %s: its offset %zu does not fit a struct of %zu bytes", option->key,
		                 option->offset, size), CS_EINVAL;
	if (option->type != CS_OPTION_BOOL && option->type != CS_OPTION_CHOICE && !conf_type_is_text(option->type) &&
	    option->min > option->max)
		return error_set(e, "option %s: its smallest value is above its largest", option->key), CS_EINVAL;
	if (conf_type_is_text(option->type) && option->min > conf_longest_text(option))
		return error_set(e, "option %s: its smallest length is above its largest", option->key), CS_EINVAL;
	if (option->type == CS_OPTION_CHOICE && (!option->choices || !*option->choices))
		return error_set(e, "option %s: it has no choices", option->key), CS_EINVAL;
	if (!option->default_text || !conf_value_set(std::make_unique<conf_struct>(make_struct(size)).get(), option,
	                                        option->default_text))
		return error_set(e, "option %s: its default is not allowed; allowed is %s", option->key,
		                 conf_value_allowed(option).c_str()), CS_EINVAL;
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

	/* A letter in three may be wrong. */
	return best == candidates.end() || edit_distance(name, *best) > (name.size() + 1) / 3 ? "" : *best;
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
		if (!conf_value_set(&bound, o, o->default_text))
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

int conf_check_sections(const struct conf_file *file, const std::vector<std::string> &known,
                        const std::vector<std::string> &unloaded, struct cs_error *e)
{
	const auto has = [](const std::vector<std::string> &names, const std::string &name) {
		return std::find(names.begin(), names.end(), name) != names.end();
	};

	for (const struct conf_line &line : file->lines) {
		if (has(known, line.section))
			continue;
		if (has(unloaded, line.section)) {
			error_set(e, "%s: the plugin %s is not loaded, so it can have no section; name it in core.plugins",
			          conf_place(&line).c_str(), line.section.c_str());
			return CS_EINVAL;
		}
		const std::string nearest = conf_nearest(line.section, known);

		error_set(e, "%s: there is no section [%s], and core.plugin_dir has no plugin of that name%s%s%s",
		          conf_place(&line).c_str(), line.section.c_str(), nearest.empty() ? "" : "; the nearest one is [",
		          nearest.c_str(), nearest.empty() ? "" : "]");
		return CS_EINVAL;
	}
	return 0;
}

void conf_print(const struct cs_option *options, const void *bound, std::string *text_r)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		const std::string value = conf_value_format(o, bound);
		const bool hidden = o->type == CS_OPTION_SECRET && !value.empty();

		text_r->append(o->key).append(" = ").append(hidden ? "***" : value).append("\n");
	}
}

void conf_dump(const char *section, const struct cs_option *options, std::string *text_r)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		const std::string range = conf_value_range(o);

		text_r->append(section).append(".").append(o->key).append("\t").append(conf_type_name(o->type));
		text_r->append("\t").append(*o->default_text ? o->default_text : "\"\"").append("\t").append(range);
		text_r->append("\t").append(o->reload ? "reload" : "fixed").append("\t").append(o->help).append("\n");
	}
}

std::vector<std::string> conf_changed_fixed(const struct cs_option *options, const void *before, const void *after)
{
	std::vector<std::string> changed;

	for (const struct cs_option *o = options; o && o->key; o++) {
		if (!o->reload && conf_value_format(o, before) != conf_value_format(o, after))
			changed.emplace_back(o->key);
	}
	return changed;
}

void conf_keep_fixed(const struct cs_option *options, const void *before, const struct conf_struct *after)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		if (!o->reload)
			conf_value_copy(after, o, before);
	}
}
