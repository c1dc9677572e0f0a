/* SPDX-License-Identifier: MIT
 * Owns the table account -> connection over all workers of this node: the one thing that workers share. It
 * must not know plugins, sockets or what a session is for. Any thread: sharded, a shard's lock is held for a
 * look-up only and nothing is called while it is held. */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include <array>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <chatserverd/plugin.h>

struct loop;

/* Woken, by loop_post on its loop, when the place that it waited for may be free: it claims again. */
struct session_waiter {
	struct loop *loop;
	void (*fn)(void *arg);
	void *arg;
};

struct session_entry {
	unsigned worker = 0;
	cs_conn conn = 0;
	bool reserved = false; /* the cluster is being asked: no session yet, nobody can be routed there */
	bool ending = false; /* being flushed: nobody can be routed there */
	unsigned holds = 0; /* plugins that have not released it */
	int64_t proved_ms = 0; /* when it was last known, here or on another node, that its peer is there */
	std::vector<struct session_waiter> waiters;
};

struct session_shard {
	std::mutex mutex;
	std::unordered_map<cs_account, struct session_entry> entries;
};

struct session_table {
	std::array<struct session_shard, 64> shards;
};

enum session_claim_result { SESSION_GRANTED, SESSION_TAKEN, SESSION_WAIT };

/* Claims the place. TAKEN: *other_r (worker, conn, proved_ms) tells who has it. WAIT: the holder is ending, or the place
 * is reserved; the waiter was noted and is woken exactly once. */
enum session_claim_result session_claim(struct session_table *t, cs_account account, unsigned worker,
                                        cs_conn conn, const struct session_waiter *waiter,
                                        struct session_entry *other_r);
/* As session_claim, but a place that is GRANTED is only reserved: other claims wait for what becomes of it,
 * session_settle or session_free. */
enum session_claim_result session_reserve(struct session_table *t, cs_account account, unsigned worker,
                                          cs_conn conn, const struct session_waiter *waiter,
                                          struct session_entry *other_r);
/* Makes a reserved place a session and wakes all waiters. */
void session_settle(struct session_table *t, cs_account account);
/* Waits for a place that is TAKEN to be given up, or for its session to be proved. false: it is free already. */
bool session_wait(struct session_table *t, cs_account account, const struct session_waiter *waiter);
/* The peer of the account's session answers: notes the time, and wakes those who wait for a place that is TAKEN.
 * A place that is reserved or ending keeps them: they wait for what becomes of it. */
void session_prove(struct session_table *t, cs_account account, int64_t now_ms);
/* Wakes those who wait, and notes nothing. */
void session_rouse(struct session_table *t, cs_account account);
/* When the account's session, or that which its reserved place waits for, was last proved; 0: never. */
int64_t session_proved_ms(struct session_table *t, cs_account account);
/* Marks the session as ending, with one hold of the caller's own. From now on it is not located. */
void session_end(struct session_table *t, cs_account account);
void session_hold(struct session_table *t, cs_account account);
/* Gives up one hold. true: it was the last, of *conn_r's session; the place is kept until session_free. */
bool session_drop(struct session_table *t, cs_account account, cs_conn *conn_r);
/* Frees a place that is reserved, or the last hold of which was dropped, and wakes all waiters. For who
 * reserved or dropped it only. */
void session_free(struct session_table *t, cs_account account);
/* Gives up one hold; the last one frees the place and wakes all waiters. */
void session_release(struct session_table *t, cs_account account);
/* Where the account is. false: nowhere, reserved, or ending. */
bool session_locate(struct session_table *t, cs_account account, unsigned *worker_r, cs_conn *conn_r);
/* Forgets who waits, without waking anybody. When no worker runs, before the waiters end. */
void session_forget_waiters(struct session_table *t);
/* Places that are not free. */
size_t session_count(struct session_table *t);

#endif
