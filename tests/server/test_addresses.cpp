/* SPDX-License-Identifier: MIT
 * Tests by which address a real server counts: that of a PROXY header, also of a real HAProxy, and a /64 of IPv6. Tests
 * that a reload changes limits under load, and that many addresses take no memory. */
#include <csignal>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/haproxy.h"
#include "tests/support/server.h"

using namespace std::literals;

static const char *const proxy = "127.0.0.1";
static const char ping[] = "{\"msgid\":102}\n", pong[] = "{\"msgid\":103}";
static const char refusal[] =
	"{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"too many connections from this address\"}";

static test_client *come(test_server *s, std::string_view header)
{
	test_client *c = client_open_from(s, proxy);

	assert_true(client_send_raw(c, header));
	return c;
}

static test_client *admitted(test_server *s, std::string_view header)
{
	test_client *c = come(s, header);

	client_send(c, ping);
	client_expect(c, pong);
	return c;
}

static void require_refusal(test_server *s, std::string_view header)
{
	test_client *c = come(s, header);

	client_expect(c, refusal);
	client_expect_end(c);
}

static std::string ipv4(const char *address)
{
	return check_format("PROXY TCP4 %s 198.51.100.1 4660 6000\r\n", address);
}

static std::string ipv6(const char *address)
{
	return check_format("PROXY TCP6 %s 2001:db8::1 4660 6000\r\n", address);
}

/* Version 2 of 192.0.2.7, and of 2001:db8:0:7::9. */
static const std::string_view v2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\x07\xc6\x33\x64\1\x12\x34\x17\x70"sv;
static const std::string_view v2_ipv6 = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\7\0\0\0\0\0\0\0\x09"
					"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x17\x70"sv;
static const std::string_view v2_local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv;

static void behind_a_proxy_the_address_of_the_header_is_counted(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.proxy_from", proxy);
	test_server_set(s, "core.address_connections", "2");
	test_server_start(s);
	(void)admitted(s, ipv4("192.0.2.7"));
	test_client *second = admitted(s, v2);
	require_refusal(s, ipv4("192.0.2.7"));
	require_refusal(s, v2);
	(void)admitted(s, ipv4("192.0.2.8"));
	test_server_wait_log(s, "connections of an address are refused peer=192.0.2.7:4660 limit=address_connections");
	client_close(second);
	check_wait("a place is free", [s] {
		test_frame frame;
		test_client *c = come(s, v2);

		return client_try_send(c, ping) && client_try_read(c, &frame, static_cast<int>(check_patience_ms())) &&
		       json_matches(frame.json.get(), pong);
	});
}

static void a_network_of_ipv6_counts_as_one_address(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.proxy_from", proxy);
	test_server_set(s, "core.address_connections", "3");
	test_server_start(s);
	(void)admitted(s, ipv6("2001:db8:0:7::1"));
	(void)admitted(s, ipv6("2001:db8:0:7:ffff:ffff:ffff:ffff"));
	(void)admitted(s, v2_ipv6);
	require_refusal(s, ipv6("2001:db8:0:7::2"));
	require_refusal(s, v2_ipv6);
	(void)admitted(s, ipv6("2001:db8:0:8::1"));
	(void)admitted(s, ipv6("::ffff:192.0.2.1"));
}

/* A hundred checks and a proxy that does not say for whom it comes. */
static void the_proxys_own_connections_are_not_counted(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.proxy_from", proxy);
	test_server_set(s, "core.address_connections", "1");
	test_server_set(s, "core.address_guests", "1");
	test_server_set(s, "core.address_rate", "1");
	test_server_set(s, "core.address_burst", "1");
	test_server_start(s);
	for (int i = 0; i < 20; i++) {
		(void)admitted(s, "");
		(void)admitted(s, v2_local);
		(void)admitted(s, "PROXY UNKNOWN\r\n");
	}
}

static void a_real_haproxy_says_which_address_has_too_many(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_server *front = test_server_new(); /* no process: its port is HAProxy's */

	test_server_set(s, "core.proxy_from", proxy);
	test_server_set(s, "core.address_connections", "2");
	test_server_start(s);
	test_haproxy *h = haproxy_new({s->port});
	haproxy_start(h);
	haproxy_wait_node(h, "node1", "UP");
	front->port = h->port;
	for (int i = 0; i < 2; i++) {
		client_expect_quiet(client_open(front));
		test_client *other = client_open_from(front, "127.0.0.2");
		client_send(other, ping);
		client_expect(other, pong);
	}
	for (const char *source : {"127.0.0.1", "127.0.0.2"}) {
		test_client *c = client_open_from(front, source);

		client_expect(c, refusal);
		client_expect_end(c);
	}
	check_sleep_ms(1500); /* checks go on */
	haproxy_wait_node(h, "node1", "UP");
	assert_string_equal(haproxy_node_figure(h, "node1", "chkfail").c_str(), "0");
	haproxy_free(h);
	test_server_free(front);
}

static void reload(test_server *s, const char *key, const char *value)
{
	const std::string done = "configuration reloaded";
	const size_t before = test_server_log(s).rfind(done);

	test_server_set(s, key, value);
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	check_wait("the reload", [&] {
		const size_t last = test_server_log(s).rfind(done);

		return last != std::string::npos && (before == std::string::npos || last > before);
	});
}

static int64_t requests_taken(const test_server *s)
{
	static const std::string name = "\nchatserverd_requests_total{msgid=\"102\",name=\"PING\"} ";
	const std::string page = http_get(admin_port(s), "/metrics");
	const size_t at = page.find(name);

	return at == std::string::npos ? 0 : atoll(page.c_str() + at + name.size());
}

/* A client that pours is slowed down, then slowed down more, then let go, and gets all its answers. */
static void a_reload_changes_the_limits_of_who_is_pouring(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::string flood;

	for (int i = 0; i < 100; i++)
		flood += ping;
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	test_client *c = client_enter(s, "c");
	const auto pour = [&](int times) {
		for (int i = 0; i < times; i++)
			client_send(c, flood);
	};
	const auto expect = [&](int times) {
		for (int i = 0; i < 100 * times; i++)
			client_expect(c, pong);
	};
	pour(20);
	expect(20);
	test_server_set(s, "core.address_burst", "100");
	reload(s, "core.address_rate", "1000000");
	pour(20);
	expect(20);
	reload(s, "core.address_rate", "500");
	pour(20);
	const int64_t before = requests_taken(s), begun = check_now();
	check_sleep_ms(500);
	assert_in_range(requests_taken(s) - before, 0, 100 + (check_now() - begun + 50) / 2 + 4096 / 14);
	reload(s, "core.address_rate", "0");
	expect(20);
	client_expect_quiet(c);
}

static void who_is_there_stays_when_a_reload_lowers_the_number(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> all;

	test_server_start(s);
	for (int i = 0; i < 4; i++)
		all.push_back(client_open(s));
	for (test_client *c : all)
		client_expect_quiet(c);
	reload(s, "core.address_connections", "2");
	test_client *next = client_open_from(s, proxy);
	client_expect(next, refusal);
	for (test_client *c : all)
		client_expect_quiet(c);
	reload(s, "core.address_connections", "5");
	client_expect_quiet(client_open(s));
}

static void thousands_of_addresses_take_no_memory(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	int64_t before = 0;

	test_server_set(s, "core.proxy_from", proxy);
	test_server_set(s, "core.address_connections", "10");
	test_server_set(s, "core.address_rate", "100000");
	test_server_set(s, "core.address_burst", "100000");
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 1000; i++) {
			test_client *c =
				come(s, ipv4(check_format("10.%d.%d.%d", round, i / 250, i % 250 + 1).c_str()));

			client_send(c, ping);
			client_expect(c, pong);
			client_close(c);
		}
		if (round == 0)
			before = test_server_resident_kib(s);
	}
	const int64_t growth = test_server_resident_kib(s) - before;

	print_message("growth by 3,000 addresses: %lld KiB\n", static_cast<long long>(growth));
	if (check_patience_factor() == 1) /* a sanitizer keeps what was freed */
		assert_true(growth < 512);
	/* Whoever leaves has those forgotten that are near in the table. */
	check_wait("they are forgotten", [s, i = 0]() mutable {
		client_close(come(s, ipv4(check_format("10.9.%d.%d", i / 250 % 250, i % 250 + 1).c_str())));
		i++;
		return http_get(admin_port(s), "/metrics").find("\nchatserverd_addresses 0\n") != std::string::npos;
	});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(behind_a_proxy_the_address_of_the_header_is_counted),
		TEST(a_network_of_ipv6_counts_as_one_address),
		TEST(the_proxys_own_connections_are_not_counted),
		TEST(a_real_haproxy_says_which_address_has_too_many),
		TEST(a_reload_changes_the_limits_of_who_is_pouring),
		TEST(who_is_there_stays_when_a_reload_lowers_the_number),
		TEST(thousands_of_addresses_take_no_memory),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
