/* SPDX-License-Identifier: MIT
 * Writes the texts of friends and groups. */
#include "roster.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

#include "reply.h"

struct writer {
	struct roster roster;
	const std::vector<uint64_t> *blockers;
	std::unordered_map<cs_account, size_t> known; /* index in roster.people */
};

/* Appends text as it looks inside that many nested JSON strings. */
static void login_add_inside(std::string *out, std::string_view text, unsigned depth)
{
	std::string quoted;

	if (depth == 0) {
		out->append(text);
		return;
	}
	reply_quote(&quoted, text);
	login_add_inside(out, std::string_view(quoted).substr(1, quoted.size() - 2), depth - 1);
}

static size_t login_person_of(writer *w, cs_account account)
{
	if (std::binary_search(w->blockers->begin(), w->blockers->end(), account))
		return roster_hidden;
	const auto [at, added] = w->known.try_emplace(account, w->roster.people.size());

	if (added)
		w->roster.people.push_back(account);
	return at->second;
}

/* Appends {"id":21,"name":"gao yang","state":"|line"end The state will be inserted at the |. */
static void login_add_person(writer *w, roster_list *list, cs_account id, std::string_view name, const char *end,
                             unsigned depth)
{
	std::string begin = "{\"id\":" + std::to_string(id) + ",\"name\":";

	reply_quote(&begin, name);
	login_add_inside(&list->text, begin + ",\"state\":\"", depth);
	list->gaps.push_back({list->text.size(), login_person_of(w, id)});
	login_add_inside(&list->text, std::string("line\"") + end, depth);
}

static void login_add_friend(writer *w, const friend_entry &entry)
{
	roster_list *list = &w->roster.friends;

	list->text += list->text.empty() ? "\"" : ",\"";
	login_add_person(w, list, entry.id, entry.name, "}", 1);
	list->text += '"';
}

static void login_add_members(writer *w, roster_list *list, const std::vector<struct group_member> &members)
{
	const char *before = "\"";

	for (const struct group_member &m : members) {
		login_add_inside(&list->text, before, 1);
		login_add_person(w, list, m.id, m.name,
		                 m.role == GROUP_CREATOR ? ",\"role\":\"creator\"}" : ",\"role\":\"normal\"}", 2);
		login_add_inside(&list->text, "\"", 1);
		before = ",\"";
	}
}

static void login_add_group(writer *w, const group_entry &entry)
{
	roster_list *list = &w->roster.groups;
	std::string begin = "{\"id\":" + std::to_string(entry.id) + ",\"groupname\":";

	reply_quote(&begin, entry.name);
	begin += ",\"groupdesc\":";
	reply_quote(&begin, entry.description);
	list->text += list->text.empty() ? "\"" : ",\"";
	login_add_inside(&list->text, begin + ",\"users\":[", 1);
	login_add_members(w, list, entry.members);
	list->text += "]}\"";
}

roster roster_write(const std::vector<friend_entry> &friends, const std::vector<group_entry> &groups,
                    const std::vector<uint64_t> &blockers)
{
	writer w = {{}, &blockers, {}};

	for (const friend_entry &entry : friends)
		login_add_friend(&w, entry);
	for (const group_entry &entry : groups)
		login_add_group(&w, entry);
	w.roster.online.assign(w.roster.people.size(), 0);
	return std::move(w.roster);
}

std::string roster_fill(const roster &r, const roster_list &list)
{
	std::string text;
	size_t from = 0;

	text.reserve(list.text.size() + list.gaps.size() * 3);
	for (const roster_gap &gap : list.gaps) {
		text.append(list.text, from, gap.at - from);
		text += gap.who != roster_hidden && r.online[gap.who] ? "on" : "off";
		from = gap.at;
	}
	return text.append(list.text, from);
}
