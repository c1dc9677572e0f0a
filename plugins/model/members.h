/* SPDX-License-Identifier: MIT
 * The members of a group by pages, as one of them may see them. Functions run on store threads. */
#ifndef MODEL_MEMBERS_H
#define MODEL_MEMBERS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "groups.h"

struct member_entry {
	uint64_t account = 0;
	std::string name;
	group_role role = GROUP_NORMAL;
	int64_t joined = 0; /* ms; 0: not known */
	bool hides = false; /* it blocks who asks, and so counts as offline */
};

/* The members above the account `after`, in the order of their accounts, at most limit. *more_r: whether others follow.
 * MODEL_NONE: no such group; MODEL_NOT_MEMBER: the asker is none. Reads as many rows as it returns, however many have
 * left. Reader. */
[[nodiscard]] int member_page(cs_db *db, uint64_t asker, uint64_t group, uint64_t after, size_t limit,
                              std::vector<member_entry> *members_r, bool *more_r);

#endif
