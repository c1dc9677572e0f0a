/* SPDX-License-Identifier: MIT
 * Who is who: the names of accounts and groups that the client has heard of, and the lists of friends and groups. */
#ifndef CHATCLIENT_ROSTER_H
#define CHATCLIENT_ROSTER_H

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol.h"

struct roster {
	std::unordered_map<int64_t, std::string> names; /* of accounts */
	std::unordered_map<int64_t, std::string> group_names;
	std::vector<person> friends;
	std::vector<group_info> groups;
	std::vector<std::string> devices; /* of the account, as of the last list of them */
};

/* Reads the lists in an answer to LOGIN, in place of those before. */
void roster_read(roster *ro, const frame &fr);
/* The lists are gone; the names stay. */
void roster_forget_lists(roster *ro);
/* An empty name is not remembered. */
void roster_learn(roster *ro, bool is_group, int64_t id, std::string_view name);
/* The name, or an empty text where it is not known. */
[[nodiscard]] std::string roster_name(const roster *ro, bool is_group, int64_t id);
/* The id of a name, or 0: no two accounts have the same name, and no two groups. */
[[nodiscard]] int64_t roster_id(const roster *ro, bool is_group, std::string_view name);
/* A friend or a group since the login. */
void roster_add_friend(roster *ro, int64_t id);
void roster_add_group(roster *ro, int64_t id, std::string_view name);
void roster_remove_group(roster *ro, int64_t id);

#endif
