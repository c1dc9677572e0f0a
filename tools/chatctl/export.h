/* SPDX-License-Identifier: MIT
 * Writes what the server lists into a new file. */
#ifndef CHATCTL_EXPORT_H
#define CHATCTL_EXPORT_H

#include <cstdint>
#include <string>

#include "verbs.h"

/* Sends the request, and writes each item of all pages of the list as a line of JSON into a new file, for its owner
 * only. It gets its name when all of it is on the disk. has_end: a last line says how many are above it. On failure,
 * which is explained, there is no file, or the message says that there is one. */
[[nodiscard]] enum chatctl_status chatctl_export(const struct chatctl_options *options, struct chatctl_wire *w,
                                                 cJSON *request, const char *list, const std::string &path,
                                                 bool has_end, int64_t *lines_r);

#endif
