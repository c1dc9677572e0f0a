/* SPDX-License-Identifier: MIT
 * A relay through which one process reaches another over TCP, so that a test can part the two without privileges. */
#ifndef TESTS_SUPPORT_RELAY_H
#define TESTS_SUPPORT_RELAY_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

struct relay;

enum relay_mode {
	RELAY_PASS,
	RELAY_HOLD, /* nothing moves, as if packets were lost: connections can be made and never answer; what is
	             * under way arrives late */
	RELAY_CUT, /* connections are reset, and refused from then on */
};

/* Relays connections to that port of 127.0.0.1, on a thread of its own. It passes. */
relay *relay_start(uint16_t to_port, const char *address = "127.0.0.1");
/* Where to connect instead, at that address. */
uint16_t relay_port(const relay *r);
/* In force when it returns. */
void relay_set(relay *r, enum relay_mode mode);
/* Resets the connections that there are; new ones pass. */
void relay_reset(relay *r);
size_t relay_connections(relay *r);
/* Passes `to` instead of `from`, which is as long, to the server from then on, where it is read in one piece. */
void relay_replace(relay *r, std::string_view from, std::string_view to);
/* Ends the thread and what is relayed. */
void relay_stop(relay *r);

#endif
