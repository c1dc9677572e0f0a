/* SPDX-License-Identifier: MIT
 * Owns bringing a stored password to the configured cost in the background. It must not know frames. */
#ifndef LOGIN_REHASH_H
#define LOGIN_REHASH_H

#include <string_view>

#include "login.h"

/* Hashes anew and stores; nobody waits, failures are left to the next login. Worker thread; clear is copied. */
void rehash_begin(const login_plugin *plugin, uint64_t account, std::string_view clear);

#endif
