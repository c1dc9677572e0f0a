/* SPDX-License-Identifier: MIT
 * The listener for HAProxy's agent-check: writes one line to each connection, and closes it. */
#include "core/agent.h"

#include <cerrno>
#include <cstring>
#include <deque>
#include <string_view>

#include <event2/listener.h>
#include <sys/socket.h>

#include "core/base/log.h"
#include "core/net/listener.h"
#include "core/server.h"
#include <base/raii.h>

using evconnlistener_ptr = std::unique_ptr<evconnlistener, function_deleter<evconnlistener_free>>;

static constexpr int agent_backlog = 64;
/* Connections that were answered and have not ended. One more ends the oldest. */
static constexpr size_t agent_most_peers = 64;
static constexpr struct timeval agent_longest_wait {
	.tv_sec = 1, .tv_usec = 0
};
/* Out of descriptors, a connection stays in the kernel's queue and would wake the loop again at once. */
static constexpr struct timeval agent_pause {
	.tv_sec = 1, .tv_usec = 0
};

/* The event is freed before the descriptor that it watches is closed. */
struct agent_peer {
	struct agent *agent = nullptr;
	unique_fd fd;
	event_ptr event;
};

struct agent {
	struct server *server = nullptr;
	event_ptr pause;
	std::deque<std::unique_ptr<struct agent_peer>> peers; /* the oldest at the front */
	std::vector<evconnlistener_ptr> listeners;
};

void agent_deleter::operator()(struct agent *a) const
{
	std::default_delete<struct agent>()(a);
}

/* The word drain would set a state in HAProxy that only the word ready ends, and that would end the states that an
 * operator has set. A weight of 0 does the same to new connections, and belongs to the agent alone. */
static std::string_view agent_line(const struct agent *a)
{
	return a->server->drain.begun ? "up 0% #draining\n" : "up 100%\n";
}

/* The peer has closed its side, or its time is over. What it says is thrown away: a close with unread bytes would send
 * a reset, and the peer could lose the line. */
static void agent_on_peer(evutil_socket_t fd, short what, void *arg)
{
	auto *peer = static_cast<struct agent_peer *>(arg);
	char bytes[512];

	if ((what & EV_TIMEOUT) == 0) {
		const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

		if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
			return;
	}
	std::erase_if(peer->agent->peers, [peer](const auto &other) { return other.get() == peer; });
}

static void agent_on_accept(struct evconnlistener *, evutil_socket_t number, struct sockaddr *, int, void *arg)
{
	auto *a = static_cast<struct agent *>(arg);
	auto peer = std::make_unique<struct agent_peer>();
	const std::string_view line = agent_line(a);

	peer->fd = unique_fd(number);
	peer->agent = a;
	/* A new socket takes a line at once. */
	if (send(number, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ||
	    shutdown(number, SHUT_WR) == -1)
		return;
	peer->event.reset(
		event_new(a->server->main.base.get(), number, EV_READ | EV_PERSIST, agent_on_peer, peer.get()));
	if (!peer->event || event_add(peer->event.get(), &agent_longest_wait) == -1)
		return;
	if (a->peers.size() == agent_most_peers)
		a->peers.pop_front();
	a->peers.push_back(std::move(peer));
}

static void agent_go_on(evutil_socket_t, short, void *arg)
{
	for (const evconnlistener_ptr &l : static_cast<struct agent *>(arg)->listeners)
		(void)evconnlistener_enable(l.get());
}

static void agent_on_accept_failed(struct evconnlistener *listener, void *arg)
{
	log_warning("agent: accepting pauses why=\"%s\"", strerror(errno));
	(void)evconnlistener_disable(listener);
	(void)event_add(static_cast<struct agent *>(arg)->pause.get(), &agent_pause);
}

static int agent_listen(struct agent *a, const struct listen_address *address, struct cs_error *e)
{
	/* As for core.listen: [::] does not take the IPv4 address that 0.0.0.0 asks for. */
	const unsigned ipv6 = address->address.ss_family == AF_INET6 ? LEV_OPT_BIND_IPV6ONLY : 0;
	const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE | ipv6;
	const std::string text = server_address_text(address);
	evconnlistener_ptr l(evconnlistener_new_bind(
		a->server->main.base.get(), agent_on_accept, a, flags, agent_backlog,
		reinterpret_cast<const sockaddr *>(&address->address), static_cast<int>(address->size)));

	if (!l) {
		error_set(e, "core.agent: cannot listen on %s: %s", text.c_str(), strerror(errno));
		return CS_EINVAL;
	}
	evconnlistener_set_error_cb(l.get(), agent_on_accept_failed);
	log_info("agent listening address=%s", text.c_str());
	a->listeners.push_back(std::move(l));
	return 0;
}

int agent_reserve(const struct server *s, std::vector<struct listen_address> *addresses_r, struct cs_error *e)
{
	const char *option = server_core_conf(s->conf.get())->agent;
	struct cs_error text {};

	if (!*option)
		return 0;
	if (listener_parse(option, addresses_r, &text) == 0 && listener_reserve(addresses_r, &text) == 0)
		return 0;
	error_set(e, "core.agent (%s): %s", conf_where(&s->conf->file, "core", "agent").c_str(), text.text);
	return CS_EINVAL;
}

int agent_open(agent_ptr *agent_r, struct server *s, struct cs_error *e)
{
	std::vector<struct listen_address> addresses;
	agent_ptr a;

	if (const int failed = agent_reserve(s, &addresses, e))
		return failed;
	if (addresses.empty())
		return 0;
	a.reset(std::make_unique<struct agent>().release());
	a->server = s;
	a->pause.reset(event_new(s->main.base.get(), -1, 0, agent_go_on, a.get()));
	if (!a->pause) {
		error_set(e, "cannot make a timer");
		return CS_EINVAL;
	}
	for (const struct listen_address &address : addresses) {
		if (const int failed = agent_listen(a.get(), &address, e))
			return failed;
	}
	*agent_r = std::move(a);
	return 0;
}
