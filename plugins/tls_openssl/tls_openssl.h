/* SPDX-License-Identifier: MIT
 * The instance of the plugin on one worker. */
#ifndef TLS_OPENSSL_H
#define TLS_OPENSSL_H

#include <cstdint>
#include <memory>

#include <openssl/bio.h>

#include <chatserverd/plugin.h>

#include "context.h"
#include "ticket.h"

struct tls {
	const struct cs_host *host = nullptr;
	struct cs_self *self = nullptr;
	const tls_conf *conf = nullptr;
	tls_context_ptr context; /* null: there is no certificate. Connections keep the context that they began with */
	tls_context_ptr proposed; /* of a reload that is not decided yet */
	struct tls_tickets tickets;
	std::unique_ptr<BIO_METHOD, tls_free<BIO_meth_free>> sockets; /* how streams use their sockets */
	int64_t told_day = -1; /* when the log said last that the certificate ends soon, in days since 1970 */
	char why[160] = ""; /* what a stream has given last as its reason */
};

#endif
