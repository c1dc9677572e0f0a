/* SPDX-License-Identifier: MIT
 * Owns lists of networks ("10.0.0.0/8 ::1") and whether an address is in one. It must not know what a list is
 * for. Pure; any thread. */
#ifndef CORE_NETWORK_H
#define CORE_NETWORK_H

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include <chatserverd/plugin.h>

struct network {
	int family = 0; /* AF_INET or AF_INET6; neither holds addresses of the other */
	std::array<uint8_t, 16> address{}; /* 4 or 16 bytes of it */
	unsigned bits = 0; /* how many of them count */
};

/* Reads addresses and networks, blanks or commas between. Numeric ones only. Bits set behind a network's mask
 * are refused: they are most likely a slip. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int network_parse(std::string_view text, std::vector<struct network> *networks_r,
                                struct cs_error *e);
/* Whether one of them holds the address; false for families other than the Internet's. */
bool network_holds(const std::vector<struct network> &networks, const sockaddr *address);
/* The number under which a client's requests are counted: one per IPv4 address, one per /64 of IPv6, because one
 * subscriber has all addresses of that. IPv4 mapped into IPv6 is IPv4. Never 0. */
uint64_t network_client(const sockaddr *address);

#endif
