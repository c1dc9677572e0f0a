/* SPDX-License-Identifier: MIT
 * This node's side of the bus: its thread and loop, the adapter that runs there, and the calls between it and the
 * workers.
 *
 * Without a bus (no driver) bus_ptr is null, and callers must not call the functions below. */
#ifndef CORE_BUS_H
#define CORE_BUS_H

#include <memory>
#include <string_view>

#include <chatserverd/bus.h>

struct bus;
struct bus_parcel;
struct loop;
struct worker_shared;
struct bus_deleter {
	void operator()(struct bus *b) const;
};
using bus_ptr = std::unique_ptr<struct bus, bus_deleter>;

/* Completion of an asynchronous call, posted to the loop that was given. */
typedef void bus_done_fn(void *arg, int result);

/* Counters for the admin page. */
struct bus_counters {
	bool away;
	uint64_t epochs, sent, received, dropped, refused;
	int64_t echo_ms; /* how long the last sign of life took through the bus and back */
	int64_t silent_ms; /* since the last one came back, or since the bus is there; 0 while it is away */
	size_t waiting_bytes; /* of parcels that wait for the bus thread */
};

/* An order of an operator that every node carries out: without a text the sessions of the account are ended (of the
 * device, or of CS_EVERY_DEVICE); with one it is sent to all sessions that want notices. */
struct bus_order {
	cs_bus_address from; /* who is told what was done */
	uint64_t id; /* chosen there */
	cs_account account; /* 0: the order has a text */
	uint64_t device;
	std::string_view text; /* a frame */
};

/* What a node has done for an order. */
struct bus_report {
	uint64_t id;
	uint64_t done, sessions; /* how many were ended or reached, of how many */
	bool is_partial; /* a worker has not answered */
	std::string_view node; /* its name */
};

/* Who carries out orders; worker_shared points to it. Bus thread. */
struct bus_orders {
	void *arg;
	void (*ordered)(void *arg, const struct bus_order *order);
	void (*reported)(void *arg, const struct bus_report *report);
};

/* Functions of the rooms above for data and events of the adapter: a constant table, made by session_bus.cpp of the
 * session room; worker_shared points to it. Bus thread. */
struct bus_calls {
	/* A parcel for the instances that hold sessions of the account, or for all that have subscribed to the topic.
	 * 0; CS_ENOENT: the account has no session here; CS_EINVAL: no plugin has the name and the version; CS_EAGAIN:
	 * too much waits for a worker. After the last two, workers that it may be for look at the store, unless the
	 * parcel is a casual one. */
	int (*arrived)(struct worker_shared *shared, const struct bus_parcel *parcel);
	/* The peer of the session, here or on another node, has answered a probe. */
	void (*proved)(struct worker_shared *shared, cs_account account, uint64_t device);
	/* Contracts of the same names in cs_bus_host. */
	void (*close_session)(struct worker_shared *shared, cs_account account, uint64_t device, cs_conn conn);
	void (*probe_session)(struct worker_shared *shared, cs_account account, uint64_t device, cs_conn conn,
	                      cs_bus_address asker);
	void (*alone)(struct worker_shared *shared, cs_account account, uint64_t device, cs_conn conn, bool alone);
	void (*changed)(struct worker_shared *shared, enum cs_cluster_event event);
};

/* How many bytes a client's frame may have, so that it fits the bus when nothing else waits: a longer one would never
 * go to another node. conf is the adapter's option struct. Main thread; also before bus_open. */
size_t bus_longest_frame(const struct cs_bus_driver *driver, const void *conf);
/* Makes the loop and opens the adapter. 0, or CS_EINVAL with the text in e. Main thread. */
[[nodiscard]] int bus_open(bus_ptr *bus_r, struct worker_shared *shared, const struct cs_bus_driver *driver,
                           const void *conf, struct cs_error *e);
/* Starts the thread. Main thread, when the workers exist. */
void bus_start(struct bus *b);
/* Says goodbye and ends the thread, at most timeout_ms later. Main thread; workers and store must hand in nothing
 * more. */
void bus_stop(struct bus *b, int64_t timeout_ms);

/* The loop of its thread, to see whether it turns. Main thread. */
struct loop *bus_loop(struct bus *b);
/* The node's present address; 0: the bus is away. Any thread. */
cs_bus_address bus_address(const struct bus *b);
struct bus_counters bus_count(const struct bus *b);
/* How many calls are unfinished: those that the bus thread has not taken yet, and claims and presences whose done is
 * due. Any thread. */
size_t bus_unfinished(const struct bus *b);

/* ---- [any thread] each is a post to the bus thread; done is posted to loop `to`. */
struct loop;
void bus_claim(struct bus *b, const struct cs_bus_session *session, unsigned flags, struct loop *to, bus_done_fn *done,
               void *arg);
void bus_ending(struct bus *b, cs_account account, uint64_t device, cs_conn conn);
void bus_release(struct bus *b, cs_account account, uint64_t device, cs_conn conn);
/* accounts, devices and online as in cs_bus_driver. result 0 or CS_ENOENT (away). */
void bus_presence(struct bus *b, const cs_account *accounts, const uint64_t *devices, unsigned char *online,
                  size_t count, struct loop *to, bus_done_fn *done, void *arg);

/* Sends a plugin's parcel to sessions of an account on other nodes (of one device, or of CS_EVERY_DEVICE), or to all
 * other nodes for those that have subscribed to the topic. flags: enum cs_route_data_flag. CS_ENOENT: the bus is away,
 * or too much waits for its thread. CS_ROUTE_CASUAL is dropped first, then the rest, and the other nodes are told to
 * look at the store. */
[[nodiscard]] int bus_send(struct bus *b, const struct cs_self *self, cs_account to, uint64_t device,
                           const struct cs_parcel *parcel, unsigned flags);
void bus_send_all(struct bus *b, const struct cs_self *self, uint64_t topic, const struct cs_parcel *parcel,
                  unsigned flags);

/* Sends the order to all other nodes; `from` is filled in. false: the bus is away. */
[[nodiscard]] bool bus_send_order(struct bus *b, const struct bus_order *order);
void bus_send_report(struct bus *b, cs_bus_address to, const struct bus_report *report);

/* Tells the node that asked for a probe that the peer of the session here has answered. */
void bus_send_proof(struct bus *b, cs_bus_address to, cs_account account, uint64_t device);

#endif
