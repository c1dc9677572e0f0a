/* SPDX-License-Identifier: MIT
 * Gives a request to the handler of its msgid, after all checks and hooks. Answers PING itself. */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <array>
#include <climits>
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

/* Hooks are called by order, then by plugin, then as their plugin lists them. */
struct dispatch_hook {
	const struct cs_hook *hook;
	unsigned plugin; /* index of the instance on each worker */
	unsigned nth; /* in the list of its plugin */
};

inline constexpr unsigned dispatch_core = UINT_MAX; /* in place of an index: the core's own verb */

struct dispatch_entry {
	const struct cs_route *route;
	unsigned plugin; /* index of the instance on each worker; dispatch_core: worker_shared.verbs */
	std::vector<struct dispatch_hook> hooks; /* in the order of their calls */
};

/* Built once, then constant. A worker may read it until it stands still for a reload, which brings another one. */
struct dispatch_table {
	std::unordered_map<uint32_t, struct dispatch_entry> entries;
	std::array<const struct dispatch_entry *, 1000> near = {}; /* by msgid, below 1000: nearly all are */
};

/* Notes the routes and hooks of all plugins. Two routes with one msgid, a route without handler, a route or hook for a
 * msgid of the core: CS_EINVAL, e names both files. */
[[nodiscard]] int dispatch_build(struct dispatch_table *table, const struct plugin_set *set, struct cs_error *e);

/* Adds the core's own verbs of operators, msgids 900 to 919; the list ends with handler NULL and must live as long as
 * the table. Before any worker runs. */
void dispatch_add_verbs(struct dispatch_table *table, const struct cs_route *verbs);

/* Makes the worker's counters, one for each route of shared->dispatch, and keeps those that are there. Before the
 * worker runs, or while it stands still. */
void dispatch_open(struct worker *w);

enum dispatch_result { DISPATCH_NEXT, DISPATCH_WAIT };

/* Dispatches one parsed frame of the connection: charges its cost; checks that it is well-formed, its msgid known, and
 * the login state and the own id right; calls the hooks and the handler. Counts each request; answers every refusal.
 * WAIT: nothing more of this connection is dispatched until conn_finish or dispatch_resume. *pause_ms_r: for how many
 * ms the connection is over its rate (0: it is not). Worker thread; calls plugins. */
enum dispatch_result dispatch_frame(struct conn *c, std::string_view bytes, const struct frame_parser *parsed,
                                    int64_t *pause_ms_r);
/* To be called every dispatch_look_ms: logs each plugin that has left a request pending for more than a minute, once
 * for each request. Worker thread. */
void dispatch_look_pending(struct worker *w);
inline constexpr int64_t dispatch_look_ms = 30000;
/* Takes the verdict of the hook that has the connection's pending frame. Contract of cs_host.resume. */
int dispatch_resume(struct conn *c, const struct cs_self *self, int verdict);
/* The session of the connection ended while a hook holds a frame: refuses it. */
void dispatch_abandon_held(struct conn *c);
/* Gives a frame that its hook has passed to the next hooks and then to the handler. Not from inside a plugin's call. */
void dispatch_go_on(struct conn *c);

#endif
