/* SPDX-License-Identifier: MIT
 * A whole cluster for a test: MariaDB, Redis, nodes, HAProxy in front, and between each node and its two services a
 * relay that can part them.
 *
 * How the tests of tests/cluster are run:
 *   CS_SWEEP=on   the mailbox also looks at the store now and then, which would hide a lost hint; default:
 *                 never
 *   CS_LONG=1     loads and outages at full length; default: as short as the point allows
 *   CS_CLUSTER_SEED, CS_CLUSTER_RATE (messages a second), CS_CLUSTER_SET ("section.key=value ..." for
 *                 all nodes), for experiments */
#ifndef TESTS_SUPPORT_CLUSTER_H
#define TESTS_SUPPORT_CLUSTER_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string_view>
#include <vector>

#include "tests/support/haproxy.h"
#include "tests/support/load.h"
#include "tests/support/mariadb.h"
#include "tests/support/redis.h"
#include "tests/support/relay.h"
#include "tests/support/server.h"

struct cluster_node {
	test_server *server = nullptr; /* its clients connect without HAProxy */
	uint16_t agent_port = 0; /* where HAProxy asks it */
	relay *to_redis = nullptr, *to_mariadb = nullptr;
	bool is_paused = false;
};

struct cluster {
	mariadb *database = nullptr;
	redis *bus = nullptr;
	test_haproxy *proxy = nullptr;
	std::vector<cluster_node> nodes;
	test_server *front = nullptr; /* no process: its port is HAProxy's */
	load *work = nullptr; /* once cluster_load has made it */
};

bool cluster_is_long(void);
bool cluster_sweeps(void);
/* The one or the other, as the run is. */
int64_t cluster_time(int64_t briefly_ms, int64_t long_ms);

/* Nothing runs yet: options may be set. Release with cluster_free. */
cluster *cluster_new(size_t nodes = 3);
/* Puts a node, before the first start, into that network; its relays are outside. */
void cluster_put_node(cluster *c, size_t place, const struct network *n);
void cluster_free(cluster *c);
/* For all nodes, from the next start on. */
void cluster_set(cluster *c, std::string_view key, std::string_view value);
/* Starts everything and waits until HAProxy hands out all nodes. */
void cluster_start(cluster *c, std::source_location at = std::source_location::current());
/* Players who come through HAProxy, so many (a multiple of 8), at the usual rate; waits until all are in.
 * One in old_every is a client of the old kind; 0: none. */
void cluster_load(cluster *c, size_t players = 16, size_t old_every = 0);

/* ---- node verbs; place counts from 0 */
void cluster_kill_node(cluster *c, size_t place);
/* SIGTERM in the running load; it must end with status 0. */
void cluster_stop_node(cluster *c, size_t place);
/* Starts it and keeps the load on until HAProxy hands it out. */
void cluster_start_node(cluster *c, size_t place);
void cluster_pause_node(cluster *c, size_t place);
void cluster_resume_node(cluster *c, size_t place);
/* Waits, in the running load, until the bus of each node that runs is there. */
void cluster_wait_bus(cluster *c, std::source_location at = std::source_location::current());

/* Waits, in the running load, until every player is logged in at the same time; fails when that takes longer.
 */
void cluster_wait_players(cluster *c, int64_t timeout_ms, std::source_location at = std::source_location::current());

/* No more new messages until cluster_heal, so that nothing but the cluster itself can find what a fault held
 * up: call it before the fault ends. */
void cluster_silence(cluster *c);

/* ---- judgement */
/* Waits, without new messages, until all are in and everything sent is acknowledged and received, within that
 * time. Fails the test with the ledger's faults and the nodes' logs otherwise. */
void cluster_heal(cluster *c, const char *what, int64_t timeout_ms,
                  std::source_location at = std::source_location::current());
/* At the end: nothing comes twice, the database says the same as the ledger, and all nodes stop as they
 * should. */
void cluster_judge(cluster *c, std::source_location at = std::source_location::current());
void cluster_print_logs(const cluster *c);

/* Two new accounts that are logged in on the first two nodes. */
struct cluster_two {
	struct test_client *ann, *bob;
};
/* more: further members of both LOGINs. */
cluster_two cluster_enter_two(cluster *c, std::string_view more = "",
                              std::source_location at = std::source_location::current());

/* Fixtures of one test, and of a group: a cluster that is not started; one with the load of 16 players; two nodes, and
 * three, that are started. */
int cluster_setup(void **state);
int cluster_load_setup(void **state);
int cluster_two_nodes_setup(void **state);
int cluster_three_nodes_setup(void **state);
int cluster_teardown(void **state);
/* For one test of such a group. */
int cluster_close_clients(void **state);

#endif
