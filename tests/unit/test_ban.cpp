/* SPDX-License-Identifier: MIT
 * Tests the reading of networks that shall be banned, and the table that says whether a client is banned. */
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/net/ban.h"
#include "core/net/network.h"
#include "tests/support/check.h"

static std::vector<struct network> proxies_of(const char *text)
{
	std::vector<struct network> proxies;
	struct cs_error e;

	assert_int_equal(network_parse(text, &proxies, &e), 0);
	return proxies;
}

static struct cs_network good(const std::string &text)
{
	struct cs_network n = {};
	struct cs_error e = {};

	if (ban_read(text, {}, &n, &e) != 0)
		check_fail(std::source_location::current(), "%s: %s", text.c_str(), e.text);
	return n;
}

static std::string refusal(const std::string &text, const std::vector<struct network> &proxies = {})
{
	struct cs_network n = {};
	struct cs_error e = {};

	assert_int_equal(ban_read(text, proxies, &n, &e), CS_EINVAL);
	return e.text;
}

static uint64_t client_of(const std::string &text)
{
	sockaddr_storage address = {};

	if (text.find(':') == text.npos) {
		address.ss_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, text.c_str(), &reinterpret_cast<sockaddr_in *>(&address)->sin_addr),
		                 1);
	} else {
		address.ss_family = AF_INET6;
		assert_int_equal(
			inet_pton(AF_INET6, text.c_str(), &reinterpret_cast<sockaddr_in6 *>(&address)->sin6_addr), 1);
	}
	return network_client(reinterpret_cast<const sockaddr *>(&address));
}

static void a_network_has_one_form_and_holds_its_addresses(void **)
{
	static const struct {
		const char *typed, *text, *first, *last;
	} table[] = {
		{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"192.0.2.1/32", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"192.0.2.0/24", "192.0.2.0/24", "192.0.2.0", "192.0.2.255"},
		{"192.0.0.0/9", "192.0.0.0/9", "192.0.0.0", "192.127.255.255"},
		{"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"::ffff:c000:0200/120", "192.0.2.0/24", "192.0.2.0", "192.0.2.255"},
		{"2001:DB8:0:7::9", "2001:db8:0:7::/64", "2001:db8:0:7::", "2001:db8:0:7:ffff:ffff:ffff:ffff"},
		{"2001:db8:0:7::9/128", "2001:db8:0:7::/64", "2001:db8:0:7::", "2001:db8:0:7::1"},
		{"2001:db8:0:7:8000::/65", "2001:db8:0:7::/64", "2001:db8:0:7::", "2001:db8:0:7::1"},
		{"2001:db8::/32", "2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff::"},
		{"fe00::/7", "fe00::/7", "fe00::", "fffe:ffff:ffff:ffff::"},
	};

	for (const auto &row : table) {
		const struct cs_network n = good(row.typed);

		assert_string_equal(n.text, row.text);
		assert_true(n.first == client_of(row.first));
		if (strcmp(row.typed, "fe00::/7") == 0)
			assert_true(n.last >= client_of(row.last) && n.last < client_of("0.0.0.0"));
		else
			assert_true(n.last == client_of(row.last));
		assert_string_equal(good(n.text).text, n.text);
	}
}

static void what_is_no_network_is_refused(void **)
{
	for (const char *text : {"",
	                         " ",
	                         "1.2.3.4/33",
	                         "1.2.3/8",
	                         "1.2.3.4/",
	                         "1.2.3.4/-1",
	                         "1.2.3.4/0x8",
	                         "1.2.3.4/8 ",
	                         "01.2.3.4",
	                         "1.2.3.4.5",
	                         "256.1.1.1",
	                         "1.2.3.4/24",
	                         "::1/129",
	                         "fe80::1%eth0",
	                         "fe80::1%1/64",
	                         "2001:db8::/31x",
	                         "2001:db8::1/32",
	                         "example.org",
	                         "1.2.3.4 5.6.7.8",
	                         "1.2.3.4,5.6.7.8",
	                         "[2001:db8::1]",
	                         "1.2.3.4:80",
	                         "1.2.3.4/ 8",
	                         "1.2.3.4/+8",
	                         "::ffff:1.2.3.4/88",
	                         ":::",
	                         "*"})
		assert_true(!refusal(text).empty() || !*text);
	assert_true(!refusal(std::string(4000, '1')).empty());
	assert_true(!refusal(std::string("1.2.3.4\0", 8)).empty());
}

/* A ban of them would lock out the machine itself, or everybody behind the proxy. */
static void this_machine_and_the_proxies_cannot_be_banned(void **)
{
	const std::vector<struct network> proxies = proxies_of("10.1.0.0/16 2001:db8:0:7::9");

	for (const char *text :
	     {"127.0.0.1", "127.9.9.9", "126.0.0.0/7", "0.0.0.0/0", "::1", "::/0", "::/64", "::ffff:127.0.0.1"})
		assert_non_null(strstr(refusal(text).c_str(), "cannot be banned: it holds addresses of this machine"));
	for (const char *text : {"10.1.2.3", "10.0.0.0/8", "2001:db8:0:7::1", "2001:db8::/32"})
		assert_non_null(strstr(refusal(text, proxies).c_str(), "core.proxy_from"));
	struct cs_network n;
	struct cs_error e;
	assert_int_equal(ban_read("10.2.0.0/16", proxies, &n, &e), 0);
	assert_int_equal(ban_read("2001:db8:0:8::/64", proxies, &n, &e), 0);
}

/* Bytes of which addresses are made, in any order: it is read in its one form, or refused with a text. */
static void no_text_breaks_the_reader(void **)
{
	static const char bytes[] = "0123456789abcdefx:./%% ,-\0";
	std::mt19937 random(7);

	for (int i = 0; i < 200000; i++) {
		std::string text;
		struct cs_network n = {};
		struct cs_error e = {};

		for (size_t size = random() % 24; text.size() < size;)
			text += bytes[random() % (sizeof bytes - 1)];
		if (ban_read(text, {}, &n, &e) != 0) {
			assert_true(e.text[0] != '\0');
			continue;
		}
		assert_true(n.first <= n.last && n.first != 0);
		assert_string_equal(good(n.text).text, n.text);
	}
}

/* The table, asked about addresses in and beside ten thousand networks, says what a list of them says. */
static void the_table_says_what_the_list_says(void **)
{
	static struct ban_table table;
	std::mt19937 random(11);
	std::vector<struct cs_network> list;

	assert_false(ban_holds(&table, client_of("192.0.2.1")));
	while (list.size() < 10000) {
		const unsigned bits = 12 + random() % 21;
		in_addr address = {htonl(static_cast<uint32_t>(random()) &
		                         ~static_cast<uint32_t>((UINT64_C(1) << (32 - bits)) - 1))};
		char text[INET_ADDRSTRLEN];
		struct cs_network n;
		struct cs_error e;

		(void)inet_ntop(AF_INET, &address, text, sizeof text);
		if (ban_read(check_format("%s/%u", text, bits), {}, &n, &e) == 0)
			list.push_back(n);
	}
	ban_set(&table, list);
	for (int i = 0; i < 2000; i++) {
		const struct cs_network &near = list[random() % list.size()];
		const uint64_t client = i % 3 == 0   ? near.first - 1
		                        : i % 3 == 1 ? near.last + 1
		                                     : (UINT64_C(0xffffffff) << 32 | random());
		bool is_there = false;

		for (const struct cs_network &n : list)
			is_there = is_there || (n.first <= client && client <= n.last);
		assert_true(ban_holds(&table, client) == is_there);
		assert_true(ban_holds(&table, near.first) && ban_holds(&table, near.last));
	}
	ban_set(&table, {});
	assert_false(ban_holds(&table, list[0].first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_network_has_one_form_and_holds_its_addresses),
		cmocka_unit_test(what_is_no_network_is_refused),
		cmocka_unit_test(this_machine_and_the_proxies_cannot_be_banned),
		cmocka_unit_test(no_text_breaks_the_reader),
		cmocka_unit_test(the_table_says_what_the_list_says),
	};

	return cmocka_run_group_tests_name("ban", tests, nullptr, nullptr);
}
