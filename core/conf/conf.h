/* SPDX-License-Identifier: MIT
 * Reads chat.conf (sections, keys, include) and binds a section to an option table. Main thread; any thread may read a
 * bound struct. */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/plugin.h>

struct conf_line {
	std::string section, key, value; /* key empty: the section's own line */
	std::string file; /* "command line" for -o */
	unsigned line = 0;
};

struct conf_file {
	std::vector<struct conf_line> lines; /* a later one wins */
	std::vector<std::string> readable; /* the files that everybody can read */
};

/* An option struct filled from a file; owns its memory and the texts that it points to. */
struct conf_struct {
	std::unique_ptr<char[]> memory;
	std::unique_ptr<std::deque<std::string>> texts;
	std::map<std::string, std::string> secret_files; /* by key: the path that KEY_file gives */
};

/* Reads the file and the files that it includes (include conf.d/<glob>, relative to the file's folder, sorted, cycles
 * refused). 0, or CS_EINVAL with file:line and what is allowed in e; also if everybody may write to a file. */
[[nodiscard]] int conf_read(struct conf_file *file, const char *path, struct cs_error *e);
/* Adds "section.key=value" of the command line, which overrides the file. */
[[nodiscard]] int conf_override(struct conf_file *file, std::string_view text, struct cs_error *e);
/* Fills a struct of the size from defaults and the section's lines. An unknown key is an error that names the nearest
 * known one; a bad value is an error with file:line and what is allowed. For each secret KEY there is also KEY_file,
 * the path of a file whose first line is the secret. Warns of secrets that others can read. */
[[nodiscard]] int conf_bind(const struct conf_file *file, const char *section, const struct cs_option *options,
                            size_t size, struct conf_struct *bound_r, struct cs_error *e);
/* A section that is not in known is an error with file:line. It says whether the section is that of a plugin that
 * exists but is not loaded, or names the nearest known one. */
[[nodiscard]] int conf_check_sections(const struct conf_file *file, const std::vector<std::string> &known,
                                      const std::vector<std::string> &unloaded, struct cs_error *e);
/* Checks an option table: names, offsets within a struct of that size, min <= max, defaults that can be parsed. 0, or
 * CS_EINVAL with the option and the mistake in e. */
[[nodiscard]] int conf_check_options(const struct cs_option *options, size_t size, struct cs_error *e);
/* Where the value in force was set: "FILE:LINE", "command line", or "default". For messages. */
std::string conf_where(const struct conf_file *file, std::string_view section, std::string_view key);
/* FILE:LINE of a line, in the form of conf_where. */
std::string conf_line_position(const struct conf_line *line);
/* The candidate that differs least from the name (edit distance). Empty: no candidate is near enough. */
std::string conf_nearest(std::string_view name, const std::vector<std::string> &candidates);
/* Appends one line per option: section.key TYPE default range reload|fixed help, separated by tabs. */
void conf_dump(const char *section, const struct cs_option *options, std::string *text_r);
/* Appends `key = value` lines, secrets as ***, in the table's order. */
void conf_print(const struct cs_option *options, const struct conf_struct *bound, std::string *text_r);
/* Names of options that have different values but that SIGHUP cannot change. */
std::vector<std::string> conf_changed_fixed(const struct cs_option *options, const void *before, const void *after);
/* Copies the values of options that SIGHUP cannot change from before. */
void conf_keep_fixed(const struct cs_option *options, const void *before, const struct conf_struct *after);

#endif
