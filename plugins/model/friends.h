/* SPDX-License-Identifier: MIT
 * The friend lists in the database. Functions run on store threads. */
#ifndef MODEL_FRIENDS_H
#define MODEL_FRIENDS_H

#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

struct friend_entry {
	uint64_t id = 0;
	std::string name;
};

/* Adds one way only; to add twice is harmless (0). MODEL_NONE: friend is no account. MODEL_FULL: there would be more
 * than most friends (0: no limit). Writer. */
[[nodiscard]] int friend_add(cs_db *db, uint64_t account, uint64_t friend_id, uint64_t most = 0);
/* In order of id. Reader or writer. */
[[nodiscard]] int friend_list(cs_db *db, uint64_t account, std::vector<friend_entry> *friends_r);

#endif
