/* SPDX-License-Identifier: MIT
 * Banned networks in the database. Functions run on store threads. */
#ifndef MODEL_BANS_H
#define MODEL_BANS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

struct ban_row {
	std::string network; /* in its one form */
	int64_t created = 0, ends = 0; /* ms; ends 0: never */
	std::string reason;
};

/* Tells two states of the table apart, but for changes of reasons. */
struct ban_state {
	uint64_t count = 0;
	int64_t created = 0, ends = 0; /* the sums */

	bool operator==(const ban_state &) const = default;
};

/* Stores the ban in place of an earlier one of the network, and removes bans that have ended before it was created.
 * MODEL_FULL: there are `most` others. Writer. */
[[nodiscard]] int ban_put(cs_db *db, const ban_row &ban, size_t most);
/* 0, or MODEL_NONE. Writer. */
[[nodiscard]] int ban_remove(cs_db *db, std::string_view network);
/* At most `most` bans that have not ended at the time now (ms), behind that network, in order of their texts. Reader or
 * writer. */
[[nodiscard]] int ban_page(cs_db *db, std::string_view after, size_t most, int64_t now, std::vector<ban_row> *bans_r);
/* Reader or writer. */
[[nodiscard]] int ban_read_state(cs_db *db, ban_state *state_r);

#endif
