/* SPDX-License-Identifier: MIT
 * Hashes, compares and wipes passwords. */
#include "password.h"

#include <cerrno>
#include <cstdio>

#include <sodium.h>

#include <chatserverd/plugin.h>

static_assert(std::tuple_size_v<password_hash> == crypto_pwhash_STRBYTES);

password_clear::~password_clear()
{
	sodium_memzero(bytes.data(), bytes.size());
}

int password_init()
{
	return sodium_init() >= 0 ? 0 : CS_EINVAL;
}

int password_make(std::string_view clear, const password_cost &cost, password_hash *hash_r)
{
	const int rc = crypto_pwhash_str_alg(hash_r->data(), clear.data(), clear.size(), cost.ops,
	                                     static_cast<size_t>(cost.memory), crypto_pwhash_ALG_ARGON2ID13);

	return rc == 0 ? 0 : CS_ENOSTORE;
}

password_match password_compare(const char *hash, std::string_view clear)
{
	errno = 0;
	if (crypto_pwhash_str_verify(hash, clear.data(), clear.size()) == 0)
		return PASSWORD_RIGHT;
	/* libsodium sets EINVAL only for a wrong password. Lack of memory must not look like a wrong password. */
	return errno == EINVAL ? PASSWORD_WRONG : PASSWORD_UNDECIDED;
}

bool password_is_outdated(const char *hash, const password_cost &cost)
{
	return crypto_pwhash_str_needs_rehash(hash, cost.ops, static_cast<size_t>(cost.memory)) != 0;
}

int password_make_dummy(const password_cost &cost, password_hash *hash_r)
{
	unsigned char random[crypto_pwhash_SALTBYTES + 32];
	char salt[sodium_base64_ENCODED_LEN(crypto_pwhash_SALTBYTES, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];
	char tag[sodium_base64_ENCODED_LEN(32, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];

	randombytes_buf(random, sizeof random);
	sodium_bin2base64(salt, sizeof salt, random, crypto_pwhash_SALTBYTES,
	                  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	sodium_bin2base64(tag, sizeof tag, random + crypto_pwhash_SALTBYTES, 32,
	                  sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
	hash_r->fill('\0'); /* libsodium reads the whole array */
	snprintf(hash_r->data(), hash_r->size(), "$argon2id$v=19$m=%llu,t=%llu,p=1$%s$%s",
	         static_cast<unsigned long long>(cost.memory / 1024), static_cast<unsigned long long>(cost.ops), salt,
	         tag);
	return password_is_outdated(hash_r->data(), cost) ? CS_EINVAL : 0;
}
