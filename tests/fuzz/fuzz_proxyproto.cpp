/* SPDX-License-Identifier: MIT
 * Fuzz target of the PROXY header: the input is the beginning of a connection. */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/net/proxyproto.h"
#include "fuzz.h"

struct verdict {
	enum proxyproto_result result;
	struct proxyproto_header header;
};

static struct verdict judge(std::string_view bytes)
{
	/* A copy of exactly its size shows reads beyond the end. */
	const std::vector<char> copy(bytes.begin(), bytes.end());
	struct verdict v;

	v.result = proxyproto_parse({copy.data(), copy.size()}, &v.header);
	return v;
}

static bool is_same(const struct verdict &a, const struct verdict &b)
{
	const char *one = a.header.fault, *other = b.header.fault;

	return a.result == b.result && a.header.size == b.header.size &&
	       memcmp(&a.header.source, &b.header.source, sizeof a.header.source) == 0 &&
	       (one == other || (one != nullptr && other != nullptr && strcmp(one, other) == 0));
}

/* Whatever is answered has the form that it promises. */
static void require_form(const struct verdict &v, std::string_view bytes)
{
	const bool is_whole = v.result == PROXYPROTO_ADDRESS || v.result == PROXYPROTO_LOCAL;
	const size_t most = !bytes.empty() && bytes[0] == 'P' ? proxyproto_most_v1 : proxyproto_most_v2;

	REQUIRE(v.header.size <= bytes.size() && v.header.size <= most);
	REQUIRE((v.header.size != 0) == is_whole);
	REQUIRE((v.header.fault != nullptr) == (v.result == PROXYPROTO_MALFORMED));
	REQUIRE((v.header.source.ss_family != AF_UNSPEC) == (v.result == PROXYPROTO_ADDRESS));
	REQUIRE(v.result != PROXYPROTO_MORE || bytes.size() < most);
	REQUIRE(proxyproto_begins(bytes) ? v.result != PROXYPROTO_NONE
	                                 : v.result == PROXYPROTO_NONE || v.result == PROXYPROTO_MORE);
}

/* Byte by byte: MORE until the verdict, and then always that. */
static void require_cuts_do_not_matter(const struct verdict &whole, std::string_view bytes)
{
	for (size_t size = 0; size < bytes.size() && size < proxyproto_most_v2 + 2; size++) {
		const struct verdict v = judge(bytes.substr(0, size));

		require_form(v, bytes.substr(0, size));
		REQUIRE(v.result == PROXYPROTO_MORE || is_same(v, whole));
		REQUIRE(v.result != PROXYPROTO_MORE || size < whole.header.size || whole.header.size == 0);
	}
}

/* The same source, said in a line of version 1, is read as the same. */
static void require_line_says_the_same(const struct verdict &v)
{
	const sockaddr_storage *source = &v.header.source;
	const auto *in = reinterpret_cast<const sockaddr_in *>(source);
	const auto *in6 = reinterpret_cast<const sockaddr_in6 *>(source);
	const bool is_ipv4 = source->ss_family == AF_INET;
	char host[INET6_ADDRSTRLEN];

	REQUIRE(inet_ntop(source->ss_family, is_ipv4 ? static_cast<const void *>(&in->sin_addr) : &in6->sin6_addr, host,
	                  sizeof host) != nullptr);
	const std::string port = std::to_string(ntohs(is_ipv4 ? in->sin_port : in6->sin6_port));
	const std::string line = std::string("PROXY TCP") + (is_ipv4 ? "4 " : "6 ") + host + " " + host + " " + port +
	                         " " + port + "\r\n";
	const struct verdict again = judge(line);

	REQUIRE(again.result == PROXYPROTO_ADDRESS && again.header.size == line.size());
	REQUIRE(memcmp(&again.header.source, source, sizeof *source) == 0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view bytes(reinterpret_cast<const char *>(data), size);
	const struct verdict whole = judge(bytes);

	require_form(whole, bytes);
	require_cuts_do_not_matter(whole, bytes);
	if (whole.result == PROXYPROTO_ADDRESS)
		require_line_says_the_same(whole);
	return 0;
}
