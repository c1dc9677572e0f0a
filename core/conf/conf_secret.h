/* SPDX-License-Identifier: MIT
 * Reads secrets from files of their own. Main thread. */
#ifndef CORE_CONF_SECRET_H
#define CORE_CONF_SECRET_H

#include <string>

#include <sys/stat.h>

#include <chatserverd/plugin.h>

/* Reads the first line of the file, without its end. A relative path begins at $CREDENTIALS_DIRECTORY if that is set.
 * status_r shows who else can read the file. 0, or CS_EINVAL with "PATH: why" in e. */
[[nodiscard]] int conf_secret_read(const std::string &path, std::string *text_r, struct stat *status_r,
                                   struct cs_error *e);

#endif
