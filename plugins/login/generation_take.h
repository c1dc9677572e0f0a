/* SPDX-License-Identifier: MIT
 * Gives each login its generation and its device, many logins in one transaction. */
#ifndef LOGIN_GENERATION_H
#define LOGIN_GENERATION_H

#include "../model/devices.h"
#include "login.h"

/* The completion of generation_take, called once on the worker. result: as for cs_batch.done, or MODEL_NONE: there is
 * no such account. arg belongs to the caller. generation_take itself answers 0 or a CS_E; after a CS_E the completion
 * is not called. */
typedef void generation_done_fn(login_plugin *plugin, int result, const device_login &login, void *arg);
[[nodiscard]] int generation_take(const login_plugin *plugin, const device_login &login, generation_done_fn *done,
                                  void *arg);

#endif
