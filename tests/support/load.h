/* SPDX-License-Identifier: MIT
 * The load under which a fault test puts a server or a cluster: players, their conversations, and the judgement after
 * the fault.
 *
 * One thread: a test that waits for anything runs load_turn or load_run meanwhile. */
#ifndef TESTS_SUPPORT_LOAD_H
#define TESTS_SUPPORT_LOAD_H

#include <cstdint>
#include <functional>
#include <random>
#include <source_location>
#include <vector>

#include "tests/support/ledger.h"
#include "tests/support/player.h"

struct test_server;

struct load {
	test_server *front = nullptr; /* where the players connect; its port is read before each connect */
	std::vector<uint16_t> ports; /* not empty: each connect goes to any of these instead */
	ledger book;
	unsigned seed = 0;
	std::mt19937 random;
	std::vector<player> players;
	uint64_t rate = 1500; /* messages a second */
	uint64_t cuts_wanted = 10; /* connections that a player drops by itself, in a thousand turns */
	uint64_t cuts = 0;
	/* Nobody says anything new: a later message of the same conversation, or the receiver's own, would
	 * show that one is missing, and so hide that its hint was lost. */
	bool is_silent = false;
	int64_t sent_until = 0;
};

/* A number from the environment. */
uint64_t load_number(const char *name, uint64_t otherwise);
/* Registers the players, eight by eight: pairs, one player that two pairs share, a group of five; and where
 * there are more than eight, pairs and one group across the eights. seed 0: one of the time's, which
 * load_report names. */
load *load_new(test_server *front, size_t players, unsigned seed = 0);
void load_free(load *l);
/* Many more players, an even number: pairs, registered at that server and come in by token. */
void load_add_pairs(load *l, test_server *at, size_t players);
/* For clients that are to survive refusals: see player.patient. Further players do not come later. */
void load_set_patient(load *l, int64_t answer_timeout_ms);

/* Every so many of the players is a client of the old kind, before anybody connects. */
void load_set_old(load *l, size_t every);

/* Waits at most so long for what the sockets bring. */
void load_turn(load *l, int wait_ms);
/* Keeps the load on: what is due by now is sent. */
void load_send(load *l);
/* Load for that time, or until there is a fault in the ledger. */
void load_run(load *l, int64_t ms);
/* Load until the condition is true; false when that took longer. */
bool load_run_until(load *l, int64_t timeout_ms, const std::function<bool(void)> &condition);
bool load_all_are_in(const load *l);

/* No more messages; waits until each is acknowledged and received by all, faults of what is not. */
void load_settle(load *l, int64_t timeout_ms);
/* All is confirmed, so nothing may come again. Ends the players' connections. */
void load_check_nothing_is_left(load *l);
/* The slowest answer, return and delivery count anew. */
void load_forget_slowest(load *l);
int64_t load_slowest_answer(const load *l);
int64_t load_slowest_return(const load *l);
/* Prints figures and faults. */
void load_report(const load *l, const char *what);

#endif
