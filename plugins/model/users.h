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

/* How often the tokens of an account were voided: all of them, and besides those of device 0. */
struct user_series {
	uint64_t all = 0;
	uint64_t unnamed = 0;
};

/* The series of a device's tokens. It rises whenever they are voided. */
static inline uint64_t user_series_of(const user_series &series, bool is_named)
{
	return is_named ? series.all : series.all + series.unnamed;
}

/* Nobody logs in as an account that is not free. The tokens of one that is locked are good again when it is free. */
enum user_lock_state { USER_FREE = 0, USER_LOCKED = 1, USER_ERASING = 2, USER_ERASED = 3 };

struct user {
	uint64_t id = 0;
	std::string name;
	std::string password; /* the hash's own string form; empty: it is being erased, or was */
	user_series series;
	user_lock_state locked = USER_FREE;
};

/* 0 or MODEL_NONE. Reader or writer. */
[[nodiscard]] int user_find(cs_db *db, uint64_t id, user *user_r);
[[nodiscard]] int user_find_name(cs_db *db, std::string_view name, user *user_r);
/* The id of the account with exactly this name, unless it is being erased or was: 0 or MODEL_NONE. Reader or
 * writer. */
[[nodiscard]] int user_find_id(cs_db *db, std::string_view name, uint64_t *id_r);
/* The names of those of the accounts that exist. Few statements for many accounts. Reader or writer. */
[[nodiscard]] int user_names(cs_db *db, std::span<const uint64_t> accounts, std::map<uint64_t, std::string> *names_r);
/* 0 or MODEL_TAKEN. created in ms. Writer. */
[[nodiscard]] int user_insert(cs_db *db, std::string_view name, std::string_view password, int64_t created,
                              uint64_t *id_r);
/* Replaces the hash `was` by another one of the same password (a changed cost). MODEL_NONE: there is no such account,
 * or its hash is another one now. Writer. */
[[nodiscard]] int user_set_hash(cs_db *db, uint64_t id, std::string_view was, std::string_view hash);
/* Replaces the hash `was` by that of another password, and voids all tokens of the account. *series_r: those of its
 * next tokens. MODEL_NONE as above, or the account is being erased or was. Writer. */
[[nodiscard]] int user_set_password(cs_db *db, uint64_t id, std::string_view was, std::string_view hash,
                                    user_series *series_r);
/* The same without knowing the hash, as an operator does it. MODEL_NONE: there is no such account, or it is being
 * erased or was. Writer. */
[[nodiscard]] int user_replace_password(cs_db *db, uint64_t id, std::string_view hash, user_series *series_r);
/* Voids the tokens of device 0. Writer. */
[[nodiscard]] int user_void_unnamed(cs_db *db, uint64_t id);

/* Keeps the account from being erased up to the end of the transaction. MODEL_NONE: there is no such account, or it is
 * being erased or was. Writer. */
[[nodiscard]] int user_keep(cs_db *db, uint64_t id);
/* Locks the account's row to the end of the transaction. So two changes that count what the account has cannot run at
 * the same time. Writer. */
[[nodiscard]] int user_lock(cs_db *db, uint64_t id);

inline constexpr size_t user_reason_most = 200; /* characters */
/* Sets USER_LOCKED with the reason, or USER_FREE. MODEL_NONE: there is no such account, or it is being erased or was.
 * Writer. */
[[nodiscard]] int user_set_locked(cs_db *db, uint64_t id, bool is_locked, std::string_view reason);

/* A login that needs a generation; it gets 0 if there is no such account. */
struct user_login {
	uint64_t account = 0;
	uint64_t generation = 0; /* out, and so are those below */
	user_series series;
	std::string name;
	user_lock_state locked = USER_FREE;
};

/* Gives each login a generation that is higher than any that the account had before. Two logins of one account get two.
 * Few statements for many logins. Writer. */
[[nodiscard]] int user_next_generations(cs_db *db, std::span<user_login *const> logins);

#endif
