/* SPDX-License-Identifier: MIT
 * Plays the matrix of requests on a group over the wire, on one server or several. */
#ifndef TESTS_SUPPORT_GROUP_STAGE_H
#define TESTS_SUPPORT_GROUP_STAGE_H

#include <cstdint>
#include <span>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/group_matrix.h"

/* Everybody of the matrix, logged in with `want` event, and their group. */
struct group_stage {
	std::vector<test_client *> people; /* by enum matrix_person */
	int64_t group = 0;
	int64_t last_seq = 0;
};

/* Logs everybody in, on the servers in turn. */
void group_stage_enter(group_stage *stage, std::span<test_server *const> servers);
/* Makes a new group in which everybody has the place that the matrix says. */
void group_stage_fill(group_stage *stage, bool invite_only);
/* Asks for every case of the matrix. An entry must be answered with the next seq and reach a member with it; what is no
 * entry takes no seq; an invitation must reach who is invited. */
void group_stage_play(std::span<test_server *const> servers);

#endif
