/* SPDX-License-Identifier: MIT
 * Accounts in the database. A password is stored as the text of its hash. Functions run on store threads. */
#ifndef MODEL_USERS_H
#define MODEL_USERS_H

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <chatserverd/db.h>

#include "result.h"

struct user {
	uint64_t id = 0;
	std::string name;
	std::string password; /* the hash's own string form */
};

/* 0 or MODEL_NONE. Reader or writer. */
[[nodiscard]] int user_find(cs_db *db, uint64_t id, user *user_r);
[[nodiscard]] int user_find_name(cs_db *db, std::string_view name, user *user_r);
/* The id of the account with exactly this name: 0 or MODEL_NONE. Reader or writer. */
[[nodiscard]] int user_find_id(cs_db *db, std::string_view name, uint64_t *id_r);
/* The names of those of the accounts that exist. Few statements for many accounts. Reader or writer. */
[[nodiscard]] int user_names(cs_db *db, std::span<const uint64_t> accounts, std::map<uint64_t, std::string> *names_r);
/* 0 or MODEL_TAKEN. created in ms. Writer. */
[[nodiscard]] int user_insert(cs_db *db, std::string_view name, std::string_view password, int64_t created,
                              uint64_t *id_r);
/* Replaces the stored hash (a changed cost). 0 or MODEL_NONE. Writer. */
[[nodiscard]] int user_set_password(cs_db *db, uint64_t id, std::string_view password);

/* Locks the account's row to the end of the transaction. So two changes that count what the account has cannot run at
 * the same time. Writer. */
[[nodiscard]] int user_lock(cs_db *db, uint64_t id);

/* A login that needs a generation; it gets 0 if there is no such account. */
struct user_login {
	uint64_t account = 0;
	uint64_t generation = 0; /* out */
};

/* Gives each login a generation that is higher than any that the account had before. Two logins of one account get two.
 * Few statements for many logins. Writer. */
[[nodiscard]] int user_next_generations(cs_db *db, std::span<user_login *const> logins);

#endif
