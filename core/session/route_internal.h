/* SPDX-License-Identifier: MIT
 * What the files of route share. */
#ifndef CORE_ROUTE_INTERNAL_H
#define CORE_ROUTE_INTERNAL_H

#include <cstddef>

#include <chatserverd/plugin.h>

struct worker;

/* Parcels that are counted in their worker while they wait: nobody who sends them has to wait, so without a bound they
 * could fill the memory of a worker that is busy. */
enum route_class {
	ROUTE_OWN, /* of this node, made good: the senders wait for the store. Not counted */
	ROUTE_CASUAL, /* nobody makes it good */
	ROUTE_ARRIVED /* of another node, made good */
};

/* Bytes that wait for one worker. */
inline constexpr size_t route_most_casual = 8 * 1024 * 1024, route_most_arrived = 16 * 1024 * 1024;

/* Gives a parcel to the instance of the plugin that is in force on that worker: for a session if it is still there, or
 * for the instance if conn is 0. version: of the parcel. false: that instance reads parcels of another version. The
 * thread of the worker. */
bool route_deliver(struct worker *to, unsigned plugin, uint32_t version, cs_conn conn, cs_account account,
                   uint64_t device, const struct cs_parcel *parcel);

#endif
