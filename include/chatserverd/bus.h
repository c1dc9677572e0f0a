/* SPDX-License-Identifier: MIT
 * The contract between the server and an adapter of the bus. By the bus the nodes of a cluster find each other's
 * sessions and talk.
 *
 * An adapter is a plugin that provides the service CS_BUS_SERVICE, version CS_BUS_VERSION; its table is a struct
 * cs_bus_driver. A process has one bus. After open() everything of the adapter but longest(), driver functions and
 * callbacks, runs on the bus's own thread, one call at a time; nothing may block it. Completions and events may come
 * inside the call that causes them.
 *
 * Data sent over the bus are hints: any of them may be lost. When some may have been lost the adapter reports it
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

/* A session of this node: of one device of an account. Other devices of the account have sessions of their own.
 * generation rises with every login of the account: a lower one never replaces a higher one of the same device. */
struct cs_bus_session {
	cs_account account;
	cs_conn conn;
	uint64_t generation;
	uint64_t device; /* 0 to CS_DEVICE_MAX */
};

#define CS_ENVELOPE_VERSION 2u /* of this form; an adapter drops what comes in another */

/* The head of each piece that nodes send each other. Behind it come the name of the plugin, the head of its parcel and
 * the body. Numbers have their low byte first. The adapter's own pieces have the same form, and it puts the server's
 * pieces into no other: it joins pieces to messages, as they are. */
struct cs_envelope {
	uint32_t size; /* bytes of the piece, these 16 included */
	uint8_t kind; /* below CS_ENVELOPE_ADAPTER: the server's; perhaps with CS_ENVELOPE_CASUAL */
	uint8_t version; /* cs_plugin.parcel_version */
	uint8_t name_size;
	uint8_t head_size;
	uint64_t to; /* the account, or the topic */
};

#define CS_ENVELOPE_ADAPTER 64u /* kinds of the adapter: 64 to 127 */
#define CS_ENVELOPE_CASUAL 128u /* a bit of kind: CS_ROUTE_CASUAL */

typedef void cs_bus_done_fn(void *arg, int result);

struct cs_bus_watch;
struct cs_bus_timer;

/* The functions that the server offers the adapter. core is the pointer that open() got. Bus thread only. */
struct cs_bus_host {
	uint32_t abi, size;

	/* One line, key=value. */
	void (*log)(void *core, enum cs_log_level level, const char *format, ...) CS_PRINTF(3, 4);

	/* ---- time and descriptors */
	/* Watches a descriptor: no event at first, then those set with interest(). ready is called from the loop. The
	 * descriptor belongs to the adapter, which closes it after unwatch(). NULL: no memory. */
	struct cs_bus_watch *(*watch)(void *core, int fd, void (*ready)(void *arg, int readable, int writable),
	                              void *arg);
	void (*interest)(struct cs_bus_watch *watch, int read, int write);
	/* May also be called inside ready. */
	void (*unwatch)(struct cs_bus_watch *watch);
	/* Calls fn once after ms. The timer is freed by its call or by timer_del. */
	struct cs_bus_timer *(*timer_add)(void *core, int64_t ms, void (*fn)(void *arg), void *arg);
	void (*timer_del)(struct cs_bus_timer *timer);

	/* ---- events */
	/* The node's address from now on; 0: the bus is away, nothing can be sent. */
	void (*address)(void *core, cs_bus_address address);
	/* One piece that another node sent to this one or to all; valid during the call. Never this node's own. */
	void (*arrived)(void *core, const void *piece, size_t size);
	/* Another login has the device of the account, or asks for it: the session on conn must end. */
	void (*close_session)(void *core, cs_account account, uint64_t device, cs_conn conn);
	/* See cs_plugin.cluster. */
	void (*changed)(void *core, enum cs_cluster_event event);

	/* ---- counters of the admin page. dropped: pieces that the adapter was given to send and did not send, or may
	 * not have sent; refused: questions that it refused, because the bus is away or too much waits */
	void (*dropped)(void *core, size_t count);
	void (*refused)(void *core, size_t count);

	/* An event: a login on the node asker wants the device of the account and would be refused. The session on conn
	 * must end if its peer is gone; if the peer is there, the server tells the node, by send_to. */
	void (*probe_session)(void *core, cs_account account, uint64_t device, cs_conn conn, cs_bus_address asker);

	/* An event: whether any other node has a session of the account (alone 0) or none (1), beside the one on conn
	 * or the one that is claimed for conn. Until it is told of a session, the server takes it that others may. So
	 * it asks the bus with each parcel for the account. A session that is alone must be told soon when that ends;
	 * what was sent meanwhile is then made good by the server. If alone was never true, nothing is lost. */
	void (*alone)(void *core, cs_account account, uint64_t device, cs_conn conn, int alone);

	/* For the admin page: a sign of life, which the adapter sends through the bus to itself every few seconds, has
	 * come back after so many ms. */
	void (*echoed)(void *core, int64_t ms);
};

/* The adapter. Bus thread, except longest, open (main thread, before the bus thread runs) and close (main thread, after
 * it has ended). */
struct cs_bus_driver {
	uint32_t abi, size; /* CS_ABI, sizeof(struct cs_bus_driver) */

	/* conf is the adapter's option struct, valid until close. Begins to connect; it is no failure if the bus is
	 * away. 0, or CS_EINVAL with the text in e. */
	int (*open)(const void *conf, const struct cs_bus_host *host, void *core, void **bus_r, struct cs_error *e);
	/* Frees everything. All completions that were due have been called by leave(). */
	void (*close)(void *bus);
	/* A clean goodbye: sends what waits, gives up the node's sessions and its lease, then calls done(arg, 0); after
	 * it no other completion or event. At once if the bus is away. After it only close is called. */
	void (*leave)(void *bus, cs_bus_done_fn *done, void *arg);

	/* Claims the device of the account for the session, in the whole cluster. flags: enum cs_claim_flag. done gets
	 * 0; CS_EEXIST: it is online on another node, which was told to close the session (with CS_CLAIM_KICK) or to
	 * probe it (without): ask again soon; CS_EAGAIN: its session on another node is just ending: ask again soon;
	 * CS_EINVAL: a later login has it (its generation is higher): asking again is useless. If the bus is away, or
	 * goes away meanwhile: 0; the claim is decided when the bus is back, and then the older of two sessions is
	 * closed. A device of an account has at most one claim or session on this node at a time. */
	void (*claim)(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done, void *arg);
	/* The session is ending; it keeps its place until release. */
	void (*ending)(void *bus, cs_account account, uint64_t device, cs_conn conn);
	/* The session has ended, or its connection ended before its claim was granted. The place is given up only if it
	 * is still conn's. */
	void (*release)(void *bus, cs_account account, uint64_t device, cs_conn conn);

	/* Sets online[i] to 1 if accounts[i] has a session of devices[i] on any living node, else to 0; then calls
	 * done(arg, 0), or done(arg, CS_ENOENT) if the bus is away or too slow (then online is all 0). devices NULL:
	 * each is CS_EVERY_DEVICE. The arrays belong to the caller and live until done. */
	void (*presence)(void *bus, const cs_account *accounts, const uint64_t *devices, unsigned char *online,
	                 size_t count, cs_bus_done_fn *done, void *arg);

	/* Finds out which other nodes have sessions of the account (of that device, or of CS_EVERY_DEVICE) and sends a
	 * piece to each of these nodes, once. It is copied.
	 * Pieces arrive in the order of these calls, and leave with flush(), called at the end of the turn. flags: enum
	 * cs_route_data_flag. If too much waits, CS_ROUTE_CASUAL is dropped first, and nobody is told. If another piece
	 * is dropped because the bus is away or too slow, the other nodes are made to look at the store later
	 * (CS_CLUSTER_MISSED). */
	void (*send)(void *bus, cs_account to, uint64_t device, const void *piece, size_t size, unsigned flags);
	/* To the node with that address. */
	void (*send_to)(void *bus, cs_bus_address to, const void *piece, size_t size);
	/* To every other node. */
	void (*send_all)(void *bus, const void *piece, size_t size, unsigned flags);
	void (*flush)(void *bus);
	/* Data for other nodes was dropped before it came to the adapter: makes them look at the store soon
	 * (CS_CLUSTER_MISSED). */
	void (*missed)(void *bus);

	/* How many bytes a piece may have with this option struct, so that it is sent if nothing else waits, even with
	 * CS_ROUTE_CASUAL. The server refuses a core.max_frame above this less 8 KiB. Main thread, before open and also
	 * while the bus thread works, so it reads conf and nothing else. NULL: any number. */
	size_t (*longest)(const void *conf);
};

#ifdef __cplusplus
}
#endif

#endif
