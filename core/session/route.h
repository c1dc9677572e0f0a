/* SPDX-License-Identifier: MIT
 * The way of a plugin's data to its instances on other workers and, over the bus, on other nodes. Any thread; contracts
 * in plugin.h (route, route_all). */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <chatserverd/plugin.h>

int route_to_account(struct cs_self *self, cs_account to, uint64_t device, const void *data, size_t size,
                     unsigned flags);
void route_to_all(struct cs_self *self, const void *data, size_t size, unsigned flags);

/* Data that another node sent to a plugin, which is named by its index in the order of start; it is never sent on.
 * false: the account has no session here. */
struct worker_shared;
bool route_arrived_for_account(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                               size_t size);
void route_arrived_for_all(struct worker_shared *shared, unsigned plugin, const void *data, size_t size);

#endif
