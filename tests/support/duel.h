/* SPDX-License-Identifier: MIT
 * Two requests on two connections at about the same moment, so often that each of them comes first now and then. */
#ifndef TESTS_SUPPORT_DUEL_H
#define TESTS_SUPPORT_DUEL_H

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>

struct test_client;

/* Whoever lost is sent earlier the next time, so that both are nearly equal. */
struct duel {
	int64_t lead_us = 0; /* by so much the first request is sent before the second; below 0: after it */
	int64_t step_us = 32;
	bool first_won = false; /* the last time */
	size_t won[2] = {};
};

/* Sends both frames, the client's ending behind each. */
void duel_send(const duel *d, test_client *first, const std::string &frame, test_client *second,
               const std::string &other_frame);
void duel_note(duel *d, bool first_won);
/* Prints how often each came first; fails if one of them never did. */
void duel_judge(const duel *d, const char *first, const char *second,
                std::source_location at = std::source_location::current());

#endif
