/* SPDX-License-Identifier: MIT
 * Listening sockets: opening them and accepting connections. */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include <string>
#include <vector>

#include <sys/socket.h>

#include "core/base/worker.h"

struct listen_address {
	sockaddr_storage address{};
	socklen_t size = 0;
	std::string text; /* as written in chat.conf, for messages */
	int inherited = -1; /* the socket to use in place of one of its own, which stays the caller's; -1: none */
};

/* Reads "127.0.0.1:6000 [::1]:6000" (spaces or commas between). Numeric addresses only: no name server is asked. The
 * same address twice is refused, even if written differently. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int listener_parse(const char *text, std::vector<struct listen_address> *addresses_r, struct cs_error *e);
/* The address that equals wanted, even if written differently; nullptr: none. Port 0 never equals anything. */
const struct listen_address *listener_find(const std::vector<struct listen_address> &addresses,
                                           const struct listen_address *wanted);
/* Checks that nobody else listens on the addresses (with SO_REUSEPORT the kernel would share them without an error),
 * and replaces each port 0 by a free port, in place. Leaves addresses out that have an inherited socket. Before any
 * worker listens. */
[[nodiscard]] int listener_reserve(std::vector<struct listen_address> *addresses, struct cs_error *e);
/* Opens the worker's own socket (SO_REUSEPORT) on each address, or a duplicate of the inherited one, for connections of
 * that transport (nullptr: plain; it must live as long as the worker). Accepts from the loop's first turn on. Out of
 * descriptors or at max_connections, accepting pauses until a connection ends or 100 ms have passed. */
[[nodiscard]] int listener_open_all(struct worker *w, const std::vector<struct listen_address> &addresses,
                                    const struct transport *transport, struct cs_error *e);
/* Takes over the listening socket of operators; text: for messages. The peer must run as root or as the server's user,
 * else it is told NOT_ALLOWED. Connections go to conn_open_operator. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int listener_open_operators(struct worker *w, unique_fd fd, const char *text, struct cs_error *e);
/* Stops accepting for ever, but for operators. Worker thread. */
void listener_close_all(struct worker *w);
/* The same, but first accepts the connections that wait in the kernel, which would be reset. Worker thread. */
void listener_end_all(struct worker *w);
/* A connection of this worker ended: a paused listener may go on. Worker thread. */
void listener_resume_all(struct worker *w);

#endif
