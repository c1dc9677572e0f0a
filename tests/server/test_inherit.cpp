/* SPDX-License-Identifier: MIT
 * Tests listening sockets that the service manager has opened (socket activation). */
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* A socket at 127.0.0.1; of IPv6 at ::1, or at :: if it takes IPv4, too. */
static int make_socket(int family, int type, uint16_t port, bool listens, int ipv6_only = 1)
{
	const int fd = socket(family, type | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in ipv4 = {};
	struct sockaddr_in6 ipv6 = {};

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ipv4.sin_family = AF_INET;
	ipv4.sin_port = htons(port);
	ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ipv6.sin6_family = AF_INET6;
	ipv6.sin6_port = htons(port);
	ipv6.sin6_addr = ipv6_only ? in6addr_loopback : in6addr_any;
	if (family == AF_INET6)
		assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &ipv6_only, sizeof(ipv6_only)), 0);
	assert_int_equal(family == AF_INET ? bind(fd, (struct sockaddr *)&ipv4, sizeof(ipv4))
	                                   : bind(fd, (struct sockaddr *)&ipv6, sizeof(ipv6)),
	                 0);
	if (listens)
		assert_int_equal(listen(fd, 4096), 0);
	return fd;
}

static void close_sockets(test_server *s)
{
	for (const int fd : s->sockets)
		close(fd);
	s->sockets.clear();
}

static void expect_answer(test_client *c)
{
	client_send(c, R"({"msgid":102,"req":1})");
	client_expect(c, R"({"of":102,"req":1,"errno":0})");
}

static void connections_that_came_while_nobody_ran_are_served(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set_transport(s, TRANSPORT_PLAIN);
	s->sockets = {make_socket(AF_INET, SOCK_STREAM, s->port, true)};
	test_client *early = client_open(s);
	client_send(early, R"({"msgid":102,"req":7})");
	test_server_start(s);
	client_expect(early, R"({"of":102,"req":7,"errno":0})");
	test_server_wait_log(s, check_format("listening address=127.0.0.1:%u transport=plain inherited=yes", s->port));
	expect_answer(client_open(s));

	/* Also those that come while it drains and restarts. */
	test_server_stop(s);
	test_client *between = client_open(s);
	client_send(between, R"({"msgid":102,"req":8})");
	test_server_start(s);
	client_expect(between, R"({"of":102,"req":8,"errno":0})");
	close_sockets(s);
}

static void a_burst_of_connections_to_one_socket_is_served_by_the_workers(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> clients;

	test_server_set_transport(s, TRANSPORT_PLAIN);
	test_server_set(s, "core.threads", "4");
	s->sockets = {make_socket(AF_INET, SOCK_STREAM, s->port, true)};
	for (int i = 0; i < 300; i++) {
		clients.push_back(client_open(s));
		client_send(clients.back(), R"({"msgid":102,"req":1})");
	}
	test_server_start(s);
	for (test_client *c : clients)
		client_expect(c, R"({"of":102,"req":1,"errno":0})");
	close_sockets(s);
}

static void a_socket_of_another_transport_is_taken_too(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set_transport(s, TRANSPORT_TLS);
	s->sockets = {make_socket(AF_INET, SOCK_STREAM, s->port, true)};
	test_server_start(s);
	test_server_wait_log(s, check_format("listening address=127.0.0.1:%u transport=tls inherited=yes", s->port));
	expect_answer(client_open(s));
	close_sockets(s);
}

static void sockets_for_another_process_are_left_alone(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	s->sockets = {make_socket(AF_INET, SOCK_STREAM, test_free_port(), true)};
	s->environment = {"LISTEN_PID=1"};
	test_server_start(s);
	expect_answer(client_open(s));
	assert_true(test_server_log(s).find("inherited") == std::string::npos);
	close_sockets(s);
}

/* ---- refusals */

static void expect_refused(test_server *s, const std::vector<int> &sockets, const std::string &text)
{
	s->sockets = sockets;
	test_server_write_conf(s);
	const test_run run = test_server_run(s, {"-c", s->folder + "/chat.conf"});

	assert_int_equal(run.status, 1);
	if (run.err.find(text) == std::string::npos)
		check_fail(std::source_location::current(), "expected %s\n     got %s", text.c_str(), run.err.c_str());
	close_sockets(s);
}

static void sockets_of_a_wrong_kind_are_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t port = s->plain_port;
	const std::string at = check_format("the service manager gives the socket 127.0.0.1:%u, which ", port);
	int pair[2];

	expect_refused(s, {make_socket(AF_INET, SOCK_DGRAM, port, false)},
	               at + "is no TCP socket: its unit needs ListenStream= with an address and a port");
	expect_refused(s, {make_socket(AF_INET, SOCK_STREAM, port, false)},
	               at + "does not listen: its unit needs Accept=no");
	expect_refused(s, {make_socket(AF_INET6, SOCK_STREAM, port, true, 0)},
	               check_format("the service manager gives the socket [::]:%u, which takes IPv4 as well: its unit "
	                            "needs BindIPv6Only=ipv6-only, and a ListenStream= of its own for IPv4",
	                            port));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	expect_refused(s, {pair[0]}, "the service manager gives descriptor 3, which is no TCP socket: ");
	close(pair[1]);
	s->environment = {"LISTEN_FDNAMES=tea.socket:more"};
	expect_refused(s, {open("/dev/null", O_RDONLY | O_CLOEXEC)},
	               "the service manager gives descriptor 3 (tea.socket), which is no open socket");
}

static void a_socket_that_no_option_names_is_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const uint16_t other = test_free_port();
	const int fd = make_socket(AF_INET, SOCK_STREAM, s->plain_port, true);

	s->environment = {"LISTEN_FDNAMES=tea.socket"};
	expect_refused(
		s, {make_socket(AF_INET, SOCK_STREAM, other, true)},
		check_format("the service manager gives the socket 127.0.0.1:%u (tea.socket), but no option names "
	                     "this address (core.listen, ",
	                     other));
	s->environment.clear();
	expect_refused(s, {fd, dup(fd)},
	               check_format("the service manager gives the socket 127.0.0.1:%u twice", s->plain_port));
}

static void numbers_that_are_none_are_refused(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const char *wrong : {"", "0", "x", "-1", "1 "}) {
		s->environment = {"LISTEN_FDS=1", std::string("LISTEN_PID=") + wrong};
		expect_refused(s, {}, "LISTEN_FDS or LISTEN_PID is not the number that sd_listen_fds(3) says");
	}
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, test_server_setup, test_server_teardown)
	const struct CMUnitTest tests[] = {
		WITH_SERVER(connections_that_came_while_nobody_ran_are_served),
		WITH_SERVER(a_burst_of_connections_to_one_socket_is_served_by_the_workers),
		WITH_SERVER(a_socket_of_another_transport_is_taken_too),
		WITH_SERVER(sockets_for_another_process_are_left_alone),
		WITH_SERVER(sockets_of_a_wrong_kind_are_refused),
		WITH_SERVER(a_socket_that_no_option_names_is_refused),
		WITH_SERVER(numbers_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
