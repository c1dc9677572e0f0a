/* SPDX-License-Identifier: MIT
 * To which addresses the server may connect for others: not to those of its own network, unless they are listed. */
#include "address.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

using address_bytes = std::array<unsigned char, 16>;

static const address_bytes address_mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

/* Where an IPv4 address stands in a v4-mapped one. */
static constexpr size_t address_mapped_at = 12;
static constexpr unsigned address_mapped_bits = 96;

struct address_part {
	unsigned char bytes[4];
	unsigned bits;
};

/* IPv4 addresses that are not public: the special-purpose registry of IANA (RFC 6890), and multicast. */
static const address_part address_private_v4[] = {
	{{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
	{{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
	{{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
	{{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

/* IPv6 addresses of 2000::/3 that are not public; what is outside of it is not public anyway. */
static const address_part address_private_v6[] = {
	{{0x20, 0x01, 0x00, 0x02}, 32}, {{0x20, 0x01, 0x00, 0x10}, 28}, {{0x20, 0x01, 0x00, 0x20}, 28},
	{{0x20, 0x01, 0x0d, 0xb8}, 32}, {{0x3f, 0xff, 0x00, 0x00}, 20},
};

static bool address_has_bits(const unsigned char *bytes, const unsigned char *first, unsigned bits)
{
	const size_t whole = bits / 8;

	if (std::memcmp(bytes, first, whole) != 0)
		return false;
	return bits % 8 == 0 || ((bytes[whole] ^ first[whole]) >> (8 - bits % 8)) == 0;
}

static bool address_is_public_v4(const unsigned char *bytes)
{
	return std::none_of(std::begin(address_private_v4), std::end(address_private_v4),
	                    [bytes](const address_part &p) { return address_has_bits(bytes, p.bytes, p.bits); });
}

static bool address_is_public_v6(const address_bytes &a)
{
	static const address_bytes nat64 = {0, 0x64, 0xff, 0x9b}, nothing = {};
	static const unsigned char global = 0x20, six_to_four[] = {0x20, 0x02}, teredo[] = {0x20, 0x01, 0, 0};

	if (address_has_bits(a.data(), address_mapped.data(), address_mapped_bits) ||
	    address_has_bits(a.data(), nat64.data(), address_mapped_bits))
		return address_is_public_v4(a.data() + address_mapped_at);
	/* ::1 and :: are v4-compatible addresses of 0.0.0.0/8 too. */
	if (address_has_bits(a.data(), nothing.data(), address_mapped_bits))
		return address_is_public_v4(a.data() + address_mapped_at);
	if (address_has_bits(a.data(), six_to_four, 16))
		return address_is_public_v4(a.data() + 2);
	if (address_has_bits(a.data(), teredo, 32)) {
		unsigned char client[4];

		for (size_t i = 0; i < sizeof client; i++)
			client[i] = static_cast<unsigned char>(~a[address_mapped_at + i]);
		return address_is_public_v4(a.data() + 4) && address_is_public_v4(client);
	}
	return address_has_bits(a.data(), &global, 3) &&
	       std::none_of(std::begin(address_private_v6), std::end(address_private_v6),
	                    [&a](const address_part &p) { return address_has_bits(a.data(), p.bytes, p.bits); });
}

/* ---- the list */

/* As text, IPv4 or IPv6. */
static bool address_read_one(const std::string &text, address_bytes *bytes_r, bool *is_v4_r)
{
	address_bytes bytes = address_mapped;

	*is_v4_r = inet_pton(AF_INET, text.c_str(), bytes.data() + address_mapped_at) == 1;
	if (!*is_v4_r && inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1)
		return false;
	*bytes_r = bytes;
	return true;
}

static bool address_read_block(std::string_view text, address_block *block_r)
{
	const size_t slash = text.find('/');
	bool is_v4 = false;

	if (!address_read_one(std::string(text.substr(0, slash)), &block_r->bytes, &is_v4))
		return false;
	const unsigned skipped = is_v4 ? address_mapped_bits : 0;

	block_r->bits = 128;
	if (slash == std::string_view::npos)
		return true;
	const std::string_view bits = text.substr(slash + 1);
	unsigned count = 0;
	const auto [end, error] = std::from_chars(bits.data(), bits.data() + bits.size(), count);
	if (error != std::errc() || end != bits.data() + bits.size() || count > 128 - skipped)
		return false;
	block_r->bits = skipped + count;
	return true;
}

bool address_read_blocks(std::string_view text, std::vector<address_block> *blocks_r, std::string *wrong_r)
{
	static const std::string_view blank = " \t";

	blocks_r->clear();
	while (text.find_first_not_of(blank) != std::string_view::npos) {
		const size_t comma = text.find(',');
		std::string_view item = text.substr(0, comma);
		address_block block;

		text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
		item.remove_prefix(std::min(item.find_first_not_of(blank), item.size()));
		item = item.substr(0, item.find_last_not_of(blank) + 1);
		if (!address_read_block(item, &block)) {
			*wrong_r = item;
			return false;
		}
		blocks_r->push_back(block);
	}
	return true;
}

/* ---- judging */

static bool address_bytes_are_allowed(const address_bytes &bytes, const std::vector<address_block> &allowed)
{
	return address_is_public_v6(bytes) ||
	       std::any_of(allowed.begin(), allowed.end(), [&bytes](const address_block &block) {
		       return address_has_bits(bytes.data(), block.bytes.data(), block.bits);
	       });
}

bool address_is_allowed(const sockaddr *address, const std::vector<address_block> &allowed)
{
	address_bytes bytes = address_mapped;

	if (address->sa_family == AF_INET) {
		sockaddr_in v4;

		std::memcpy(&v4, address, sizeof v4);
		std::memcpy(bytes.data() + address_mapped_at, &v4.sin_addr, sizeof v4.sin_addr);
	} else if (address->sa_family == AF_INET6) {
		sockaddr_in6 v6;

		std::memcpy(&v6, address, sizeof v6);
		std::memcpy(bytes.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
	} else {
		return false;
	}
	return address_bytes_are_allowed(bytes, allowed);
}

bool address_text_is_one(const char *text)
{
	address_bytes bytes;
	bool is_v4 = false;

	return address_read_one(text, &bytes, &is_v4);
}

bool address_text_is_allowed(const char *text, const std::vector<address_block> &allowed)
{
	address_bytes bytes;
	bool is_v4 = false;

	return address_read_one(text, &bytes, &is_v4) && address_bytes_are_allowed(bytes, allowed);
}
