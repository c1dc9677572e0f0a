/* SPDX-License-Identifier: MIT
 * A worker: one event loop with its thread, the instances of plugins that run there, and a pointer to each room's own
 * part of it. This file includes no other room. */
#ifndef CORE_WORKER_H
#define CORE_WORKER_H

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/call.h"
#include "core/base/histogram.h"
#include "core/base/instance.h"
#include "core/base/loop.h"

struct address_table;
struct ban_table;
struct bus;
struct bus_calls;
struct bus_orders;
struct claim;
struct conn_calls;
struct conn_table;
struct core_conf;
struct dispatch_table;
struct listener;
struct route_bundles;
struct session_table;
struct store;
struct gauge_table;
struct guess_table;
struct topic_table;

/* Of the net room. */
struct conn_table_deleter {
	void operator()(struct conn_table *t) const;
};
struct listener_deleter {
	void operator()(struct listener *l) const;
};
/* Of the session room. */
struct route_bundles_deleter {
	void operator()(struct route_bundles *all) const;
};

inline constexpr const char *const worker_no_words[] = {nullptr};

inline constexpr size_t worker_most = 128; /* as core.threads allows */
inline constexpr unsigned worker_most_plugins = 256;

/* What any thread may ask about the plugin with an index, while a reload may replace it. */
struct plugin_slot {
	std::string name; /* constant once slot_count has come to it */
	/* Of the plugin in force. topics: the number of its topics; each replacement has another one. */
	std::atomic<uint32_t> parcel_version = 0;
	std::atomic<unsigned> topics = 0;
	/* By worker: whether an instance is in force there, and whether it has subscribed to topic 0. */
	std::array<std::atomic<bool>, worker_most> in_force = {}, every_topic = {};
};

/* Shared by all workers. The server makes it before any worker runs; then it is constant, except what is atomic, and
 * dispatch, which a reload replaces while every worker stands still. */
struct worker_shared {
	std::vector<std::unique_ptr<struct worker>> workers;
	struct session_table *sessions = nullptr;
	struct topic_table *topics = nullptr;
	struct guess_table *guesses = nullptr;
	struct address_table *addresses = nullptr;
	struct ban_table *bans = nullptr; /* null: nobody is banned */
	struct gauge_table *gauges = nullptr;
	const struct conn_calls *conn_calls = nullptr;
	const struct bus_calls *bus_calls = nullptr;
	const struct dispatch_table *dispatch = nullptr;
	struct cs_self *verbs = nullptr; /* who handles the core's verbs of operators; null: nobody */
	std::array<struct plugin_slot, worker_most_plugins> slots; /* by plugin */
	std::atomic<unsigned> slot_count = 0;
	std::atomic<const char *const *> want_words = worker_no_words; /* of all plugins; ends with null */
	struct store *store = nullptr;
	struct bus *bus = nullptr; /* null: this node is alone */
	const struct bus_orders *orders = nullptr; /* null: orders of other nodes are dropped */
	std::atomic<int64_t> connections = 0;
	std::atomic<int64_t> guests = 0; /* connections without a login and with none under way */
	std::atomic<int64_t> unsent = 0; /* bytes of output that the kernel did not take, of all connections */
	std::atomic<int64_t> tight_since = 0; /* ms; since when logins are refused for it; 0: none is */
	std::atomic<int64_t> trim_to = 0; /* down to so many unsent bytes slow readers are closed */
	std::atomic<int> trims = 0; /* workers that were asked to close slow readers and have not done it yet */
	std::atomic<uint64_t> logins_refused = 0; /* because too much output is unsent */
	std::atomic<int64_t> guest_bytes = 0; /* bytes that connections without a login hold */
};

/* Refusals are counted by errno; an errno not below this is counted as 0. */
inline constexpr size_t route_most_errnos = 32;

/* Counters of one route on one worker; read by the admin page, so atomic (relaxed). */
struct route_counters {
	std::atomic<uint64_t> calls = 0, bytes = 0;
	std::array<std::atomic<uint64_t>, route_most_errnos> refused = {};
};

/* Answers whose latency is counted apart. */
enum worker_answer { WORKER_ANSWER_CHAT = 0, WORKER_ANSWER_GROUP_CHAT, WORKER_ANSWER_OTHER, WORKER_ANSWER_COUNT };

struct worker {
	unsigned index = 0;
	struct worker_shared *shared = nullptr;
	const struct core_conf *conf = nullptr;
	struct loop loop;
	std::vector<std::unique_ptr<struct listener, listener_deleter>> listeners;
	std::vector<std::unique_ptr<struct cs_self>>
		instances; /* in force, by plugin; its thread only, while it runs */
	std::vector<std::unique_ptr<struct cs_self>> fresh; /* started, but not in force yet */
	std::vector<std::unique_ptr<struct cs_self>> leaving; /* replaced; they finish what they have under way */
	/* Freed before the instances: what they have of its connections belongs to them. */
	std::unique_ptr<struct conn_table, conn_table_deleter> conns;
	std::vector<const struct cs_self *> hearers; /* those whose plugins hear of `written` */
	/* By msgid; 0: frames without a known msgid. Filled by dispatch_open before the worker runs. */
	std::unordered_map<uint32_t, std::unique_ptr<struct route_counters>> counters;
	std::array<struct histogram, WORKER_ANSWER_COUNT> answers; /* from the request to its answer */
	struct histogram lag; /* how late a call that the main thread posts runs */
	std::atomic<uint64_t> probed_us = 0; /* when that call was posted; 0: it has run */
	uint64_t clock_turn = UINT64_MAX; /* the turn of the loop to which clock_us belongs */
	uint32_t clock_us = 0;
	/* Of parcels that wait in its loop, by class; see route.cpp. */
	std::array<std::atomic<size_t>, 3> routed_bytes = {};
	/* Null until the first; its thread only. */
	std::unique_ptr<struct route_bundles, route_bundles_deleter> bundles;
	std::atomic<bool> missed = false; /* parcels were dropped; a post that tells its instances is on its way */
	bool takes_connections = true; /* false from when a drain tells clients to go */
	bool draining = false;
	struct call_mark call; /* the call that its thread is in */
	std::unordered_set<struct claim *> claims; /* under way; used by host_claim only */
	std::thread thread;
};

/* Opens the loop of a worker that does not run yet. conn_table_open and dispatch_open add the parts of their rooms. */
[[nodiscard]] int worker_open(struct worker *w, unsigned index, struct worker_shared *shared, struct cs_error *e);
/* Starts the thread. Listening sockets and plugin instances exist by then. */
void worker_start(struct worker *w);
/* Stops the loop and joins the thread. Main thread. */
void worker_stop(struct worker *w);
/* The counters of requests with that msgid; nullptr if it is not counted. Worker thread. */
struct route_counters *worker_counters(const struct worker *w, uint32_t msgid);
/* Counts a request that was refused. Worker thread. */
void worker_count_refusal(const struct worker *w, uint32_t msgid, int wire_errno);
/* Adds to a counter that only this thread changes, so no locked instruction is needed. */
void worker_add(std::atomic<uint64_t> *counter, uint64_t n);
/* Marks the request with the time of this turn of the loop: one reading of the clock serves all requests of the turn.
 * Worker thread. */
void worker_stamp(struct worker *w, struct cs_request *request);
/* Counts how long the answer to the request took. A request without a mark is not counted. Worker thread. */
void worker_count_answer(struct worker *w, const struct cs_request *request);
/* Measures the lag of the worker's loop: posts a call to it, unless the last one has not run yet. Always on the same
 * thread. */
void worker_probe_lag(struct worker *w);
/* For how many microseconds the last call of worker_probe_lag has waited; 0: it has run. Any thread. */
uint64_t worker_waiting_us(const struct worker *w);
/* Milliseconds of a clock that never goes back, for timeouts. Any thread. */
int64_t worker_monotonic_ms(void);
/* Microseconds of the same clock, exact, for measuring. Any thread. */
uint64_t worker_monotonic_us(void);

#endif
