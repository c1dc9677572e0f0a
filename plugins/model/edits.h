/* SPDX-License-Identifier: MIT
 * EDIT and RECALL in the database: what they change of a message that was stored before. Functions run on store
 * threads.
 *
 * Each runs in the transaction that stores its entry, which has locked the conversation, and changes everything or
 * nothing. What it blanks is in no row any more. */
#ifndef MODEL_EDITS_H
#define MODEL_EDITS_H

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <chatserverd/db.h>

#include "messages.h"

/* Who changes which message, and when. */
struct edit_act {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t to = 0; /* the other account, or the group */
	uint64_t conversation = 0; /* 0: there is none */
	uint64_t actor = 0;
	uint64_t of = 0; /* seq of the message */
	uint64_t seq = 0; /* of the entry that changes it */
	int64_t now = 0; /* ms */
	int64_t window = 0; /* ms; for so long after it was stored a message may be changed by its sender */
	bool strangers_may = true; /* EDIT in a pair: see pair_lets_write */
};

/* Outcomes besides those of model_result; all of them have changed nothing. */
enum edit_outcome {
	EDIT_IS_THERE = 100, /* the message has this text, or is recalled */
	EDIT_NO_MESSAGE = 101, /* there is no such message, or it cannot be edited because it is recalled */
	EDIT_NOT_SENDER = 102, /* somebody else's */
	EDIT_TOO_LATE = 103,
	EDIT_TOO_LONG = 104
};

/* Both answer MODEL_NONE if there is no such account or group, and MODEL_NOT_MEMBER whatever the rest is. */

/* The stored frame gets this msg, a JSON string, and `edited`; it may become as long as it was, or `most` bytes. The
 * EDIT before this one loses its msg. MODEL_MUTED, with *muted_r, or MODEL_UNWANTED: the sender may not write now.
 * Writer. */
[[nodiscard]] int edit_message(cs_db *db, const edit_act &act, std::string_view msg, size_t most, int64_t *muted_r);
/* The stored frame loses its msg and all that says nothing about who sent it when and where, and gets `recalled`. The
 * EDIT before loses its msg. By the sender, or at any time by an admin of the group. Writer. */
[[nodiscard]] int edit_recall(cs_db *db, const edit_act &act);

#endif
