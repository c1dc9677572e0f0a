/* SPDX-License-Identifier: MIT
 * TLS for connections of the bench. */
#ifndef CHATBENCH_WIRE_TLS_H
#define CHATBENCH_WIRE_TLS_H

#include <cstddef>

#include <sys/types.h>

struct wire_tls; /* of one connection */
struct wire_tls_context; /* of all connections */

/* nullptr: this program was built without TLS, or OpenSSL fails. */
[[nodiscard]] wire_tls_context *wire_tls_make(void);
void wire_tls_free(wire_tls_context *context);
/* Does the handshake on a socket that blocks. nullptr: the server does not take part. */
[[nodiscard]] wire_tls *wire_tls_open(wire_tls_context *context, int fd);
/* nullptr: nothing. */
void wire_tls_close(wire_tls *tls);
/* As recv(2) and send(2). */
ssize_t wire_tls_read(wire_tls *tls, char *bytes, size_t size);
ssize_t wire_tls_write(wire_tls *tls, const char *bytes, size_t size);

#endif
