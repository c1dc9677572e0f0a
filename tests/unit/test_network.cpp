/* SPDX-License-Identifier: MIT
 * Tests lists of networks: which addresses they hold, and which texts are no list. */
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/net/network.h"
#include "tests/support/check.h"

static bool holds(const std::vector<network> &networks, const char *address)
{
	sockaddr_storage storage{};
	auto *in = reinterpret_cast<sockaddr_in *>(&storage);
	auto *in6 = reinterpret_cast<sockaddr_in6 *>(&storage);

	if (inet_pton(AF_INET, address, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
	}
	return network_holds(networks, reinterpret_cast<sockaddr *>(&storage));
}

static std::vector<network> list_of(const char *text)
{
	std::vector<network> networks;
	cs_error e = {""};

	if (network_parse(text, &networks, &e) != 0)
		print_error("%s\n", e.text);
	assert_string_equal(e.text, "");
	return networks;
}

static void an_empty_list_holds_nobody(void **)
{
	assert_false(holds(list_of(""), "127.0.0.1"));
	assert_false(holds(list_of(" \t, "), "::1"));
}

static void an_address_holds_itself_only(void **)
{
	const auto networks = list_of("127.0.0.1 ::1");

	assert_true(holds(networks, "127.0.0.1"));
	assert_true(holds(networks, "::1"));
	assert_false(holds(networks, "127.0.0.2"));
	assert_false(holds(networks, "::2"));
	assert_false(holds(networks, "::"));
}

static void a_network_holds_what_agrees_in_its_bits(void **)
{
	const auto networks = list_of(" 10.0.0.0/8,172.16.0.0/12\t2001:db8:8000::/33 ");

	for (const char *inside :
	     {"10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "2001:db8:8000::1", "2001:db8:ffff:ffff::"})
		assert_true(holds(networks, inside));
	for (const char *outside : {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
	                            "2001:db8:7fff::", "2001:db9:8000::", "::10.0.0.1", "::ffff:10.0.0.1"})
		assert_false(holds(networks, outside));
}

static void a_network_of_no_bits_holds_its_whole_family(void **)
{
	assert_true(holds(list_of("0.0.0.0/0"), "203.0.113.9"));
	assert_false(holds(list_of("0.0.0.0/0"), "2001:db8::1"));
	assert_true(holds(list_of("::/0"), "2001:db8::1"));
	assert_false(holds(list_of("::/0"), "203.0.113.9"));
}

static void a_local_socket_is_in_no_network(void **)
{
	sockaddr_storage local{};

	local.ss_family = AF_UNIX;
	assert_false(network_holds(list_of("0.0.0.0/0 ::/0"), reinterpret_cast<sockaddr *>(&local)));
}

static void what_is_no_network_is_refused_and_named(void **)
{
	for (const char *text :
	     {"localhost", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "::/129", "::1/", "/8",
	      "127.0.0.1:6000", "[::1]", "10.0.0.0/8/8", "10.0.0.0 - 10.0.0.9"}) {
		std::vector<network> networks;
		cs_error e = {""};

		assert_int_equal(network_parse(text, &networks, &e), CS_EINVAL);
		assert_non_null(strstr(e.text, "is no address or network"));
	}
}

static void bits_behind_the_mask_are_refused_and_the_network_is_named(void **)
{
	const struct {
		const char *text, *network;
	} cases[] = {
		{"10.0.0.1/8", "10.0.0.0/8"},
		{"10.0.0.128/24", "10.0.0.0/24"},
		{"198.51.100.7/30", "198.51.100.4/30"},
		{"1.2.3.4/0", "0.0.0.0/0"},
		{"255.255.255.255/31", "255.255.255.254/31"},
		{"2001:db8::1/32", "2001:db8::/32"},
		{"2001:db8::ff/127", "2001:db8::fe/127"},
	};

	for (const auto &[text, network] : cases) {
		std::vector<struct network> networks;
		cs_error e = {""};

		assert_int_equal(network_parse(text, &networks, &e), CS_EINVAL);
		const std::string said =
			std::string("\"") + text + "\" has bits behind the mask: the network is " + network;
		assert_non_null(strstr(e.text, said.c_str()));
	}
}

static uint64_t client_of(const char *text)
{
	sockaddr_storage address{};
	auto *in = reinterpret_cast<sockaddr_in *>(&address);
	auto *in6 = reinterpret_cast<sockaddr_in6 *>(&address);

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		address.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		address.ss_family = AF_INET6;
	else
		address.ss_family = AF_UNIX;
	return network_client(reinterpret_cast<sockaddr *>(&address));
}

static void clients_are_told_apart_by_ipv4_address_or_ipv6_slash_64(void **)
{
	const char *const different[] = {
		"192.0.2.7",   "192.0.2.8", "255.255.255.255", "2001:db8:0:1::1", "2001:db8:0:2::1",
		"2001:db8::1", "::1",       "fe80::1",         "0:0:c000:207::"};

	for (const char *one : different)
		for (const char *other : different)
			assert_true((client_of(one) == client_of(other)) == (one == other));
	assert_true(client_of("2001:db8:0:1::1") == client_of("2001:db8:0:1:ffff:ffff:ffff:ffff"));
	assert_true(client_of("::ffff:192.0.2.7") == client_of("192.0.2.7"));
	for (const char *any : {"::", "::1", "0.0.0.0", "local"})
		assert_true(client_of(any) != 0);
}

int main(void)
{
	const CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_list_holds_nobody),
		cmocka_unit_test(an_address_holds_itself_only),
		cmocka_unit_test(a_network_holds_what_agrees_in_its_bits),
		cmocka_unit_test(a_network_of_no_bits_holds_its_whole_family),
		cmocka_unit_test(a_local_socket_is_in_no_network),
		cmocka_unit_test(clients_are_told_apart_by_ipv4_address_or_ipv6_slash_64),
		cmocka_unit_test(what_is_no_network_is_refused_and_named),
		cmocka_unit_test(bits_behind_the_mask_are_refused_and_the_network_is_named),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
