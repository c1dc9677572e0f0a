/* SPDX-License-Identifier: MIT
 * A small world for the mailbox: nodes of several workers with an instance each, connections, session tables, a bus
 * between nodes, one store, a clock. The test moves all of it, one step at a time.
 *
 * Steps are taken by world_step_... in the order that the test wants, or by world_settle until nothing is left
 * to do. The world is the login plugin too: a login claims, attaches, queues one frame with the first page and
 * begins. */
#ifndef TESTS_SUPPORT_MAILBOX_WORLD_H
#define TESTS_SUPPORT_MAILBOX_WORLD_H

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <chatserverd/db.h>
#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

struct world;

/* An answer to a request, in the order in which they were given. */
struct world_answer {
	cs_conn conn;
	int64_t req;
	int wire_errno; /* 0: answer() */
	std::string text; /* its `more`, or its errmsg */
};

/* What was queued with one send(): a frame, or the first page. */
struct world_output {
	uint64_t end;
	unsigned login; /* the connection's, when it was queued */
	std::vector<std::string> frames;
};

enum world_phase { WORLD_IDLE, WORLD_LOGGING_IN, WORLD_IN, WORLD_REFUSED };

struct world_conn {
	cs_conn id = 0;
	unsigned worker = 0;
	cs_account account = 0;
	bool acknowledges = false;
	bool ended = false;
	bool pending = false; /* a handler answered CS_PENDING */
	bool stuck = false; /* the kernel takes nothing */
	bool noted = false; /* a `written` is on its way */
	world_phase phase = WORLD_IDLE;
	unsigned login = 0; /* counts logins and logouts */
	int login_result = 0;
	size_t page_count = 0, page_bytes = 0;
	uint64_t queued = 0, taken = 0;
	size_t most_unsent = 0;
	std::deque<world_output> output;
	std::deque<std::function<void()>> inbox; /* requests that were not dispatched yet */
};

struct world_node;

struct world_worker {
	world *w = nullptr;
	world_node *node = nullptr;
	unsigned index = 0; /* in the world */
	void *state = nullptr;
	std::set<uint64_t> topics; /* subscribed; 0: to all */
	size_t routed_all = 0; /* parcels that were routed to it by a topic */
	std::deque<std::function<void()>> posts;
};

struct world_place {
	cs_conn conn = 0;
	cs_conn ended = 0; /* whose end it was last */
	bool held = false; /* `closed` answered CS_PENDING */
	bool closing = false; /* `closed` was not called yet */
	bool reserved = false; /* the bus was asked, nobody is routed there */
	std::deque<std::function<void()>> waiting; /* claims */
};

struct world_job {
	world_worker *worker;
	cs_conn conn;
	cs_work_fn *fn;
	cs_done_fn *done;
	void *arg;
};

struct world_item {
	world_worker *worker;
	const cs_batch *batch;
	uint64_t key;
	void *item;
};

/* One of the plugin's (fn), or of the world's own (call). */
struct world_timer {
	world_worker *worker;
	int64_t due;
	cs_timer_fn *fn;
	void *arg;
	std::function<void()> call;
	bool posted = false;
};

/* What a store thread of that node says next. */
struct world_due {
	world_node *node;
	std::function<void()> tell;
};

enum world_bus_phase { WORLD_BUS_AWAY, WORLD_BUS_CLAIMING, WORLD_BUS_READY };

/* A session as the bus knows it: in a node's own books, or in those of all. */
struct world_bus_session {
	uint64_t address = 0;
	cs_conn conn = 0;
	uint64_t generation = 0;
	bool ending = false;
};

struct world_node {
	world *w = nullptr;
	unsigned index = 0;
	std::vector<world_worker *> workers;
	std::map<cs_account, world_place> places;
	bool crashed = false;
	world_bus_phase bus = WORLD_BUS_AWAY;
	uint64_t address = 0;
	bool lapsed = false; /* its lease; it does not know yet */
	std::map<cs_account, world_bus_session> sessions;
	std::deque<cs_account> to_claim; /* again, in this epoch */
	std::deque<std::function<void()>> outbox; /* what its workers asked the bus for */
	std::map<unsigned, std::deque<std::function<void()>>> inbox; /* by the node that sent it */
};

struct world {
	cs_host host = {};
	const struct cs_plugin *plugin = nullptr;
	const cs_mailbox *mailbox = nullptr;
	cs_db *db = nullptr;
	std::vector<std::unique_ptr<world_worker>> workers;
	std::vector<std::unique_ptr<world_node>> nodes;
	const void *conf = nullptr;
	std::map<cs_conn, world_conn> conns;
	bool has_bus = false, kick = false;
	std::map<cs_account, world_bus_session> owners; /* what Redis would know */
	std::map<cs_account, uint64_t> generations;
	uint64_t last_address = 0;
	std::deque<world_job> jobs;
	std::deque<world_item> items;
	std::map<uint64_t, world_timer> timers;
	std::vector<world_answer> answers;
	int64_t clock = 1000000;
	uint64_t last_conn = 0, last_timer = 0;
	size_t soft_mark = 64 * 1024;
	size_t most_jobs = SIZE_MAX, most_items = SIZE_MAX; /* above: CS_EBUSY */
	bool unknown_outcomes = false;
	std::deque<world_due> read_results_due; /* reads that ran: their done is not posted yet */
	std::deque<world_due> commits_due; /* committed, nobody was told yet */
	/* world_settle leaves them alone. */
	bool hold_reads = false, hold_read_results = false, hold_writes = false, hold_commits = false;
	bool hold_arrivals = false; /* of the bus */
	/* Of the next batches; 0: runs; 1: runs, is answered as unknown and runs again; below 0: fails. */
	std::deque<int> write_results;
	std::deque<int> read_results;
	size_t routed_drops = 0; /* the next so many hints are lost */
	size_t reads = 0; /* jobs that ran */
	size_t commits = 0;
	size_t sent = 0; /* parcels that crossed the bus */
	/* A client sees a frame. Frames that were queued for a session of the connection that is over are not
	 * shown. */
	std::function<void(world_conn &, const std::string &)> on_frame;
};

/* conf is the plugin's option struct. One world at a time. */
void world_open(world *w, const struct cs_plugin *plugin, const void *conf, cs_db *db, unsigned workers);
/* The same with several nodes, of that many workers each, that have a bus, ready at once. */
void world_open_nodes(world *w, const struct cs_plugin *plugin, const void *conf, cs_db *db, unsigned nodes,
                      unsigned workers);
/* Ends every connection, completes what is left with CS_ECANCELED, stops the instances. */
void world_close(world *w);

cs_conn world_connect(world *w, unsigned worker);
/* Requests wait in the connection's inbox and are dispatched in order, none while one is pending. */
void world_login(world *w, cs_conn conn, cs_account account, bool acknowledges);
void world_send(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t to, const std::string &frame,
                std::optional<std::string> cid, int64_t req);
void world_delivered(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t of, uint64_t seq, int64_t req);
void world_joined(world *w, cs_conn conn, uint64_t group, uint64_t joined_seq);
void world_logout(world *w, cs_conn conn);
/* The connection ends now; what the kernel has not taken is lost. */
void world_kill(world *w, cs_conn conn);

world_conn *world_conn_of(world *w, cs_conn conn); /* never NULL in a right test */
size_t world_unsent(const world_conn *c);

/* One step each; false: nothing was there to do. */
bool world_step_post(world *w, unsigned worker);
bool world_step_request(world *w, cs_conn conn);
bool world_step_read(world *w, size_t nth); /* a reader reads, */
bool world_step_read_result(world *w, unsigned node = 0); /* and says so */
bool world_step_write(world *w, size_t most, unsigned node = 0); /* a writer of that node commits, */
bool world_step_commit(world *w, unsigned node = 0); /* and says so */
bool world_step_take(world *w, cs_conn conn, size_t bytes);
/* The next timer that is due by then is posted, and the clock moves to it. */
bool world_step_timer(world *w, int64_t end);
/* Settles; then the clock moves, and what timers start is settled. */
void world_advance(world *w, int64_t ms);
/* ---- nodes and their bus (mailbox_world_bus.cpp). Nodes are numbered from 0. */
bool world_step_bus_ask(world *w, unsigned node); /* what a node asked for is done, */
bool world_step_bus_arrive(world *w, unsigned node, unsigned from); /* what a node sent arrives, in its order, */
bool world_step_bus_claim(world *w, unsigned node); /* and a new epoch goes on: one session, or its end. */
/* The node loses its bus, with all that is on its way to it; it knows. */
void world_bus_lose(world *w, unsigned node);
/* A lost bus is back: a new epoch begins. */
void world_bus_find(world *w, unsigned node);
/* Redis restarts, empty. */
void world_bus_restart(world *w);
/* The node's lease runs out, as if it had been stopped for long: others hear of it; it will when it loses its bus. */
void world_bus_lapse(world *w, unsigned node);
/* The node dies as by SIGKILL; others hear of it when they are told by world_bus_bury. Its memory is freed unseen. */
void world_crash(world *w, unsigned node);
void world_bus_bury(world *w, unsigned node);
/* Starts a crashed node; its bus is away. */
void world_restart(world *w, unsigned node);

/* All of it, as long as there is something to do; the clock stands still. */
void world_settle(world *w);

#endif
