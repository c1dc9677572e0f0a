/* SPDX-License-Identifier: MIT
 * To which addresses the server may connect for others: not to those of its own network, unless they are listed. Any
 * thread; no state. */
#ifndef PUSH_ADDRESS_H
#define PUSH_ADDRESS_H

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

/* Addresses with the same first bits. IPv4 addresses are kept as v4-mapped IPv6 addresses. */
struct address_block {
	std::array<unsigned char, 16> bytes = {};
	unsigned bits = 0; /* 0 to 128 */
};

/* Reads blocks with commas between: 127.0.0.1/32, 10.0.0.0/8, fd00::/8, ::1. false: *wrong_r is the first that is
 * none. */
[[nodiscard]] bool address_read_blocks(std::string_view text, std::vector<address_block> *blocks_r,
                                       std::string *wrong_r);

/* Whether it is an address of the public internet, or in one of the blocks. Private, loopback, link-local, multicast,
 * unique-local, reserved and unspecified addresses are not public. An IPv6 address that carries an IPv4 address
 * (v4-mapped, v4-compatible, NAT64, 6to4, Teredo) is judged by that one; in a block it must be as it is written, but a
 * v4-mapped address is the IPv4 address. */
[[nodiscard]] bool address_is_allowed(const sockaddr *address, const std::vector<address_block> &allowed);
/* Whether the text is an address. */
[[nodiscard]] bool address_text_is_one(const char *text);
/* The same of an address as text. false also if it is none. */
[[nodiscard]] bool address_text_is_allowed(const char *text, const std::vector<address_block> &allowed);

#endif
