/* SPDX-License-Identifier: MIT
 * Owns telling the service manager what state the server is in, by the protocol of sd_notify(3). It must not know
 * what leads to a state. Main thread. */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <cstdint>

/* Each sends one datagram to NOTIFY_SOCKET; without that variable nothing happens. */
void notify_ready();
void notify_reloading();   /* to be followed by notify_ready */
/* most_ms: the longest that the stop may take. */
void notify_stopping(int64_t most_ms);

#endif
