/* SPDX-License-Identifier: MIT
 * Removes the old entries of conversations from the database. Functions run on store threads.
 *
 * A conversation keeps its newest entry, so that its last seq is never lost: if that is old, it is blanked. What is
 * left begins at a higher seq. */
#ifndef MODEL_RETENTION_H
#define MODEL_RETENTION_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

inline constexpr int64_t retention_default = 0,
			 retention_forever = -1; /* in place of a time that a group keeps its log */

/* A conversation whose lowest entry is old. */
struct retention_old {
	uint64_t conversation = 0;
	int64_t before = 0; /* ms: what was stored before this is old */
};

/* A look at some conversations, in the order of their ids. */
struct retention_look {
	int64_t now = 0; /* ms */
	int64_t keep = 0; /* ms; 0: for ever. For all but the groups that have a time of their own */
	int64_t before =
		0; /* ms; above 0: what was stored before this is old in all conversations, whatever `keep` is */
	size_t most = 0; /* conversations to look at, above 0 */
	uint64_t after = 0; /* in: look at those above this id; out: the last one that was looked at */

	bool more = false; /* out: there may be others above */
	std::vector<retention_old> old; /* out */
};

/* Sets what is marked "out". Reader. */
[[nodiscard]] int retention_find(cs_db *db, retention_look *look);

/* What tells whether a node's clock is right. */
struct retention_clock {
	int64_t newest = 0; /* ms; created of the entry that was stored last; 0: there is none, or it cannot be found */
	int64_t database = 0; /* ms; the clock of the database; 0: it is that of the node */
};

/* Reader. */
[[nodiscard]] int retention_read_clock(cs_db *db, retention_clock *clock_r);

/* One step in one conversation. */
struct retention_purge {
	uint64_t conversation = 0;
	int64_t before = 0; /* ms */
	size_t most = 0; /* entries to remove, above 0 */

	size_t purged = 0; /* out: entries that were removed or blanked */
	bool more = false; /* out: old entries are left */
};

/* Removes the oldest entries from the lowest one on, up to the first that is not old, and their cids. 0 also if there
 * is nothing to remove. Sets what is marked "out" anew on each run. Writer. */
[[nodiscard]] int retention_remove(cs_db *db, retention_purge *purge);

/* How long the group keeps its log, in ms, or one of the constants above. 0 or MODEL_NONE (no such group). Writer. */
[[nodiscard]] int retention_set_group(cs_db *db, uint64_t group, int64_t keep);

/* Gives up to `most` unused pages at the end of SQLite's file back to the file system, if more than an eighth of all
 * pages are unused: the next messages use the others. Does nothing in MySQL. *more_r: too many are unused still.
 * Writer. */
[[nodiscard]] int retention_shrink(cs_db *db, size_t most, bool *more_r);

#endif
