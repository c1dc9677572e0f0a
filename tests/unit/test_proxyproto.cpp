/* SPDX-License-Identifier: MIT
 * Tests the PROXY header: the answer is the same however the bytes are cut, and each malformed form has its name. */
#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/net/proxyproto.h"
#include "tests/support/check.h"

using namespace std::literals;

/* A header of version 2; size: of what follows the fixed part, if not as long as it is. */
static std::string version_2(unsigned command, unsigned protocol, std::string_view rest, int size = -1)
{
	const size_t length = size == -1 ? rest.size() : static_cast<size_t>(size);
	std::string bytes("\r\n\r\n\0\r\nQUIT\n"sv);

	bytes += static_cast<char>(command);
	bytes += static_cast<char>(protocol);
	bytes += static_cast<char>(length >> 8);
	bytes += static_cast<char>(length & 255);
	return bytes.append(rest);
}

/* 192.0.2.7:4660 to 198.51.100.1:6000, and [2001:db8::7]:4660 to [2001:db8::1]:6000. */
static const std::string_view addresses_4 = "\xc0\x00\x02\x07\xc6\x33\x64\x01\x12\x34\x17\x70"sv;
static const std::string_view addresses_6 = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
					    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x17\x70"sv;
static const std::string extra = "\x03\0\4\1\2\3\4\x20\0\5\0\0\0\0\0"s;

struct sample {
	std::string bytes;
	enum proxyproto_result result;
	std::string source; /* address and port, or what is wrong */
};

static const std::vector<sample> &whole_samples()
{
	static const std::string most(proxyproto_most_v2 - 16 - 12, '\xee');
	static const std::vector<sample> samples = {
		{"PROXY TCP4 192.0.2.7 198.51.100.1 4660 6000\r\n", PROXYPROTO_ADDRESS, "192.0.2.7 4660"},
		{"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", PROXYPROTO_ADDRESS,
	         "255.255.255.255 65535"},
		{"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", PROXYPROTO_ADDRESS, "0.0.0.0 0"},
		{"PROXY TCP6 2001:db8::7 2001:db8::1 4660 6000\r\n", PROXYPROTO_ADDRESS, "2001:db8::7 4660"},
		{"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	         "65535 65535\r\n",
	         PROXYPROTO_ADDRESS, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535"},
		{"PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n", PROXYPROTO_ADDRESS, "::ffff:192.0.2.7 1"},
		{"PROXY UNKNOWN\r\n", PROXYPROTO_LOCAL, ""},
		{"PROXY UNKNOWN ffff:f...f:ffff anything, \r\0 too 65535\r\n"s, PROXYPROTO_LOCAL, ""},
		{"PROXY UNKNOWN " + std::string(107 - 16, 'x') + "\r\n", PROXYPROTO_LOCAL, ""},
		{version_2(0x21, 0x11, addresses_4), PROXYPROTO_ADDRESS, "192.0.2.7 4660"},
		{version_2(0x21, 0x21, addresses_6), PROXYPROTO_ADDRESS, "2001:db8::7 4660"},
		{version_2(0x21, 0x11, std::string(addresses_4) + extra), PROXYPROTO_ADDRESS, "192.0.2.7 4660"},
		{version_2(0x21, 0x21, std::string(addresses_6) + extra), PROXYPROTO_ADDRESS, "2001:db8::7 4660"},
		{version_2(0x21, 0x11, std::string(addresses_4) + most), PROXYPROTO_ADDRESS, "192.0.2.7 4660"},
		{version_2(0x20, 0x00, ""), PROXYPROTO_LOCAL, ""},
		{version_2(0x20, 0x11, addresses_4), PROXYPROTO_LOCAL, ""},
		{version_2(0x20, 0x11, "short"), PROXYPROTO_LOCAL, ""},
		{version_2(0x21, 0x00, ""), PROXYPROTO_LOCAL, ""},
		{version_2(0x21, 0x00, extra), PROXYPROTO_LOCAL, ""},
		{version_2(0x21, 0x12, addresses_4), PROXYPROTO_LOCAL, ""},
		{version_2(0x21, 0x22, addresses_6), PROXYPROTO_LOCAL, ""},
		{version_2(0x21, 0x31, std::string(216, 'u')), PROXYPROTO_LOCAL, ""},
	};

	return samples;
}

static const std::vector<sample> &malformed_samples()
{
	static const std::string_view tail = " 192.0.2.7 198.51.100.1 4660 6000\r\n";
	static const std::vector<sample> samples = {
		{"PROXYTCP4" + std::string(tail), PROXYPROTO_MALFORMED, "no protocol"},
		{"PROXY\r\n", PROXYPROTO_MALFORMED, "no protocol"},
		{"PROXY \r\n", PROXYPROTO_MALFORMED, "no protocol"},
		{"PROXY  TCP4" + std::string(tail), PROXYPROTO_MALFORMED, "no protocol"},
		{"PROXY tcp4" + std::string(tail), PROXYPROTO_MALFORMED, "unknown protocol"},
		{"PROXY UDP4" + std::string(tail), PROXYPROTO_MALFORMED, "unknown protocol"},
		{"PROXY TCP44" + std::string(tail), PROXYPROTO_MALFORMED, "unknown protocol"},
		{"PROXY UNKNOWNS\r\n", PROXYPROTO_MALFORMED, "unknown protocol"},
		{"PROXY TCP4\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 \r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4\t192.0.2.7 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "unknown protocol"},
		{"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 192.0.2.7\0 198.51.100.1 1 2\r\n"s, PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 localhost 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP6 " + std::string(60, '1') + " ::1 1 2\r\n", PROXYPROTO_MALFORMED, "bad source address"},
		{"PROXY TCP4 192.0.2.7\r\n", PROXYPROTO_MALFORMED, "bad destination address"},
		{"PROXY TCP4 192.0.2.7 x 1 2\r\n", PROXYPROTO_MALFORMED, "bad destination address"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1\r\n", PROXYPROTO_MALFORMED, "bad source port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 65536 2\r\n", PROXYPROTO_MALFORMED, "bad source port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n", PROXYPROTO_MALFORMED, "bad source port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n", PROXYPROTO_MALFORMED, "bad source port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n", PROXYPROTO_MALFORMED, "bad source port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1x 2\r\n", PROXYPROTO_MALFORMED, "bad source port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n", PROXYPROTO_MALFORMED, "bad destination port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1 \r\n", PROXYPROTO_MALFORMED, "bad destination port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1 99999999999\r\n", PROXYPROTO_MALFORMED, "bad destination port"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n", PROXYPROTO_MALFORMED, "more than two ports"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n", PROXYPROTO_MALFORMED, "more than two ports"},
		{"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n", PROXYPROTO_MALFORMED, "line ends without CR"},
		{"PROXY\n", PROXYPROTO_MALFORMED, "line ends without CR"},
		{"PROXY UNKNOWN " + std::string(107 - 14, 'x'), PROXYPROTO_MALFORMED, "line too long"},
		{"PROXY UNKNOWN " + std::string(107 - 15, 'x') + "\r\n", PROXYPROTO_MALFORMED, "line too long"},
		{version_2(0x11, 0x11, addresses_4), PROXYPROTO_MALFORMED, "unknown version"},
		{version_2(0x31, 0x11, addresses_4), PROXYPROTO_MALFORMED, "unknown version"},
		{version_2(0x22, 0x11, addresses_4), PROXYPROTO_MALFORMED, "unknown command"},
		{version_2(0x2f, 0x11, addresses_4), PROXYPROTO_MALFORMED, "unknown command"},
		{version_2(0x21, 0x41, addresses_4), PROXYPROTO_MALFORMED, "unknown family or transport"},
		{version_2(0x21, 0x13, addresses_4), PROXYPROTO_MALFORMED, "unknown family or transport"},
		{version_2(0x20, 0xff, ""), PROXYPROTO_MALFORMED, "unknown family or transport"},
		{version_2(0x21, 0x11, "", 521), PROXYPROTO_MALFORMED, "header too long"},
		{version_2(0x20, 0x00, "", 65535), PROXYPROTO_MALFORMED, "header too long"},
		{version_2(0x21, 0x11, addresses_4.substr(0, 11)), PROXYPROTO_MALFORMED, "too short for its addresses"},
		{version_2(0x21, 0x21, addresses_4), PROXYPROTO_MALFORMED, "too short for its addresses"},
		{version_2(0x21, 0x31, std::string(215, 'u')), PROXYPROTO_MALFORMED, "too short for its addresses"},
		{version_2(0x21, 0x22, ""), PROXYPROTO_MALFORMED, "too short for its addresses"},
	};

	return samples;
}

/* Copies of exactly their size show reads behind the end. */
static enum proxyproto_result parse(std::string_view bytes, struct proxyproto_header *h)
{
	const std::vector<char> copy(bytes.begin(), bytes.end());

	return proxyproto_parse({copy.data(), copy.size()}, h);
}

static std::string source_of(const struct proxyproto_header *h)
{
	char host[INET6_ADDRSTRLEN] = "";

	if (h->fault)
		return h->fault;
	if (h->source.ss_family == AF_INET) {
		const auto *in = reinterpret_cast<const sockaddr_in *>(&h->source);

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		return std::string(host) + " " + std::to_string(ntohs(in->sin_port));
	}
	if (h->source.ss_family == AF_INET6) {
		const auto *in = reinterpret_cast<const sockaddr_in6 *>(&h->source);

		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
		return std::string(host) + " " + std::to_string(ntohs(in->sin6_port));
	}
	return "";
}

static void require(const sample &s, std::string_view bytes)
{
	struct proxyproto_header h;
	const enum proxyproto_result result = parse(bytes, &h);

	if (result != s.result || source_of(&h) != s.source)
		print_error("for: %.*s: %s\n", static_cast<int>(std::min<size_t>(bytes.size(), 80)), bytes.data(),
		            source_of(&h).c_str());
	assert_int_equal(result, s.result);
	assert_string_equal(source_of(&h).c_str(), s.source.c_str());
	assert_int_equal(h.size, s.result == PROXYPROTO_MALFORMED ? 0 : s.bytes.size());
}

static void a_whole_header_is_read(void **)
{
	for (const sample &s : whole_samples())
		require(s, s.bytes);
}

static void whatever_follows_a_header_is_not_looked_at(void **)
{
	for (const sample &s : whole_samples())
		for (const std::string_view behind :
		     {"{\"msgid\":102}"sv, "\r\n"sv, "\0"sv, "\r\n\r\n\0\r\nQUIT\n"sv, "PROXY UNKNOWN\r\n"sv})
			require(s, s.bytes + std::string(behind));
}

static void every_cut_of_a_header_asks_for_more(void **)
{
	for (const sample &s : whole_samples())
		for (size_t size = 0; size < s.bytes.size(); size++) {
			struct proxyproto_header h;

			assert_int_equal(parse(std::string_view(s.bytes).substr(0, size), &h), PROXYPROTO_MORE);
			assert_int_equal(h.size, 0);
		}
}

static void each_malformed_form_is_known_by_its_name(void **)
{
	for (const sample &s : malformed_samples())
		require(s, s.bytes);
}

/* A fault shows at some cut, and from there on always. */
static void more_bytes_never_change_a_verdict(void **)
{
	for (const sample &s : malformed_samples()) {
		const std::string bytes = s.bytes + std::string(700, '\n');
		bool decided = false;

		for (size_t size = 0; size <= bytes.size(); size++) {
			struct proxyproto_header h;
			const enum proxyproto_result result = parse(std::string_view(bytes).substr(0, size), &h);

			assert_int_equal(result,
			                 decided || result != PROXYPROTO_MORE ? PROXYPROTO_MALFORMED : PROXYPROTO_MORE);
			decided = result != PROXYPROTO_MORE;
			if (decided)
				assert_string_equal(h.fault, s.source.c_str());
			assert_true(decided || size < s.bytes.size());
		}
	}
}

static void the_faults_of_the_fixed_part_show_before_the_rest_is_there(void **)
{
	for (const sample &s : malformed_samples()) {
		if (s.bytes[0] == '\r')
			require(s, std::string_view(s.bytes).substr(0, 16));
	}
}

static void what_is_no_header_is_known_from_its_first_byte_that_differs(void **)
{
	for (const std::string_view bytes :
	     {"{"sv, "\n"sv, "\0"sv, " "sv, "\rx"sv, "\r\n{"sv, "\r\n\r\n{"sv, "\r\n\r\n\0\r\n{"sv, "PO"sv, "PI"sv,
	      "PROXX"sv, "p"sv, "\r\n\r\n\0\r\nQUIT\r"sv}) {
		struct proxyproto_header h;

		assert_int_equal(parse(bytes, &h), PROXYPROTO_NONE);
		assert_int_equal(parse(bytes.substr(0, bytes.size() - 1), &h), PROXYPROTO_MORE);
		assert_false(proxyproto_begins(bytes));
	}
}

static void a_beginning_is_known_whether_whole_or_malformed(void **)
{
	for (const auto *samples : {&whole_samples(), &malformed_samples()})
		for (const sample &s : *samples) {
			const std::string_view bytes = s.bytes;
			const size_t needed = bytes[0] == 'P' ? 5 : 12;

			assert_true(proxyproto_begins(bytes));
			assert_true(proxyproto_begins(bytes.substr(0, needed)));
			assert_false(proxyproto_begins(bytes.substr(0, needed - 1)));
		}
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_header_is_read),
		cmocka_unit_test(whatever_follows_a_header_is_not_looked_at),
		cmocka_unit_test(every_cut_of_a_header_asks_for_more),
		cmocka_unit_test(each_malformed_form_is_known_by_its_name),
		cmocka_unit_test(more_bytes_never_change_a_verdict),
		cmocka_unit_test(the_faults_of_the_fixed_part_show_before_the_rest_is_there),
		cmocka_unit_test(what_is_no_header_is_known_from_its_first_byte_that_differs),
		cmocka_unit_test(a_beginning_is_known_whether_whole_or_malformed),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
