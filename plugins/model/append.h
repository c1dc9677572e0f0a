/* SPDX-License-Identifier: MIT
 * A batch of messages to append, and its conversations. Only for the model. */
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
	bool locked = false; /* the row exists, and this transaction has locked it */
	bool changed = false; /* last_seq was raised */
};

struct append_batch {
	cs_db *db;
	std::span<message_append *const> items;
	std::vector<append_target> targets; /* by kind, low, high */
	std::vector<append_target *> by_id; /* targets with an id, sorted by id */
	std::vector<std::pair<uint64_t, uint64_t>> members; /* group and sender, sorted */
	std::vector<message_append *> stored; /* items that get a row */
};

/* Fills targets, by_id and members for the items that are not repeated. Makes pairs that talk for the first time, and
 * locks every conversation in the order of the ids. 0 or an enum cs_db_result. */
[[nodiscard]] int append_find_targets(append_batch *b);
/* The target of the item. Not for a repeated item: it has none. */
append_target *append_target_of(append_batch *b, const message_append &item);

#endif
