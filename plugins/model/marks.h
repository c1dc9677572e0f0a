/* SPDX-License-Identifier: MIT
 * The read marks in the database: how far an account has read a conversation, and how far it has shown that. Functions
 * run on store threads. */
#ifndef MODEL_MARKS_H
#define MODEL_MARKS_H

#include <cstdint>
#include <span>

#include <chatserverd/db.h>

#include "messages.h"

/* What an account has read. The caller sets the first part; mark_read_all sets the second. */
struct mark_read {
	uint64_t account = 0;
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t of = 0; /* the other account (may be the same), or the group */
	uint64_t seq = 0; /* above 0 */
	bool show = false; /* in a pair, the other side may know */

	int outcome = 0; /* 0, MODEL_NONE (no such account or group), MODEL_NOT_MEMBER */
	bool is_above = false; /* seq is above the last of the conversation: nothing was changed */
	bool is_raised = false; /* the account had not read so far before */
	bool is_shown = false; /* the other side did not know before, and may */
};

/* Raises the marks, never lowers one, with statements for many rows. What is shown to an account that blocks the reader
 * counts as not shown. Sets the second part of each anew on each run. Writer. */
[[nodiscard]] int mark_read_all(cs_db *db, std::span<mark_read *const> reads);

#endif
