/* SPDX-License-Identifier: MIT
 * A small world for the mailbox: a fake host of several nodes with several workers, clients, and the bus between nodes.
 * The test moves all of it, one step at a time.
 *
 * Steps are taken by fake_host_step_... and world_step_... in the order that the test wants, or by world_settle until
 * nothing is left to do. The world is the login plugin too: a login claims, attaches, queues one frame with the first
 * page and begins. */
#ifndef TESTS_SUPPORT_MAILBOX_WORLD_H
#define TESTS_SUPPORT_MAILBOX_WORLD_H

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <chatserverd/mailbox.h>

#include "fake_host.h"

/* An answer to a request, in the order in which they were given. */
struct world_answer {
	int64_t req; /* -1: the request had none */
	int wire_errno; /* 0: answer() */
	std::string more; /* the members behind errno, with their leading comma */
};

enum world_phase { WORLD_IDLE, WORLD_LOGGING_IN, WORLD_IN, WORLD_REFUSED };

/* A client. */
struct world_conn {
	cs_conn id = 0;
	fake_conn *at = nullptr; /* its connection */
	bool acknowledges = false;
	uint64_t want = 0, device = 0; /* of its next login, as in cs_claim */
	bool stuck = false; /* the kernel takes nothing */
	bool noted = false; /* a `written` is on its way */
	world_phase phase = WORLD_IDLE;
	unsigned login = 0; /* counts logins and logouts */
	int login_result = 0;
	size_t page_count = 0, page_bytes = 0;
	size_t most_unsent = 0;
	size_t taken = 0, first = 0; /* frames that the kernel took; those before this login */
	uint64_t taken_end = 0; /* where the last one of them ends */
	std::deque<std::function<void()>> inbox; /* requests that were not dispatched yet */
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
	unsigned index = 0;
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
	fake_host_ptr host = fake_host_open(); /* options are set before world_open */
	const struct cs_plugin *plugin = nullptr;
	const cs_mailbox *mailbox = nullptr;
	std::vector<fake_self *> workers; /* nullptr: of a node that crashed */
	std::deque<world_node> nodes;
	std::map<cs_conn, world_conn> conns;
	bool kick = false;
	std::map<cs_account, world_bus_session> owners; /* what Redis would know */
	std::map<cs_account, uint64_t> generations;
	uint64_t last_address = 0;
	std::vector<world_answer> answers;
	/* world_settle leaves them alone. */
	bool hold_reads = false, hold_read_results = false, hold_writes = false, hold_commits = false;
	bool hold_arrivals = false; /* of the bus */
	/* A client sees a frame. Frames that were queued for a session of the connection that is over are not
	 * shown. */
	std::function<void(world_conn &, const std::string &)> on_frame;
};

/* With more than one node they have a bus, ready at once. */
void world_open(world *w, const struct cs_plugin *plugin, cs_db *db, unsigned nodes, unsigned workers);
/* Ends every connection, completes what is left with CS_ECANCELED, stops the instances. */
void world_close(world *w);

cs_conn world_connect(world *w, unsigned worker);
/* Requests wait in the connection's inbox and are dispatched in order, none while one is pending. */
void world_login(world *w, cs_conn conn, cs_account account, bool acknowledges);
void world_send(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t to, const std::string &frame,
                std::optional<std::string> cid, int64_t req);
/* An entry with an effect: it runs when the writer stores the batch. */
void world_send_event(world *w, cs_conn conn, const cs_outgoing &entry, const std::string &frame, int64_t req);
void world_delivered(world *w, cs_conn conn, cs_conversation_kind kind, uint64_t of, uint64_t seq, int64_t req);
void world_logout(world *w, cs_conn conn);
/* The connection ends now; what the kernel has not taken is lost. */
void world_kill(world *w, cs_conn conn);

world_conn *world_conn_of(world *w, cs_conn conn); /* never NULL in a right test */
size_t world_unsent(const world_conn *c);
/* The instance on the connection's worker. */
void *world_state_of(world *w, const world_conn *c);
world_node *world_node_of(world *w, unsigned worker);

/* One step each; false: nothing was there to do. */
bool world_step_request(world *w, cs_conn conn);
bool world_step_take(world *w, cs_conn conn, size_t bytes);
/* Settles; then the clock moves, and what timers start is settled. */
void world_advance(world *w, int64_t ms);
/* All of it, as long as there is something to do; the clock stands still. */
void world_settle(world *w);
/* Completes what waits for the store with CS_ECANCELED, and runs what one node has to do, or all (nullptr), until
 * nothing is left. */
void world_exhaust(world *w, const world_node *node);

/* ---- the bus of several nodes, numbered from 0 (mailbox_world_bus.cpp) */
void world_bus_open(world *w);
bool world_step_bus_ask(world *w, unsigned node); /* what a node asked for is done, */
bool world_step_bus_arrive(world *w, unsigned node, unsigned from); /* what a node sent arrives, in its order, */
bool world_step_bus_claim(world *w, unsigned node); /* and a new epoch goes on: one session, or its end. */
/* Claims that wait for their next try on that node, or on all (nullptr), are tried now. false: there are none. */
bool world_bus_try_again(world *w, const world_node *node);
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

#endif
