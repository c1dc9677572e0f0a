/* SPDX-License-Identifier: MIT
 * What the files about requests under way together share. */
#ifndef TESTS_SUPPORT_CONVERSATION_BURST_H
#define TESTS_SUPPORT_CONVERSATION_BURST_H

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/conversation_play.h"

struct burst_request {
	conversation_request r;
	int wire_errno = -1; /* -1: there was no answer */
	int64_t seq = -1, groupid = -1;
	std::string answer;
};

/* (conversation_burst.cpp) */
void burst_take_answer(burst_request *b, const test_frame &frame);
/* Tells the model what was done. An answer without an entry must be right at some moment between the entries. */
void burst_apply(conversation_play *p, const std::vector<burst_request> &all);
/* The requests were sent: kills one of the servers, tells the model what was done, and starts it again.
 * (conversation_kill.cpp) */
void burst_kill(conversation_play *p, std::vector<burst_request> *all);

#endif
