/* SPDX-License-Identifier: MIT
 * Finds and reads the files of a schema folder. */
#include "schema.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <sys/stat.h>

#include "schema_own.h"

template <auto Function> struct schema_deleter {
	template <class T> void operator()(T *thing) const
	{
		(void)Function(thing);
	}
};
using folder_ptr = std::unique_ptr<DIR, schema_deleter<closedir>>;
using file_ptr = std::unique_ptr<FILE, schema_deleter<fclose>>;

static int schema_fail(cs_error *e, const char *path, const char *why)
{
	snprintf(e->text, sizeof(e->text), "%s: %s", path, why);
	return CS_EINVAL;
}

/* The file must not be writable by everybody: it is run with all rights on the database. */
static int schema_check_mode(const char *path, cs_error *e)
{
	struct stat status = {};

	if (stat(path, &status) == -1)
		return schema_fail(e, path, strerror(errno));
	return status.st_mode & S_IWOTH ? schema_fail(e, path, "everybody may write to it; run chmod o-w on it") : 0;
}

/* The number of a file with the name NNN.sql, or PLUGIN-NNN.sql for a plugin; else 0. */
static int schema_file_version(const std::string &plugin, std::string_view name)
{
	const std::string before = plugin.empty() ? "" : plugin + "-";

	if (!name.starts_with(before))
		return 0;
	name.remove_prefix(before.size());
	if (name.size() != 7 || name.substr(3) != ".sql")
		return 0;
	if (!std::all_of(name.begin(), name.begin() + 3, [](char c) { return c >= '0' && c <= '9'; }))
		return 0;
	return (name[0] - '0') * 100 + (name[1] - '0') * 10 + (name[2] - '0');
}

static int schema_read(const schema_part &part, schema_file *file, cs_error *e)
{
	const file_ptr open(fopen(file->path.c_str(), "re"));
	char chunk[4096];

	if (!open)
		return schema_fail(e, file->path.c_str(), strerror(errno));
	while (const size_t size = fread(chunk, 1, sizeof(chunk), open.get()))
		file->text.append(chunk, size);
	if (ferror(open.get()))
		return schema_fail(e, file->path.c_str(), "cannot be read");
	return part.plugin.empty() ? 0 : schema_own_check(part.plugin, file->path, file->text, e);
}

/* Whether a table or an index of the server begins with the name, or may in a later version. */
static bool schema_is_ours(const std::string &plugin)
{
	static const char *const tables[] = {"account",  "ban",        "body",   "contact", "conversation",
	                                     "cursor",   "device",     "entry",  "erasing", "follower",
	                                     "friend",   "invitation", "mark",   "member",  "message",
	                                     "register", "schema",     "sqlite", "store",   "token"};

	return std::find(std::begin(tables), std::end(tables), plugin) != std::end(tables);
}

static int schema_part_list(const char *folder, const std::vector<std::string> &names, schema_part *part, cs_error *e)
{
	for (const std::string &name : names) {
		const int version = schema_file_version(part->plugin, name);

		if (version > 0)
			part->files.push_back({version, std::string(folder) + "/" + name, {}});
	}
	std::sort(part->files.begin(), part->files.end(),
	          [](const schema_file &a, const schema_file &b) { return a.version < b.version; });
	if (!part->files.empty() && schema_is_ours(part->plugin))
		return schema_fail(
			e, part->files.front().path.c_str(),
			"the names of the server's own tables and indexes begin so; give the plugin another name");
	for (schema_file &file : part->files) {
		if (const int failed = schema_check_mode(file.path.c_str(), e))
			return failed;
		if (const int failed = schema_read(*part, &file, e))
			return failed;
		part->last = file.version;
	}
	return 0;
}

int schema_read_all(const char *folder, const char *const *plugins, std::vector<schema_part> *parts_r, cs_error *e)
{
	const folder_ptr open(opendir(folder));
	std::vector<std::string> names;

	if (!open)
		return schema_fail(e, folder, strerror(errno));
	while (const dirent *entry = readdir(open.get()))
		names.emplace_back(entry->d_name);
	parts_r->emplace_back();
	for (; plugins && *plugins; plugins++)
		parts_r->push_back({*plugins, {}, 0});
	for (schema_part &part : *parts_r) {
		if (const int failed = schema_part_list(folder, names, &part, e))
			return failed;
	}
	if (parts_r->front().files.empty())
		return schema_fail(e, folder, "no schema file NNN.sql in this folder");
	return schema_check_mode(folder, e);
}

int schema_find_last(const char *folder, const char *plugin, int *version_r, cs_error *e)
{
	const folder_ptr open(opendir(folder));

	*version_r = 0;
	if (!open)
		return schema_fail(e, folder, strerror(errno));
	while (const dirent *entry = readdir(open.get()))
		*version_r = std::max(*version_r, schema_file_version(plugin, entry->d_name));
	return 0;
}

int schema_check(const char *folder, const char *const *plugins, cs_error *e)
{
	std::vector<schema_part> parts;

	return schema_read_all(folder, plugins, &parts, e);
}

int schema_compare(const schema_part &part, int version, const char *database, const char *folder, cs_error *e)
{
	if (version <= part.last)
		return 0;
	if (!part.last)
		snprintf(e->text, sizeof(e->text),
		         "no file %s-NNN.sql in %s, but %s has version %d of the tables of the plugin %s",
		         part.plugin.c_str(), folder, database, version, part.plugin.c_str());
	else if (part.plugin.empty())
		snprintf(e->text, sizeof(e->text),
		         "%s has schema version %d, but %s ends at %d: it was written by a newer chatserverd", database,
		         version, folder, part.last);
	else
		snprintf(e->text, sizeof(e->text),
		         "%s has version %d of the tables of the plugin %s, but its files in %s end at %d: they were "
		         "written by a newer plugin",
		         database, version, part.plugin.c_str(), folder, part.last);
	return CS_EINVAL;
}
