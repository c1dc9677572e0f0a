/* SPDX-License-Identifier: MIT
 * Reads the conversations of an account, newest message first. Functions run on store threads. */
#ifndef MODEL_INBOX_H
#define MODEL_INBOX_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "groups.h"
#include "messages.h"

inline constexpr uint64_t inbox_unread_rows_most = 1000; /* looked at for one conversation */
inline constexpr uint64_t inbox_events_most = 2000; /* the same, for its newest message; SQLite */

/* Where a list goes on: behind this conversation and behind this invitation. At first behind nothing. */
struct inbox_position {
	int64_t place = INT64_MAX;
	uint64_t conversation = INT64_MAX;
	int64_t invited = INT64_MAX;
	uint64_t invitation = INT64_MAX;
};

struct inbox_item {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t of = 0; /* the other account, or the group */
	uint64_t conversation = 0;
	int64_t place = 0; /* the order of the list: higher ones first */
	int64_t at = 0; /* ms: when that was */
	uint64_t said_seq = 0; /* the newest message that the account may see; 0: there is none */
	uint64_t last_seq = 0; /* the newest entry */
	uint64_t skipped = 0; /* entries above the newest message */
	uint64_t read_seq = 0; /* not below the join */
	uint64_t shown_seq = 0; /* pair: how far the other account has shown that it read */
	std::string name; /* of the other account, or the group */
	bool blocked = false; /* pair: the other account blocks this one */
	int role = 0; /* group: that of the account */
	uint64_t members = 0; /* group */
	uint64_t inviter = 0; /* not 0: an invitation to the group; then only the times and the name are set */
};

/* At most limit conversations and invitations behind the position, merged by time. *more_r: there are more. *looked_r
 * grows by how many conversations were looked at. Reader. */
[[nodiscard]] int inbox_list(cs_db *db, uint64_t account, const inbox_position &from, size_t limit,
                             std::vector<inbox_item> *items_r, bool *more_r, uint64_t *looked_r);
/* Moves the position behind the item, which comes next in the list. */
void inbox_pass(inbox_position *position, const inbox_item &item);

/* The item's newest message, and how many messages above read_seq are neither the account's own nor recalled. 0, or
 * MODEL_NONE: it has none. *looked_r grows by how many entries were looked at. Reader. */
[[nodiscard]] int inbox_last(cs_db *db, uint64_t account, const inbox_item &item, message_row *last_r,
                             uint64_t *unread_r, uint64_t *looked_r);

#endif
