/* SPDX-License-Identifier: MIT
 * What the files of the mailbox's world share: the host table, session tables, the bus. Tests must not include it. */
#ifndef TESTS_SUPPORT_MAILBOX_WORLD_HOST_H
#define TESTS_SUPPORT_MAILBOX_WORLD_HOST_H

#include "mailbox_world.h"

cs_self *world_host_self(world_worker *worker);
void world_host_claim(world *w, cs_conn conn, cs_account account, cs_done_fn *done, void *arg);
/* Lets the claims that wait go on when nothing holds the place any more. */
void world_host_place_free(world_node *node, cs_account account);
/* Starts the instances of a node. */
void world_host_start(world_node *node);
/* Completes what waits for the store with CS_ECANCELED, tells all that is due, and runs what workers have to do,
 * of one node, or of all (NULL), until nothing is left. */
void world_host_exhaust(world *w, world_node *node);
world_node *world_node_of(world *w, const world_conn *c);

/* ---- of the host's table: mailbox_world_session.cpp */
void world_host_release(cs_self *self, cs_account account);
int world_host_route(cs_self *self, cs_account to, uint64_t device, const cs_parcel *parcel, unsigned flags);
int world_host_route_all(cs_self *self, uint64_t topic, const cs_parcel *parcel, unsigned flags);
void world_host_subscribe(cs_self *self, uint64_t topic);
void world_host_unsubscribe(cs_self *self, uint64_t topic);

/* A parcel on its way: its bytes. */
struct world_parcel {
	std::string head, body;
	bool has_body;
};

/* ---- the bus: mailbox_world_bus.cpp */

/* A claim that the local table has granted; again and again until it is decided. */
struct world_claim {
	cs_conn conn;
	cs_account account;
	uint64_t generation;
	int64_t begun;
	cs_done_fn *done;
	void *arg;
};
void world_bus_claim(world_node *node, const world_claim &claim);
/* A worker calls when. */
void world_bus_ending(world_node *node, cs_account account, cs_conn conn);
void world_bus_release(world_node *node, cs_account account, cs_conn conn);
int world_bus_send(world_worker *from, cs_account to, const world_parcel &parcel);
void world_bus_send_all(world_worker *from, uint64_t topic, const world_parcel &parcel);
/* The claim's end on its worker. */
void world_host_claimed(world_node *node, const world_claim &claim, int result);
/* To a session of the node; false: there is none. */
bool world_host_deliver(world_node *node, cs_account to, const world_parcel &parcel);
/* To the instances of the node that have subscribed to the topic. */
void world_host_deliver_all(world_node *node, uint64_t topic, const world_parcel &parcel);

#endif
