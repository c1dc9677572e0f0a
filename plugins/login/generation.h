/* SPDX-License-Identifier: MIT
 * Owns giving a login its generation (rule R7 of DESIGN 5), many logins in one transaction. It must not know
 * passwords, claims or frames. */
#ifndef LOGIN_GENERATION_H
#define LOGIN_GENERATION_H

#include "../model/users.h"
#include "login.h"

/* Takes the request's generation from the store; done, once, on the worker. result as for cs_batch.done, or
 * MODEL_NONE: there is no such account. arg is the caller's. 0 or a CS_E: then done is not called. */
typedef void generation_done_fn(const login_plugin *plugin, int result, uint64_t generation, void *arg);
[[nodiscard]] int generation_take(const login_plugin *plugin, uint64_t account, generation_done_fn *done, void *arg);

#endif
