/* SPDX-License-Identifier: MIT
 * A small disk that a test can fill.
 *
 * It is a tmpfs in a mount namespace of the test program's own (namespace.h), so nothing of it outlives the
 * program. */
#ifndef TESTS_SUPPORT_DISK_H
#define TESTS_SUPPORT_DISK_H

#include <cstddef>
#include <source_location>
#include <string>

/* Makes the folder (which must exist) a disk of that size, holding what is in it now. Before the first one,
 * the program must have no threads. */
void disk_mount(const std::string &folder, size_t bytes, std::source_location at = std::source_location::current());
void disk_unmount(const std::string &folder);
/* Takes all but that much of the space that is left. */
void disk_fill(const std::string &folder, size_t leave, std::source_location at = std::source_location::current());
/* Gives back what disk_fill took. */
void disk_relieve(const std::string &folder);
size_t disk_left(const std::string &folder);

#endif
