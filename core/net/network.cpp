/* SPDX-License-Identifier: MIT
 * Lists of networks, and whether an address is in one. */
#include "core/net/network.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/base/log.h"

/* Whether the first `bits` bits of both are equal. */
static bool network_agree(const std::array<uint8_t, 16> &one, const std::array<uint8_t, 16> &other, unsigned bits)
{
	const size_t whole = bits / 8;
	const auto mask = static_cast<uint8_t>(0xff00 >> bits % 8);

	return memcmp(one.data(), other.data(), whole) == 0 &&
	       (bits % 8 == 0 || ((one[whole] ^ other[whole]) & mask) == 0);
}

/* Without the bits behind the mask. */
static std::array<uint8_t, 16> network_mask(const struct network *n)
{
	std::array<uint8_t, 16> masked = n->address;

	if (n->bits < 128)
		masked[n->bits / 8] &= static_cast<uint8_t>(0xff00 >> n->bits % 8);
	for (size_t i = n->bits / 8 + 1; i < masked.size(); i++)
		masked[i] = 0;
	return masked;
}

static bool network_parse_one(std::string_view text, struct network *n)
{
	const size_t slash = text.find('/');
	const std::string address(text.substr(0, slash));

	n->family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
	n->bits = n->family == AF_INET ? 32 : 128;
	if (inet_pton(n->family, address.c_str(), n->address.data()) != 1)
		return false;
	if (slash != std::string_view::npos) {
		const char *begin = text.data() + slash + 1, *end = text.data() + text.size();
		const unsigned most = n->bits;
		const auto [stop, error] = std::from_chars(begin, end, n->bits);

		if (error != std::errc() || stop != end || n->bits > most)
			return false;
	}
	return true;
}

static int network_refuse_bits(std::string_view text, const struct network *n, struct cs_error *e)
{
	char masked[INET6_ADDRSTRLEN] = "";

	(void)inet_ntop(n->family, network_mask(n).data(), masked, sizeof masked);
	error_set(e, "\"%.*s\" has bits behind the mask: the network is %s/%u",
	          static_cast<int>(std::min<size_t>(text.size(), 60)), text.data(), masked, n->bits);
	return CS_EINVAL;
}

int network_parse(std::string_view text, std::vector<struct network> *networks_r, struct cs_error *e)
{
	static const char between[] = " \t,";

	for (size_t at; (at = text.find_first_not_of(between)) != std::string_view::npos;) {
		text.remove_prefix(at);
		const std::string_view one = text.substr(0, text.find_first_of(between));
		struct network n;

		text.remove_prefix(one.size());
		if (!network_parse_one(one, &n)) {
			error_set(e,
			          "\"%.*s\" is no address or network, such as 127.0.0.1, 10.0.0.0/8 or "
			          "fd00::/8",
			          static_cast<int>(std::min<size_t>(one.size(), 60)), one.data());
			return CS_EINVAL;
		}
		if (network_mask(&n) != n.address)
			return network_refuse_bits(one, &n, e);
		networks_r->push_back(n);
	}
	return 0;
}

/* The upper half of an IPv6 address as a number. */
static uint64_t network_upper_half(const uint8_t *bytes)
{
	uint64_t number = 0;

	for (size_t i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

uint64_t network_client(const sockaddr *address)
{
	/* The number of an IPv4 address gets this upper half. In IPv6 it belongs to multicast, which is never a
	 * client's address. */
	static constexpr uint64_t ipv4 = UINT64_C(0xffffffff) << 32;

	if (address->sa_family == AF_INET)
		return ipv4 | ntohl(reinterpret_cast<const sockaddr_in *>(address)->sin_addr.s_addr);
	if (address->sa_family != AF_INET6)
		return 1;
	const in6_addr *in = &reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr;
	if (IN6_IS_ADDR_V4MAPPED(in))
		return ipv4 | (network_upper_half(in->s6_addr + 8) & 0xffffffff);
	return std::max<uint64_t>(network_upper_half(in->s6_addr), 1);
}

bool network_holds(const std::vector<struct network> &networks, const sockaddr *address)
{
	std::array<uint8_t, 16> wanted{};

	if (address->sa_family == AF_INET)
		memcpy(wanted.data(), &reinterpret_cast<const sockaddr_in *>(address)->sin_addr, 4);
	else if (address->sa_family == AF_INET6)
		memcpy(wanted.data(), &reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr, 16);
	return std::any_of(networks.begin(), networks.end(), [&](const struct network &n) {
		return n.family == address->sa_family && network_agree(n.address, wanted, n.bits);
	});
}
