/* SPDX-License-Identifier: MIT
 * The stream of <chatserverd/transport.h>: one connection with TLS. */
#ifndef TLS_OPENSSL_STREAM_H
#define TLS_OPENSSL_STREAM_H

#include <chatserverd/transport.h>

#include "tls_openssl.h"

extern const struct cs_stream tls_stream;

/* For SSL_CTX_set_msg_callback(3). */
void tls_stream_note_message(int write, int version, int type, const void *bytes, size_t size, SSL *ssl, void *arg);
/* Makes t->sockets. 0, or CS_EINVAL: no memory. */
[[nodiscard]] int tls_stream_prepare(struct tls *t);

#endif
