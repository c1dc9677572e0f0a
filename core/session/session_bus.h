/* SPDX-License-Identifier: MIT
 * Owns what the end of a session means outside of this node: the bus, where there is one, hears of it in the
 * order in which it happens here, so that claim, ending, release and the next claim come one after the other
 * there, too. It must not know connections, plugins or claims. Any thread. */
#ifndef CORE_SESSION_BUS_H
#define CORE_SESSION_BUS_H

#include <chatserverd/plugin.h>

struct worker_shared;

/* As session_end, for conn's session. */
void session_bus_end(struct worker_shared *shared, cs_account account, cs_conn conn);
/* As session_release; the bus has the place back before anybody here can claim it. */
void session_bus_release(struct worker_shared *shared, cs_account account);

#endif
