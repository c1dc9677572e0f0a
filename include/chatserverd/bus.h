/* SPDX-License-Identifier: MIT
 * Owns the contract between the server and an adapter of the bus, by which the nodes of a cluster find each
 * other's sessions and talk. It must not know a key, a channel, a msgid or what the data is.
 *
 * An adapter is a plugin that provides the service CS_BUS_SERVICE, version CS_BUS_VERSION, whose table is a
 * struct cs_bus_driver. One bus per process. After open() everything of it, driver functions and callbacks,
 * runs on the bus's own thread, one call at a time; nothing may block it. Completions and events may come
 * inside the call that causes them.
 *
 * What goes over the bus are hints: any of them may be lost. When that can have happened the adapter says so
 * (changed), and the store is read. */
#ifndef CHATSERVERD_BUS_H
#define CHATSERVERD_BUS_H

#include <stddef.h>
#include <stdint.h>

#include <chatserverd/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CS_BUS_SERVICE "bus"
#define CS_BUS_VERSION 1u

/* A node in one epoch of its bus: a random number, 1 to 2^47 - 1, new with every connection to the bus. 0: away. */
typedef uint64_t cs_bus_address;

#define CS_BUS_ADDRESS_MAX ((UINT64_C(1) << 47) - 1)

/* A session of this node. generation rises with every login of the account: a lower one never replaces a
 * higher one. */
struct cs_bus_session {
	cs_account account;
	cs_conn conn;
	uint64_t generation;
};

typedef void cs_bus_done_fn(void *arg, int result);

struct cs_bus_watch;
struct cs_bus_timer;

/* What the server offers the adapter. core is the pointer that open() got. Bus thread only. */
struct cs_bus_host {
	uint32_t abi, size;

	/* One line, key=value. */
	void (*log)(void *core, enum cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);

	/* ---- time and descriptors */
	/* Watches a descriptor: nothing at first, then what interest() says. ready is called from the loop. The
	 * descriptor stays the adapter's and is closed after unwatch(). NULL: no memory. */
	struct cs_bus_watch *(*watch)(void *core, int fd, void (*ready)(void *arg, int readable, int writable),
	                          void *arg);
	void (*interest)(struct cs_bus_watch *watch, int read, int write);
	/* Also from within ready. */
	void (*unwatch)(struct cs_bus_watch *watch);
	/* Calls fn once after ms. Freed by its call or by timer_del. */
	struct cs_bus_timer *(*timer_add)(void *core, int64_t ms, void (*fn)(void *arg), void *arg);
	void (*timer_del)(struct cs_bus_timer *timer);

	/* ---- events */
	/* The node's address from now on; 0: the bus is away, nothing can be sent. */
	void (*address)(void *core, cs_bus_address address);
	/* What another node sent to this one or to all; valid during the call. Never the node's own. */
	void (*arrived)(void *core, const void *data, size_t size);
	/* Another login has the account, or asks for it: the session on conn has to end. */
	void (*close_session)(void *core, cs_account account, cs_conn conn);
	/* See cs_plugin.cluster. */
	void (*changed)(void *core, enum cs_cluster_event event);

	/* ---- counters of the admin page: what the adapter was given to send and did not, or cannot say; and what
	 * it refused, so that somebody was told */
	void (*dropped)(void *core, size_t count);
	void (*refused)(void *core, size_t count);

	/* An event: a login on that node asks for the account and would be refused. The session on conn has to be
	 * ended where its peer is gone; where it is there, the server tells the node, by send_to. */
	void (*probe_session)(void *core, cs_account account, cs_conn conn, cs_bus_address asker);
};

/* The adapter. Bus thread, but for open (main thread, before the bus thread runs) and close (main thread, after
 * it ended). */
struct cs_bus_driver {
	uint32_t abi, size;             /* CS_ABI, sizeof(struct cs_bus_driver) */

	/* conf is the adapter's option struct, alive until close. Begins to connect; that the bus is away is no
	 * failure. 0, or CS_EINVAL with the text in e. */
	int (*open)(const void *conf, const struct cs_bus_host *host, void *core, void **bus_r,
	            struct cs_error *e);
	/* Frees everything. Completions that are due have been called by leave(). */
	void (*close)(void *bus);
	/* A clean goodbye: sends what waits, gives up the node's sessions and its lease, then calls done(arg, 0),
	 * and no other completion or event after it. At once when the bus is away. No driver function but close
	 * is called after it. */
	void (*leave)(void *bus, cs_bus_done_fn *done, void *arg);

	/* Claims the account for the session in the whole cluster. flags: enum cs_claim_flag. done gets 0; CS_EEXIST:
	 * it is online on another node, which was told to close it (with CS_CLAIM_KICK) or to probe it (without):
	 * ask again soon;
	 * CS_EAGAIN: its session on another node is just ending, ask again soon; CS_EINVAL: a later login has it
	 * (its generation is higher), asking again is in vain. While the bus is away, or when it goes away
	 * meanwhile: 0, and the claim is settled when the bus is back; the older of two sessions is then closed.
	 * On this node there is one claim or session per account at a time. */
	void (*claim)(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done,
	              void *arg);
	/* The session is ending; it keeps its place until release. */
	void (*ending)(void *bus, cs_account account, cs_conn conn);
	/* The session ended, or was claimed for nothing. Only a place that is still conn's is given up. */
	void (*release)(void *bus, cs_account account, cs_conn conn);

	/* Sets online[i] to 1 where accounts[i] has a session on any node that is alive, else to 0; then done(arg,
	 * 0), or done(arg, CS_ENOENT) when the bus is away or too slow (online is all 0). Both stay the caller's
	 * until done. */
	void (*presence)(void *bus, const cs_account *accounts, unsigned char *online, size_t count,
	                 cs_bus_done_fn *done, void *arg);

	/* Looks up where the account is and sends data there; sends of one thread's order arrive in that order.
	 * Copied. done (may be NULL): 0, it was sent, which proves nothing; CS_ENOENT: no node has it, or
	 * the bus is away or too slow; without done, what is dropped because of that makes the others look
	 * (CS_CLUSTER_MISSED) later. What is sent in a turn leaves with flush(), called at the turn's end. */
	void (*send)(void *bus, cs_account to, const void *data, size_t size, cs_bus_done_fn *done, void *arg);
	/* To the node with that address. */
	void (*send_to)(void *bus, cs_bus_address to, const void *data, size_t size);
	/* To every other node. */
	void (*send_all)(void *bus, const void *data, size_t size);
	void (*flush)(void *bus);
	/* Something for other nodes was dropped before it came here: makes them look (CS_CLUSTER_MISSED), soon. */
	void (*missed)(void *bus);
};

#ifdef __cplusplus
}
#endif

#endif
