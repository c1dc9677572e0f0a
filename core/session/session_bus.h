/* SPDX-License-Identifier: MIT
 * What sessions and the bus tell each other. The bus hears of the end of a session in the order in which it happens here,
 * so that claim, ending, release and the next claim come one after the other there, too. Any thread. */
#ifndef CORE_SESSION_BUS_H
#define CORE_SESSION_BUS_H

#include <chatserverd/plugin.h>

struct worker_shared;

/* As session_end, for conn's session. */
void session_bus_end(struct worker_shared *shared, cs_account account, cs_conn conn);
/* As session_release; the bus has the place back before anybody here can claim it. */
void session_bus_release(struct worker_shared *shared, cs_account account);

/* What the bus calls; its members are described in bus/bus.h. */
extern const struct bus_calls session_bus_calls;

#endif
