/* SPDX-License-Identifier: MIT
 * Declarations that only the files control*.cpp share. */
#ifndef CORE_CONTROL_INTERNAL_H
#define CORE_CONTROL_INTERNAL_H

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sys/stat.h>

#include "core/bus/bus.h"
#include "core/control.h"
#include "core/server.h"

struct control_question;
struct control_request;

/* What is asked of a worker. Runs there, in pieces: true when it is done; false: it is called again in a later turn. */
using control_ask_fn = bool(struct control_question *q);

/* Goes to one worker and back to the main loop. The first members are set before, the others by control_ask_fn. */
struct control_question {
	struct server *server = nullptr;
	struct worker *worker = nullptr;
	uint64_t id = 0; /* of the request */
	control_ask_fn *ask = nullptr;
	cs_account account = 0; /* 0: all */
	uint64_t device = CS_EVERY_DEVICE;
	std::string text; /* a frame */
	size_t most = 0; /* items */
	uint32_t slot = 0; /* the next place in the worker's table of connections that is looked at */
	int64_t posted_us = 0; /* of the monotonic clock */

	std::string items; /* of a list, with commas between */
	size_t count = 0; /* of items, or of sessions that were reached */
	size_t sessions = 0, guests = 0, operators = 0;
	size_t unsent = 0, most_unsent = 0; /* bytes: of all connections, of the one that has most */
	int64_t lag_us = -1, cpu_ms = 0;
	uint64_t turns = 0;
	bool more = false; /* the list goes on at slot */
};

/* What another node has done for an order. */
struct control_node {
	std::string name;
	uint64_t done, sessions;
	bool is_partial; /* a worker of it has not answered */
};

/* A verb that is being carried out. */
struct control_request {
	struct server *server = nullptr;
	uint64_t id = 0;
	const struct control_verb *verb = nullptr;
	cs_conn conn = 0;
	struct cs_request request {};
	std::string peer; /* who asks, for the log */

	cs_account account = 0;
	uint64_t device = CS_EVERY_DEVICE;
	std::string text;
	size_t most = 0;
	unsigned worker = 0; /* where a list goes on, */
	uint32_t slot = 0; /* and at which place */

	std::vector<std::unique_ptr<struct control_question>> answers; /* by worker; null: none */
	unsigned first = 0, last = 0; /* the workers that were asked: from first to before last */
	unsigned missing = 0; /* answers that have not come */
	event_ptr deadline;
	bool is_late = false;

	/* Of an order for all nodes. from: the node that was asked, and its number of the request; 0: this one was. */
	cs_bus_address from = 0;
	uint64_t id_there = 0;
	bool was_sent = false; /* to the others */
	bool awaits_nodes = false; /* this node is done */
	int64_t nodes_until = 0; /* so long the others are waited for */
	std::vector<struct control_node> nodes; /* that have reported */
};

struct control_verb {
	uint32_t msgid;
	const char *name;
	/* Reads the fields; CS_REJECT: it has refused the request. Worker 0. Null: there are none. */
	int (*read)(struct control *c, const struct cs_frame *frame, struct control_request *r);
	/* Answers, or asks workers, or leaves the request to wait. */
	void (*run)(struct control_request *r);
	/* The workers that were asked have answered, or the time is over. Null: none is asked. */
	void (*finish)(struct control_request *r);
	/* It changes something: it is logged. */
	bool is_order;
};

struct control {
	struct server *server = nullptr;
	struct plugin core; /* the core in the place of a plugin, so that log lines can name it */
	struct cs_self self; /* its instance on worker 0 */
	std::unordered_map<uint64_t, std::unique_ptr<struct control_request>> requests; /* by id */
	uint64_t last_id = 0;
	uint64_t notice_bit = 0; /* of cs_claim.want */
	std::string path; /* of the socket that was made; empty: none */
	dev_t device = 0; /* the file that was made */
	ino_t inode = 0;
	bool closed = false;
	struct bus_orders orders {}; /* what the bus calls */
};

/* Each ends the request: r is gone. more: "", or members with their leading comma. */
void control_answer(struct control_request *r, const std::string &more);
void control_refuse(struct control_request *r, int wire_errno, const std::string &text);
/* Carries out a request that is filled in. Any thread. */
void control_post(std::unique_ptr<struct control_request> r);
/* verb->finish is called in so many ms, in place of an earlier deadline. */
void control_set_deadline(struct control_request *r, int64_t ms);
const struct control_verb *control_find_verb(uint32_t msgid);
/* Asks the workers from first to before last; verb->finish is called in a later turn. */
void control_ask(struct control_request *r, unsigned first, unsigned last, control_ask_fn *ask);
/* The numbers of the workers that were asked and did not answer, with commas between; "": all did. */
std::string control_silent(const struct control_request *r);

/* control_json.cpp: adds a member behind the others of an object. A byte that is no UTF-8, in a path for example,
 * becomes '?'. */
void control_add_text(std::string *json, const char *key, std::string_view value);
void control_add_number(std::string *json, const char *key, int64_t value);
void control_add_flag(std::string *json, const char *key, bool value);
/* value is JSON. */
void control_add_json(std::string *json, const char *key, std::string_view value);

/* control_socket.cpp */
[[nodiscard]] int control_listen(struct server *s, struct control *c, struct cs_error *e);
void control_unlink(struct control *c);

/* control_report.cpp: the verbs that only look. */
void control_run_status(struct control_request *r);
void control_run_workers(struct control_request *r);
void control_finish_workers(struct control_request *r);
void control_run_plugins(struct control_request *r);
void control_run_routes(struct control_request *r);
void control_run_limits(struct control_request *r);
void control_finish_limits(struct control_request *r);
/* What status says of the last reload; "null": there was none. */
std::string control_reload_json(const struct reload_result *result);
const char *control_log_level(void);

/* control_sessions.cpp: the verbs about sessions. */
void control_run_sessions(struct control_request *r);
void control_finish_sessions(struct control_request *r);
void control_run_kick(struct control_request *r);
void control_finish_kick(struct control_request *r);
void control_run_notify(struct control_request *r);
void control_finish_notify(struct control_request *r);

/* control_nodes.cpp: orders for all nodes. */
void control_open_nodes(struct control *c);
/* Sends the order to the others, unless one of them has sent it here. r->text: the frame of a notice. */
void control_tell_nodes(struct control_request *r);
/* This node is done. true: others may report yet; verb->finish is called again. */
[[nodiscard]] bool control_awaits_nodes(struct control_request *r);
/* Another node was asked: reports to it and ends the request: true. */
[[nodiscard]] bool control_report_to_node(struct control_request *r, size_t done, size_t sessions);
/* Adds `nodes`, the others that have reported, and `bus`: alone, joined or away. */
void control_add_nodes(std::string *json, const struct control_request *r, const char *done_key);

/* For control_run_workers and control_run_limits. */
control_ask_fn control_ask_figures;

#endif
