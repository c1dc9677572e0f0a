/* SPDX-License-Identifier: MIT
 * The table (account, device) -> connection over all workers of this node. Any thread: the table is split into shards,
 * a shard's lock is held for a look-up only, and nothing is called while it is held.
 *
 * Who decides that a session is stale, and when:
 *
 * - Its own connection, at any time: the TCP connection ends (conn_write and conn_read), also by TCP keepalive
 *   (core.keepalive, set in net/conn.cpp); or the peer is silent for core.idle_timeout, or for 75 s if its client
 *   confirms deliveries (set by plugins/login/enter.cpp); net/conn_timer.cpp.
 * - A probe, when another login asks for the same device without CS_CLAIM_KICK, on this node or on another: the peer
 *   does not answer for 4 s, or was silent for longer than its doubt (35 s if its client confirms); net/conn_probe.cpp.
 * - The claim of another login with CS_CLAIM_KICK: the older session is closed, that of a named device after it was
 *   told GOING_AWAY; plugin/host_claim.cpp on this node, over the bus on another.
 * - Redis, when a node claims the device: the owner's node has no lease or does not read its inbox; then the claim is
 *   granted, whatever the generations; script claim in plugins/bus_redis/scripts.cpp. If the owner's node still runs,
 *   the next case decides when it comes back to the bus.
 * - Redis, when a node claims its sessions again, in a new epoch and by and by while it runs: where a higher generation
 *   is there, the node closes its own session; a session of another node with a lower generation is told to close;
 *   script again in plugins/bus_redis/scripts.cpp.
 *
 * In all cases the session ends on its own worker. */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <chatserverd/plugin.h>

struct loop;

/* A claim that waits. loop_post calls fn on its loop when the place may be free: it claims again. */
struct session_waiter {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
};

using session_waiters = std::vector<struct session_waiter>;

/* Whose place it is. */
struct session_key {
	cs_account account;
	uint64_t device; /* 0 to CS_DEVICE_MAX */

	bool operator==(const session_key &) const = default;
};

struct session_entry {
	cs_conn conn = 0; /* conn_worker_index names its worker */
	std::unique_ptr<session_waiters> waiters; /* null: no claim waits */
	uint64_t generation = 0; /* of its login */
	/* When the peer last proved, here or on another node, that it is there; ms, monotonic. */
	int64_t proved_ms : 44 = 0;
	uint64_t holds : 17 = 0; /* how often the place is held; it is free when all have released it */
	bool reserved : 1 = false; /* the cluster is being asked: no session yet, nothing is routed there */
	bool ending : 1 = false; /* `closed` runs or is due: nothing is routed there */
	bool alone : 1 = false; /* the bus says that no other node has a session of the account */
	uint32_t device = 0;
};

struct session_shard {
	std::mutex mutex;
	std::unordered_multimap<cs_account, struct session_entry> entries; /* those of one account differ in device */
};

struct session_table {
	std::array<struct session_shard, 64> shards;
};

/* The most places that an account can have on this node. */
inline constexpr size_t session_most = 64;

enum session_claim_result { SESSION_GRANTED, SESSION_TAKEN, SESSION_WAIT, SESSION_FULL };

/* Claims the place. TAKEN: *other_r (conn, generation, proved_ms) is the session that has it. WAIT: that session is
 * ending, or the place is reserved; the waiter is noted and woken exactly once. FULL: the account has session_most
 * others. */
enum session_claim_result session_claim(struct session_table *t, const struct session_key &key, cs_conn conn,
                                        uint64_t generation, const struct session_waiter *waiter,
                                        struct session_entry *other_r);
/* As session_claim, but a place that is GRANTED is only reserved. Other claims wait until session_end_reservation or
 * session_free is called for it. */
enum session_claim_result session_reserve(struct session_table *t, const struct session_key &key, cs_conn conn,
                                          uint64_t generation, const struct session_waiter *waiter,
                                          struct session_entry *other_r);
/* Makes a reserved place a session and wakes all waiters. */
void session_end_reservation(struct session_table *t, const struct session_key &key);
/* Waits until a place that is TAKEN by the login of that generation becomes free, or its session is proved. *conn_r:
 * the session; 0: it is ending. false: the place is free already, or another login has it. */
bool session_wait(struct session_table *t, const struct session_key &key, uint64_t generation,
                  const struct session_waiter *waiter, cs_conn *conn_r);
/* The peer of the session has answered: notes the time, and wakes the claims that wait for a place that is TAKEN.
 * Claims that wait for a reserved or ending place go on waiting, until it is a session or free. */
void session_prove(struct session_table *t, const struct session_key &key, int64_t now_ms);
/* As session_prove, but notes no time. */
void session_rouse(struct session_table *t, const struct session_key &key);
/* When the session was last proved; of a reserved place: the session of another node that it waits for. 0: never. */
int64_t session_proved_ms(struct session_table *t, const struct session_key &key);
/* Marks the session as ending; the caller has one hold. From now on the session is not located. */
void session_end(struct session_table *t, const struct session_key &key);
void session_hold(struct session_table *t, const struct session_key &key);
/* Gives up one hold. true: it was the last hold of *conn_r's session; the place stays taken until session_free. */
bool session_drop(struct session_table *t, const struct session_key &key, cs_conn *conn_r);
/* Frees a place that is reserved or has no hold any more, and wakes all waiters. To be called only by the one who
 * reserved it or dropped the last hold. */
void session_free(struct session_table *t, const struct session_key &key);
/* Gives up one hold; the last one frees the place and wakes all waiters. */
void session_release(struct session_table *t, const struct session_key &key);
/* Where the session is. false: there is none, or it is reserved or ending. */
bool session_locate(struct session_table *t, const struct session_key &key, cs_conn *conn_r);

/* Whether there is a session, or a login is under way: its claim has reserved the place or waits for it. */
bool session_is_claimed(struct session_table *t, const struct session_key &key);

struct session_place {
	cs_conn conn;
	uint64_t device;
};

/* The sessions of the account: of that device, or of CS_EVERY_DEVICE. At most session_most. */
struct session_places {
	size_t count = 0;
	bool alone = true; /* the bus says of each that no other node has a session of the account */
	std::array<struct session_place, session_most> list;
};

/* false: there is none, or they are reserved or ending. Sets count, alone and the list up to count. */
bool session_locate_all(struct session_table *t, cs_account account, uint64_t device, struct session_places *places_r);
/* What the bus says, of conn's session or of its reserved place. If it is not alone, no session of the account is.
 * true: one of these, also one that is ending, was alone until now. */
bool session_set_alone(struct session_table *t, const struct session_key &key, cs_conn conn, bool alone);
/* Removes all waiters without waking them. To be called when no worker runs, before the waiters are freed. */
void session_forget_waiters(struct session_table *t);
/* How many places are not free. */
size_t session_count(struct session_table *t);

#endif
