/* SPDX-License-Identifier: MIT
 * Reads a PROXY header, versions 1 and 2. */
#include "core/net/proxyproto.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

static constexpr std::string_view proxyproto_begin_v1 = "PROXY";
static constexpr std::string_view proxyproto_begin_v2{"\r\n\r\n\0\r\nQUIT\n", 12};

static enum proxyproto_result proxyproto_fail(struct proxyproto_header *h, const char *fault)
{
	h->size = 0;
	h->fault = fault;
	return PROXYPROTO_MALFORMED;
}

/* ---- version 1: PROXY TCP4 source destination source-port destination-port CRLF */

/* Reads the next word of a line whose words have one blank between them. false: there is none. */
static bool proxyproto_take_word(std::string_view *line, std::string_view *word_r)
{
	if (line->empty() || line->front() != ' ')
		return false;
	line->remove_prefix(1);
	*word_r = line->substr(0, line->find(' '));
	line->remove_prefix(word_r->size());
	return !word_r->empty();
}

static bool proxyproto_read_host(std::string_view word, int family, void *address_r)
{
	char text[INET6_ADDRSTRLEN];

	/* A zero byte would hide the rest of the word. */
	if (word.size() >= sizeof text || word.find('\0') != std::string_view::npos)
		return false;
	*std::copy(word.begin(), word.end(), text) = '\0';
	return inet_pton(family, text, address_r) == 1;
}

/* Decimal. Leading zeroes are refused: they could mean octal. */
static bool proxyproto_read_port(std::string_view word, uint16_t *port_r)
{
	const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *port_r);

	return error == std::errc() && end == word.data() + word.size() && (word.size() == 1 || word[0] != '0');
}

static void proxyproto_set_source(struct proxyproto_header *h, int family, const void *address, uint16_t port)
{
	if (family == AF_INET) {
		auto *in = reinterpret_cast<sockaddr_in *>(&h->source);

		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, address, sizeof in->sin_addr);
		return;
	}
	auto *in = reinterpret_cast<sockaddr_in6 *>(&h->source);

	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	memcpy(&in->sin6_addr, address, sizeof in->sin6_addr);
}

static enum proxyproto_result proxyproto_parse_tcp(std::string_view rest, int family, struct proxyproto_header *h)
{
	in6_addr source, destination;
	uint16_t source_port, destination_port;
	std::string_view word;

	if (!proxyproto_take_word(&rest, &word) || !proxyproto_read_host(word, family, &source))
		return proxyproto_fail(h, "bad source address");
	if (!proxyproto_take_word(&rest, &word) || !proxyproto_read_host(word, family, &destination))
		return proxyproto_fail(h, "bad destination address");
	if (!proxyproto_take_word(&rest, &word) || !proxyproto_read_port(word, &source_port))
		return proxyproto_fail(h, "bad source port");
	if (!proxyproto_take_word(&rest, &word) || !proxyproto_read_port(word, &destination_port))
		return proxyproto_fail(h, "bad destination port");
	if (!rest.empty())
		return proxyproto_fail(h, "more than two ports");
	proxyproto_set_source(h, family, &source, source_port);
	return PROXYPROTO_ADDRESS;
}

/* The line without its CRLF. */
static enum proxyproto_result proxyproto_parse_line(std::string_view line, struct proxyproto_header *h)
{
	std::string_view protocol;

	line.remove_prefix(proxyproto_begin_v1.size());
	if (!proxyproto_take_word(&line, &protocol))
		return proxyproto_fail(h, "no protocol");
	if (protocol == "TCP4")
		return proxyproto_parse_tcp(line, AF_INET, h);
	if (protocol == "TCP6")
		return proxyproto_parse_tcp(line, AF_INET6, h);
	/* The rest of such a line is not used. */
	return protocol == "UNKNOWN" ? PROXYPROTO_LOCAL : proxyproto_fail(h, "unknown protocol");
}

static enum proxyproto_result proxyproto_parse_v1(std::string_view bytes, struct proxyproto_header *h)
{
	const size_t end = bytes.substr(0, proxyproto_most_v1).find('\n');

	if (end == std::string_view::npos)
		return bytes.size() < proxyproto_most_v1 ? PROXYPROTO_MORE : proxyproto_fail(h, "line too long");
	if (bytes[end - 1] != '\r')
		return proxyproto_fail(h, "line ends without CR");
	h->size = end + 1;
	return proxyproto_parse_line(bytes.substr(0, end - 1), h);
}

/* ---- version 2: twelve fixed bytes, version and command, family and transport, size of the rest (big-endian); the
 * rest begins with the addresses. */

static constexpr size_t proxyproto_fixed_v2 = 16;

static uint16_t proxyproto_read_number(std::string_view bytes, size_t at)
{
	return static_cast<uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
	                             static_cast<unsigned char>(bytes[at + 1]));
}

/* Size in bytes of the addresses of a family: source and destination, with their ports for AF_INET and AF_INET6. */
static size_t proxyproto_addresses_size(unsigned family)
{
	static constexpr size_t sizes[] = {0, 12, 36, 216};

	return sizes[family];
}

/* Checks the fixed part as soon as it is there, before the rest comes. nullptr: no mistake. */
static const char *proxyproto_fault_of_v2(std::string_view bytes)
{
	const auto command = static_cast<unsigned char>(bytes[12]);
	const auto protocol = static_cast<unsigned char>(bytes[13]);
	const size_t rest = proxyproto_read_number(bytes, 14);

	if (command >> 4 != 2)
		return "unknown version";
	if ((command & 15) > 1)
		return "unknown command";
	if (protocol >> 4 > 3 || (protocol & 15) > 2)
		return "unknown family or transport";
	if (rest > proxyproto_most_v2 - proxyproto_fixed_v2)
		return "header too long";
	if ((command & 15) == 1 && rest < proxyproto_addresses_size(protocol >> 4))
		return "too short for its addresses";
	return nullptr;
}

static enum proxyproto_result proxyproto_parse_v2(std::string_view bytes, struct proxyproto_header *h)
{
	if (bytes.size() < proxyproto_fixed_v2)
		return PROXYPROTO_MORE;
	if (const char *fault = proxyproto_fault_of_v2(bytes))
		return proxyproto_fail(h, fault);
	const size_t size = proxyproto_fixed_v2 + proxyproto_read_number(bytes, 14);
	const bool is_local = (bytes[12] & 15) == 0;
	const auto protocol = static_cast<unsigned char>(bytes[13]);

	if (bytes.size() < size)
		return PROXYPROTO_MORE;
	h->size = size;
	if (!is_local && protocol == 0x11)
		proxyproto_set_source(h, AF_INET, bytes.data() + 16, proxyproto_read_number(bytes, 24));
	else if (!is_local && protocol == 0x21)
		proxyproto_set_source(h, AF_INET6, bytes.data() + 16, proxyproto_read_number(bytes, 48));
	else
		return PROXYPROTO_LOCAL;
	return PROXYPROTO_ADDRESS;
}

/* ---- both */

bool proxyproto_begins(std::string_view bytes)
{
	return bytes.starts_with(proxyproto_begin_v1) || bytes.starts_with(proxyproto_begin_v2);
}

enum proxyproto_result proxyproto_parse(std::string_view bytes, struct proxyproto_header *header_r)
{
	*header_r = {};
	if (bytes.starts_with(proxyproto_begin_v1))
		return proxyproto_parse_v1(bytes, header_r);
	if (bytes.starts_with(proxyproto_begin_v2))
		return proxyproto_parse_v2(bytes, header_r);
	if (proxyproto_begin_v1.starts_with(bytes) || proxyproto_begin_v2.starts_with(bytes))
		return PROXYPROTO_MORE;
	return PROXYPROTO_NONE;
}
