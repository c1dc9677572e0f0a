/* SPDX-License-Identifier: MIT
 * Who is who: the names of accounts and groups that the client has heard of, and the lists of friends and groups. */
#include "roster.h"

#include <algorithm>

void roster_learn(roster *ro, bool is_group, int64_t id, std::string_view name)
{
	auto &names = is_group ? ro->group_names : ro->names;

	if (id > 0 && !name.empty())
		names[id] = name;
}

void roster_read(roster *ro, const frame &fr)
{
	roster_forget_lists(ro);
	for (const std::string &text : fr.friends) {
		person who;
		if (!frame_read_person(text, &who))
			continue;
		roster_learn(ro, false, who.id, who.name);
		ro->friends.push_back(std::move(who));
	}
	for (const std::string &text : fr.groups) {
		group_info group;
		if (!frame_read_group(text, &group))
			continue;
		for (const person &who : group.members)
			roster_learn(ro, false, who.id, who.name);
		roster_learn(ro, true, group.id, group.name);
		ro->groups.push_back(std::move(group));
	}
}

void roster_forget_lists(roster *ro)
{
	ro->friends.clear();
	ro->groups.clear();
}

std::string roster_name(const roster *ro, bool is_group, int64_t id)
{
	const auto &names = is_group ? ro->group_names : ro->names;
	const auto found = names.find(id);

	return found == names.end() ? std::string() : found->second;
}

int64_t roster_id(const roster *ro, bool is_group, std::string_view name)
{
	for (const auto &[id, known] : is_group ? ro->group_names : ro->names)
		if (known == name)
			return id;
	return 0;
}

void roster_add_friend(roster *ro, int64_t id)
{
	ro->friends.push_back({.id = id, .name = roster_name(ro, false, id), .state = {}, .role = {}});
}

void roster_add_group(roster *ro, int64_t id, std::string_view name)
{
	const auto same = [&](const group_info &group) {
		return group.id == id;
	};

	roster_learn(ro, true, id, name);
	if (std::none_of(ro->groups.begin(), ro->groups.end(), same))
		ro->groups.push_back({.id = id, .name = roster_name(ro, true, id), .description = {}, .members = {}});
}

void roster_remove_group(roster *ro, int64_t id)
{
	std::erase_if(ro->groups, [=](const group_info &group) { return group.id == id; });
}
