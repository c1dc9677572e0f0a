/* SPDX-License-Identifier: MIT
 * Networks whose connections are refused. A ban is a range of the numbers of network_client: so an IPv6 address stands
 * for its /64. Any thread. */
#ifndef CORE_BAN_H
#define CORE_BAN_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include <chatserverd/plugin.h>

#include "core/net/network.h"

/* From first to last, both included. */
struct ban_range {
	uint64_t first, last;
};

struct ban_table {
	std::atomic<size_t> count = 0; /* bans, as they were given */
	std::shared_mutex mutex; /* guards ranges */
	std::vector<struct ban_range> ranges; /* in order; none meets another */
};

/* Contract of cs_host.read_network. proxies: core.proxy_from. */
[[nodiscard]] int ban_read(std::string_view text, const std::vector<struct network> &proxies,
                           struct cs_network *network_r, struct cs_error *e);
/* From now on these networks are banned, and no others. */
void ban_set(struct ban_table *t, std::span<const struct cs_network> networks);
/* client: of network_client. */
[[nodiscard]] bool ban_holds(struct ban_table *t, uint64_t client);

#endif
