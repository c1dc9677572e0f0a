/* SPDX-License-Identifier: MIT
 * The way of a plugin's parcels to its instances on other workers and, over the bus, on other nodes. Any thread, except
 * where a function says otherwise; contracts in plugin.h (route, route_all, subscribe, unsubscribe). */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include <chatserverd/plugin.h>

struct worker;

int route_to_account(struct cs_self *self, cs_account to, uint64_t device, const struct cs_parcel *parcel,
                     unsigned flags);
int route_to_all(struct cs_self *self, uint64_t topic, const struct cs_parcel *parcel, unsigned flags);
/* Hands over the casual parcels that wait for the end of the worker's turn. To be called before something that could
 * bring later ones by another way. The worker's thread, or before it runs. */
void route_bundles_end(struct worker *from);
/* The instance's worker, or before it runs. */
void route_subscribe(struct cs_self *self, uint64_t topic);
void route_unsubscribe(struct cs_self *self, uint64_t topic);
/* Ends all subscriptions of an instance that is not in force. */
void route_forget_topics(struct cs_self *self);

/* A parcel that another node sent; it is never sent on. Contract of `arrived` in bus/bus.h. */
struct bus_parcel;
struct worker_shared;
int route_arrived(struct worker_shared *shared, const struct bus_parcel *parcel);

#endif
