/* SPDX-License-Identifier: MIT
 * Tests core.proxy_from and core.node on the real server: who may send a PROXY header, which address the log then
 * shows, and how connections with a bad header end. test_proxyproto tests every form of a header. */
#include <csignal>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using namespace std::literals;

static const char *const proxy = "127.0.0.1", *const stranger = "127.0.0.2";
static const std::string_view ping = "{\"msgid\":102}\n";
static const std::string_view v1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4660 6000\r\n";
static const std::string_view v1_ipv6 = "PROXY TCP6 2001:db8::7 2001:db8::1 4660 6000\r\n";
static const std::string_view v1_local = "PROXY UNKNOWN\r\n";
static const std::string_view v2 = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\x07\xc6\x33\x64\1\x12\x34\x17\x70"sv;
/* With a part of 4 bytes behind the addresses. */
static const std::string_view v2_ipv6 = "\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x28\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
					"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34\x17\x70\x04\0\1\0"sv;
static const std::string_view v2_local = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"sv;

static int set_up(void **state)
{
	test_server *s = test_server_new();

	test_server_set(s, "core.proxy_from", "127.0.0.1 ::1");
	test_server_set(s, "core.node", "north-1");
	test_server_start(s);
	*state = s;
	return 0;
}

static std::string own_address(const test_client *c)
{
	struct sockaddr_in address = {};
	socklen_t size = sizeof(address);
	char host[INET_ADDRSTRLEN];

	getsockname(c->fd, reinterpret_cast<struct sockaddr *>(&address), &size);
	inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host));
	return check_format("%s:%u", host, ntohs(address.sin_port));
}

/* The header is below the transport, in one segment with what follows it. */
static test_client *talk_from(test_server *s, const char *source, std::string_view header, std::string_view bytes = "")
{
	test_client *c = client_open_from(s, source);

	assert_true(client_send_raw(c, header, !bytes.empty()));
	if (!bytes.empty())
		client_send(c, bytes);
	return c;
}

/* Lines of the log about connections that ended; those of a normal end are not shown at this level. */
static size_t count_ends(const test_server *s, const std::string &peer)
{
	const std::string log = test_server_log(s), line = "connection ends ", of = " peer=" + peer + " ";
	size_t count = 0;

	for (size_t at = log.find(line); at != log.npos; at = log.find(line, at + 1))
		count += log.substr(at, log.find('\n', at) - at).find(of) != std::string::npos;
	return count;
}

/* The connection is served, and the log takes it for the peer's. */
static void require_peer(test_client *c, const std::string &peer)
{
	client_expect(c, "{\"msgid\":103}");
	client_send(c, "nonsense");
	client_expect(c, "{\"msgid\":100,\"errno\":4}");
	client_expect_end(c);
	test_server_wait_log(c->server, "peer=" + peer + " account=0 why=\"byte 0x6e");
}

static void require_refusal(test_client *c, const std::string &why)
{
	const std::string peer = own_address(c);

	client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":4}");
	client_expect_end(c);
	test_server_wait_log(c->server, "peer=" + peer + " account=0 why=\"" + why);
	assert_int_equal(count_ends(c->server, peer), 1);
}

/* In front of TLS or a request, the header of a stranger is what no transport begins with. */
static void require_refusal_of_header(test_server *s, const char *source, std::string_view header)
{
	if (transport_wanted() == TRANSPORT_PLAIN) {
		require_refusal(talk_from(s, source, header),
		                "PROXY header from an address that is not in core.proxy_from");
		return;
	}
	client_expect_end(talk_from(s, source, std::string(header) + "\r\n\r\n"));
	assert_int_equal(test_server_log(s).find("peer=192.0.2.7"), std::string::npos);
}

/* Closed without a word; one line of the log says why. */
static void require_cut(test_client *c, const std::string &why)
{
	const std::string peer = own_address(c);

	client_expect_end(c);
	test_server_wait_log(c->server, "peer=" + peer + " account=0 why=\"" + why);
	assert_int_equal(count_ends(c->server, peer), 1);
}

static void the_log_shows_the_address_of_a_header(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view header : {v1, v2})
		require_peer(talk_from(s, proxy, header, ping), "192.0.2.7:4660");
	for (const std::string_view header : {v1_ipv6, v2_ipv6})
		require_peer(talk_from(s, proxy, header, ping), "[2001:db8::7]:4660");
}

static void a_header_that_names_nobody_leaves_the_address_of_the_socket(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view header : {v1_local, v2_local}) {
		test_client *c = talk_from(s, proxy, header, ping);

		require_peer(c, own_address(c));
	}
}

static void all_frames_in_the_segment_of_the_header_are_answered(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view header : {v1, v1_local, v2, v2_ipv6, v2_local}) {
		std::string bytes;

		for (int i = 0; i < 50; i++)
			bytes += i % 2 ? ping : "{\"msgid\":99,\"req\":" + std::to_string(i) + "}";
		test_client *c = talk_from(s, proxy, header, bytes);

		for (int i = 0; i < 50; i++)
			client_expect(c, i % 2 ? "{\"msgid\":103}"
			                       : check_format("{\"msgid\":100,\"errno\":5,\"req\":%d}", i));
	}
}

static void a_header_may_come_byte_by_byte(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view header : {v1, v1_ipv6, v1_local, v2, v2_ipv6, v2_local}) {
		test_client *c = client_open_from(s, proxy);

		for (const char byte : header)
			assert_true(client_send_raw(c, std::string_view(&byte, 1)));
		client_send_bytewise(c, ping);
		client_expect(c, "{\"msgid\":103}");
	}
}

static void a_session_works_behind_a_header(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");
	test_client *c = talk_from(s, proxy, v2);
	const int64_t bob = client_absent(s, "bob");

	client_login(c, bob);
	assert_int_equal(client_chat_safely(ann, bob, "hello"), 1);
	client_expect(c, "{\"msgid\":6,\"msg\":\"hello\",\"seq\":1}");
}

static void clients_and_checks_of_a_proxys_machine_need_no_header(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view before :
	     {""sv, "\n"sv, "\r\n"sv, "\r\n\r\n"sv, "\0"sv, " \t"sv, "\r\n\r\n\0\r\n"sv})
		client_expect(talk_from(s, proxy, "", std::string(before) + std::string(ping)), "{\"msgid\":103}");
}

/* Somebody who presses Enter and thinks has not begun a header. */
static void blanks_that_could_begin_a_header_are_no_reason_to_be_cut(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = talk_from(s, proxy, "", "\r\n\r\n");

	check_sleep_ms(3500);
	client_send(c, "\r\n");
	client_send(c, ping);
	client_expect(c, "{\"msgid\":103}");
}

static void a_malformed_header_closes_without_an_answer(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	require_cut(talk_from(s, proxy, "PROXY TCP4 192.0.2.7\r\n{\"msgid\":102}\n"),
	            "malformed PROXY header: bad destination address");
	require_cut(talk_from(s, proxy, std::string(v2.substr(0, 12)) + "\x31\x11" + std::string(v2.substr(14))),
	            "malformed PROXY header: unknown version");
	require_cut(talk_from(s, proxy, "PROXY UNKNOWN " + std::string(200, 'x')),
	            "malformed PROXY header: line too long");
}

static void an_incomplete_header_is_given_3_seconds(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int64_t begun = check_now();
	test_client *line = talk_from(s, proxy, v1.substr(0, v1.size() - 1));
	test_client *binary = talk_from(s, proxy, v2.substr(0, v2.size() - 1));
	test_client *begin = talk_from(s, proxy, "PRO");

	for (test_client *c : {line, binary, begin})
		require_cut(c, "incomplete PROXY header");
	assert_true(check_now() - begun >= 2900);
	assert_true(check_now() - begun < 3000 + check_soon_ms());
}

/* Each byte comes before anybody could lose patience; together they take too long. */
static void a_header_that_dribbles_is_given_no_more(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = client_open_from(s, proxy);
	const std::string peer = own_address(c);
	const int64_t begun = check_now();

	for (size_t at = 0; at < v1.size() && check_now() - begun < 6000; at++) {
		(void)client_send_raw(c, v1.substr(at, 1));
		check_sleep_ms(200);
	}
	client_expect_end(c);
	test_server_wait_log(s, "peer=" + peer + " account=0 why=\"incomplete PROXY header");
}

static void a_connection_that_ends_in_its_header_is_closed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view header : {v1, v2}) {
		test_client *c = talk_from(s, proxy, header.substr(0, header.size() - 2));

		shutdown(c->fd, SHUT_WR);
		require_cut(c, "incomplete PROXY header");
	}
}

static void a_second_header_is_no_frame(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *c = talk_from(s, proxy, v2, v1);

	client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":4}");
	client_expect_end(c);
	test_server_wait_log(s, "peer=192.0.2.7:4660 account=0 why=\"byte 0x50 cannot begin a frame");
}

static void a_header_of_a_stranger_is_refused_and_not_believed(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view header : {v1, v2, v2_local, v1.substr(0, 5), v2.substr(0, 12)})
		require_refusal_of_header(s, stranger, header);
	require_refusal(talk_from(s, stranger, "", "\r\nPROXY"), "byte 0x50 cannot begin a frame");
	test_client *c = client_open_from(s, stranger);
	const std::string peer = own_address(c);

	for (const char byte : v2.substr(0, 12)) {
		client_send(c, std::string_view(&byte, 1));
		check_sleep_ms(2);
	}
	client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":4}");
	assert_int_equal(count_ends(s, peer), 1);
}

static void strangers_are_served_without_a_header(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const std::string_view before : {""sv, "\n"sv, "\r\n\r\n"sv, "\r\n\r\n\0\r\n"sv}) {
		test_client *c = talk_from(s, stranger, "", std::string(before) + std::string(ping));

		require_peer(c, own_address(c));
	}
}

static void whom_to_trust_can_be_changed_while_it_runs(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_server_set(s, "core.proxy_from", "10.0.0.0/8 127.0.0.2/31");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
	client_expect(talk_from(s, stranger, v2, ping), "{\"msgid\":103}");
	require_refusal_of_header(s, proxy, v2);
	test_server_set(s, "core.proxy_from", "nonsense");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration kept: ");
	test_server_wait_log(s, "core.proxy_from: \"nonsense\" is no address or network");
	client_expect(talk_from(s, stranger, v2, ping), "{\"msgid\":103}");
}

static void nobody_is_trusted_unless_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.proxy_from", "");
	test_server_restart(s);
	require_refusal_of_header(s, proxy, v2);
}

static void mistakes_in_the_options_are_named_and_stop_the_start(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const char *mistake : {"core.proxy_from=10.0.0.1/8", "core.proxy_from=localhost", "core.node=a b",
	                            "core.node=\"x\"", "core.node=a=b"}) {
		const test_run run = test_server_run(s, {"-t", "-c", s->folder + "/chat.conf", "-o", mistake});
		const std::string option = std::string(mistake).substr(0, std::string(mistake).find('='));

		assert_int_equal(run.status, 1);
		assert_int_not_equal(run.err.find(option), std::string::npos);
	}
}

static void the_log_says_the_name_of_the_node(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	char host[256] = "";

	test_server_wait_log(s, "ready node=north-1 ");
	test_server_set(s, "core.node", "");
	test_server_restart(s);
	gethostname(host, sizeof(host) - 1);
	test_server_wait_log(s, std::string("ready node=") + host + " ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_log_shows_the_address_of_a_header),
		TEST(a_header_that_names_nobody_leaves_the_address_of_the_socket),
		TEST(all_frames_in_the_segment_of_the_header_are_answered),
		TEST(a_header_may_come_byte_by_byte),
		TEST(a_session_works_behind_a_header),
		TEST(clients_and_checks_of_a_proxys_machine_need_no_header),
		TEST(blanks_that_could_begin_a_header_are_no_reason_to_be_cut),
		TEST(a_malformed_header_closes_without_an_answer),
		TEST(an_incomplete_header_is_given_3_seconds),
		TEST(a_header_that_dribbles_is_given_no_more),
		TEST(a_connection_that_ends_in_its_header_is_closed),
		TEST(a_second_header_is_no_frame),
		TEST(a_header_of_a_stranger_is_refused_and_not_believed),
		TEST(strangers_are_served_without_a_header),
		TEST(whom_to_trust_can_be_changed_while_it_runs),
		TEST(nobody_is_trusted_unless_told),
		TEST(mistakes_in_the_options_are_named_and_stop_the_start),
		TEST(the_log_says_the_name_of_the_node),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
