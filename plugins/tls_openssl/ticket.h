/* SPDX-License-Identifier: MIT
 * The keys of session tickets: the same on all workers of the process, new ones each day. */
#ifndef TLS_OPENSSL_TICKET_H
#define TLS_OPENSSL_TICKET_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <openssl/ssl.h>

#include "context.h"

/* The keys of one day. */
struct tls_ticket_keys {
	int64_t day = -1; /* since 1970; -1: none */
	std::array<unsigned char, 16> name = {};
	std::array<unsigned char, 32> cipher = {}, mac = {};
};

struct tls_tickets {
	tls_secret secret = {};
	struct tls_ticket_keys today, yesterday;
};

/* From now on tickets are made from this secret; those of another one are not accepted any more. */
void tls_tickets_set(struct tls_tickets *tickets, const tls_secret *secret);
/* HKDF with SHA-256 of the secret. purpose: another one gives other bytes. 0 or CS_EINVAL. */
[[nodiscard]] int tls_ticket_derive(std::string_view secret, std::string_view purpose, unsigned char *bytes_r,
                                    size_t size);
/* OpenSSL's callback: see SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
int tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                   int encrypt);

#endif
