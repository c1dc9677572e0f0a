/* SPDX-License-Identifier: MIT
 * An adapter of the bus in memory that connects the nodes of one process: the other side of the contract in
 * chatserverd/bus.h. All runs on the test's thread, except the driver. */
#ifndef TESTS_SUPPORT_BUS_HUB_H
#define TESTS_SUPPORT_BUS_HUB_H

#include <functional>
#include <memory>
#include <string_view>

#include <chatserverd/bus.h>

/* Where the nodes meet; outlives their buses. */
struct bus_hub;
struct bus_hub_deleter {
	void operator()(struct bus_hub *hub) const;
};
using bus_hub_ptr = std::unique_ptr<struct bus_hub, bus_hub_deleter>;

bus_hub_ptr bus_hub_make(void);
/* To be opened with the hub as its configuration. Nodes get the addresses 1, 2, ... in the order of their
 * connections, the first when their threads run. */
extern const struct cs_bus_driver bus_hub_driver;

/* Which node: by the order of bus_open, from 0. Each is done on the node's bus thread, soon. */
void bus_hub_disconnect(struct bus_hub *hub, unsigned node);
void bus_hub_connect(struct bus_hub *hub, unsigned node);
void bus_hub_run(struct bus_hub *hub, unsigned node, std::function<void()> fn);
/* As if another node had sent these bytes. */
void bus_hub_inject(struct bus_hub *hub, unsigned node, std::string_view bytes);
void bus_hub_change(struct bus_hub *hub, unsigned node, enum cs_cluster_event event);
void bus_hub_close_session(struct bus_hub *hub, unsigned node, cs_account account, cs_conn conn, uint64_t device = 0);
/* From now on no completion comes, that of leave included. At once. */
void bus_hub_deafen(struct bus_hub *hub, unsigned node);

/* Whether a node has the account, and whether it is ending. */
bool bus_hub_has(struct bus_hub *hub, cs_account account);
bool bus_hub_is_ending(struct bus_hub *hub, cs_account account);
/* How often a node has flushed something. */
unsigned bus_hub_flushes(struct bus_hub *hub, unsigned node);

#endif
