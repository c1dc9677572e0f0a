/* SPDX-License-Identifier: MIT
 * Owns the map msgid -> handler and the order of checks before a handler runs. It must not know what any msgid
 * means, but for PING, which it answers itself. */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <string_view>
#include <unordered_map>

#include <chatserverd/plugin.h>

struct conn;
struct plugin_set;

struct dispatch_entry {
	const struct cs_route *route;
	unsigned plugin; /* index of the instance on each worker */
};

/* Built once, then constant: any thread may read. */
struct dispatch_table {
	std::unordered_map<uint32_t, struct dispatch_entry> entries;
};

/* Takes the routes of all plugins. Two with one msgid, a route without handler, a msgid of the core's:
 * CS_EINVAL, e names both files. */
[[nodiscard]] int dispatch_build(struct dispatch_table *table, const struct plugin_set *set,
                                 struct cs_error *e);

enum dispatch_result { DISPATCH_NEXT, DISPATCH_WAIT };

/* One frame of the connection: checked, parsed, known msgid, login state, cost charged, own id, handler,
 * counters. Every refusal is answered. WAIT: nothing more of this connection until conn_finish. *pause_ms_r:
 * for how long the connection is over its rate (0: it is not). Worker thread; calls the plugin. */
enum dispatch_result dispatch_frame(struct conn *c, std::string_view bytes, int64_t *pause_ms_r);

#endif
