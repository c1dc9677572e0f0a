/* SPDX-License-Identifier: MIT
 * Owns the way of a plugin's data to its instances on other workers and, by the bus, on other nodes. It must
 * not know what the data is. Any thread; contracts in plugin.h (route, route_all, route_place, place). */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <chatserverd/plugin.h>

int route_to_account(struct cs_self *self, cs_account to, const void *data, size_t size, unsigned flags);
void route_to_all(struct cs_self *self, const void *data, size_t size);
int route_to_place(struct cs_self *self, cs_place to, const void *data, size_t size);
cs_place route_place_of(const struct cs_self *self);

/* What another node sent to a plugin, by its place in the order of start; never sent on. false: the account
 * has no session here; there is no such worker. back: who gets back what the account cannot get any more; then
 * it is dealt with, true. 0: nobody. */
struct worker_shared;
bool route_arrived_for_account(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                               size_t size, cs_place back);
/* What the worker's instance sent to an account that is not where the bus knew it. */
bool route_arrived_back(struct worker_shared *shared, unsigned plugin, unsigned worker, cs_account to,
                        const void *data, size_t size);
bool route_arrived_for_worker(struct worker_shared *shared, unsigned plugin, unsigned worker, const void *data,
                              size_t size);
void route_arrived_for_all(struct worker_shared *shared, unsigned plugin, const void *data, size_t size);

#endif
