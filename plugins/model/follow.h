/* SPDX-License-Identifier: MIT
 * What followers were not told of, or have not confirmed, in the database. Functions run on store threads. A row of a
 * conversation and a follower's name is made in the transaction that appends an entry, if there is none, and goes when
 * everything was confirmed. It is held by one node at a time, which tells the entries; a node is the number of a
 * process, below 2^63. */
#ifndef MODEL_FOLLOW_H
#define MODEL_FOLLOW_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <chatserverd/db.h>

#include "messages.h"

/* By name and conversation, so that two writers with the same rows cannot deadlock: the seq in front of the first entry
 * that this transaction appends. */
using follow_appended = std::map<std::pair<std::string, uint64_t>, uint64_t>;

/* The open transaction appends entries: makes the rows that are not there. The conversations are locked. until in ms.
 * Writer. */
[[nodiscard]] int follow_note(cs_db *db, const follow_appended &appended, uint64_t node, int64_t until);

/* A row, with its conversation. */
struct follow_row {
	uint64_t conversation = 0;
	uint64_t seq = 0;
	uint64_t node = 0;
	int64_t until = 0; /* ms */
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t low = 0, high = 0; /* of a pair */
};

/* The rows of these conversations; those that are not there are left out. In no order. Reader. */
[[nodiscard]] int follow_read(cs_db *db, std::string_view name, std::span<const uint64_t> conversations,
                              std::vector<follow_row> *rows_r);

/* Up to `most` conversations above `after`, in their order, whose rows are held by `node` or by nobody since `now`.
 * Reader. */
[[nodiscard]] int follow_find(cs_db *db, std::string_view name, uint64_t after, uint64_t node, int64_t now, size_t most,
                              std::vector<uint64_t> *conversations_r);
/* Takes those of the rows that still are so. Writer. */
[[nodiscard]] int follow_take(cs_db *db, std::string_view name, std::span<const uint64_t> conversations, uint64_t node,
                              int64_t now, int64_t until);

/* Everything up to seq was confirmed. seq 0: only the hold is renewed. */
struct follow_confirmation {
	uint64_t conversation = 0;
	uint64_t seq = 0;

	bool is_lost = false; /* out: the node does not hold the row */
	bool is_over = false; /* out: the row is gone, because there are no further entries */
};

/* Sets what is marked "out" anew on each run. until: of the rows that stay. Writer. */
[[nodiscard]] int follow_confirm(cs_db *db, std::string_view name, std::span<follow_confirmation *const> confirmations,
                                 uint64_t node, int64_t until);

#endif
