/* SPDX-License-Identifier: MIT
 * Owns the lists of friends and groups in LOGIN_ACK: their texts, written before anybody's state is known, and the
 * states put into them. It must not know the store or who asks. Any thread. */
#ifndef LOGIN_ROSTER_H
#define LOGIN_ROSTER_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/plugin.h>

#include "../model/friends.h"
#include "../model/groups.h"

/* Where a state is missing, and which of roster.people it is of. */
struct roster_place {
	size_t at;
	size_t who;
};

/* The elements of an array: JSON texts as strings, comma between, no brackets. */
struct roster_list {
	std::string text;
	std::vector<roster_place> places;   /* in order */
};

struct roster {
	roster_list friends, groups;
	std::vector<cs_account> people;     /* everybody in the lists, each once */
	std::vector<unsigned char> online;  /* for each of them 1 or 0; 0 until the caller sets it */
};

/* Costs as much as the lists are long, so it belongs on a store thread. */
[[nodiscard]] roster roster_write(const std::vector<friend_entry> &friends, const std::vector<group_entry> &groups);
/* The elements with everybody's state: little more than a copy. */
[[nodiscard]] std::string roster_fill(const roster &r, const roster_list &list);

#endif
