/* SPDX-License-Identifier: MIT
 * Bundles: the casual parcels that one worker has, in one turn, for sessions of one worker. They take one piece of
 * memory and one post together, because both cost more than the delivery when two threads share them. Only for
 * route.cpp. */
#ifndef CORE_ROUTE_BUNDLE_H
#define CORE_ROUTE_BUNDLE_H

#include <chatserverd/plugin.h>

struct worker;

/* Adds a parcel for a session of the account. It is on its way at once if to is from, else at the end of this turn of
 * from, or before. false: too much waits there, and it was dropped. The thread of from, inside its loop. */
bool route_bundle_add(struct worker *from, struct worker *to, unsigned plugin, uint32_t version, cs_conn conn,
                      cs_account account, uint64_t device, const struct cs_parcel *parcel);
/* Ends the bundle for that worker, so that what is posted from now on comes behind it. The thread of from. */
void route_bundle_end(struct worker *from, struct worker *to);

#endif
