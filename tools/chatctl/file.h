/* SPDX-License-Identifier: MIT
 * A new file that gets its name when all of it is on the disk. On failure errno says why. */
#ifndef CHATCTL_FILE_H
#define CHATCTL_FILE_H

#include <string>

/* A new file for its owner only, in place of one that an earlier try has left. -1: it cannot be made. */
[[nodiscard]] int chatctl_make_file(const std::string &temporary);
/* Gives the file, whose bytes are on the disk, its name. -1: it cannot, or there is such a file, which stays. */
[[nodiscard]] int chatctl_name_file(const std::string &temporary, const std::string &path);

#endif
