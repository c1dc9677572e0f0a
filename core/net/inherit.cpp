/* SPDX-License-Identifier: MIT
 * Listening sockets that the service manager has opened and gives to this process. */
#include "core/net/inherit.h"

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include "core/base/log.h"

static constexpr int inherit_first_fd = 3;
static constexpr int inherit_most = 1024;

/* false: the text is no number from least to most. */
static bool inherit_read_number(std::string_view text, int least, int most, int *number_r)
{
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number_r);

	return error == std::errc() && end == text.data() + text.size() && *number_r >= least && *number_r <= most;
}

static int inherit_refuse(const struct inherit_socket *s, const char *why, struct cs_error *e)
{
	error_set(e, "the service manager gives %s, which %s", s->address.text.c_str(), why);
	return CS_EINVAL;
}

static int inherit_option(int fd, int level, int option)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
}

/* "the socket 0.0.0.0:6000 (chatserverd.socket)". */
static void inherit_name(struct inherit_socket *s, std::string_view name)
{
	char host[NI_MAXHOST] = "", port[NI_MAXSERV] = "";
	const bool is_ipv6 = s->address.address.ss_family == AF_INET6;

	s->address.text = "descriptor " + std::to_string(s->fd.fd);
	if (getnameinfo(reinterpret_cast<const sockaddr *>(&s->address.address), s->address.size, host, sizeof host,
	                port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) == 0 &&
	    s->address.address.ss_family != AF_UNIX)
		s->address.text =
			std::string("the socket ") + (is_ipv6 ? "[" : "") + host + (is_ipv6 ? "]:" : ":") + port;
	if (!name.empty())
		s->address.text.append(" (").append(name.substr(0, 255)).append(")");
}

static int inherit_check(const struct inherit_socket *s, struct cs_error *e)
{
	const int fd = s->fd.fd, family = s->address.address.ss_family;

	if (s->address.size == 0)
		return inherit_refuse(s, "is no open socket", e);
	if ((family != AF_INET && family != AF_INET6) || inherit_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return inherit_refuse(s, "is no TCP socket: its unit needs ListenStream= with an address and a port",
		                      e);
	if (inherit_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return inherit_refuse(s, "does not listen: its unit needs Accept=no", e);
	if (family == AF_INET6 && inherit_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return inherit_refuse(
			s,
			"takes IPv4 as well: its unit needs BindIPv6Only=ipv6-only, and a ListenStream= of "
			"its own for IPv4",
			e);
	return 0;
}

static int inherit_take_one(int fd, std::string_view name, std::vector<struct inherit_socket> *sockets_r,
                            struct cs_error *e)
{
	struct inherit_socket s;
	socklen_t size = sizeof s.address.address;

	s.fd.reset(fd);
	if (getsockname(fd, reinterpret_cast<sockaddr *>(&s.address.address), &size) == 0)
		s.address.size = size;
	inherit_name(&s, name);
	if (const int failed = inherit_check(&s, e))
		return failed;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	sockets_r->push_back(std::move(s));
	return 0;
}

int inherit_take(std::vector<struct inherit_socket> *sockets_r, struct cs_error *e)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
	std::string_view rest = names ? names : "";
	int sockets = 0, process = 0;

	if (!count || !pid)
		return 0;
	if (!inherit_read_number(pid, 1, INT32_MAX, &process) ||
	    !inherit_read_number(count, 0, inherit_most, &sockets)) {
		error_set(e, "LISTEN_FDS or LISTEN_PID is not the number that sd_listen_fds(3) says");
		return CS_EINVAL;
	}
	if (process != getpid())
		return 0;
	for (int fd = inherit_first_fd; fd < inherit_first_fd + sockets; fd++) {
		const std::string_view name = rest.substr(0, rest.find(':'));

		rest.remove_prefix(std::min(name.size() + 1, rest.size()));
		if (const int failed = inherit_take_one(fd, name, sockets_r, e))
			return failed;
	}
	return 0;
}
