/* SPDX-License-Identifier: MIT
 * Accounts as operators see them: found, listed, described. Functions run on store threads. */
#ifndef MODEL_ACCOUNTS_H
#define MODEL_ACCOUNTS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "../shared/account.h"
#include "users.h"

struct account_row {
	uint64_t id = 0;
	std::string name;
	int64_t created = 0; /* ms */
	user_lock_state locked = USER_FREE;
	std::string reason; /* of the lock */
};

/* 0 or MODEL_NONE. Reader or writer. */
[[nodiscard]] int account_find(cs_db *db, const account_named &named, account_row *row_r);
/* At most `most` accounts with an id above `after`, in order of id. Reader or writer. */
[[nodiscard]] int account_page(cs_db *db, uint64_t after, size_t most, std::vector<account_row> *rows_r);

inline constexpr size_t account_conversations_most = 1000; /* that are counted */

/* What an account has. */
struct account_counts {
	uint64_t devices = 0;
	int64_t seen = 0; /* ms; by the device that was seen last; 0: never */
	uint64_t listed = 0, blocked = 0; /* by the account */
	uint64_t groups = 0; /* that it is in */
	uint64_t conversations = 0; /* pairs, and groups that it is or was in; at most account_conversations_most */
	uint64_t entries = 0; /* that their logs have had */
};

/* Reader. */
[[nodiscard]] int account_count(cs_db *db, uint64_t account, account_counts *counts_r);

/* A conversation of an account, with the entries that it may read: those with low < seq <= high. */
struct account_conversation {
	uint64_t id = 0;
	bool is_group = false;
	uint64_t of = 0; /* the other account of a pair, or the group */
	std::string name; /* of the other, or of the group; "": the group has ended */
	uint64_t low = 0, high = 0;
	bool is_member = false; /* of a group */
	uint64_t role = 0; /* enum group_role */
	int64_t joined = 0; /* ms; 0: not known */
};

/* The ids of at most `most` of its conversations, those with the lowest ids above `after`, in order. Reader or
 * writer. */
[[nodiscard]] int account_conversation_ids(cs_db *db, uint64_t account, uint64_t after, size_t most,
                                           std::vector<uint64_t> *ids_r);
/* One of them. MODEL_NONE: it is none. Reader or writer. */
[[nodiscard]] int account_conversation_find(cs_db *db, uint64_t account, uint64_t id,
                                            account_conversation *conversation_r);

#endif
