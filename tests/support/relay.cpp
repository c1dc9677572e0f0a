/* SPDX-License-Identifier: MIT
 * A relay through which one process reaches another over TCP, so that a test can part the two without privileges. */
#include "tests/support/relay.h"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "tests/support/check.h"
#include <base/raii.h>

static constexpr size_t most_waiting = 1 << 20;

struct relay_way {
	int from = -1, to = -1;
	std::string waiting; /* read and not yet written */
	bool ended = false;
};

struct relay_pair {
	unique_fd client, server;
	relay_way ways[2];
	bool is_done = false;
};

struct relay {
	uint16_t to_port = 0, port = 0;
	std::string address;
	unique_fd listener, wake;
	std::deque<relay_pair> pairs;
	std::thread thread;

	std::mutex mutex; /* what follows */
	std::condition_variable taken;
	enum relay_mode mode = RELAY_PASS;
	bool reset_wanted = false, stopping = false;
	uint64_t orders = 0, orders_done = 0;
	size_t connections = 0;
	std::vector<std::pair<std::string, std::string>> replacements; /* equally long */
};

static sockaddr_in address_of(uint16_t port)
{
	sockaddr_in address = {};

	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

/* Port 0: any. */
static void start_listening(relay *r)
{
	const int one = 1;
	sockaddr_in address = address_of(r->port);
	socklen_t size = sizeof(address);

	(void)inet_pton(AF_INET, r->address.c_str(), &address.sin_addr);
	r->listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	setsockopt(r->listener.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(r->listener.fd, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(r->listener.fd, 128) != 0)
		check_fail(std::source_location::current(), "no port to relay from");
}

static void accept_pair(relay *r)
{
	const sockaddr_in address = address_of(r->to_port);
	const int one = 1;
	unique_fd client(accept4(r->listener.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
	unique_fd server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	if (client.fd == -1 || connect(server.fd, reinterpret_cast<const sockaddr *>(&address), sizeof(address)) != 0)
		return;
	for (const int fd : {client.fd, server.fd})
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	relay_pair &pair = r->pairs.emplace_back();

	pair.ways[0].from = pair.ways[1].to = client.fd;
	pair.ways[0].to = pair.ways[1].from = server.fd;
	pair.client = std::move(client);
	pair.server = std::move(server);
}

static void read_way(relay_way *way)
{
	char bytes[65536];
	const ssize_t got = recv(way->from, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got > 0)
		way->waiting.append(bytes, static_cast<size_t>(got));
	else if (got == 0 || errno != EAGAIN)
		way->ended = true;
}

static void write_way(relay_way *way)
{
	const ssize_t sent = send(way->to, way->waiting.data(), way->waiting.size(), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent > 0)
		way->waiting.erase(0, static_cast<size_t>(sent));
	else if (sent < 0 && errno != EAGAIN) {
		way->waiting.clear();
		way->ended = true;
	}
}

static void reset_all(relay *r)
{
	const linger now = {1, 0};

	for (const relay_pair &pair : r->pairs)
		for (const int fd : {pair.client.fd, pair.server.fd})
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	r->pairs.clear();
}

/* What the test wants since the last turn. false: to end. */
static bool take_orders(relay *r, enum relay_mode *mode_r)
{
	const std::scoped_lock lock(r->mutex);

	if (r->reset_wanted || r->mode == RELAY_CUT)
		reset_all(r);
	if (r->mode == RELAY_CUT)
		r->listener.reset(-1);
	else if (r->listener.fd == -1)
		start_listening(r);
	r->reset_wanted = false;
	r->orders_done = r->orders;
	r->connections = r->pairs.size();
	r->taken.notify_all();
	*mode_r = r->mode;
	return !r->stopping;
}

static void replace_all(relay *r, std::string *bytes)
{
	const std::scoped_lock lock(r->mutex);

	for (const auto &[from, to] : r->replacements)
		for (size_t at = 0; (at = bytes->find(from, at)) != bytes->npos; at += to.size())
			bytes->replace(at, to.size(), to);
}

static void turn_pair(relay *r, relay_pair *pair)
{
	for (relay_way &way : pair->ways) {
		if (!way.ended && way.waiting.size() < most_waiting)
			read_way(&way);
		if (&way == &pair->ways[0])
			replace_all(r, &way.waiting);
		if (!way.waiting.empty())
			write_way(&way);
		if (way.ended && way.waiting.empty())
			pair->is_done = true;
	}
}

static void wait_for_work(relay *r, enum relay_mode mode)
{
	std::vector<pollfd> polls = {{r->wake.fd, POLLIN, 0}};
	uint64_t count;

	if (mode == RELAY_PASS)
		polls.push_back({r->listener.fd, POLLIN, 0});
	for (const relay_pair &pair : r->pairs)
		for (const relay_way &way : pair.ways)
			if (mode == RELAY_PASS) {
				if (!way.ended && way.waiting.size() < most_waiting)
					polls.push_back({way.from, POLLIN, 0});
				if (!way.waiting.empty())
					polls.push_back({way.to, POLLOUT, 0});
			}
	(void)poll(polls.data(), polls.size(), -1);
	if (polls[0].revents)
		(void)!read(r->wake.fd, &count, sizeof(count));
	if (mode == RELAY_PASS && polls[1].revents)
		accept_pair(r);
}

static void run(relay *r)
{
	enum relay_mode mode;

	while (take_orders(r, &mode)) {
		wait_for_work(r, mode);
		if (mode != RELAY_PASS)
			continue;
		for (relay_pair &pair : r->pairs)
			turn_pair(r, &pair);
		std::erase_if(r->pairs, [](const relay_pair &pair) { return pair.is_done; });
	}
}

/* Tells the thread and waits until it has done it. */
static void order(relay *r, std::unique_lock<std::mutex> *lock)
{
	const uint64_t one = 1, mine = ++r->orders;

	(void)!write(r->wake.fd, &one, sizeof(one));
	r->taken.wait(*lock, [&] { return r->orders_done >= mine; });
}

relay *relay_start(uint16_t to_port, const char *at_address)
{
	relay *r = new relay;
	sockaddr_in address = {};
	socklen_t size = sizeof(address);

	r->to_port = to_port;
	r->address = at_address;
	r->wake.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	start_listening(r);
	(void)getsockname(r->listener.fd, reinterpret_cast<sockaddr *>(&address), &size);
	r->port = ntohs(address.sin_port);
	r->thread = std::thread(run, r);
	return r;
}

uint16_t relay_port(const relay *r)
{
	return r->port;
}

void relay_set(relay *r, enum relay_mode mode)
{
	std::unique_lock lock(r->mutex);

	r->mode = mode;
	order(r, &lock);
}

void relay_reset(relay *r)
{
	std::unique_lock lock(r->mutex);

	r->reset_wanted = true;
	order(r, &lock);
}

size_t relay_connections(relay *r)
{
	std::unique_lock lock(r->mutex);

	order(r, &lock);
	return r->connections;
}

void relay_replace(relay *r, std::string_view from, std::string_view to)
{
	const std::scoped_lock lock(r->mutex);

	r->replacements.emplace_back(from, to);
}

void relay_stop(relay *r)
{
	{
		std::unique_lock lock(r->mutex);

		r->stopping = true;
		order(r, &lock);
	}
	r->thread.join();
	delete r;
}
