/* SPDX-License-Identifier: MIT
 * Owns what the two halves of message_append_all share: a batch and its conversations. It must not know how a
 * batch came together. Inside the model only. */
#ifndef MODEL_APPEND_H
#define MODEL_APPEND_H

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "messages.h"

/* A conversation of the batch. A group has low = its id and high = 0. */
struct append_target {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t low = 0, high = 0;
	uint64_t id = 0; /* 0: not known */
	uint64_t last_seq = 0;
	bool locked = false; /* the row is there and ours to the transaction's end */
	bool changed = false; /* last_seq has gone up */
};

struct append_batch {
	cs_db *db;
	std::span<message_append *const> items;
	std::vector<append_target> targets; /* by kind, low, high */
	std::vector<append_target *> by_id; /* those with an id, in its order */
	std::vector<std::pair<uint64_t, uint64_t>> members; /* group and sender, sorted */
	std::vector<message_append *> stored; /* what gets a row */
};

/* Fills targets, by_id and members for the items that are no repetitions, makes pairs
 * that talk for the first time, and locks every conversation in id order. 0 or an enum cs_db_result. */
[[nodiscard]] int append_find_targets(append_batch *b);
/* The item's target; it has one unless it is a repetition. */
append_target *append_target_of(append_batch *b, const message_append &item);

#endif
