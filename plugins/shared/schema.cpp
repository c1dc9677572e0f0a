/* SPDX-License-Identifier: MIT
 * Finds and reads the files NNN.sql of a schema folder. */
#include "schema.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <sys/stat.h>

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

/* The number of a file with the name NNN.sql, or 0. */
static int schema_file_version(std::string_view name)
{
	if (name.size() != 7 || name.substr(3) != ".sql")
		return 0;
	if (!std::all_of(name.begin(), name.begin() + 3, [](char c) { return c >= '0' && c <= '9'; }))
		return 0;
	return (name[0] - '0') * 100 + (name[1] - '0') * 10 + (name[2] - '0');
}

int schema_list(const char *folder, std::vector<schema_file> *files_r, cs_error *e)
{
	const folder_ptr open(opendir(folder));

	if (!open)
		return schema_fail(e, folder, strerror(errno));
	while (const dirent *entry = readdir(open.get())) {
		const int version = schema_file_version(entry->d_name);

		if (version > 0)
			files_r->push_back({version, std::string(folder) + "/" + entry->d_name});
	}
	if (files_r->empty())
		return schema_fail(e, folder, "no schema file NNN.sql in this folder");
	std::sort(files_r->begin(), files_r->end(),
	          [](const schema_file &a, const schema_file &b) { return a.version < b.version; });
	for (const schema_file &file : *files_r) {
		if (const int failed = schema_check_mode(file.path.c_str(), e))
			return failed;
	}
	return schema_check_mode(folder, e);
}

int schema_check(const char *folder, cs_error *e)
{
	std::vector<schema_file> files;
	std::string text;

	if (schema_list(folder, &files, e))
		return CS_EINVAL;
	for (const schema_file &file : files)
		if (schema_read(file, &text, e))
			return CS_EINVAL;
	return 0;
}

int schema_read(const schema_file &file, std::string *text_r, cs_error *e)
{
	const file_ptr open(fopen(file.path.c_str(), "re"));
	char chunk[4096];

	if (!open)
		return schema_fail(e, file.path.c_str(), strerror(errno));
	while (const size_t size = fread(chunk, 1, sizeof(chunk), open.get()))
		text_r->append(chunk, size);
	return ferror(open.get()) ? schema_fail(e, file.path.c_str(), "cannot be read") : 0;
}

int schema_too_old(const char *database, int version, const char *folder, int last, cs_error *e)
{
	snprintf(e->text, sizeof(e->text),
	         "%s has schema version %d, but %s ends at %d: it was written by a newer chatserverd", database,
	         version, folder, last);
	return CS_EINVAL;
}
