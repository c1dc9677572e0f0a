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

/* libsodium leaves bytes of the password on the stack of the thread that hashes. */
static constexpr size_t password_stack = 16384;

int password_init()
{
	return sodium_init() >= 0 ? 0 : CS_EINVAL;
}

int password_make(std::string_view clear, const password_cost &cost, password_hash *hash_r)
{
	const int rc = crypto_pwhash_str_alg(hash_r->data(), clear.data(), clear.size(), cost.ops,
	                                     static_cast<size_t>(cost.memory), crypto_pwhash_ALG_ARGON2ID13);

	sodium_stackzero(password_stack);
	return rc == 0 ? 0 : CS_ENOSTORE;
}

/* What the text of a hash of libsodium says. */
struct password_parts {
	unsigned long long ops = 0, kib = 0;
	std::array<unsigned char, crypto_pwhash_SALTBYTES> salt;
	std::array<unsigned char, 32> tag;
};

static bool password_decode(std::string_view text, unsigned char *bytes_r, size_t size)
{
	size_t got = 0;

	return sodium_base642bin(bytes_r, size, text.data(), text.size(), nullptr, &got, nullptr,
	                         sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
	       got == size;
}

/* false: libsodium has not made it, or not for argon2id. */
static bool password_take_apart(const char *hash, password_parts *parts_r)
{
	char salt[32] = "", tag[64] = "";
	int end = 0;

	return sscanf(hash, "$argon2id$v=19$m=%llu,t=%llu,p=1$%31[^$]$%63[^$]%n", &parts_r->kib, &parts_r->ops, salt,
	              tag, &end) == 4 &&
	       hash[end] == '\0' && password_decode(salt, parts_r->salt.data(), parts_r->salt.size()) &&
	       password_decode(tag, parts_r->tag.data(), parts_r->tag.size());
}

/* Of other hashes. It takes lack of memory for a wrong password. */
static password_match password_compare_foreign(const char *hash, std::string_view clear)
{
	errno = 0;
	const int rc = crypto_pwhash_str_verify(hash, clear.data(), clear.size());
	const int error = errno;

	sodium_stackzero(password_stack);
	if (rc == 0)
		return PASSWORD_RIGHT;
	return error == EINVAL ? PASSWORD_WRONG : PASSWORD_UNDECIDED;
}

/* crypto_pwhash_str_verify does not tell lack of memory from a wrong password, which would count as a guess. */
password_match password_compare(const char *hash, std::string_view clear)
{
	password_parts parts;
	std::array<unsigned char, 32> tag;

	if (!password_take_apart(hash, &parts))
		return password_compare_foreign(hash, clear);
	const int rc = crypto_pwhash(tag.data(), tag.size(), clear.data(), clear.size(), parts.salt.data(), parts.ops,
	                             static_cast<size_t>(parts.kib) * 1024, crypto_pwhash_ALG_ARGON2ID13);

	sodium_stackzero(password_stack);
	if (rc != 0)
		return PASSWORD_UNDECIDED;
	return sodium_memcmp(tag.data(), parts.tag.data(), tag.size()) == 0 ? PASSWORD_RIGHT : PASSWORD_WRONG;
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
