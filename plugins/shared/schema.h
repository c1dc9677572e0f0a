/* SPDX-License-Identifier: MIT
 * Finds and reads the files of a schema folder, for the adapters: NNN.sql of the server, PLUGIN-NNN.sql of a plugin.
 * Main thread. */
#ifndef PLUGINS_SHARED_SCHEMA_H
#define PLUGINS_SHARED_SCHEMA_H

#include <string>
#include <vector>

#include <chatserverd/plugin.h>

struct schema_file {
	int version = 0; /* NNN, 1 to 999 */
	std::string path, text;
};

/* The files of the server or of one plugin, sorted. */
struct schema_part {
	std::string plugin; /* a-z, 0-9 and _; "": the server */
	std::vector<schema_file> files;
	int last = 0; /* version of the last file; 0: there is none */
};

/* Reads the files of the server, at least one, and then those of each plugin that plugins names, a NULL-ended list or
 * NULL. A plugin may have no file; its files must change only its own tables. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int schema_read_all(const char *folder, const char *const *plugins, std::vector<schema_part> *parts_r,
                                  struct cs_error *e);
/* As schema_read_all, and forgets what it read. */
[[nodiscard]] int schema_check(const char *folder, const char *const *plugins, struct cs_error *e);
/* The number of the last file of the plugin ("": of the server); 0: it has none. Reads no file. Returns 0, or CS_EINVAL
 * with the text in e. */
[[nodiscard]] int schema_find_last(const char *folder, const char *plugin, int *version_r, struct cs_error *e);
/* 0 if the part is not older than the version in the named database; else CS_EINVAL with the text in e. */
[[nodiscard]] int schema_compare(const schema_part &part, int version, const char *database, const char *folder,
                                 struct cs_error *e);

#endif
