/* SPDX-License-Identifier: MIT
 * Hashes, compares and wipes passwords. Any thread; hashing and comparing take as long as the cost says, so they belong
 * on the hashing threads. */
#ifndef LOGIN_PASSWORD_H
#define LOGIN_PASSWORD_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/* Of the size of libsodium's crypto_pwhash_STRBYTES. A NUL-terminated text. */
typedef std::array<char, 128> password_hash;

struct password_cost {
	uint64_t ops = 0;
	uint64_t memory = 0; /* bytes */
};

/* A password in clear text, wiped when it is freed. It is never moved or copied, because a move leaves bytes behind. */
struct password_clear {
	explicit password_clear(std::string_view text) : bytes(text) {}
	~password_clear();
	password_clear(const password_clear &) = delete;
	password_clear &operator=(const password_clear &) = delete;

	std::string bytes;
};

/* Call it at least once per process. 0 or CS_EINVAL. */
[[nodiscard]] int password_init();
/* Makes the hash of a password. 0, or CS_ENOSTORE: no memory for it now. */
[[nodiscard]] int password_make(std::string_view clear, const password_cost &cost, password_hash *hash_r);

enum password_match {
	PASSWORD_RIGHT,
	PASSWORD_WRONG,
	PASSWORD_UNDECIDED /* no memory for it now, or no hash of ours */
};

/* Compares a password with a hash. It takes as long for a wrong password as for the right one. */
[[nodiscard]] password_match password_compare(const char *hash, std::string_view clear);
/* Whether the hash was made at another cost. */
[[nodiscard]] bool password_is_outdated(const char *hash, const password_cost &cost);
/* Makes a hash that no password fits. To compare with it takes as long as with a real hash of that cost. Nothing is
 * computed here. 0, or CS_EINVAL for an impossible cost. */
[[nodiscard]] int password_make_dummy(const password_cost &cost, password_hash *hash_r);

#endif
