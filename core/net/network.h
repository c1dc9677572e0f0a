/* SPDX-License-Identifier: MIT
 * Lists of networks ("10.0.0.0/8 ::1"), and whether an address is in one. Any thread. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include <chatserverd/plugin.h>

struct network {
	int family = 0; /* AF_INET or AF_INET6; a network holds only addresses of its own family */
	std::array<uint8_t, 16> address{}; /* the first 4 or all 16 bytes are used */
	unsigned bits = 0; /* how many bits of the address count */
};

/* Reads addresses and networks with blanks or commas between. Numeric ones only. Bits set behind a network's mask are
 * refused: most likely they are a mistake. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int network_parse(std::string_view text, std::vector<struct network> *networks_r, struct cs_error *e);
/* Whether one of the networks holds the address; false for families other than AF_INET and AF_INET6. */
bool network_holds(const std::vector<struct network> &networks, const sockaddr *address);
/* The number under which a client's requests are counted: one for each IPv4 address, one for each /64 of IPv6, because
 * one subscriber has a whole /64. An IPv4 address mapped into IPv6 counts as IPv4. Never 0. */
uint64_t network_client(const sockaddr *address);
/* Another one, which no address has: that of connections that plugins adopt. */
inline constexpr uint64_t network_of_adopted = 2;

#endif
