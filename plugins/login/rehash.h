/* SPDX-License-Identifier: MIT
 * Hashes a stored password again in the background, at the configured cost. */
#ifndef LOGIN_REHASH_H
#define LOGIN_REHASH_H

#include <string_view>

#include "login.h"

/* Hashes the password again and stores the hash in place of `was`, the one that it was compared with: a password that
 * was changed meanwhile stays changed. Nobody waits for it; after a failure the next login tries again.
 * Worker thread; clear is copied. */
void rehash_begin(const login_plugin *plugin, uint64_t account, std::string_view was, std::string_view clear);

#endif
