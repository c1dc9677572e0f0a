/* SPDX-License-Identifier: MIT
 * Whether this server should get new clients. Main thread. */
#ifndef CORE_READY_H
#define CORE_READY_H

struct server;

/* One word why it should get none: "draining", or "store" (it does not answer). nullptr: it is ready. A bus that is
 * away is no reason: the clients of this node are served, and get messages of others later. While the store is away,
 * lets a read try whether it is back: without clients nobody else would. */
const char *ready_why_not(struct server *s);

#endif
