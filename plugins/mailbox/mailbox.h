/* SPDX-License-Identifier: MIT
 * Owns the shape of the mailbox's instance, one per worker, and what its files say to each other. It must not
 * know SQL, fields of frames or sockets. */
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
	int64_t sweep, sweep_away, cursor_flush;   /* ms */
};

struct mailbox_flush;

/* A session whose connection ended while the account's place has to be held: its cursors are on their way to
 * the store, or messages of it are, which the next session, on whichever node, must not overtake. */
struct mailbox_ending {
	cs_account account = 0;
	bool flushing = false;
	unsigned sends = 0;
};

/* The end of a stashed hint's patience. */
struct mailbox_stash_end {
	int64_t due;                   /* ms */
	uint64_t session;
	mailbox_key key;
	uint64_t seq;
};

/* Where the comparison of sessions with the store has come to (sweep.h). Rounds visit every session once. */
struct mailbox_sweep {
	cs_timer *timer = nullptr;
	bool reading = false;
	bool degraded = false;         /* what others route may not arrive */
	bool missed = false;           /* something may have been lost: a round is due that no option switches off */
	bool running = false;          /* a round is under way */
	bool catching_up = false;      /* it is one because of `missed` */
	int64_t next = 0;              /* when the next round begins (ms) */
	int64_t begun = 0, period = 0; /* of the round */
	int64_t not_before = 0;        /* when the next read may be handed in */
	size_t total = 0, visited = 0; /* sessions of the round */
	uint64_t at = 0, last = 0;     /* session ids: where it is, where it ends */
	std::vector<uint64_t> looks;   /* session ids to visit at once */
	uint64_t random = 0;
};

struct mailbox {
	const cs_host *host = nullptr;
	cs_self *self = nullptr;
	mailbox_conf conf = {};
	uint64_t seed[2] = {};           /* of the cids that we give */
	uint64_t cids = 0;
	bool told_strange = false;       /* that hints of another version come */
	mailbox_sessions sessions;
	std::map<uint64_t, mailbox_ending> ending;   /* by session id */

	/* Sessions that are reading their first page are in no group's index yet: what is heard of groups
	 * meanwhile, highest seq by group. Empty while nobody attaches. */
	unsigned attaching = 0;
	std::unordered_map<uint64_t, uint64_t> heard_groups;

	std::deque<uint64_t> pull_queue; /* session ids */
	unsigned pulls = 0;              /* under way */
	cs_timer *pull_timer = nullptr;

	std::vector<uint64_t> dirty;     /* session ids with cursors to flush */
	unsigned flushes = 0;            /* timed ones under way */
	cs_timer *flush_timer = nullptr;
	std::vector<std::unique_ptr<mailbox_flush>> stuck;   /* of ended sessions; the queue was full */

	std::deque<mailbox_stash_end> stash_ends;   /* in order */
	cs_timer *stash_timer = nullptr;

	mailbox_sweep sweep;

	mailbox();
	~mailbox();
};

/* Gives up the account's place when nothing holds it any more. */
void mailbox_ending_check(mailbox *m, uint64_t session);

#endif
