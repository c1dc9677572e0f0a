/* SPDX-License-Identifier: MIT
 * Secrets of receivers, and the signatures by which they know that a request comes from this server. */
#include "sign.h"

#include <array>

#include <sodium.h>

#include <chatserverd/plugin.h>

static constexpr size_t sign_random_size = 32;

int sign_init()
{
	return sodium_init() < 0 ? CS_EINVAL : 0;
}

wiped_text sign_make_secret()
{
	std::array<char, sodium_base64_ENCODED_LEN(sign_random_size, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text;
	std::array<unsigned char, sign_random_size> bytes;

	static_assert(text.size() == sign_secret_size + 1);
	randombytes_buf(bytes.data(), bytes.size());
	const wiped_text secret = sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
	                                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	wipe_bytes(text.data(), text.size());
	wipe_bytes(bytes.data(), bytes.size());
	return secret;
}

static std::string sign_write_base64(std::string_view bytes, int variant)
{
	std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');

	(void)sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char *>(bytes.data()),
	                        bytes.size(), variant);
	text.pop_back(); /* the NUL */
	return text;
}

std::string sign_base64(std::string_view text)
{
	return sign_write_base64(text, sodium_base64_VARIANT_ORIGINAL);
}

static std::string sign_random_base64(size_t size)
{
	std::string bytes(size, '\0');

	randombytes_buf(bytes.data(), bytes.size());
	return sign_write_base64(bytes, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

/* Of the lowest cost: whoever tries passwords shall not keep the server busy. */
std::string sign_make_no_password()
{
	return "$argon2id$v=19$m=8,t=1,p=1$" + sign_random_base64(crypto_pwhash_SALTBYTES) + "$" +
	       sign_random_base64(sign_random_size);
}

uint32_t sign_random()
{
	return randombytes_random();
}

static const unsigned char *sign_bytes(std::string_view text)
{
	return reinterpret_cast<const unsigned char *>(text.data());
}

std::string sign_header(std::string_view secret, int64_t seconds, std::string_view body)
{
	std::array<char, 2 * crypto_auth_hmacsha256_BYTES + 1> hex;
	std::array<unsigned char, crypto_auth_hmacsha256_BYTES> proof;
	const std::string time = std::to_string(seconds);
	const std::string head = time + ".";
	crypto_auth_hmacsha256_state state;

	(void)crypto_auth_hmacsha256_init(&state, sign_bytes(secret), secret.size());
	(void)crypto_auth_hmacsha256_update(&state, sign_bytes(head), head.size());
	(void)crypto_auth_hmacsha256_update(&state, sign_bytes(body), body.size());
	(void)crypto_auth_hmacsha256_final(&state, proof.data());
	sodium_memzero(&state, sizeof state);
	return "t=" + time + ",v1=" + sodium_bin2hex(hex.data(), hex.size(), proof.data(), proof.size());
}
