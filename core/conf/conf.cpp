/* SPDX-License-Identifier: MIT
 * Reads chat.conf and the files that it includes into lines of section, key and value. */
#include "core/conf/conf.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <glob.h>
#include <sys/stat.h>

#include "core/base/log.h"
#include <base/raii.h>

static constexpr size_t conf_most_line = 4096;
static constexpr size_t conf_most_file = 1024 * 1024;
static constexpr unsigned conf_most_includes = 8;

using file_ptr = std::unique_ptr<FILE, function_deleter<fclose>>;

/* The file being read, and the files that included it. */
struct reading {
	const char *path;
	const struct reading *parent;
	dev_t device;
	ino_t inode;
	unsigned depth;
	unsigned line;
	std::string section;
};

static int conf_read_file(struct conf_file *file, const char *path, const struct reading *parent, struct cs_error *e);

static bool conf_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

std::string_view conf_trim(std::string_view text)
{
	while (!text.empty() && conf_is_blank(text.front()))
		text.remove_prefix(1);
	while (!text.empty() && conf_is_blank(text.back()))
		text.remove_suffix(1);
	return text;
}

static bool conf_is_name(std::string_view text)
{
	const auto allowed = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
	};

	return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

/* A value may be in double quotes, so that it can contain a # or end with a blank. Otherwise a # after a blank starts a
 * comment. */
static bool conf_parse_value(std::string_view text, std::string *value_r)
{
	if (!text.empty() && text.front() == '"') {
		const size_t end = text.find('"', 1);

		if (end == text.npos)
			return false;
		const std::string_view rest = conf_trim(text.substr(end + 1));

		*value_r = text.substr(1, end - 1);
		return rest.empty() || rest.front() == '#';
	}
	for (size_t i = 0; i < text.size(); i++) {
		if (text[i] == '#' && (i == 0 || conf_is_blank(text[i - 1]))) {
			text = text.substr(0, i);
			break;
		}
	}
	*value_r = conf_trim(text);
	return true;
}

static int conf_parse_section(struct conf_file *file, struct reading *r, std::string_view text, struct cs_error *e)
{
	const size_t end = text.find(']');
	const std::string_view rest = end == text.npos ? "" : conf_trim(text.substr(end + 1));

	if (end == text.npos || (!rest.empty() && rest.front() != '#') ||
	    !conf_is_name(conf_trim(text.substr(1, end - 1)))) {
		error_set(e, "%s:%u: a section is [name], its name of a-z, 0-9 and _", r->path, r->line);
		return CS_EINVAL;
	}
	r->section = conf_trim(text.substr(1, end - 1));
	file->lines.push_back({.section = r->section, .key = {}, .value = {}, .file = r->path, .line = r->line});
	return 0;
}

/* A relative pattern begins at the folder of the file that contains it. */
std::string conf_include_pattern(const char *path, std::string_view pattern)
{
	const char *slash = strrchr(path, '/');

	if (pattern.front() == '/' || !slash)
		return std::string(pattern);
	return std::string(path, static_cast<size_t>(slash - path) + 1) + std::string(pattern);
}

static int conf_parse_include(struct conf_file *file, const struct reading *r, std::string_view text,
                              struct cs_error *e)
{
	std::string value;

	if (!conf_parse_value(conf_trim(text), &value) || value.empty()) {
		error_set(e, "%s:%u: include names a file or a pattern, such as conf.d/*.conf", r->path, r->line);
		return CS_EINVAL;
	}
	const std::string pattern = conf_include_pattern(r->path, value);
	glob_t found{};
	const int answer = glob(pattern.c_str(), 0, nullptr, &found);
	const std::unique_ptr<glob_t, function_deleter<globfree>> owner(&found);

	if (answer == GLOB_NOMATCH && value.find_first_of("*?[") != value.npos)
		return 0;
	if (answer != 0) {
		error_set(e, "%s:%u: cannot include %s: no such file", r->path, r->line, pattern.c_str());
		return CS_EINVAL;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (const int failed = conf_read_file(file, found.gl_pathv[i], r, e))
			return failed;
	}
	return 0;
}

static int conf_parse_option(struct conf_file *file, const struct reading *r, std::string_view text, struct cs_error *e)
{
	const size_t equals = text.find('=');
	const std::string_view key = conf_trim(text.substr(0, equals));
	struct conf_line line {
		.section = r->section, .key = std::string(key), .value = {}, .file = r->path, .line = r->line
	};

	if (equals == text.npos || !conf_is_name(key)) {
		error_set(e, "%s:%u: a line is `key = value`, [section], include FILE or a # comment", r->path,
		          r->line);
		return CS_EINVAL;
	}
	if (r->section.empty()) {
		error_set(e, "%s:%u: %s stands before the first [section]", r->path, r->line, line.key.c_str());
		return CS_EINVAL;
	}
	if (!conf_parse_value(conf_trim(text.substr(equals + 1)), &line.value)) {
		error_set(e, "%s:%u: the value of %s has a quote without its end, or text behind it", r->path, r->line,
		          line.key.c_str());
		return CS_EINVAL;
	}
	file->lines.push_back(std::move(line));
	return 0;
}

static int conf_parse_line(struct conf_file *file, struct reading *r, std::string_view text, struct cs_error *e)
{
	if (!text.empty() && text.back() == '\r')
		text.remove_suffix(1);
	if (text.size() > conf_most_line) {
		error_set(e, "%s:%u: a line may have at most %zu bytes", r->path, r->line, conf_most_line);
		return CS_EINVAL;
	}
	if (std::any_of(text.begin(), text.end(),
	                [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; })) {
		error_set(e, "%s:%u: a NUL byte or control character; this must be a text file", r->path, r->line);
		return CS_EINVAL;
	}
	text = conf_trim(text);
	if (text.empty() || text.front() == '#')
		return 0;
	if (text.front() == '[')
		return conf_parse_section(file, r, text, e);
	if (text.starts_with("include") && text.size() > 7 && conf_is_blank(text[7]) &&
	    conf_trim(text.substr(7)).front() != '=')
		return conf_parse_include(file, r, text.substr(7), e);
	return conf_parse_option(file, r, text, e);
}

static int conf_parse_text(struct conf_file *file, struct reading *r, std::string_view text, struct cs_error *e)
{
	if (text.starts_with("\xef\xbb\xbf"))
		text.remove_prefix(3);
	while (!text.empty()) {
		const size_t end = std::min(text.find('\n'), text.size());

		r->line++;
		if (const int failed = conf_parse_line(file, r, text.substr(0, end), e))
			return failed;
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return 0;
}

static int conf_read_text(const char *path, std::string *text_r, struct stat *status_r, struct cs_error *e)
{
	const file_ptr stream(fopen(path, "re"));
	char bytes[4096];
	size_t size;

	if (!stream || fstat(fileno(stream.get()), status_r) == -1) {
		error_set(e, "%s: cannot be read: %s", path, strerror(errno));
		return CS_EINVAL;
	}
	if (S_ISDIR(status_r->st_mode)) {
		error_set(e, "%s: is a folder; a file is needed", path);
		return CS_EINVAL;
	}
	/* The file decides which code the server loads. */
	if (S_ISREG(status_r->st_mode) && (status_r->st_mode & S_IWOTH)) {
		error_set(e, "%s: everybody may write to it; run chmod o-w on it", path);
		return CS_EINVAL;
	}
	while ((size = fread(bytes, 1, sizeof(bytes), stream.get())) > 0 && text_r->size() <= conf_most_file)
		text_r->append(bytes, size);
	if (ferror(stream.get()) || text_r->size() > conf_most_file) {
		error_set(e, "%s: %s", path, ferror(stream.get()) ? "cannot be read" : "is larger than 1M");
		return CS_EINVAL;
	}
	return 0;
}

static int conf_refuse_cycle(const struct reading *r, struct cs_error *e)
{
	if (r->depth > conf_most_includes) {
		error_set(e, "%s:%u: more than %u files include each other", r->parent->path, r->parent->line,
		          conf_most_includes);
		return CS_EINVAL;
	}
	for (const struct reading *p = r->parent; p; p = p->parent) {
		if (p->device == r->device && p->inode == r->inode) {
			error_set(e, "%s:%u: includes %s, which is being read already", r->parent->path,
			          r->parent->line, r->path);
			return CS_EINVAL;
		}
	}
	return 0;
}

static int conf_read_file(struct conf_file *file, const char *path, const struct reading *parent, struct cs_error *e)
{
	struct stat status {};
	std::string text;

	if (const int failed = conf_read_text(path, &text, &status, e))
		return failed;
	struct reading r {
		.path = path, .parent = parent, .device = status.st_dev, .inode = status.st_ino,
		.depth = parent ? parent->depth + 1 : 0, .line = 0, .section = {}
	};

	if (const int failed = conf_refuse_cycle(&r, e))
		return failed;
	if (S_ISREG(status.st_mode) && (status.st_mode & S_IROTH))
		file->readable.emplace_back(path);
	return conf_parse_text(file, &r, text, e);
}

int conf_read(struct conf_file *file, const char *path, struct cs_error *e)
{
	return conf_read_file(file, path, nullptr, e);
}

int conf_override(struct conf_file *file, std::string_view text, struct cs_error *e)
{
	const size_t equals = text.find('=');
	const std::string_view name = text.substr(0, equals);
	const size_t dot = name.find('.');

	if (equals == text.npos || dot == name.npos || !conf_is_name(conf_trim(name.substr(0, dot))) ||
	    !conf_is_name(conf_trim(name.substr(dot + 1)))) {
		error_set(e, "command line: -o takes section.key=value");
		return CS_EINVAL;
	}
	file->lines.push_back({.section = std::string(conf_trim(name.substr(0, dot))),
	                       .key = std::string(conf_trim(name.substr(dot + 1))),
	                       .value = std::string(conf_trim(text.substr(equals + 1))),
	                       .file = "command line",
	                       .line = 0});
	return 0;
}

std::string conf_line_position(const struct conf_line *line)
{
	return line->line == 0 ? line->file : line->file + ":" + std::to_string(line->line);
}

std::string conf_where(const struct conf_file *file, std::string_view section, std::string_view key)
{
	for (auto line = file->lines.rbegin(); line != file->lines.rend(); ++line) {
		if (line->section == section && line->key == key)
			return conf_line_position(&*line);
	}
	return "default";
}
