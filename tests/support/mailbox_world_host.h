/* SPDX-License-Identifier: MIT
 * Owns what the two halves of the mailbox's world share: the host table and the session table behind it. It
 * must not be used by tests. */
#ifndef TESTS_SUPPORT_MAILBOX_WORLD_HOST_H
#define TESTS_SUPPORT_MAILBOX_WORLD_HOST_H

#include "mailbox_world.h"

cs_self *world_host_self(world_worker *worker);
void world_host_claim(world *w, cs_conn conn, cs_account account, cs_done_fn *done, void *arg);
/* Lets the claims that wait go on when nothing holds the place any more. */
void world_host_place_free(world *w, cs_account account);

#endif
