/* SPDX-License-Identifier: MIT
 * Networks whose connections are refused. */
#include "core/net/ban.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/base/log.h"

/* An IPv6 network is never smaller: a subscriber has so much. */
static constexpr unsigned ban_least_ipv6 = 64;
static constexpr unsigned ban_mapped_bits = 96; /* of an IPv6 address before the IPv4 address that is mapped into it */

/* ---- reading */

static bool ban_is_mapped(const struct network *n)
{
	static constexpr std::array<uint8_t, 12> prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return n->family == AF_INET6 && n->bits >= ban_mapped_bits &&
	       memcmp(n->address.data(), prefix.data(), prefix.size()) == 0;
}

/* The form in which networks are counted: IPv4, or at most 64 bits of IPv6. */
static void ban_make_plain(struct network *n)
{
	if (ban_is_mapped(n)) {
		std::copy_n(n->address.begin() + 12, 4, n->address.begin());
		std::fill(n->address.begin() + 4, n->address.end(), 0);
		n->family = AF_INET;
		n->bits -= ban_mapped_bits;
	} else if (n->family == AF_INET6 && n->bits > ban_least_ipv6) {
		std::fill(n->address.begin() + ban_least_ipv6 / 8, n->address.end(), 0);
		n->bits = ban_least_ipv6;
	}
}

static uint64_t ban_number_of(const struct network *n)
{
	sockaddr_storage address = {};

	address.ss_family = static_cast<sa_family_t>(n->family);
	if (n->family == AF_INET)
		memcpy(&reinterpret_cast<sockaddr_in *>(&address)->sin_addr, n->address.data(), 4);
	else
		memcpy(&reinterpret_cast<sockaddr_in6 *>(&address)->sin6_addr, n->address.data(), 16);
	return network_client(reinterpret_cast<const sockaddr *>(&address));
}

/* n is plain. The numbers of IPv4 lie above those of all IPv6 addresses that a client can have. */
static struct ban_range ban_range_of(const struct network *n)
{
	static constexpr uint64_t last_ipv6 = (UINT64_C(0xffffffff) << 32) - 1;
	const unsigned free_bits = (n->family == AF_INET ? 32 : ban_least_ipv6) - n->bits;
	const uint64_t first = ban_number_of(n);
	const uint64_t behind = free_bits >= 64 ? UINT64_MAX : (UINT64_C(1) << free_bits) - 1;

	if (n->family == AF_INET)
		return {first, first | behind};
	/* ::/64 has the number 1, as network_client never answers 0. */
	return {first, std::max(first, std::min(first | behind, last_ipv6))};
}

static bool ban_meet(const struct ban_range &one, const struct ban_range &other)
{
	return one.first <= other.last && other.first <= one.last;
}

static void ban_write_text(const struct network *n, struct cs_network *network_r)
{
	const unsigned most = n->family == AF_INET ? 32 : 128;
	char text[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(n->family, n->address.data(), text, sizeof text);
	if (n->bits == most)
		(void)snprintf(network_r->text, sizeof network_r->text, "%s", text);
	else
		(void)snprintf(network_r->text, sizeof network_r->text, "%s/%u", text, n->bits);
}

/* What is never banned: this machine, and those who speak for others. */
static const char *ban_find_protected(const struct ban_range &range, const std::vector<struct network> &proxies)
{
	static constexpr struct network loopback = {AF_INET, {127}, 8}, loopback6 = {AF_INET6, {}, ban_least_ipv6};

	if (ban_meet(range, ban_range_of(&loopback)) || ban_meet(range, ban_range_of(&loopback6)))
		return "it holds addresses of this machine (loopback)";
	for (struct network proxy : proxies) {
		ban_make_plain(&proxy);
		if (ban_meet(range, ban_range_of(&proxy)))
			return "it holds an address of core.proxy_from; ban the clients of the proxy instead";
	}
	return nullptr;
}

int ban_read(std::string_view text, const std::vector<struct network> &proxies, struct cs_network *network_r,
             struct cs_error *e)
{
	std::vector<struct network> networks;

	/* The list that network_parse reads may have blanks, commas and several networks. */
	if (text.find_first_of(std::string_view(" \t,\0", 4)) != text.npos || text.empty()) {
		error_set(e, "one address or network is needed, such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32");
		return CS_EINVAL;
	}
	if (network_parse(text, &networks, e) != 0)
		return CS_EINVAL;
	struct network *n = networks.data();
	ban_make_plain(n);
	const struct ban_range range = ban_range_of(n);

	*network_r = {};
	network_r->first = range.first;
	network_r->last = range.last;
	ban_write_text(n, network_r);
	if (const char *why = ban_find_protected(range, proxies)) {
		error_set(e, "%s cannot be banned: %s", network_r->text, why);
		return CS_EINVAL;
	}
	return 0;
}

/* ---- the table */

void ban_set(struct ban_table *t, std::span<const struct cs_network> networks)
{
	std::vector<struct ban_range> all, ranges;

	for (const struct cs_network &n : networks)
		all.push_back({n.first, n.last});
	std::sort(all.begin(), all.end(),
	          [](const struct ban_range &a, const struct ban_range &b) { return a.first < b.first; });
	for (const struct ban_range &range : all) {
		if (!ranges.empty() && range.first <= ranges.back().last)
			ranges.back().last = std::max(ranges.back().last, range.last);
		else
			ranges.push_back(range);
	}
	const std::unique_lock lock(t->mutex);

	t->ranges.swap(ranges);
	t->count.store(networks.size(), std::memory_order_release);
}

bool ban_holds(struct ban_table *t, uint64_t client)
{
	if (t->count.load(std::memory_order_acquire) == 0)
		return false;
	const std::shared_lock lock(t->mutex);
	const auto behind =
		std::upper_bound(t->ranges.begin(), t->ranges.end(), client,
	                         [](uint64_t number, const struct ban_range &range) { return number < range.first; });

	return behind != t->ranges.begin() && client <= std::prev(behind)->last;
}
