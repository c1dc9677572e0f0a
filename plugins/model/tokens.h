/* SPDX-License-Identifier: MIT
 * The keys of tokens in the database. Functions run on store threads. */
#ifndef MODEL_TOKENS_H
#define MODEL_TOKENS_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

struct token_key_row {
	uint64_t number = 0; /* 1 and up; the highest makes new tokens */
	int64_t created = 0; /* ms */
	std::string bytes;
};

/* What makes and proves tokens. */
struct token_secrets {
	std::vector<token_key_row> keys; /* the highest number first */
	std::string store; /* the text of the store: a token is good only where it was made */
};

/* Reader or writer. */
[[nodiscard]] int token_secrets_read(cs_db *db, token_secrets *secrets_r);
/* Adds a key of these bytes, created now, if there is none or the newest was created before `newest`; then removes keys
 * whose successor was created before `former` (all in ms); then reads; a key that
 * was removed may still be among those read. If two nodes do so together, one of them adds a key and both read it.
 * Writer. */
[[nodiscard]] int token_secrets_renew(cs_db *db, std::string_view bytes, int64_t now, int64_t newest, int64_t former,
                                      token_secrets *secrets_r);

#endif
