/* SPDX-License-Identifier: MIT
 * The text of a token, and its proof. Any thread; no store, no clock. */
#ifndef PLUGINS_SHARED_TOKEN_H
#define PLUGINS_SHARED_TOKEN_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <base/wipe.h>

/* The longest text that can be a token; longer ones need not be kept. */
inline constexpr size_t token_most = 200;

inline constexpr size_t token_key_size = 32;

/* A key makes tokens for a year, in ms. A token lives for a year at most, so a year after its key's successor was made
 * it has ended; a month more for clocks that differ, and for a node that did not read the successor at once. */
inline constexpr int64_t token_day = INT64_C(24) * 3600 * 1000;
inline constexpr int64_t token_life_most = 365 * token_day;
inline constexpr int64_t token_key_life = 365 * token_day;
inline constexpr int64_t token_former_life = (365 + 30) * token_day;

/* What a token says. */
struct token {
	uint64_t key = 0; /* the number of the key that proves it */
	uint64_t account = 0;
	uint64_t device = 0; /* its number; 0: the one without a name */
	uint64_t series = 0; /* see user_series_of */
	int64_t ends = 0; /* ms */
	uint64_t store = 0; /* see token_store_mark */
};

/* Random bytes for a new key. */
[[nodiscard]] std::string token_make_key();
/* A number that a store's tokens carry, made from the text of the store. It proves nothing: it tells an honest token of
 * another store, or of this one before it was restored, from a guess. */
[[nodiscard]] uint64_t token_store_mark(std::string_view store);
/* key: token_key_size bytes. store: the text of the store, which the proof includes; t.store is not read. The text is
 * URL-safe base64 without padding. */
[[nodiscard]] wiped_text token_write(const token &t, std::string_view key, std::string_view store);
/* Reads what the text says, without a proof. false: it is no token. */
[[nodiscard]] bool token_read(std::string_view text, token *token_r);
/* Whether a holder of the key made this text, for this store. */
[[nodiscard]] bool token_is_proved(std::string_view text, std::string_view key, std::string_view store);

#endif
