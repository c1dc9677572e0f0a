/* SPDX-License-Identifier: MIT
 * Tells HAProxy whether to send new clients here (its agent-check). Main thread. */
#ifndef CORE_AGENT_H
#define CORE_AGENT_H

#include <memory>
#include <vector>

#include <chatserverd/plugin.h>

struct server;
struct agent;
struct listen_address;

struct agent_deleter {
	void operator()(struct agent *a) const;
};
using agent_ptr = std::unique_ptr<struct agent, agent_deleter>;

/* The addresses of core.agent (none if it is empty), after a check that they can be listened on. 0, or CS_EINVAL with
 * the text in e. */
[[nodiscard]] int agent_reserve(const struct server *s, std::vector<struct listen_address> *addresses_r,
                                struct cs_error *e);
/* Listens on core.agent, on the server's main loop; if the option is empty, *agent_r stays empty. Each connection gets
 * one line and is closed: "up 100%", or "up 0% #draining" while the server drains, which takes it out of the balance
 * and leaves its connections alone. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int agent_open(agent_ptr *agent_r, struct server *s, struct cs_error *e);

#endif
