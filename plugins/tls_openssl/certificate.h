/* SPDX-License-Identifier: MIT
 * Watches how long the certificate is still valid. */
#ifndef TLS_OPENSSL_CERTIFICATE_H
#define TLS_OPENSSL_CERTIFICATE_H

#include "tls_openssl.h"

/* From now on the end of the certificate is a figure of /metrics, and the log warns once a day from 14 days on. One
 * instance of the node does this for all. */
void tls_certificate_watch(struct tls *t);
/* The files were read again: the log warns again, too, if the certificate ends soon. */
void tls_certificate_changed(struct tls *t);

#endif
