/* SPDX-License-Identifier: MIT
 * Invitations to register in the database. A code is stored as its hash. Functions run on store threads. */
#ifndef MODEL_REGISTER_INVITES_H
#define MODEL_REGISTER_INVITES_H

#include <cstdint>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

struct register_invite {
	uint64_t id = 0;
	int64_t uses = 0, used = 0; /* how many accounts may be made with it, and how many were */
	int64_t created = 0, ends = 0; /* ms */
};

/* Stores one, unused: all members of *invite but id, which it sets. Removes those that ended before `former` (ms).
 * Writer. */
[[nodiscard]] int register_invite_insert(cs_db *db, std::string_view hash, int64_t former, register_invite *invite);
/* The number of the invitation with this hash that may be used at the time now (ms): 0, or MODEL_NONE. Reader or
 * writer. */
[[nodiscard]] int register_invite_find(cs_db *db, std::string_view hash, int64_t now, uint64_t *id_r);
/* Uses it once: 0, or MODEL_NONE. The row stays locked to the end of the transaction, so that of two who use it last
 * only one does. Writer. */
[[nodiscard]] int register_invite_use(cs_db *db, std::string_view hash, int64_t now);
/* At most `most` of them with an id above `after`, in order of id. Reader or writer. */
[[nodiscard]] int register_invite_page(cs_db *db, uint64_t after, size_t most, std::vector<register_invite> *invites_r);
/* Removes the one with this id, or with this hash if id is 0. *id_r: its id. 0, or MODEL_NONE. Writer. */
[[nodiscard]] int register_invite_remove(cs_db *db, uint64_t id, std::string_view hash, uint64_t *id_r);

#endif
