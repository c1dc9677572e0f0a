/* SPDX-License-Identifier: MIT
 * What the plugin makes of the files of its options: a context of OpenSSL with certificate and key. */
#ifndef TLS_OPENSSL_CONTEXT_H
#define TLS_OPENSSL_CONTEXT_H

#include <array>
#include <cstdint>
#include <memory>

#include <openssl/ssl.h>

#include <chatserverd/plugin.h>

template <auto Function> struct tls_free {
	template <class T> void operator()(T *pointer) const
	{
		(void)Function(pointer);
	}
};

typedef std::unique_ptr<SSL_CTX, tls_free<SSL_CTX_free>> tls_ssl_ctx_ptr;

enum tls_minimum { TLS_MINIMUM_1_2, TLS_MINIMUM_1_3 };

/* Filled by the server from the section [tls_openssl]. */
struct tls_conf {
	const char *listen;
	const char *certificate; /* empty: none */
	const char *key; /* empty: it is in the file of the certificate */
	int minimum; /* enum tls_minimum */
};

typedef std::array<unsigned char, 32> tls_secret;

struct tls_context {
	tls_ssl_ctx_ptr ctx;
	int64_t begin_ms = 0, end_ms = 0; /* between these the certificate is valid, in ms since 1970 */
	bool is_key_open = false; /* every user of the machine can read the key */
	tls_secret secret = {}; /* the keys of tickets are derived from it */
};

typedef std::unique_ptr<tls_context> tls_context_ptr;

/* Reads the files and builds a context, also of a certificate that has expired. 0, or CS_EINVAL with the text in e and
 * the key of the wrong option in *key_r. Any thread. */
[[nodiscard]] int tls_context_make(const tls_conf *conf, tls_context_ptr *context_r, const char **key_r,
                                   struct cs_error *e);

#endif
