/* SPDX-License-Identifier: MIT
 * Looks for what is wrong in the store: gaps, orphans, counts that do not fit. Functions run on store threads.
 *
 * Each row is judged by one statement, which sees one state of the store. So nothing is reported that only changed
 * between two statements. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

struct check_finding {
	std::string what; /* a sentence */
	std::string where; /* conversation=5 seq=10 */
};

/* How far a check has come. All 0: at the beginning. */
struct check_place {
	uint64_t part = 0;
	uint64_t keys[3] = {0, 0, 0}; /* of the last row that was looked at */
};

struct check_look {
	check_place place; /* in: look behind it; out: the last that was looked at */

	bool more = false; /* out: something is left to look at */
	uint64_t rows = 0; /* out: how many were looked at */
	std::vector<check_finding> findings; /* out */
};

/* Looks at the next part of the store: at most some thousand rows. Reader. */
[[nodiscard]] int check_next(cs_db *db, check_look *look);

#endif
