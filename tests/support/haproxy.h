/* SPDX-License-Identifier: MIT
 * A real HAProxy for a test, as master and worker: its folder, configuration, process, log and port.
 *
 * The configuration is the one that is shipped, with the ports of this test. What was started dies with the
 * test. A mistake or a time-out fails the running test and prints the log's end. */
#ifndef TESTS_SUPPORT_HAPROXY_H
#define TESTS_SUPPORT_HAPROXY_H

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

struct test_haproxy {
	std::string folder; /* made by mkdtemp, removed by haproxy_free; the runtime socket is in it */
	std::string backend = "nodes"; /* whose nodes the functions below name */
	std::string config; /* written at each start and reload; a test may change it before */
	std::vector<uint16_t> agent_ports; /* of the nodes */
	uint16_t port = 0; /* of 127.0.0.1, where clients connect; kept over restarts */
	uint16_t figures_port = 0; /* of 127.0.0.1, HTTP */
	pid_t pid = -1; /* of the master */
	size_t log_start = 0; /* where the log of the running process begins */
};

/* conf/haproxy.cfg for nodes node1, node2... on these ports of 127.0.0.1 (as many as there are ports, others are left
 * out), with the ports of their agents; those that are not given have none. Nothing runs yet. Release with
 * haproxy_free. */
test_haproxy *haproxy_new(const std::vector<uint16_t> &node_ports, const std::vector<uint16_t> &agent_ports = {});
/* Adds conf/haproxy-web.cfg. Clients then connect to its frontend that has these nodes: the one that speaks HTTP, or
 * the one that passes everything through. */
void haproxy_add_web(test_haproxy *h, bool is_http, const std::vector<uint16_t> &node_ports,
                     std::source_location at = std::source_location::current());
/* Kills what runs and removes the folder. */
void haproxy_free(test_haproxy *h);
/* Replaces a text that the configuration must have, wherever it occurs. For the next start or reload. */
void haproxy_replace(test_haproxy *h, std::string_view from, std::string_view to,
                     std::source_location at = std::source_location::current());

/* Starts and waits until clients can connect; nodes are up until checks fail (see haproxy_wait_node). */
void haproxy_start(test_haproxy *h, std::source_location at = std::source_location::current());
/* SIGTERM: ends at once, with all connections; waits for it. */
void haproxy_stop(test_haproxy *h, std::source_location at = std::source_location::current());
/* SIGKILL for master and workers, old ones too; waits for the end of the master. */
void haproxy_kill(test_haproxy *h);
/* Writes the configuration anew, SIGUSR2, and waits until a new worker serves it: the former one keeps its
 * connections. */
void haproxy_reload(test_haproxy *h, std::source_location at = std::source_location::current());
/* SIGSTOP or SIGCONT for master and workers. */
void haproxy_signal(test_haproxy *h, int number);

/* The answer to a command of the runtime API ("show servers state"); empty when it does not answer. */
std::string haproxy_ask(const test_haproxy *h, const std::string &command);
/* What HAProxy thinks of a node: "UP", "DOWN", "MAINT", or "UP 1/3" while it makes up its mind. */
std::string haproxy_node_status(const test_haproxy *h, const std::string &node);
/* A column of "show stat" of a node, such as "scur" (connections now), "chkfail", "check_status". */
std::string haproxy_node_figure(const test_haproxy *h, const std::string &node, const std::string &column);
/* Waits until it is "UP" or "DOWN", and, for "UP", until a check has said so. */
void haproxy_wait_node(test_haproxy *h, const std::string &node, std::string_view status,
                       std::source_location at = std::source_location::current());

/* What the running process has written. */
std::string haproxy_log(const test_haproxy *h);
void haproxy_print_log(const test_haproxy *h);

#endif
