/* SPDX-License-Identifier: MIT
 * Reads a conversation's log page by page, as one account may see it. Functions run on store threads. */
#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include <chatserverd/db.h>

#include "messages.h"

enum history_direction { HISTORY_NEWEST, HISTORY_BEFORE, HISTORY_AFTER, HISTORY_AROUND };

inline constexpr size_t history_bytes_most = 256 * 1024; /* of a page's messages; one message may be larger */
inline constexpr uint64_t history_seqs_most = 2000; /* looked at for one page */

struct history_ask {
	uint64_t account = 0;
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t of = 0; /* the other account, or the group */
	history_direction direction = HISTORY_NEWEST;
	uint64_t at = 0; /* before, after: not on the page itself */
	size_t limit = 0; /* messages, above 0 */
	bool events = false; /* false: only messages, also those that were recalled */
};

struct history_page {
	std::vector<message_row> rows; /* by seq */
	uint64_t first = 0, last = 0; /* of all entries that the account may see; 0: there are none */
	/* There is more on that side, to be asked for with `before` or `after`. Only of the side that was asked for. */
	bool older = false, newer = false;
	uint64_t before = 0, after = 0;
	uint64_t looked = 0; /* how many seqs were looked at */
};

/* 0; MODEL_NONE: no such account or group; MODEL_NOT_MEMBER. Two accounts that never talked have an empty page. Moves
 * nothing. Reader. */
[[nodiscard]] int history_read(cs_db *db, const history_ask &ask, history_page *page_r);

#endif
