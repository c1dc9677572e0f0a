/* SPDX-License-Identifier: MIT
 * Listening sockets that the service manager has opened and gives to this process: sd_listen_fds(3). */
#ifndef CORE_INHERIT_H
#define CORE_INHERIT_H

#include <vector>

#include "core/net/listener.h"
#include <base/raii.h>

struct inherit_socket {
	unique_fd fd;
	struct listen_address address; /* its text names the socket, for messages */
};

/* Takes what LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say; nothing if they are not set or meant for another process.
 * Each must be a TCP socket that listens, and one of IPv6 must not take IPv4 as well. 0, or CS_EINVAL with the text in
 * e. Main thread, once. */
[[nodiscard]] int inherit_take(std::vector<struct inherit_socket> *sockets_r, struct cs_error *e);

#endif
