/* SPDX-License-Identifier: MIT
 * A worker: one event loop with its thread, the instances of plugins that run there, and a slot for the part that each
 * room has of it. It includes no room: what it only points to is that room's. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/call.h"
#include "core/base/instance.h"
#include "core/base/loop.h"

struct bus;
struct bus_calls;
struct claim;
struct conn_calls;
struct conn_table;
struct core_conf;
struct dispatch_table;
struct listener;
struct session_table;
struct store;
struct throttle;

/* Of the net room. */
struct conn_table_deleter {
	void operator()(struct conn_table *t) const;
};
struct listener_deleter {
	void operator()(struct listener *l) const;
};

inline constexpr const char *const worker_no_words[] = {nullptr};

/* What all workers see; made by the server before any worker runs, and then constant but for conf, which a
 * reload replaces on each worker by a post. */
struct worker_shared {
	std::vector<std::unique_ptr<struct worker>> workers;
	struct session_table *sessions = nullptr;
	struct throttle *throttle = nullptr;
	const struct conn_calls *conn_calls = nullptr;
	const struct bus_calls *bus_calls = nullptr;
	const struct dispatch_table *dispatch = nullptr;
	const char *const *want_words = worker_no_words; /* of all plugins; ends with null */
	struct store *store = nullptr;
	struct bus *bus = nullptr; /* null: this node is alone */
	std::atomic<int64_t> connections = 0;
	std::atomic<int64_t> guests = 0; /* connections without a login and without one under way */
	std::atomic<int64_t> guest_bytes = 0; /* what connections without a login hold */
};

/* Refusals are counted by errno; those whose errno is not below this are counted as 0. */
inline constexpr size_t route_most_errnos = 32;

/* Counters of one route on one worker; read by the admin page, so atomic (relaxed). */
struct route_counters {
	std::atomic<uint64_t> calls = 0, bytes = 0;
	std::array<std::atomic<uint64_t>, route_most_errnos> refused = {};
};

struct worker {
	unsigned index = 0;
	struct worker_shared *shared = nullptr;
	const struct core_conf *conf = nullptr;
	struct loop loop;
	std::unique_ptr<struct conn_table, conn_table_deleter> conns;
	std::vector<std::unique_ptr<struct listener, listener_deleter>> listeners;
	std::vector<std::unique_ptr<struct cs_self>> instances; /* by plugin, in order of their start */
	/* By msgid; 0: those that no plugin handles, and frames without one. Filled by dispatch_open before it runs. */
	std::unordered_map<uint32_t, std::unique_ptr<struct route_counters>> counters;
	bool draining = false;
	struct call_mark call; /* of its thread */
	std::unordered_set<struct claim *> claims; /* under way; host_claim's */
	std::thread thread;
};

/* Opens the loop of a worker that is not yet running. conn_table_open and dispatch_open add their rooms' parts. */
[[nodiscard]] int worker_open(struct worker *w, unsigned index, struct worker_shared *shared, struct cs_error *e);
/* Starts the thread. Listening sockets and plugin instances are there by then. */
void worker_start(struct worker *w);
/* Stops the loop and joins the thread. Main thread. */
void worker_stop(struct worker *w);
/* The counters of requests with that msgid; nullptr where nothing is counted. Worker thread. */
struct route_counters *worker_counters(const struct worker *w, uint32_t msgid);
/* Counts a request that was refused. Worker thread. */
void worker_count_refusal(const struct worker *w, uint32_t msgid, int wire_errno);
/* Adds to a counter that only this thread changes: no read-modify-write of the bus is needed. */
void worker_add(std::atomic<uint64_t> *counter, uint64_t n);
/* Milliseconds of a clock that never goes back, for time-outs. Any thread. */
int64_t worker_monotonic_ms(void);

#endif
