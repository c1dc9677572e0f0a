/* SPDX-License-Identifier: MIT
 * Owns passwords: hashing, comparing, wiping. It must not know accounts or frames. Any thread; hash and verify
 * take as long as the cost says and belong on the hashing pool. */
#ifndef LOGIN_PASSWORD_H
#define LOGIN_PASSWORD_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/* As large as libsodium's crypto_pwhash_STRBYTES; a NUL-terminated text. */
typedef std::array<char, 128> password_hash;

struct password_cost {
	uint64_t ops = 0;
	uint64_t memory = 0; /* bytes */
};

/* A password in clear, wiped at its end. Never moved or copied: a move would leave bytes behind. */
struct password_clear {
	explicit password_clear(std::string_view text) : bytes(text) {}
	~password_clear();
	password_clear(const password_clear &) = delete;
	password_clear &operator=(const password_clear &) = delete;

	std::string bytes;
};

/* Once per process or more often. 0 or CS_EINVAL. */
[[nodiscard]] int password_init();
/* 0, or CS_ENOSTORE: no memory for it now. */
[[nodiscard]] int password_make(std::string_view clear, const password_cost &cost, password_hash *hash_r);

enum password_match { PASSWORD_RIGHT, PASSWORD_WRONG, PASSWORD_UNDECIDED /* no memory for it now */ };

/* Takes as long for a wrong password as for the right one. */
[[nodiscard]] password_match password_compare(const char *hash, std::string_view clear);
/* Whether the hash was made at another cost. */
[[nodiscard]] bool password_is_outdated(const char *hash, const password_cost &cost);
/* A hash that no password fits, comparing with which takes as long as with a real one of that cost; nothing
 * is computed here. 0, or CS_EINVAL for a cost that cannot be. */
[[nodiscard]] int password_make_dummy(const password_cost &cost, password_hash *hash_r);

#endif
