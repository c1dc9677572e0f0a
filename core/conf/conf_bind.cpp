/* SPDX-License-Identifier: MIT
 * Option tables: fills their structs from lines, prints them, checks the tables, and finds the option nearest to a
 * mistyped one. */
#include "core/conf/conf.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/base/log.h"
#include "core/conf/conf_secret.h"
#include "core/conf/conf_value.h"

static const struct cs_option *conf_find_option(const struct cs_option *options, std::string_view key)
{
	for (; options && options->key; options++) {
		if (key == options->key)
			return options;
	}
	return nullptr;
}

static constexpr std::string_view conf_file_suffix = "_file";

/* The secret option for which the key names a file; nullptr: none. */
static const struct cs_option *conf_find_secret_of(const struct cs_option *options, std::string_view key)
{
	if (!key.ends_with(conf_file_suffix))
		return nullptr;
	const struct cs_option *option = conf_find_option(options, key.substr(0, key.size() - conf_file_suffix.size()));

	return option && option->type == CS_OPTION_SECRET ? option : nullptr;
}

/* "password_file"; "" if the option is no secret, or if the table has an option of that name. */
std::string conf_secret_file_key(const struct cs_option *options, const struct cs_option *o)
{
	const std::string key = std::string(o->key) + std::string(conf_file_suffix);

	return o->type == CS_OPTION_SECRET && !conf_find_option(options, key) ? key : "";
}

static struct conf_struct conf_make_struct(size_t size)
{
	struct conf_struct bound {
		.memory = std::make_unique<char[]>(size), .texts = std::make_unique<std::deque<std::string>>(),
		.secret_files = {}
	};

	return bound;
}

static int conf_refuse_key(const struct conf_line *line, const struct cs_option *options, struct cs_error *e)
{
	std::vector<std::string> keys;

	for (const struct cs_option *o = options; o && o->key; o++) {
		keys.emplace_back(o->key);
		if (const std::string key = conf_secret_file_key(options, o); !key.empty())
			keys.push_back(key);
	}
	const std::string nearest = conf_nearest(line->key, keys);

	if (keys.empty())
		error_set(e, "%s: [%s] has no options, and none named %s", conf_line_position(line).c_str(),
		          line->section.c_str(), line->key.c_str());
	else
		error_set(e, "%s: [%s] has no option %s%s%s", conf_line_position(line).c_str(), line->section.c_str(),
		          line->key.c_str(), nearest.empty() ? "" : "; the nearest one is ", nearest.c_str());
	return CS_EINVAL;
}

static int conf_bind_line(struct conf_struct *bound, const struct conf_line *line, const struct cs_option *options,
                          struct cs_error *e)
{
	const struct cs_option *option = conf_find_option(options, line->key);

	if (!option) {
		const struct cs_option *secret = conf_find_secret_of(options, line->key);

		if (!secret)
			return conf_refuse_key(line, options, e);
		bound->secret_files[secret->key] = line->value;
		return 0;
	}
	if (conf_value_set(bound, option, line->value))
		return 0;
	const bool shown = option->type != CS_OPTION_SECRET && line->value.size() <= 64;

	error_set(e, "%s: %s.%s cannot be %s; allowed is %s", conf_line_position(line).c_str(), line->section.c_str(),
	          option->key, shown ? ("\"" + line->value + "\"").c_str() : "that",
	          conf_value_allowed(option).c_str());
	return CS_EINVAL;
}

/* Warns if others can read a secret that is set; `file` is the file that contains it. */
static void conf_warn_of_secret(const char *section, const struct cs_option *o, const std::string &file, bool readable)
{
	if (file == "command line")
		log_warning("others can read a secret on the command line: put it into a file option=%s.%s", section,
		            o->key);
	else if (readable)
		log_warning("others can read a secret: run chmod o-r on the file option=%s.%s file=%s", section, o->key,
		            file.c_str());
}

static void conf_warn_of_line(const struct conf_file *file, const char *section, const struct cs_option *o)
{
	for (auto line = file->lines.rbegin(); line != file->lines.rend(); ++line) {
		if (line->section != section || line->key != o->key)
			continue;
		return conf_warn_of_secret(section, o, line->file,
		                           std::find(file->readable.begin(), file->readable.end(), line->file) !=
		                                   file->readable.end());
	}
}

static int conf_bind_secret_file(const struct conf_struct *bound, const char *section, const struct cs_option *o,
                                 const std::string &path, struct cs_error *e)
{
	struct stat status {};
	struct cs_error text {};
	std::string secret;

	if (!conf_value_format(o, bound->memory.get()).empty()) {
		error_set(e, "%s.%s and %s.%s_file are both given; leave one out", section, o->key, section, o->key);
		return CS_EINVAL;
	}
	if (conf_secret_read(path, &secret, &status, &text) != 0) {
		error_set(e, "%s.%s_file: %s", section, o->key, text.text);
		return CS_EINVAL;
	}
	if (!conf_value_set(bound, o, secret)) {
		error_set(e, "%s.%s_file: %s: its first line is not allowed; allowed is %s", section, o->key,
		          path.c_str(), conf_value_allowed(o).c_str());
		return CS_EINVAL;
	}
	conf_warn_of_secret(section, o, path, status.st_mode & S_IROTH);
	return 0;
}

/* Runs after all lines are read: the last line of a key is the valid one. */
static int conf_bind_secrets(const struct conf_file *file, const char *section, const struct cs_option *options,
                             const struct conf_struct *bound, struct cs_error *e)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		if (o->type != CS_OPTION_SECRET)
			continue;
		const auto given = bound->secret_files.find(o->key);
		struct cs_error text {};

		if (given == bound->secret_files.end() || given->second.empty()) {
			if (!conf_value_format(o, bound->memory.get()).empty())
				conf_warn_of_line(file, section, o);
		} else if (conf_bind_secret_file(bound, section, o, given->second, &text) != 0) {
			error_set(e, "%s: %s", conf_where(file, section, conf_secret_file_key(options, o)).c_str(),
			          text.text);
			return CS_EINVAL;
		}
	}
	return 0;
}

static int conf_check_option(const struct cs_option *option, size_t size, struct cs_error *e)
{
	unsigned type;

	/* Read as a number: a plugin's table may contain a number that is no value of the enum. */
	static_assert(sizeof(type) == sizeof(option->type));
	memcpy(&type, &option->type, sizeof(type));
	if (type > CS_OPTION_CHOICE)
		return error_set(e, "option %s: unknown type %u", option->key, type), CS_EINVAL;
	const size_t needed = conf_type_size(option->type);

	if (option->offset % needed != 0 || option->offset > size || size - option->offset < needed)
		return error_set(e, "option %s: its offset %zu does not fit a struct of %zu bytes", option->key,
		                 option->offset, size),
		       CS_EINVAL;
	if (option->type != CS_OPTION_BOOL && option->type != CS_OPTION_CHOICE && !conf_type_is_text(option->type) &&
	    option->min > option->max)
		return error_set(e, "option %s: its smallest value is above its largest", option->key), CS_EINVAL;
	if (conf_type_is_text(option->type) && option->min > conf_longest_text(option))
		return error_set(e, "option %s: its smallest length is above its largest", option->key), CS_EINVAL;
	if (option->type == CS_OPTION_CHOICE && (!option->choices || !*option->choices))
		return error_set(e, "option %s: it has no choices", option->key), CS_EINVAL;
	if (!option->default_text ||
	    !conf_value_set(std::make_unique<conf_struct>(conf_make_struct(size)).get(), option, option->default_text))
		return error_set(e, "option %s: its default is not allowed; allowed is %s", option->key,
		                 conf_value_allowed(option).c_str()),
		       CS_EINVAL;
	if (!option->help)
		return error_set(e, "option %s: it has no help", option->key), CS_EINVAL;
	return 0;
}

static size_t conf_edit_distance(std::string_view a, std::string_view b)
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

std::string conf_nearest(std::string_view name, const std::vector<std::string> &candidates)
{
	const auto nearer = [name](const std::string &a, const std::string &b) {
		return conf_edit_distance(name, a) < conf_edit_distance(name, b);
	};
	const auto best = std::min_element(candidates.begin(), candidates.end(), nearer);

	/* One letter in three may be wrong. */
	return best == candidates.end() || conf_edit_distance(name, *best) > (name.size() + 1) / 3 ? "" : *best;
}

int conf_check_options(const struct cs_option *options, size_t size, struct cs_error *e)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		if (const int failed = conf_check_option(o, size, e))
			return failed;
		if (conf_find_option(options, o->key) != o)
			return error_set(e, "option %s: it is there twice", o->key), CS_EINVAL;
	}
	return 0;
}

int conf_bind(const struct conf_file *file, const char *section, const struct cs_option *options, size_t size,
              struct conf_struct *bound_r, struct cs_error *e)
{
	struct conf_struct bound = conf_make_struct(size);

	for (const struct cs_option *o = options; o && o->key; o++) {
		if (!conf_value_set(&bound, o, o->default_text))
			return error_set(e, "%s.%s: its default is not allowed", section, o->key), CS_EINVAL;
	}
	for (const struct conf_line &line : file->lines) {
		if (line.section != section || line.key.empty())
			continue;
		if (const int failed = conf_bind_line(&bound, &line, options, e))
			return failed;
	}
	if (const int failed = conf_bind_secrets(file, section, options, &bound, e))
		return failed;
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
			error_set(e,
			          "%s: the plugin %s is not loaded, so it can have no section; name it in core.plugins",
			          conf_line_position(&line).c_str(), line.section.c_str());
			return CS_EINVAL;
		}
		const std::string nearest = conf_nearest(line.section, known);

		error_set(e, "%s: there is no section [%s], and core.plugin_dir has no plugin of that name%s%s%s",
		          conf_line_position(&line).c_str(), line.section.c_str(),
		          nearest.empty() ? "" : "; the nearest one is [", nearest.c_str(), nearest.empty() ? "" : "]");
		return CS_EINVAL;
	}
	return 0;
}

void conf_print(const struct cs_option *options, const struct conf_struct *bound, std::string *text_r)
{
	for (const struct cs_option *o = options; o && o->key; o++) {
		const std::string value = conf_value_format(o, bound->memory.get());
		const auto given = bound->secret_files.find(o->key);
		const std::string path = given == bound->secret_files.end() ? "" : conf_value_quote(given->second);
		const bool hidden = o->type == CS_OPTION_SECRET && !value.empty();

		text_r->append(o->key).append(" = ").append(!hidden ? value : path.empty() ? "***" : "").append("\n");
		if (const std::string key = conf_secret_file_key(options, o); !key.empty())
			text_r->append(key).append(" = ").append(path).append("\n");
	}
}

void conf_dump(const char *section, const struct cs_option *options, std::string *text_r)
{
	const auto append = [section, text_r](const std::string &key, const char *type, const std::string &preset,
	                                      const std::string &range, bool reload, const std::string &help) {
		text_r->append(section).append(".").append(key).append("\t").append(type);
		text_r->append("\t").append(preset.empty() ? "\"\"" : preset).append("\t").append(range);
		text_r->append("\t").append(reload ? "reload" : "fixed").append("\t").append(help).append("\n");
	};

	for (const struct cs_option *o = options; o && o->key; o++) {
		append(o->key, conf_type_name(o->type), o->default_text, conf_value_range(o), o->reload, o->help);
		if (const std::string key = conf_secret_file_key(options, o); !key.empty())
			append(key, "text", "", "0..4096", o->reload,
			       "file whose first line is " + std::string(o->key) + ", instead of it");
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
