/* SPDX-License-Identifier: MIT
 * Listening sockets: accepts connections, and pauses when no more can be accepted. */
#include "core/net/listener.h"

#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/net/conn.h"

/* Most connections accepted by a listener in a turn, so that a flood of them leaves time for the existing ones. */
static constexpr int listener_accepts_per_turn = 64;
static constexpr int listener_backlog = 1024;
static constexpr int64_t listener_complaint_every_ms = 10000;
static constexpr timeval listener_pause_time = {0, 100 * 1000};

struct listener {
	struct worker *worker = nullptr;
	const struct transport *transport = nullptr; /* of its connections; null: plain */
	bool is_operators = false;
	std::string text;
	unique_fd fd;
	event_ptr accept_event, pause_event;
	bool paused = false;
	int64_t complain_at = 0; /* pauses are logged from then on only: at the limit each accept ends in a pause */
};

void listener_deleter::operator()(struct listener *l) const
{
	delete l;
}

/* ---- addresses */

static uint16_t listener_port_of(const struct listen_address *a)
{
	if (a->address.ss_family == AF_INET6)
		return ntohs(reinterpret_cast<const sockaddr_in6 *>(&a->address)->sin6_port);
	return ntohs(reinterpret_cast<const sockaddr_in *>(&a->address)->sin_port);
}

static bool listener_parse_port(std::string_view text, uint16_t *port_r)
{
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *port_r);

	return error == std::errc() && end == text.data() + text.size();
}

static void listener_set_ipv4(struct listen_address *a, const void *bytes, uint16_t port)
{
	auto *in = reinterpret_cast<sockaddr_in *>(&a->address);

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	memcpy(&in->sin_addr, bytes, sizeof in->sin_addr);
	a->size = sizeof *in;
}

static void listener_set_ipv6(struct listen_address *a, const in6_addr *bytes, uint16_t port)
{
	auto *in = reinterpret_cast<sockaddr_in6 *>(&a->address);

	in->sin6_family = AF_INET6;
	in->sin6_port = htons(port);
	in->sin6_addr = *bytes;
	a->size = sizeof *in;
}

static bool listener_parse_host(const std::string &host, bool is_ipv6, uint16_t port, struct listen_address *a)
{
	in_addr ipv4;
	in6_addr ipv6;

	if (!is_ipv6) {
		if (inet_pton(AF_INET, host.c_str(), &ipv4) != 1)
			return false;
		listener_set_ipv4(a, &ipv4, port);
		return true;
	}
	if (inet_pton(AF_INET6, host.c_str(), &ipv6) != 1)
		return false;
	/* [::ffff:192.0.2.1] is another form of 192.0.2.1; an IPv6-only socket cannot be bound to it. */
	if (IN6_IS_ADDR_V4MAPPED(&ipv6))
		listener_set_ipv4(a, &ipv6.s6_addr[12], port);
	else
		listener_set_ipv6(a, &ipv6, port);
	return true;
}

static bool listener_parse_one(std::string_view text, struct listen_address *a)
{
	const size_t colon = text.rfind(':');
	uint16_t port;

	a->text = text;
	if (colon == std::string_view::npos || !listener_parse_port(text.substr(colon + 1), &port))
		return false;
	std::string_view host = text.substr(0, colon);
	const bool is_ipv6 = host.size() > 2 && host.front() == '[' && host.back() == ']';

	if (is_ipv6)
		host = host.substr(1, host.size() - 2);
	return listener_parse_host(std::string(host), is_ipv6, port, a);
}

static bool listener_same(const struct listen_address *a, const struct listen_address *b)
{
	if (a->address.ss_family != b->address.ss_family)
		return false;
	if (a->address.ss_family == AF_INET) {
		const auto *one = reinterpret_cast<const sockaddr_in *>(&a->address);
		const auto *two = reinterpret_cast<const sockaddr_in *>(&b->address);

		return one->sin_port == two->sin_port && one->sin_addr.s_addr == two->sin_addr.s_addr;
	}
	const auto *one = reinterpret_cast<const sockaddr_in6 *>(&a->address);
	const auto *two = reinterpret_cast<const sockaddr_in6 *>(&b->address);

	return one->sin6_port == two->sin6_port && IN6_ARE_ADDR_EQUAL(&one->sin6_addr, &two->sin6_addr);
}

const struct listen_address *listener_find(const std::vector<struct listen_address> &addresses,
                                           const struct listen_address *wanted)
{
	for (const struct listen_address &a : addresses)
		/* Two addresses with port 0 are never the same: each gets a port of its own. */
		if (listener_port_of(&a) != 0 && listener_same(&a, wanted))
			return &a;
	return nullptr;
}

/* A text that tells the operator what to write instead. */
static std::string listener_advice(std::string_view text)
{
	const size_t colon = text.rfind(':');
	const std::string_view host = text.substr(0, colon == text.npos ? 0 : colon);
	const std::string_view port = colon == text.npos ? text : text.substr(colon + 1);
	in6_addr ipv6;
	uint16_t number;

	if (!listener_parse_port(port, &number))
		return "a port from 0 to 65535 must follow, as in 127.0.0.1:6000 or [::1]:6000";
	if (host.empty() || host == "*") {
		const std::string behind = ":" + std::to_string(number);

		return "write 0.0.0.0" + behind + " for every IPv4 address, [::]" + behind +
		       " for every IPv6 address, or both";
	}
	if (inet_pton(AF_INET6, std::string(host).c_str(), &ipv6) == 1)
		return "an IPv6 address stands in brackets, as in [::1]:6000";
	return "names are not looked up; write an address, such as 127.0.0.1:6000 or [::1]:6000";
}

int listener_parse(const char *text, std::vector<struct listen_address> *addresses_r, struct cs_error *e)
{
	static const char between[] = " \t,";
	std::string_view rest = text;

	for (size_t at; (at = rest.find_first_not_of(between)) != std::string_view::npos;) {
		rest.remove_prefix(at);
		const std::string_view one = rest.substr(0, rest.find_first_of(between));
		struct listen_address a;

		rest.remove_prefix(one.size());
		if (!listener_parse_one(one, &a)) {
			error_set(e, "\"%.*s\": %s", static_cast<int>(std::min<size_t>(one.size(), 80)), one.data(),
			          listener_advice(one).c_str());
			return CS_EINVAL;
		}
		if (const struct listen_address *twin = listener_find(*addresses_r, &a); twin) {
			error_set(e, "%s and %s are the same address", twin->text.c_str(), a.text.c_str());
			return CS_EINVAL;
		}
		addresses_r->push_back(std::move(a));
	}
	if (addresses_r->empty()) {
		error_set(e, "no address to listen on");
		return CS_EINVAL;
	}
	return 0;
}

/* ---- sockets */

static int listener_fail_text(const char *text, struct cs_error *e)
{
	error_set(e, "cannot listen on %s: %s", text, strerror(errno));
	return CS_EINVAL;
}

static int listener_fail(const struct listen_address *a, struct cs_error *e)
{
	return listener_fail_text(a->text.c_str(), e);
}

static int listener_bind(const struct listen_address *a, int option, unique_fd *fd_r)
{
	const int on = 1;
	unique_fd fd(socket(a->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	if (fd.fd == -1 || setsockopt(fd.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (option != 0 && setsockopt(fd.fd, SOL_SOCKET, option, &on, sizeof on) == -1))
		return -1;
	/* IPv6 only: else [::] would also take the IPv4 address that 0.0.0.0 asks for. */
	if (a->address.ss_family == AF_INET6 && setsockopt(fd.fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == -1)
		return -1;
	if (bind(fd.fd, reinterpret_cast<const sockaddr *>(&a->address), a->size) == -1)
		return -1;
	*fd_r = std::move(fd);
	return 0;
}

static int listener_reserve_one(struct listen_address *a, struct cs_error *e)
{
	socklen_t size = a->size;
	unique_fd fd;

	/* Calls listen() as well: two sockets with SO_REUSEADDR can both be bound, but not both listen. */
	if (listener_bind(a, 0, &fd) == -1 || listen(fd.fd, 1) == -1)
		return listener_fail(a, e);
	if (listener_port_of(a) != 0)
		return 0;
	if (getsockname(fd.fd, reinterpret_cast<sockaddr *>(&a->address), &size) == -1)
		return listener_fail(a, e);
	a->text.resize(a->text.rfind(':') + 1);
	a->text += std::to_string(listener_port_of(a));
	return 0;
}

int listener_reserve(std::vector<struct listen_address> *addresses, struct cs_error *e)
{
	for (struct listen_address &a : *addresses) {
		if (a.inherited != -1)
			continue;
		if (const int result = listener_reserve_one(&a, e); result != 0)
			return result;
	}
	return 0;
}

/* ---- accepting */

static void listener_pause(struct listener *l, const char *why)
{
	const int64_t now = worker_monotonic_ms();

	if (now >= l->complain_at) {
		l->complain_at = now + listener_complaint_every_ms;
		log_warning("accepting pauses listen=%s why=\"%s\" connections=%lld", l->text.c_str(), why,
		            static_cast<long long>(l->worker->shared->connections.load()));
	}
	l->paused = true;
	event_del(l->accept_event.get());
	event_add(l->pause_event.get(), &listener_pause_time);
}

static void listener_go_on(struct listener *l)
{
	if (!l->paused)
		return;
	l->paused = false;
	event_del(l->pause_event.get());
	event_add(l->accept_event.get(), nullptr);
}

/* Errors of the one connection, which has ended before it was accepted. */
static bool listener_is_passing(int error)
{
	return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM || error == ENETDOWN ||
	       error == ENETUNREACH || error == EHOSTUNREACH || error == EHOSTDOWN || error == ENONET ||
	       error == ENOPROTOOPT || error == EOPNOTSUPP;
}

/* Whether a connection waits to be accepted. */
static bool listener_is_awaited(const struct listener *l)
{
	pollfd waiting = {l->fd.fd, POLLIN, 0};

	return poll(&waiting, 1, 0) == 1;
}

static bool listener_accept(struct listener *l)
{
	sockaddr_storage address;
	socklen_t size = sizeof address;
	struct worker *w = l->worker;

	if (!conn_reserve(w)) {
		if (!listener_is_awaited(l))
			return false;
		conn_guest_make_room(w);
		listener_pause(l, "max_connections is reached");
		return false;
	}
	unique_fd fd(accept4(l->fd.fd, reinterpret_cast<sockaddr *>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
	if (fd.fd == -1) {
		const int error = errno;

		conn_unreserve(w);
		if (error == EAGAIN || listener_is_passing(error))
			return error != EAGAIN;
		conn_guest_make_room(w);
		listener_pause(l, strerror(error));
		return false;
	}
	if (conn_open(w, std::move(fd), reinterpret_cast<sockaddr *>(&address), l->transport) != 0)
		log_warning("connection refused listen=%s", l->text.c_str());
	return true;
}

/* The mode of the socket's file keeps others away; this also holds where its folder or mode was changed. */
static void listener_take_operator(struct worker *w, unique_fd fd)
{
	static constexpr std::string_view refusal =
		"{\"msgid\":100,\"of\":0,\"errno\":8,\"errmsg\":\"only root and the "
		"server's own user may give orders\"}\n";
	ucred peer = {};
	socklen_t size = sizeof peer;

	if (getsockopt(fd.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid())) {
		if (conn_open_operator(w, std::move(fd), peer.uid) != 0)
			log_warning("connection of an operator refused");
		return;
	}
	log_warning("connection of an operator refused uid=%u pid=%d", peer.uid, peer.pid);
	log_audit("operator_refused", "uid=%u pid=%d", peer.uid, peer.pid);
	(void)send(fd.fd, refusal.data(), refusal.size(), MSG_NOSIGNAL);
}

/* false: none waits, or accepting pauses. */
static bool listener_accept_operator(struct listener *l)
{
	unique_fd fd(accept4(l->fd.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));

	if (fd.fd != -1) {
		listener_take_operator(l->worker, std::move(fd));
		return true;
	}
	if (errno == EAGAIN || listener_is_passing(errno))
		return errno != EAGAIN;
	conn_guest_make_room(l->worker);
	listener_pause(l, strerror(errno));
	return false;
}

static void listener_on_accept(evutil_socket_t, short, void *arg)
{
	auto *l = static_cast<struct listener *>(arg);

	for (int i = 0; i < listener_accepts_per_turn; i++)
		if (!(l->is_operators ? listener_accept_operator(l) : listener_accept(l)))
			return;
}

static void listener_on_pause_end(evutil_socket_t, short, void *arg)
{
	listener_go_on(static_cast<struct listener *>(arg));
}

/* All workers accept from one inherited socket: the kernel gives a second socket of its address (SO_REUSEPORT) only to
 * the user who has the first, and that is root. Each connection wakes all workers; one of them gets it. */
static int listener_listen(const struct listen_address *a, unique_fd *fd_r)
{
	if (a->inherited == -1)
		return listener_bind(a, SO_REUSEPORT, fd_r) == -1 ? -1 : listen(fd_r->fd, listener_backlog);
	fd_r->reset(fcntl(a->inherited, F_DUPFD_CLOEXEC, 0));
	return fd_r->fd == -1 ? -1 : 0;
}

/* Its members but the events are set. */
static int listener_start(std::unique_ptr<struct listener, listener_deleter> l, struct cs_error *e)
{
	struct worker *w = l->worker;
	event_base *base = w->loop.base.get();

	l->accept_event.reset(event_new(base, l->fd.fd, EV_READ | EV_PERSIST, listener_on_accept, l.get()));
	l->pause_event.reset(event_new(base, -1, 0, listener_on_pause_end, l.get()));
	if (!l->accept_event || !l->pause_event || event_add(l->accept_event.get(), nullptr) == -1)
		return listener_fail_text(l->text.c_str(), e);
	w->listeners.push_back(std::move(l));
	return 0;
}

static int listener_open(struct worker *w, const struct listen_address *a, const struct transport *transport,
                         struct cs_error *e)
{
	std::unique_ptr<struct listener, listener_deleter> l(new struct listener);

	if (listener_listen(a, &l->fd) == -1)
		return listener_fail(a, e);
	l->worker = w;
	l->transport = transport;
	l->text = a->text;
	return listener_start(std::move(l), e);
}

int listener_open_operators(struct worker *w, unique_fd fd, const char *text, struct cs_error *e)
{
	std::unique_ptr<struct listener, listener_deleter> l(new struct listener);

	l->worker = w;
	l->fd = std::move(fd);
	l->text = text;
	l->is_operators = true;
	return listener_start(std::move(l), e);
}

int listener_open_all(struct worker *w, const std::vector<struct listen_address> &addresses,
                      const struct transport *transport, struct cs_error *e)
{
	for (const struct listen_address &a : addresses)
		if (const int result = listener_open(w, &a, transport, e); result != 0)
			return result;
	return 0;
}

void listener_close_all(struct worker *w)
{
	std::erase_if(w->listeners, [](const auto &l) { return !l->is_operators; });
}

/* The bound is for a flood that comes faster than it is accepted. */
void listener_end_all(struct worker *w)
{
	for (const auto &l : w->listeners) {
		for (int i = 0; i < listener_backlog && !l->is_operators && !l->paused && listener_accept(l.get()); i++)
			;
	}
	listener_close_all(w);
}

void listener_resume_all(struct worker *w)
{
	for (const auto &l : w->listeners)
		listener_go_on(l.get());
}
