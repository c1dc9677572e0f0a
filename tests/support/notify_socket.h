/* SPDX-License-Identifier: MIT
 * What a server tells the service manager: a socket that stands for NOTIFY_SOCKET of systemd. */
#ifndef TESTS_SUPPORT_NOTIFY_SOCKET_H
#define TESTS_SUPPORT_NOTIFY_SOCKET_H

#include <cstdio>
#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include "tests/support/check.h"

static inline int open_notify_socket(const std::string &path)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct timeval patience = {static_cast<time_t>(check_patience_ms() / 1000), 0};
	struct sockaddr_un address = {};

	address.sun_family = AF_UNIX;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path.c_str());
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static inline bool wait_notification(int fd, const char *line)
{
	char text[4096];
	ssize_t got;

	while ((got = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[got] = '\0';
		if (strstr(text, line))
			return true;
	}
	return false;
}

#endif
