/* SPDX-License-Identifier: MIT
 * Passes news between sessions and the bus. The bus is told of a session's end in the order in which it happens here,
 * so that claim, ending, release and the next claim arrive there in this order. Any thread. */
#ifndef CORE_SESSION_BUS_H
#define CORE_SESSION_BUS_H

#include <chatserverd/plugin.h>

struct worker_shared;

struct session_key;

/* As session_end, for conn's session. */
void session_bus_end(struct worker_shared *shared, const struct session_key &key, cs_conn conn);
/* As session_release. The bus gets the place back before anybody on this node can claim it. */
void session_bus_release(struct worker_shared *shared, const struct session_key &key);

/* Parcels for the worker were dropped. Once those that wait have been taken, its instances get CS_CLUSTER_MISSED. */
struct worker;
void session_bus_missed(struct worker *w);

/* The functions that the bus calls; they are described in bus/bus.h. */
extern const struct bus_calls session_bus_calls;

#endif
