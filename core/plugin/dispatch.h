/* SPDX-License-Identifier: MIT
 * Owns the map msgid -> handler and the order of checks before a handler runs. It must not know what any msgid
 * means, but for PING, which it answers itself. */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <chatserverd/plugin.h>

struct conn;
struct frame_parser;
struct plugin_set;
struct worker;

struct dispatch_hook {
	const struct cs_hook *hook;
	unsigned plugin; /* index of the instance on each worker */
};

struct dispatch_entry {
	const struct cs_route *route;
	unsigned plugin; /* index of the instance on each worker */
	std::vector<struct dispatch_hook> hooks; /* in the order of their calls */
};

/* Built once, then constant: any thread may read. */
struct dispatch_table {
	std::unordered_map<uint32_t, struct dispatch_entry> entries;
	std::array<const struct dispatch_entry *, 1000> near = {}; /* those that protocol and plugins have, by msgid */
};

/* Takes the routes and hooks of all plugins. Two routes with one msgid, a route without handler, a route or hook for a
 * msgid of the core's: CS_EINVAL, e names both files. */
[[nodiscard]] int dispatch_build(struct dispatch_table *table, const struct plugin_set *set,
                                 struct cs_error *e);

/* Makes the worker's counters, one for each route of shared->dispatch. Before it runs. */
void dispatch_open(struct worker *w);

enum dispatch_result { DISPATCH_NEXT, DISPATCH_WAIT };

/* One frame of the connection, parsed: known msgid, login state, cost charged, own id, hooks, handler,
 * counters. Every refusal is answered. WAIT: nothing more of this connection until conn_finish or dispatch_resume.
 * *pause_ms_r: for how long the connection is over its rate (0: it is not). Worker thread; calls the plugin. */
enum dispatch_result dispatch_frame(struct conn *c, std::string_view bytes, const struct frame_parser *parsed,
                                    int64_t *pause_ms_r);
/* To be called each dispatch_look_ms: logs each plugin that has left requests pending for more than a minute, once for
 * each request. Worker thread. */
void dispatch_look_pending(struct worker *w);
inline constexpr int64_t dispatch_look_ms = 30000;
/* The verdict of the hook for which the frame of the connection waits. Contract of cs_host.resume. */
int dispatch_resume(struct conn *c, const struct cs_self *self, int verdict);
/* Gives a frame that its hook has passed to the next hooks and the handler. Not from inside a plugin's call. */
void dispatch_go_on(struct conn *c);

#endif
