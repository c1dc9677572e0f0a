/* SPDX-License-Identifier: MIT
 * What can be adopted as a connection: one end of a socket pair, with a name. Any thread. */
#ifndef CORE_ADOPT_H
#define CORE_ADOPT_H

#include <chatserverd/plugin.h>

/* Whether fd is an end of a connected stream pair of this machine, and peer can stand in log lines and in
 * cs_peer.text. */
bool adopt_is_possible(int fd, const char *peer);
/* Makes it non-blocking, and closed on exec. false: it cannot be. */
[[nodiscard]] bool adopt_prepare(int fd);

#endif
