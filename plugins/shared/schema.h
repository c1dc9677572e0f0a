/* SPDX-License-Identifier: MIT
 * Finds and reads the files NNN.sql of a schema folder, for the adapters. Main thread. */
#ifndef PLUGINS_SHARED_SCHEMA_H
#define PLUGINS_SHARED_SCHEMA_H

#include <string>
#include <vector>

#include <chatserverd/plugin.h>

struct schema_file {
	int version = 0; /* NNN, 1 to 999 */
	std::string path;
};

/* The files of the folder, sorted; at least one. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int schema_list(const char *folder, std::vector<schema_file> *files_r, struct cs_error *e);
/* Checks that the folder has such files and that they can be read: 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int schema_check(const char *folder, struct cs_error *e);
/* Appends the whole file to *text_r. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int schema_read(const schema_file &file, std::string *text_r, struct cs_error *e);
/* Writes into e that the named database is newer than the files of the folder. CS_EINVAL. */
int schema_too_old(const char *database, int version, const char *folder, int last, struct cs_error *e);

#endif
