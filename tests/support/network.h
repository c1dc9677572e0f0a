/* SPDX-License-Identifier: MIT
 * A separate network for one process of a test, joined to the test's network by a cable that can lose packets.
 *
 * The program must be in a network namespace of its own (namespace.h): addresses and cable are made there. */
#ifndef TESTS_SUPPORT_NETWORK_H
#define TESTS_SUPPORT_NETWORK_H

#include <cstdint>
#include <source_location>
#include <string>

#include <sys/types.h>

struct network {
	std::string inside = "10.177.0.2"; /* the process's address */
	std::string outside = "10.177.0.1"; /* where it reaches the test */
	int fd = -1; /* of the namespace, for setns() */
	pid_t keeper = -1;
};

enum network_loss { NETWORK_BOTH_WAYS, NETWORK_ONLY_TO_PROCESS, NETWORK_ONLY_FROM_PROCESS };

network *network_new(std::source_location at = std::source_location::current());
void network_free(network *n);
/* Drops the packets between the process and that port of the test's side, from now on; port 0: all packets.
 */
void network_drop(network *n, uint16_t port, enum network_loss loss = NETWORK_BOTH_WAYS,
                  std::source_location at = std::source_location::current());
/* The same between the test's side and that port of the process. */
void network_drop_listener(network *n, uint16_t port, std::source_location at = std::source_location::current());
/* Drops nothing any more. */
void network_heal(network *n, std::source_location at = std::source_location::current());

#endif
