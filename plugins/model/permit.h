/* SPDX-License-Identifier: MIT
 * What an account may do in a conversation: whether it is in it, is above normal members, may write. Functions run on
 * store threads. */
#ifndef MODEL_PERMIT_H
#define MODEL_PERMIT_H

#include <cstdint>

#include <chatserverd/db.h>

#include "result.h"

/* A column of the tables member m and conversation c: the time before which the member may not write. */
#define PERMIT_MUTED_UNTIL "CASE WHEN m.role = 0 AND c.muted > m.muted THEN c.muted ELSE m.muted END"

struct permit {
	bool is_member = false; /* of a pair: always */
	bool is_admin = false; /* of a group: an admin, or the creator */
	int64_t muted = 0; /* ms; it may not write in the group before that time */
};

/* 0, or MODEL_NONE: there is no such conversation, or the group has ended. */
[[nodiscard]] int permit_find(cs_db *db, uint64_t conversation, uint64_t account, permit *permit_r);
/* The rule of GROUP_CHAT; for a pair see pair_judge. now: ms. 0, MODEL_NOT_MEMBER or MODEL_MUTED. */
[[nodiscard]] int permit_write(const permit &p, int64_t now);

#endif
