/* SPDX-License-Identifier: MIT
 * Hashes a stored password again in the background, at the configured cost. */
#ifndef LOGIN_REHASH_H
#define LOGIN_REHASH_H

#include <string_view>

#include "login.h"

/* Hashes the password again and stores the hash. Nobody waits for it; after a failure the next login tries again.
 * Worker thread; clear is copied. */
void rehash_begin(const login_plugin *plugin, uint64_t account, std::string_view clear);

#endif
