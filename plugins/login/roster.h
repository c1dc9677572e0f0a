/* SPDX-License-Identifier: MIT
 * The lists of friends and groups in LOGIN_ACK. Their texts are written first, then the states of the people are
 * inserted. Any thread. */
#ifndef LOGIN_ROSTER_H
#define LOGIN_ROSTER_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/plugin.h>

#include "../model/contacts.h"
#include "../model/groups.h"

inline constexpr size_t roster_hidden = SIZE_MAX;

/* A position in the text where a state is missing, and whose state it is: an index of roster.people, or
 * roster_hidden. */
struct roster_gap {
	size_t at;
	size_t who;
};

/* The elements of an array: JSON texts as strings, with commas between them, without brackets. */
struct roster_list {
	std::string text;
	std::vector<roster_gap> gaps; /* in order */
};

struct roster {
	roster_list friends, groups;
	std::vector<cs_account> people; /* all accounts in the lists, each once */
	std::vector<unsigned char> online; /* for each of them 1 or 0; the caller sets it, until then it is 0 */
};

/* blockers, in order, are always offline here. The time grows with the length of the lists, so call it on a store
 * thread. */
[[nodiscard]] roster roster_write(const std::vector<friend_entry> &friends, const std::vector<group_entry> &groups,
                                  const std::vector<uint64_t> &blockers);
/* Returns the elements with all states inserted. Little more than a copy. */
[[nodiscard]] std::string roster_fill(const roster &r, const roster_list &list);

#endif
