/* SPDX-License-Identifier: MIT
 * Whom accounts have on their lists and whom they block, in the database. Functions run on store threads.
 *
 * What the table contact says of a pair is also in the flags of its conversation, if there is one. So a message is
 * judged by the row that its transaction reads anyway. */
#ifndef MODEL_CONTACTS_H
#define MODEL_CONTACTS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

/* The flags of a pair, in conversation.flags. */
enum pair_flag {
	PAIR_LOW_BLOCKS = 1,
	PAIR_HIGH_BLOCKS = 2,
	PAIR_LOW_LISTS = 4,
	PAIR_HIGH_LISTS = 8,
	PAIR_LOW_WROTE = 16,
	PAIR_HIGH_WROTE = 32,
	PAIR_LOW_ERASED = 64,
	PAIR_HIGH_ERASED = 128 /* no message is added any more; the other may still recall one */
};

/* The flag that says that account has written to other. */
[[nodiscard]] unsigned pair_wrote_flag(uint64_t account, uint64_t other);
/* The flag that says that account was erased, in its pair with other. */
[[nodiscard]] unsigned pair_erased_flag(uint64_t account, uint64_t other);
/* The flags for a row of the table contact. */
[[nodiscard]] unsigned pair_contact_flags(uint64_t account, uint64_t other, bool listed, bool blocked);
/* Whether `to` takes what sender says. strangers_may: also if `to` neither lists the sender nor has written to it. Any
 * thread. */
[[nodiscard]] bool pair_lets_write(unsigned flags, uint64_t sender, uint64_t to, bool strangers_may);
/* The same, with the flags from the database: 0, or MODEL_UNWANTED. Reader or writer. */
[[nodiscard]] int pair_judge(cs_db *db, uint64_t sender, uint64_t to, bool strangers_may);

/* How many an account may have; 0: no limit. */
struct contact_limits {
	uint64_t listed = 0, blocked = 0;
};

/* A change of what account says of other. The caller sets the first part; contact_set sets the second. */
struct contact_change {
	uint64_t account = 0, other = 0;
	std::optional<bool> listed, blocked; /* not set: as it is */

	bool is_changed = false;
	bool is_added = false; /* other has come on the list */
	bool is_blocked = false; /* other blocks account */
};

/* 0, also if all is so already. MODEL_NONE: other is no account. MODEL_FULL: there would be more than most. Locks both
 * accounts, then their conversation. Writer. */
[[nodiscard]] int contact_set(cs_db *db, contact_change *change, const contact_limits &most);

/* Sets listed; to add twice is harmless (0). most: as contact_limits.listed. Writer. */
[[nodiscard]] int friend_add(cs_db *db, uint64_t account, uint64_t friend_id, uint64_t most = 0);

struct friend_entry {
	uint64_t id = 0;
	std::string name;
};

/* In order of id. Reader or writer. */
[[nodiscard]] int friend_list(cs_db *db, uint64_t account, std::vector<friend_entry> *friends_r);

struct contact_entry {
	uint64_t id = 0;
	std::string name;
	bool listed = false, blocked = false; /* by the account that asks */
	bool lists = false, blocks = false; /* the account that asks */
};

/* Whoever is listed or blocked by the account or has it on its list, with an id above after: at most limit, in order of
 * id. Reader or writer. */
[[nodiscard]] int contact_page(cs_db *db, uint64_t account, uint64_t after, size_t limit,
                               std::vector<contact_entry> *entries_r);
/* Who blocks the account, in order. Reader or writer. */
[[nodiscard]] int contact_blockers(cs_db *db, uint64_t account, std::vector<uint64_t> *blockers_r);

/* Of an account's list. */
struct contact_listed {
	uint64_t id = 0;
	bool blocks = false; /* the account that asks */
};

/* Those of the account's list, in order of id, at most limit; other: only this one, if it is one of them; 0: all.
 * Reader or writer. */
[[nodiscard]] int contact_list(cs_db *db, uint64_t account, uint64_t other, size_t limit,
                               std::vector<contact_listed> *listed_r);

#endif
