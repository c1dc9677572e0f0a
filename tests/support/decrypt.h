/* SPDX-License-Identifier: MIT
 * The other end of encrypted notices, for tests: a client's keys, and the reading of what was encrypted for them, by
 * RFC 8291 and RFC 8188. It shares no code with the plugin. Link with libcrypto and libsodium. */
#ifndef TESTS_SUPPORT_DECRYPT_H
#define TESTS_SUPPORT_DECRYPT_H

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <sodium.h>

#include "tests/support/check.h"

struct decrypt_key_deleter {
	void operator()(EVP_PKEY *key) const
	{
		EVP_PKEY_free(key);
	}
};

using decrypt_key_ptr = std::unique_ptr<EVP_PKEY, decrypt_key_deleter>;

struct decrypt_client {
	decrypt_key_ptr key;
	std::string point, secret; /* bytes */
};

static inline const unsigned char *decrypt_bytes(std::string_view text)
{
	return reinterpret_cast<const unsigned char *>(text.data());
}

static inline unsigned char *decrypt_room(std::string &text)
{
	return reinterpret_cast<unsigned char *>(text.data());
}

/* Base64url without padding. */
static inline std::string decrypt_to_text(std::string_view bytes)
{
	std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');

	(void)sodium_bin2base64(text.data(), text.size(), decrypt_bytes(bytes), bytes.size(),
	                        sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	text.pop_back(); /* the NUL */
	return text;
}

static inline std::string decrypt_from_text(std::string_view text)
{
	std::string bytes(text.size(), '\0');
	size_t size = 0;

	assert_int_equal(sodium_base642bin(decrypt_room(bytes), bytes.size(), text.data(), text.size(), nullptr, &size,
	                                   nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
	                 0);
	bytes.resize(size);
	return bytes;
}

/* A public key; with a number also a private one. */
static inline decrypt_key_ptr decrypt_make_key(std::string_view point, std::string_view number = "")
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
	BIGNUM *secret = BN_bin2bn(decrypt_bytes(number), static_cast<int>(number.size()), nullptr);
	EVP_PKEY *key = nullptr;

	assert_int_equal(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
	                 1);
	if (!number.empty())
		assert_int_equal(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, secret), 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(secret);
	return decrypt_key_ptr(key);
}

static inline decrypt_client decrypt_make_client()
{
	decrypt_client client = {decrypt_key_ptr(EVP_EC_gen("P-256")), std::string(65, '\0'), std::string(16, '\0')};
	size_t size = 0;

	assert_int_equal(EVP_PKEY_get_octet_string_param(client.key.get(), OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
	                                                 decrypt_room(client.point), 65, &size),
	                 1);
	randombytes_buf(client.secret.data(), client.secret.size());
	return client;
}

static inline std::string decrypt_mac(std::string_view key, std::string_view text)
{
	std::string mac(32, '\0');

	assert_non_null(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), decrypt_bytes(text), text.size(),
	                     decrypt_room(mac), nullptr));
	return mac;
}

/* HKDF of RFC 5869, of at most 32 bytes. */
static inline std::string decrypt_derive(std::string_view salt, std::string_view key, const std::string &info,
                                         size_t size)
{
	return decrypt_mac(decrypt_mac(salt, key), info + '\1').substr(0, size);
}

static inline std::string decrypt_agree(EVP_PKEY *own, EVP_PKEY *peer)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, nullptr);
	std::string shared(32, '\0');
	size_t size = shared.size();

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, decrypt_room(shared), &size), 1);
	EVP_PKEY_CTX_free(ctx);
	return shared;
}

static inline std::string decrypt_record(const std::string &key, const std::string &nonce, std::string record)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	std::string tag = record.substr(record.size() - 16), text(record.size() - 16, '\0');
	int size = 0;

	assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_128_gcm(), nullptr, decrypt_bytes(key), decrypt_bytes(nonce)),
	                 1);
	assert_int_equal(
		EVP_DecryptUpdate(ctx, decrypt_room(text), &size, decrypt_bytes(record), static_cast<int>(text.size())),
		1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag.data()), 1);
	assert_int_equal(EVP_DecryptFinal_ex(ctx, decrypt_room(text) + size, &size), 1);
	EVP_CIPHER_CTX_free(ctx);
	return text;
}

/* What was encrypted for the client; the test fails if it was not. */
static inline std::string decrypt_body(const decrypt_client &client, const std::string &body)
{
	const std::string zero(1, '\0');

	assert_in_range(body.size(), 86 + 17, 4096);
	const std::string salt = body.substr(0, 16), sender = body.substr(21, 65);
	assert_true(body.substr(16, 5) == std::string("\0\0\x10\0A", 5)); /* records of 4,096 bytes, a key of 65 */
	const std::string shared = decrypt_agree(client.key.get(), decrypt_make_key(sender).get()),
			  input = decrypt_derive(client.secret, shared, "WebPush: info" + zero + client.point + sender,
	                                         32);
	std::string text =
		decrypt_record(decrypt_derive(salt, input, "Content-Encoding: aes128gcm" + zero, 16),
	                       decrypt_derive(salt, input, "Content-Encoding: nonce" + zero, 12), body.substr(86));
	while (!text.empty() && text.back() == '\0')
		text.pop_back();
	assert_true(!text.empty() && text.back() == '\2');
	text.pop_back();
	return text;
}

#endif
