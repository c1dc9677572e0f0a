/* SPDX-License-Identifier: MIT
 * Tells the service manager in which state the server is, by the protocol of sd_notify(3). */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <cstdint>

/* Each sends one datagram to NOTIFY_SOCKET; without that variable it does nothing. Main thread, and
 * notify_starting any thread. */

/* The start takes longer: the next notice comes within most_ms. */
void notify_starting(int64_t most_ms);
void notify_ready();
void notify_watchdog(); /* all threads move */
void notify_reloading(); /* notify_ready must follow */
/* most_ms: the longest time that the stop may take. */
void notify_stopping(int64_t most_ms);

#endif
