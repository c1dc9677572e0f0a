/* SPDX-License-Identifier: MIT
 * Orders of operators: the socket of core.control and the core's own verbs, those of other nodes among them. Operators
 * speak frames; their connections belong to worker 0. The main thread carries out each order: it asks workers where it
 * must, and answers through worker 0. Main thread, except where it is said. */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include <memory>

#include <chatserverd/plugin.h>

struct control;
struct plugin_set;
struct server;

struct control_deleter {
	void operator()(struct control *c) const;
};
using control_ptr = std::unique_ptr<struct control, control_deleter>;

/* The core's verbs; the list ends with handler NULL. */
extern const struct cs_route control_verbs[];

/* Adds the word of `want` that the server itself gives: notice. 0, or CS_EINVAL with the text in e: the plugins have
 * all of them. */
[[nodiscard]] int control_add_want_word(struct plugin_set *set, struct cs_error *e);
/* Checks the path of core.control and what is there, for `chatserverd -t` as well: makes and changes nothing. 0, or
 * CS_EINVAL with file:line in e; so do those below. A folder that is not there is only a warning. */
[[nodiscard]] int control_check(struct server *s, struct cs_error *e);
/* Checks that no other server listens there. */
[[nodiscard]] int control_reserve(const struct server *s, struct cs_error *e);
/* Makes the socket that core.control names. A node without one carries out orders of other nodes, too. When the workers
 * are open and do not run yet. */
[[nodiscard]] int control_open(struct server *s, struct cs_error *e);
/* A reload has ended: answers who waits for it. See server.reload_result. */
void control_reload_ended(struct server *s);
/* Removes the socket and forgets what is under way. The workers may run; posts that come later do nothing. */
void control_close(struct server *s);

#endif
