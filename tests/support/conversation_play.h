/* SPDX-License-Identifier: MIT
 * Plays random requests against a real server, and compares all that comes back with the model of conversations. */
#ifndef TESTS_SUPPORT_CONVERSATION_PLAY_H
#define TESTS_SUPPORT_CONVERSATION_PLAY_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/conversation_model.h"
#include "tests/support/server.h"

struct conversation_play {
	std::vector<test_server *> nodes; /* sessions are at any of them */
	struct cluster *c = nullptr; /* to which they belong; null: none */
	unsigned seed = 0;
	bool is_strict = false; /* play_set_strict */
	std::mt19937 random;
	conversation_model m;
	std::map<std::pair<size_t, size_t>, test_client *> clients; /* account, device -> its session's */
	std::vector<conversation_request> repeatable; /* those with a cid */
	std::deque<std::string> recent; /* what was done last, to print */
	uint64_t pages = 0; /* behind the first ones */
	uint64_t steps = 0, granted = 0, refused = 0, logins = 0;
	uint64_t bursts = 0, kills = 0, unanswered = 0, unanswered_done = 0;
	int64_t next_req = 1000000; /* of bursts */
	std::map<int, uint64_t> grants, refusals; /* by msgid; by errno */
};

/* CS_SEED, else a new one. */
unsigned play_new_seed(void);
/* How many steps a run has: CS_STEPS, else that many, and 30 times as many with CS_LONG=1. */
uint64_t play_steps(uint64_t briefly);
/* Prints what was played. */
void play_report(const conversation_play *p);
/* New accounts, so many devices each; nobody is logged in. The nodes run with play_options. */
void play_begin(conversation_play *p, const std::vector<test_server *> &nodes, unsigned seed);
void play_set_options(test_server *s);
/* Strangers are refused, the time in which messages can be changed is short, and in the end each session must have been
 * told who is online. */
void play_set_strict(conversation_play *p, test_server *s);
/* One step: a login, the end of a session, or a request, with all that follows from it. */
void play_step(conversation_play *p);
/* Several requests under way together; their seqs say in which order they were done. With kill a server is killed
 * meanwhile, and started again: what was acknowledged must be done, and all else done or not.
 * (conversation_burst.cpp) */
void play_burst(conversation_play *p, bool kill);
/* Every account reads everything once more, and signals to everybody. (conversation_end.cpp) */
void play_end(conversation_play *p);
/* Waits until everybody has what the model expects, and checks that nothing else came. */
void play_settle(conversation_play *p);
void play_settle_marks(conversation_play *p);
void play_take(conversation_play *p, size_t account, size_t device, const test_frame &frame);
/* Sends it, and checks the answer. */
void play_request(conversation_play *p, conversation_request r);
/* Reads a list on to its end, and puts all of it into the answer, which is that of the first page.
 * (conversation_pages.cpp) */
void play_read_on(conversation_play *p, conversation_request r, test_frame *answer);
/* A device that is in is taken over, which ends its older session. */
void play_login(conversation_play *p, size_t account, size_t device);
void play_note(conversation_play *p, const std::string &line);
[[noreturn]] void play_fail(const conversation_play *p, size_t account, size_t device, const std::string &what);
/* A request of the usual kinds by one of those who are in. (conversation_choice.cpp) */
conversation_request play_choose(conversation_play *p);
/* A number from 0 to below. */
size_t play_roll(conversation_play *p, size_t below);

#endif
