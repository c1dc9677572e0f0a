/* SPDX-License-Identifier: MIT
 * What the files that append a batch of entries share. Only for the model. */
#ifndef MODEL_APPEND_H
#define MODEL_APPEND_H

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "messages.h"

/* A conversation of the batch. A group has low = its id and high = 0. */
struct append_target {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t low = 0, high = 0;
	uint64_t id = 0; /* 0: not known */
	uint64_t last_seq = 0;
	unsigned flags = 0; /* of a pair: enum pair_flag */
	bool wanted = false; /* a message goes there, so it is made if it is missing */
	bool locked = false; /* the row exists, and this transaction has locked it */
	bool ended = false; /* a group without members: it is there only for those who were in it */
	bool stale = false; /* an effect may have changed the row */
	bool changed = false; /* last_seq was raised */
	bool waits = false; /* something of it is left, in front of an item */
	bool first_written = false; /* flags were changed: an account writes here for the first time */
	bool first_of_week = false; /* said_week was raised */
	bool unwanted = false; /* the pair is not made: it takes nothing of the batch */
	uint64_t said_week = 0; /* see message_week_of */
	uint64_t said_seq = 0; /* MySQL: of the last message of the batch, and when it was sent */
	int64_t said = 0;
};

/* A member that sends a message of the batch. */
struct append_member {
	uint64_t group, account;
	uint64_t until; /* muted up to then (ms) */
};

struct append_batch {
	cs_db *db;
	std::span<message_append *const> items; /* those that are stored together */
	std::vector<append_target> targets; /* of the whole batch, by kind, low, high */
	std::vector<append_target *> by_id; /* targets with an id, sorted by id */
	std::vector<append_member> members; /* by group and account */
	std::vector<append_target *> target_of; /* of each item */
	std::vector<message_append *> stored; /* items that get a row */
};

/* The item's target; with an effect that makes a group, one that is not locked. */
append_target *append_target_of(append_batch *b, const message_append &item);
/* Fills targets and by_id for all items. Locks accounts, makes pairs that talk for the first time, and locks every
 * conversation in the order of the ids. CS_DB_DUPLICATE: a `known` is wrong; careful true does not rely on it. */
[[nodiscard]] int append_lock(append_batch *b, bool careful);
/* Reads the locked conversations again that an effect may have changed. */
[[nodiscard]] int append_read_stale(append_batch *b);
/* Fills members for the messages of items. */
[[nodiscard]] int append_find_members(append_batch *b);
/* Fills target_of, sets the conversation of each message, and refuses those that have none or may not write there. */
void append_judge(append_batch *b);

#endif
