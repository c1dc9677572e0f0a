/* SPDX-License-Identifier: MIT
 * The figures of /metrics. Main thread. */
#ifndef CORE_METRICS_H
#define CORE_METRICS_H

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "core/base/worker.h"

struct server;

/* All figures of the server and of its plugins, in the text format of Prometheus. */
std::string metrics_text(struct server *s);

/* Of one route, over all workers. */
struct metrics_route {
	std::string name;
	uint64_t calls = 0, bytes = 0;
	std::array<uint64_t, route_most_errnos> refused = {};
};
/* By msgid; 0: frames without a known msgid. */
std::map<uint32_t, struct metrics_route> metrics_sum_routes(const struct server *s);

/* Each appends the figures of one subject. */
void metrics_add_connections(std::string *text, const struct server *s);
void metrics_add_limits(std::string *text, const struct server *s);
void metrics_add_requests(std::string *text, const struct server *s);
void metrics_add_workers(std::string *text, const struct server *s);
void metrics_add_store(std::string *text, struct server *s);
void metrics_add_bus(std::string *text, const struct server *s); /* nothing on a node without a bus */
void metrics_add_memory(std::string *text, struct server *s);
void metrics_add_process(std::string *text, const struct server *s);

#endif
