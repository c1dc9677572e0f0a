/* SPDX-License-Identifier: MIT
 * Hands the sessions to the instance that replaces this one. Contracts in plugin.h; worker thread. */
#ifndef LOGIN_LOGIN_SAVE_H
#define LOGIN_LOGIN_SAVE_H

#include <chatserverd/plugin.h>

struct cs_shared *login_save(void *state);
int login_restore(void *state, const struct cs_shared *saved);
int login_busy(void *state);

#endif
