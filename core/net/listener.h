/* SPDX-License-Identifier: MIT
 * Owns listening sockets and accepting. It must not know what happens on a connection. */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include <string>
#include <vector>

#include <sys/socket.h>

#include "core/base/worker.h"

struct listen_address {
	sockaddr_storage address{};
	socklen_t size = 0;
	std::string text; /* as written, for messages */
};

/* Reads "127.0.0.1:6000 [::1]:6000" (spaces or commas between). Numeric addresses only: nothing here asks a
 * name server. The same address twice is refused, whatever its text. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int listener_parse(const char *text, std::vector<struct listen_address> *addresses_r,
                                 struct cs_error *e);
/* The one that is the same as wanted, whatever its text; nullptr: none. Port 0 is never the same. */
const struct listen_address *listener_find(const std::vector<struct listen_address> &addresses,
                                           const struct listen_address *wanted);
/* Checks that nobody else listens on the addresses (SO_REUSEPORT would share them without a word) and
 * replaces port 0 by a free one, in place. Before any worker listens. */
[[nodiscard]] int listener_reserve(std::vector<struct listen_address> *addresses, struct cs_error *e);
/* Opens the worker's own socket (SO_REUSEPORT) on each address; accepts from the loop's first turn. Out of
 * descriptors or over max_connections: accepting pauses and goes on when a connection ended or 100 ms passed. */
[[nodiscard]] int listener_open_all(struct worker *w, const std::vector<struct listen_address> &addresses,
                                    struct cs_error *e);
/* Stops accepting, for good. Worker thread. */
void listener_close_all(struct worker *w);
/* A connection of this worker ended: a paused listener may go on. Worker thread. */
void listener_resume_all(struct worker *w);

#endif
