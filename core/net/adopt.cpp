/* SPDX-License-Identifier: MIT
 * Checks the end of a socket pair, and its name, before it is adopted. */
#include "core/net/adopt.h"

#include <algorithm>
#include <string_view>

#include <fcntl.h>
#include <sys/socket.h>

static bool adopt_is_name(const char *text)
{
	const std::string_view name = text ? text : "";

	return !name.empty() && name.size() < sizeof(cs_peer::text) &&
	       std::all_of(name.begin(), name.end(),
	                   [](char c) { return c >= '!' && c <= '~' && c != '"' && c != '\\'; });
}

static int adopt_option(int fd, int option)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

bool adopt_is_possible(int fd, const char *peer)
{
	sockaddr_storage other = {};
	socklen_t size = sizeof other;

	return adopt_is_name(peer) && adopt_option(fd, SO_DOMAIN) == AF_UNIX &&
	       adopt_option(fd, SO_TYPE) == SOCK_STREAM &&
	       getpeername(fd, reinterpret_cast<sockaddr *>(&other), &size) == 0;
}

bool adopt_prepare(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != -1 && fcntl(fd, F_SETFD, FD_CLOEXEC) != -1;
}
