/* SPDX-License-Identifier: MIT
 * Owns reading chat.conf: sections, keys, include, and binding a section to an option table. It must not know
 * any option by name. Main thread; any thread may read what was bound. */
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
	std::string section, key, value;   /* key empty: the section's own line */
	std::string file;      /* "command line" for -o */
	unsigned line = 0;
};

struct conf_file {
	std::vector<struct conf_line> lines;   /* a later one wins */
	std::vector<std::string> readable;     /* the files that everybody can read */
};

/* An option struct filled from a file; owns its memory and the texts that it points to. */
struct conf_struct {
	std::unique_ptr<char[]> memory;
	std::unique_ptr<std::deque<std::string>> texts;
	std::map<std::string, std::string> secret_files;   /* by key: the path that KEY_file gives */
};

/* Reads the file and what it includes (include conf.d/<glob>, relative to the file's folder, sorted, cycles
 * refused). 0, or CS_EINVAL with file:line and what is allowed in e; also where everybody may write to a file. */
[[nodiscard]] int conf_read(struct conf_file *file, const char *path, struct cs_error *e);
/* Adds "section.key=value" of the command line, which wins over the file. */
[[nodiscard]] int conf_override(struct conf_file *file, std::string_view text, struct cs_error *e);
/* Fills a struct of the size from defaults and the section's lines. An unknown key is an error that names the
 * nearest known one; a bad value one that says file:line and what is allowed. Beside each secret KEY there is KEY_file,
 * the path of a file whose first line is the secret. Warns of secrets that others can read. */
[[nodiscard]] int conf_bind(const struct conf_file *file, const char *section,
                            const struct cs_option *options, size_t size, struct conf_struct *bound_r,
                            struct cs_error *e);
/* Every section that is no name of the list is an error naming file:line, and whether it is one of the plugins that
 * are there but not loaded, or the nearest known one. */
[[nodiscard]] int conf_check_sections(const struct conf_file *file, const std::vector<std::string> &known,
                                      const std::vector<std::string> &unloaded, struct cs_error *e);
/* Checks a table itself: names, offsets within a struct of that size, min <= max, defaults that parse. 0, or
 * CS_EINVAL with the option and what is wrong in e. */
[[nodiscard]] int conf_check_options(const struct cs_option *options, size_t size, struct cs_error *e);
/* Where the value in force stands: "FILE:LINE", "command line", or "default". For messages. */
std::string conf_where(const struct conf_file *file, std::string_view section, std::string_view key);
/* The place of a line in that form. */
std::string conf_place(const struct conf_line *line);
/* The candidate that differs least from the name (edit distance). Empty: none is near enough to be meant. */
std::string conf_nearest(std::string_view name, const std::vector<std::string> &candidates);
/* Appends one line per option: section.key TYPE default range reload|fixed help, separated by tabs. */
void conf_dump(const char *section, const struct cs_option *options, std::string *text_r);
/* Appends `key = value` lines, secrets as ***, in the table's order. */
void conf_print(const struct cs_option *options, const struct conf_struct *bound, std::string *text_r);
/* Names of options whose values differ and that SIGHUP cannot change. */
std::vector<std::string> conf_changed_fixed(const struct cs_option *options, const void *before,
                                            const void *after);
/* Gives the options that SIGHUP cannot change the values that they have in before. */
void conf_keep_fixed(const struct cs_option *options, const void *before, const struct conf_struct *after);

#endif
