/* SPDX-License-Identifier: MIT
 * A relay between a client and a server that loses answers: after every so many answers it drops one and cuts the
 * connection. */
#include "tests/support/cutter.h"

#include <atomic>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/support/check.h"
#include <base/raii.h>

struct cutter {
	uint16_t server_port = 0;
	uint16_t port = 0;
	std::string mark;
	int cut_at = 0;
	unique_fd listener;
	std::atomic<bool> stopping = false;
	std::atomic<int> cuts = 0;
	std::thread thread;
};

static sockaddr_in cutter_address(uint16_t port)
{
	sockaddr_in address = {};

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static bool cutter_send(int fd, std::string_view bytes)
{
	while (!bytes.empty()) {
		const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		bytes.remove_prefix(static_cast<size_t>(sent));
	}
	return true;
}

/* Hands whole frames on. False: the connection is to be cut. */
static bool cutter_relay_answers(cutter *ct, int client, std::string *waiting, int *answers)
{
	size_t end;

	while ((end = waiting->find('\n')) != std::string::npos) {
		const std::string frame = waiting->substr(0, end + 1);
		waiting->erase(0, end + 1);
		if (frame.find(ct->mark) != std::string::npos && ++*answers == ct->cut_at) {
			ct->cuts++;
			return false;
		}
		if (!cutter_send(client, frame))
			return false;
	}
	return true;
}

static void cutter_relay(cutter *ct, int client, int server)
{
	std::string waiting;
	int answers = 0;
	char bytes[16384];

	while (!ct->stopping) {
		pollfd both[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
		if (poll(both, 2, 50) <= 0)
			continue;
		const bool from_client = both[0].revents != 0;
		const ssize_t got = recv(from_client ? client : server, bytes, sizeof(bytes), 0);
		if (got <= 0)
			return;
		const std::string_view part(bytes, static_cast<size_t>(got));
		if (from_client && !cutter_send(server, part))
			return;
		if (from_client)
			continue;
		waiting += part;
		if (!cutter_relay_answers(ct, client, &waiting, &answers))
			return;
	}
}

static void cutter_run(cutter *ct)
{
	const sockaddr_in address = cutter_address(ct->server_port);

	while (!ct->stopping) {
		pollfd incoming = {ct->listener.fd, POLLIN, 0};
		if (poll(&incoming, 1, 50) <= 0)
			continue;
		const unique_fd client(accept4(ct->listener.fd, nullptr, nullptr, SOCK_CLOEXEC));
		const unique_fd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
		if (client.fd != -1 &&
		    connect(server.fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) == 0)
			cutter_relay(ct, client.fd, server.fd);
	}
}

cutter *cutter_start(uint16_t server_port, std::string_view mark, int cut_at)
{
	cutter *ct = new cutter;
	sockaddr_in address = cutter_address(0);
	socklen_t size = sizeof(address);

	ct->server_port = server_port;
	ct->mark = mark;
	ct->cut_at = cut_at;
	ct->listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (bind(ct->listener.fd, reinterpret_cast<sockaddr *>(&address), size) != 0 ||
	    listen(ct->listener.fd, 8) != 0 ||
	    getsockname(ct->listener.fd, reinterpret_cast<sockaddr *>(&address), &size) != 0)
		check_fail(std::source_location::current(), "no port to relay from");
	ct->port = ntohs(address.sin_port);
	ct->thread = std::thread(cutter_run, ct);
	return ct;
}

uint16_t cutter_port(const cutter *ct)
{
	return ct->port;
}

int cutter_cuts(const cutter *ct)
{
	return ct->cuts;
}

void cutter_stop(cutter *ct)
{
	ct->stopping = true;
	ct->thread.join();
	delete ct;
}
