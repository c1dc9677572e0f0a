/* SPDX-License-Identifier: MIT
 * Says once, at the start, that passwords of people who register would cross a network in clear. */
#ifndef CORE_SERVER_WARN_H
#define CORE_SERVER_WARN_H

#include "core/server.h"

/* One line of the log, if an address without TLS is neither of this machine nor private, no proxy is named by
 * core.proxy_from, and anybody may register. When the server listens. Main thread. */
void server_warn_of_clear_passwords(const struct server *s);

#endif
