/* SPDX-License-Identifier: MIT
 * The instance of the mailbox, one per worker. The mailbox is the message log. All of it runs on the worker's thread,
 * unless a comment says something else.
 *
 * Outgoing (append): a message goes to a store thread, which gives it its seq and commits it. After the commit that
 * thread routes hints to the sessions of the receivers; then the worker answers the sender.
 * Incoming (deliver, stash, pull, page): a session sends its client exactly the seq after the last one that it sent. A
 * hint with that seq carries the message. If a seq is missing, the session reads the store. An earlier seq is dropped.
 * Cursors (confirm, cursor): a cursor says how far a conversation was delivered to an account. It moves when the kernel
 * took the bytes of a frame, or with DELIVERED if the client confirms. Cursors go to the store in batches.
 * Catch-up (attach, sweep): a new session first reads what the store has above its cursors. Later the sweep compares it
 * with the store from time to time, because a hint can be lost. */
#ifndef MAILBOX_MAILBOX_H
#define MAILBOX_MAILBOX_H

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "session.h"

struct mailbox_conf {
	int64_t sweep, sweep_away, cursor_flush; /* ms */
};

struct mailbox_flush;

/* A session whose connection ended, but which still holds its account's place: its cursors or its messages are on their
 * way to the store. The account's next session, on any node, must not read the store before they are there. */
struct mailbox_ending {
	cs_account account = 0;
	bool flushing = false;
	unsigned sends = 0;
};

/* When a stashed hint gives up waiting for the ones before it (stash.h). */
struct mailbox_stash_end {
	int64_t due; /* ms */
	uint64_t session;
	mailbox_key key;
	uint64_t seq;
};

/* The state of the sweep (sweep.h). A round visits every session once. */
struct mailbox_sweep {
	cs_timer *timer = nullptr;
	bool reading = false;
	bool degraded = false; /* hints of other nodes may be lost */
	bool missed = false; /* hints may have been lost: a round must run, whatever the options say */
	bool running = false; /* a round is under way */
	bool catching_up = false; /* the round was started because of `missed` */
	int64_t next = 0; /* when the next round begins (ms) */
	int64_t begun = 0, period = 0; /* of this round: its start and its length (ms) */
	int64_t not_before = 0; /* the next read may not start before this (ms) */
	size_t total = 0, visited = 0; /* sessions of the round */
	uint64_t at = 0, last = 0; /* session ids: the last one visited, the last one of the round */
	std::vector<uint64_t> looks; /* session ids to visit at once */
	uint64_t random = 0;
};

struct mailbox {
	const cs_host *host = nullptr;
	cs_self *self = nullptr;
	mailbox_conf conf = {};
	uint64_t seed[2] = {}; /* for the cids that the mailbox makes itself */
	uint64_t cids = 0;
	bool told_strange = false; /* a hint that could not be read was logged */
	mailbox_sessions sessions;
	std::map<uint64_t, mailbox_ending> ending; /* by session id */

	/* A session that reads its first page is in no group's index yet. While there are such sessions, heard_groups
	 * keeps the highest seq that a hint named, by group. It is empty while nobody attaches. */
	unsigned attaching = 0;
	std::unordered_map<uint64_t, uint64_t> heard_groups;

	std::deque<uint64_t> pull_queue; /* session ids */
	unsigned pulls = 0; /* under way */
	cs_timer *pull_timer = nullptr;

	std::vector<uint64_t> dirty; /* session ids with cursors to flush */
	unsigned flushes = 0; /* under way, without those of ended sessions */
	cs_timer *flush_timer = nullptr;
	std::vector<std::unique_ptr<mailbox_flush>> stuck; /* of ended sessions; tried again later */

	std::deque<mailbox_stash_end> stash_ends; /* in order */
	cs_timer *stash_timer = nullptr;

	mailbox_sweep sweep;

	mailbox();
	~mailbox();
};

/* Releases the account's place when no flush and no message of that ended session is under way. */
void mailbox_ending_check(mailbox *m, uint64_t session);

#endif
