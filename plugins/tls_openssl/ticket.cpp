/* SPDX-License-Identifier: MIT
 * The keys of session tickets: the same on all workers of the process, new ones each day.
 *
 * A ticket is made with the keys of its day. Those of the day before are accepted, too, so a ticket is good for one day
 * at least. */
#include "ticket.h"

#include <algorithm>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "tls_openssl.h"

typedef std::unique_ptr<EVP_KDF, tls_free<EVP_KDF_free>> tls_kdf_ptr;
typedef std::unique_ptr<EVP_KDF_CTX, tls_free<EVP_KDF_CTX_free>> tls_kdf_ctx_ptr;

static constexpr int64_t tls_day_ms = INT64_C(86400000);

int tls_ticket_derive(std::string_view secret, std::string_view purpose, unsigned char *bytes_r, size_t size)
{
	const tls_kdf_ptr kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
	const tls_kdf_ctx_ptr ctx(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<char *>(secret.data()), secret.size()),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char *>(purpose.data()),
	                                          purpose.size()),
		OSSL_PARAM_construct_end(),
	};

	return ctx && EVP_KDF_derive(ctx.get(), bytes_r, size, params) == 1 ? 0 : CS_EINVAL;
}

void tls_tickets_set(struct tls_tickets *tickets, const tls_secret *secret)
{
	*tickets = {};
	tickets->secret = *secret;
}

static int tls_ticket_make_keys(const tls_secret *secret, int64_t day, struct tls_ticket_keys *keys_r)
{
	struct tls_ticket_keys keys;
	std::array<unsigned char, sizeof(keys.name) + sizeof(keys.cipher) + sizeof(keys.mac)> bytes;
	const std::string purpose = "chatserverd ticket of day " + std::to_string(day);

	if (tls_ticket_derive({reinterpret_cast<const char *>(secret->data()), secret->size()}, purpose, bytes.data(),
	                      bytes.size()))
		return CS_EINVAL;
	const unsigned char *from = bytes.data();

	for (const auto &[to, size] :
	     {std::pair(keys.name.data(), keys.name.size()), std::pair(keys.cipher.data(), keys.cipher.size()),
	      std::pair(keys.mac.data(), keys.mac.size())}) {
		std::copy_n(from, size, to);
		from += size;
	}
	OPENSSL_cleanse(bytes.data(), bytes.size());
	keys.day = day;
	*keys_r = keys;
	return 0;
}

static int tls_tickets_turn(struct tls_tickets *tickets, int64_t now_ms)
{
	const int64_t day = now_ms / tls_day_ms;

	if (tickets->today.day == day)
		return 0;
	return tls_ticket_make_keys(&tickets->secret, day, &tickets->today) ||
	                       tls_ticket_make_keys(&tickets->secret, day - 1, &tickets->yesterday)
	               ? CS_EINVAL
	               : 0;
}

static int tls_ticket_use(const struct tls_ticket_keys *keys, const unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          EVP_MAC_CTX *mac, int encrypt)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char *>(keys->mac.data()),
	                                          keys->mac.size()),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params) == 1 && EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr,
	                                                                     keys->cipher.data(), iv, encrypt) == 1
	               ? 0
	               : CS_EINVAL;
}

int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                   int encrypt)
{
	enum answer { FAILED = -1, UNKNOWN = 0, GOOD = 1, GOOD_BUT_RENEW = 2 };
	auto *t = static_cast<struct tls *>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
	struct tls_tickets *tickets = &t->tickets;
	const struct tls_ticket_keys *keys = &tickets->today;

	if (tls_tickets_turn(tickets, t->host->now()))
		return FAILED;
	if (encrypt) {
		if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return FAILED;
		std::copy(keys->name.begin(), keys->name.end(), name);
	} else if (memcmp(name, keys->name.data(), keys->name.size()) != 0) {
		keys = &tickets->yesterday;
		if (memcmp(name, keys->name.data(), keys->name.size()) != 0)
			return UNKNOWN;
	}
	if (tls_ticket_use(keys, iv, cipher, mac, encrypt))
		return FAILED;
	return keys == &tickets->today ? GOOD : GOOD_BUT_RENEW;
}
