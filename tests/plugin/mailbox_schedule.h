/* SPDX-License-Identifier: MIT
 * What the files of the mailbox's schedule checker share: a run, its people, and the actions on them. */
#ifndef TESTS_PLUGIN_MAILBOX_SCHEDULE_H
#define TESTS_PLUGIN_MAILBOX_SCHEDULE_H

#include "mailbox_stage.h"

#include <set>

constexpr uint64_t people_count = 4;
constexpr unsigned node_count = 3;

enum schedule_cluster {
	ONE_NODE, /* of three workers */
	QUIET_CLUSTER, /* three nodes, whose hints overtake each other */
	TROUBLED_CLUSTER /* buses go away, leases lapse, Redis restarts, nodes die */
};

/* What a run may do to the mailbox. */
struct schedule_kind {
	bool sweep;
	bool faults; /* the store fails, hints get lost (with the sweep on) */
	schedule_cluster nodes = ONE_NODE;
};

struct schedule_message {
	uint64_t from;
	cs_conversation_kind kind;
	uint64_t to;
	std::string cid; /* "": none */
	bool is_event = false;
	stage_event what = STAGE_NOTE; /* of an event: what it does to `whom` */
	uint64_t whom = 0;
};

/* A client and what it remembers over all its connections. */
struct schedule_person {
	cs_conn conn = 0;
	bool acknowledges = false;
	bool event = false, echo = false; /* what it wants */
	bool deaf = false; /* what comes now is lost in the network */
	unsigned login = 0; /* of conn, when `last` was begun */
	std::map<mailbox_key, uint64_t> last; /* highest seq by conversation, on this login */
	std::map<mailbox_key, uint64_t> have; /* ... ever */
	std::set<uint64_t> numbers; /* of messages that it saw */
	std::map<std::pair<mailbox_key, uint64_t>, uint64_t> order; /* last number by conversation and sender */
};

struct schedule_run {
	stage st;
	schedule_kind what;
	uint64_t seed, random;
	schedule_person people[people_count + 1];
	std::vector<uint64_t> groups;
	std::map<uint64_t, schedule_message> messages; /* by number */
	std::map<int64_t, uint64_t> requests; /* req -> number */
	std::map<int64_t, cs_conn> asked_on;
	std::set<cs_conn> abandoned; /* connections that nobody is behind any more */
	std::vector<unsigned> unburied; /* dead nodes whose death nobody was told */
	std::set<cs_conn> crashed; /* those of nodes that died */
	uint64_t last_number = 0;
	std::string problem;
};

/* A number below `below`, the next one of the seed. */
uint64_t schedule_draw(schedule_run *r, uint64_t below);
/* Notes the run's first problem. */
void schedule_blame(schedule_run *r, const char *what, uint64_t a = 0, uint64_t b = 0);

/* ---- mailbox_schedule_act.cpp */

void schedule_come(schedule_run *r, uint64_t account);
void schedule_go(schedule_run *r, uint64_t account);
bool schedule_is_in(schedule_run *r, uint64_t account);
/* One step each, drawn. */
void schedule_person_acts(schedule_run *r);
void schedule_world_moves(schedule_run *r);
void schedule_break_something(schedule_run *r);
void schedule_trouble(schedule_run *r);
/* The others hear of all deaths that they were not told of. */
void schedule_bury(schedule_run *r);

/* ---- mailbox_schedule_judge.cpp: blames what breaks a promise. */

void schedule_see(schedule_run *r, const world_conn &c, const std::string &text);
/* At the end. */
void schedule_check_log(schedule_run *r);
void schedule_check_answers(schedule_run *r);

#endif
