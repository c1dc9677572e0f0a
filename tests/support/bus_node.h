/* SPDX-License-Identifier: MIT
 * Nodes of a cluster that consist only of an adapter of the bus, the real plugin, on one loop of the test's own
 * thread; they record what each is told. */
#ifndef TESTS_SUPPORT_BUS_NODE_H
#define TESTS_SUPPORT_BUS_NODE_H

#include <deque>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <chatserverd/bus.h>

#include "tests/support/check.h"

struct event_base;
struct bus_node;

struct bus_world {
	event_base *base = nullptr;
	std::vector<bus_node *> nodes;
};

struct bus_node_probe {
	cs_account account;
	cs_conn conn;
	cs_bus_address asker;
};

struct bus_node {
	bus_world *world = nullptr;
	const struct cs_bus_driver *driver = nullptr;
	void *bus = nullptr;
	std::deque<std::string> texts; /* of the options */
	std::vector<char> conf;

	cs_bus_address address = 0;
	std::vector<cs_bus_address> epochs; /* addresses it was told, without 0 */
	std::vector<std::string> arrived;
	std::vector<std::pair<cs_account, cs_conn>> closed;
	std::vector<bus_node_probe> probed;
	std::map<std::pair<cs_account, uint64_t>, bool> alone; /* by account and device: what it was told last */
	std::vector<enum cs_cluster_event> events;
	std::string log; /* a line each, of any level but debug */
	size_t dropped = 0, refused = 0;
	size_t echoes = 0; /* signs of life that came back */
	int64_t longest_echo = 0; /* ms */
	bool left = false;
	size_t watches = 0, timers = 0; /* that were not given back */
	void (*on_arrived)(bus_node *node) = nullptr;
};

/* Of an asynchronous call; done counts its completions. */
struct bus_outcome {
	int done = 0, result = 1;
};

bus_world *bus_world_new(void);
/* Also its nodes: with a goodbye where they had none. */
void bus_world_free(bus_world *world);
/* Options as "key", "value". Times out of the options' ranges are taken as they are. */
bus_node *bus_node_new(bus_world *world, const std::vector<std::pair<std::string, std::string>> &options);
/* The option that is refused, and why. */
std::string bus_node_refusal(bus_world *world, const std::vector<std::pair<std::string, std::string>> &options);
/* leave() and close(). */
void bus_node_leave(bus_node *node, std::source_location at = std::source_location::current());
/* close() alone, as if the process had been killed. */
void bus_node_kill(bus_node *node);
/* Runs the loop once, for at most some ms, and ends the turn of every node. */
void bus_world_turn(bus_world *world, int64_t ms = 5);
/* Runs the loop for a while. For what must not happen. */
void bus_world_run(bus_world *world, int64_t ms);
void bus_done(void *outcome, int result);

template <class Condition>
void bus_wait(bus_world *world, const char *what, Condition condition,
              std::source_location at = std::source_location::current())
{
	const int64_t end = check_now() + check_patience_ms();

	while (!condition()) {
		if (check_now() > end) {
			for (const bus_node *node : world->nodes)
				print_error("%s--\n", node->log.c_str());
			check_fail(at, "waited in vain: %s", what);
		}
		bus_world_turn(world);
	}
}

/* ---- pieces: an envelope and the text; `arrived` has the texts. These only hand them in. */

void bus_node_put(bus_node *node, cs_account to, const std::string &text, unsigned flags = 0,
                  uint64_t device = CS_EVERY_DEVICE);
void bus_node_put_to(bus_node *node, cs_bus_address to, const std::string &text);
void bus_node_put_all(bus_node *node, const std::string &text, unsigned flags = 0);

/* ---- calls that are waited for */

void bus_node_wait_up(bus_node *node, std::source_location at = std::source_location::current());
void bus_node_wait_away(bus_node *node, std::source_location at = std::source_location::current());
int bus_node_claim(bus_node *node, cs_account account, cs_conn conn, uint64_t generation, unsigned flags = 0,
                   std::source_location at = std::source_location::current());
int bus_node_claim_device(bus_node *node, cs_account account, uint64_t device, cs_conn conn, uint64_t generation,
                          unsigned flags = 0, std::source_location at = std::source_location::current());
/* Until Redis has sent it, or has found that nobody has the account. */
void bus_node_send(bus_node *node, cs_account to, const std::string &text,
                   std::source_location at = std::source_location::current());
/* One character per account: '1' or '0', or "away". */
std::string bus_node_presence(bus_node *node, const std::vector<cs_account> &accounts,
                              std::source_location at = std::source_location::current(),
                              const std::vector<uint64_t> &devices = {});
/* Whether it was told that, at that place of its events or later. */
bool bus_node_heard(const bus_node *node, enum cs_cluster_event event, size_t from = 0);

#endif
