/* SPDX-License-Identifier: MIT
 * The HTTP pages for monitoring: /healthz, /readyz and /metrics. Main thread. */
#ifndef CORE_ADMIN_H
#define CORE_ADMIN_H

#include <memory>
#include <vector>

#include <chatserverd/plugin.h>

struct server;
struct admin;
struct listen_address;

struct admin_deleter {
	void operator()(struct admin *a) const;
};
using admin_ptr = std::unique_ptr<struct admin, admin_deleter>;

/* The addresses of core.admin (none if it is empty), after a check that they can be listened on. 0, or CS_EINVAL with
 * the text in e. */
[[nodiscard]] int admin_reserve(const struct server *s, std::vector<struct listen_address> *addresses_r,
                                struct cs_error *e);
/* Listens on core.admin, on the server's main loop; if the option is empty, *admin_r stays empty. 0, or CS_EINVAL with
 * the text in e. */
[[nodiscard]] int admin_open(admin_ptr *admin_r, struct server *s, struct cs_error *e);

#endif
