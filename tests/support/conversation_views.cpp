/* SPDX-License-Identifier: MIT
 * The model of queries: what HISTORY, INBOX, MEMBERS, CONTACTS and DEVICES must answer. */
#include "tests/support/conversation_model.h"

#include <algorithm>

#include "tests/support/check.h"

static const cJSON *views_array(const cJSON *answer, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(answer, key);
}

static std::string views_text(const cJSON *json)
{
	const std::unique_ptr<char, decltype(&free)> text(cJSON_PrintUnformatted(json), free);
	return text ? text.get() : "nothing";
}

/* The number below which the account sees nothing. */
static int64_t views_floor(const conversation &c, size_t account)
{
	return !c.is_group || c.history_all ? 0 : c.members.at(account).joined;
}

/* ---- HISTORY */

static std::vector<int64_t> views_visible(const conversation &c, size_t account, bool events)
{
	std::vector<int64_t> seqs;

	for (const conversation_entry &entry : c.entries)
		if (entry.seq > views_floor(c, account) && (events || entry.is_message))
			seqs.push_back(entry.seq);
	return seqs;
}

/* [begin, end) of what is seen must be on the page. */
struct views_page {
	size_t begin = 0, end = 0;
};

/* How many of them are below. */
static size_t views_count_below(const std::vector<int64_t> &seen, int64_t seq)
{
	return static_cast<size_t>(std::lower_bound(seen.begin(), seen.end(), seq) - seen.begin());
}

/* Around a message the server chooses: the page begins at first and has count messages, none if the message is not
 * there and limit is small. */
static views_page views_page_of(const std::vector<int64_t> &seen, const conversation_request &r, int64_t first,
                                size_t count)
{
	const size_t limit = static_cast<size_t>(r.limit), begin = views_count_below(seen, count ? first : r.seq);

	if (r.mode == "around")
		return {begin, std::min(seen.size(), begin + std::min(count, limit))};
	if (r.mode == "after") {
		const size_t after = views_count_below(seen, r.seq + 1);
		return {after, std::min(seen.size(), after + limit)};
	}
	const size_t end = r.mode == "before" ? views_count_below(seen, r.seq) : seen.size();
	return {end - std::min(end, limit), end};
}

/* Whether the answer says that there is more in that direction, and where to go on; expected: whether there is. */
static std::string views_check_more(const std::vector<int64_t> &seen, const cJSON *answer, bool expected, bool up,
                                    size_t place, const char *flag, const char *next)
{
	const int64_t from = json_integer(answer, next);

	if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, flag)) != expected)
		return std::string(flag) + " is wrong";
	if (expected && views_count_below(seen, up ? from + 1 : from) != place)
		return check_format("%s is %lld", next, static_cast<long long>(from));
	return "";
}

static std::string views_check_page(const std::vector<int64_t> &seen, const views_page &page,
                                    const conversation_request &r, const cJSON *answer)
{
	const bool older = page.begin > 0, newer = page.end < seen.size();
	const size_t at = views_count_below(seen, r.seq);

	if (r.mode == "after")
		return views_check_more(seen, answer, newer, true, page.end, "more", "next");
	if (r.mode != "around")
		return views_check_more(seen, answer, older, false, page.begin, "more", "next");
	if (at < seen.size() && seen[at] == r.seq && (at < page.begin || at >= page.end))
		return "the page is not around the message";
	const std::string wrong = views_check_more(seen, answer, older, false, page.begin, "older", "before");
	return wrong.empty() ? views_check_more(seen, answer, newer, true, page.end, "newer", "after") : wrong;
}

static std::string views_check_history(conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	const int place = conversation_find(m, r);
	const cJSON *messages = views_array(answer, "messages");
	const size_t count = static_cast<size_t>(cJSON_GetArraySize(messages));

	if (place < 0)
		return count || !cJSON_IsArray(messages) ? "a pair that never talked has a history" : "";
	conversation *c = &m->conversations[static_cast<size_t>(place)];
	const bool events = m->accounts[r.actor].devices[r.device].session.event;
	const std::vector<int64_t> all = views_visible(*c, r.actor, true), seen = views_visible(*c, r.actor, events);
	const int64_t first = count ? json_integer(cJSON_GetArrayItem(messages, 0), "seq") : 0;
	const views_page page = views_page_of(seen, r, first, count);

	if (json_integer(answer, "first") != (all.empty() ? 0 : all.front()) ||
	    json_integer(answer, "last") != (all.empty() ? 0 : all.back()))
		return "first or last is wrong";
	for (size_t i = 0; i < std::max(count, page.end - page.begin); i++) {
		if (i >= count || page.begin + i >= page.end)
			return check_format("%zu messages, expected %zu", count, page.end - page.begin);
		const cJSON *message = cJSON_GetArrayItem(messages, static_cast<int>(i));
		const int64_t seq = json_integer(message, "seq");

		if (seq != seen[page.begin + i])
			return check_format("seq %lld instead of %lld", static_cast<long long>(seq),
			                    static_cast<long long>(seen[page.begin + i]));
		const std::string wrong =
			conversation_compare(m, &c->entries[static_cast<size_t>(seq - 1)], message, "");
		if (!wrong.empty())
			return views_text(message) + ": " + wrong;
	}
	return views_check_page(seen, page, r, answer);
}

/* ---- INBOX */

static const char *views_state(const conversation_model *m, size_t asker, size_t account)
{
	return conversation_is_online(m, account) && !m->accounts[account].blocked.count(asker) ? "online" : "offline";
}

/* The newest message that the account may see, null: none. */
static conversation_entry *views_last(conversation *c, size_t account)
{
	for (size_t i = c->entries.size(); i > 0; i--)
		if (c->entries[i - 1].is_message && c->entries[i - 1].seq > views_floor(*c, account))
			return &c->entries[i - 1];
	return nullptr;
}

static int64_t views_read(const conversation &c, size_t account)
{
	const auto read = c.read.find(account);
	const int64_t joined = c.is_group ? c.members.at(account).joined : 0;

	return std::max(joined, read == c.read.end() ? 0 : read->second);
}

/* Computed over so many entries at most, the first ones. */
static const int64_t views_unread_most = 1000;

static int64_t views_unread(const conversation &c, size_t account)
{
	const int64_t read = views_read(c, account);

	return std::count_if(c.entries.begin(), c.entries.end(), [&](const conversation_entry &entry) {
		return entry.seq > read && entry.seq <= read + views_unread_most && entry.is_message &&
		       entry.actor != account && !entry.recalled;
	});
}

static std::string views_check_place(const conversation_model *m, const conversation &c, size_t account,
                                     const cJSON *item)
{
	static const char *const roles[] = {"normal", "admin", "creator"};
	std::string expected;

	if (c.is_group) {
		const size_t members = static_cast<size_t>(std::count_if(
			c.members.begin(), c.members.end(), [](const auto &member) { return member.second.in; }));

		expected = check_format("{\"groupid\":%lld,\"groupname\":%s,\"role\":\"%s\",\"members\":%zu",
		                        static_cast<long long>(c.group), json_quote(c.name).c_str(),
		                        roles[c.members.at(account).role], members);
	} else {
		const size_t peer = c.low == account ? c.high : c.low;
		const auto shown = c.shown.find(peer);

		expected = check_format("{\"peer\":%lld,\"name\":%s,\"state\":\"%s\",\"seen\":%lld",
		                        static_cast<long long>(m->accounts[peer].id),
		                        json_quote(m->accounts[peer].name).c_str(), views_state(m, account, peer),
		                        static_cast<long long>(shown == c.shown.end() ? 0 : shown->second));
	}
	expected += check_format(",\"seq\":%zu,\"read\":%lld,\"unread\":%lld}", c.entries.size(),
	                         static_cast<long long>(views_read(c, account)),
	                         static_cast<long long>(views_unread(c, account)));
	return json_matches(item, expected) ? "" : views_text(item) + " should have " + expected;
}

static std::string views_check_conversation(const conversation_model *m, conversation *c, size_t account,
                                            const cJSON *item)
{
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(item, "last");
	conversation_entry *expected = views_last(c, account);
	const std::string wrong = views_check_place(m, *c, account, item);

	if (!wrong.empty())
		return wrong;
	if (!expected || !last)
		return expected || last ? views_text(item) + ": last is wrong" : "";
	const std::string different = conversation_compare(m, expected, last, "");
	return different.empty() ? "" : views_text(item) + ": " + different;
}

static std::string views_check_invited(const conversation_model *m, const conversation &c, size_t account,
                                       const cJSON *item)
{
	const std::string expected =
		check_format("{\"groupid\":%lld,\"groupname\":%s,\"invited\":%lld,\"role\":null,\"last\":null}",
	                     static_cast<long long>(c.group), json_quote(c.name).c_str(),
	                     static_cast<long long>(m->accounts[c.invited.at(account)].id));

	return json_matches(item, expected) ? "" : views_text(item) + " should have " + expected;
}

static bool views_is_listed(const conversation &c, size_t account)
{
	if (!c.is_group)
		return c.low == account || c.high == account;
	const auto member = c.members.find(account);

	return !c.ended && ((member != c.members.end() && member->second.in) || c.invited.count(account));
}

static const cJSON *views_find(const conversation_model *m, const conversation &c, size_t account, const cJSON *list)
{
	const char *key = c.is_group ? "groupid" : "peer";
	const int64_t id = c.is_group ? c.group : m->accounts[c.low == account ? c.high : c.low].id;
	const cJSON *item;

	cJSON_ArrayForEach(item, list) if (json_integer(item, key) == id) return item;
	return nullptr;
}

/* Those with a message are in the order of their times; where several nodes or threads write, each reads the clock
 * before it has its turn. */
static std::string views_check_order(const conversation_model *m, const cJSON *list)
{
	const int64_t before_turn = m->catches_up ? 1000 : 0; /* ms */
	int64_t before = INT64_MAX;
	const cJSON *item;

	cJSON_ArrayForEach(item, list)
	{
		const cJSON *last = cJSON_GetObjectItemCaseSensitive(item, "last");
		const int64_t ts = last ? json_integer(last, "ts") : before;

		if (ts - before_turn > before)
			return "the conversations are not in order: " + views_text(list);
		before = ts;
	}
	return "";
}

static std::string views_check_inbox(conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	const cJSON *list = views_array(answer, "conversations");
	int count = 0;

	for (conversation &c : m->conversations) {
		if (!views_is_listed(c, r.actor))
			continue;
		const cJSON *item = views_find(m, c, r.actor, list);
		const auto member = c.members.find(r.actor);

		if (!item)
			return check_format("a conversation is missing: %s %lld", c.is_group ? "group" : "pair",
			                    static_cast<long long>(c.is_group ? c.group : 0)) +
			       " in " + views_text(list);
		const std::string wrong = c.is_group && !(member != c.members.end() && member->second.in)
		                                  ? views_check_invited(m, c, r.actor, item)
		                                  : views_check_conversation(m, &c, r.actor, item);
		if (!wrong.empty())
			return wrong;
		count++;
	}
	if (cJSON_GetArraySize(list) != count)
		return check_format("%d conversations instead of %d: ", cJSON_GetArraySize(list), count) +
		       views_text(list);
	return views_check_order(m, list);
}

/* ---- lists of accounts */

static std::string views_check_list(const cJSON *list, const std::vector<std::string> &expected)
{
	int i = 0;

	if (cJSON_GetArraySize(list) != static_cast<int>(expected.size()))
		return check_format("%zu items are expected: ", expected.size()) + views_text(list);
	for (const std::string &members : expected)
		if (!json_matches(cJSON_GetArrayItem(list, i++), members))
			return views_text(list) + " should have " + members;
	return "";
}

static std::string views_check_members(const conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	static const char *const roles[] = {"normal", "admin", "creator"};
	const conversation &c = m->conversations[static_cast<size_t>(conversation_find(m, r))];
	std::vector<std::string> expected;

	for (const auto &[account, member] : c.members)
		if (member.in)
			expected.push_back(
				check_format("{\"account\":%lld,\"name\":%s,\"role\":\"%s\",\"state\":\"%s\"}",
			                     static_cast<long long>(m->accounts[account].id),
			                     json_quote(m->accounts[account].name).c_str(), roles[member.role],
			                     views_state(m, r.actor, account)));
	return views_check_list(views_array(answer, "members"), expected);
}

static std::string views_check_contacts(const conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	const conversation_account &own = m->accounts[r.actor];
	std::vector<std::string> expected;

	for (size_t i = 0; i < m->accounts.size(); i++) {
		const bool is_friend = own.friends.count(i), blocked = own.blocked.count(i),
			   friend_of = m->accounts[i].friends.count(r.actor);

		if (is_friend || blocked || friend_of)
			expected.push_back(check_format(
				"{\"account\":%lld,\"name\":%s,\"state\":\"%s\",\"friend\":%s,\"friend_of\":%s,\"blocked\":%s}",
				static_cast<long long>(m->accounts[i].id), json_quote(m->accounts[i].name).c_str(),
				views_state(m, r.actor, i), is_friend ? "true" : "false", friend_of ? "true" : "false",
				blocked ? "true" : "false"));
	}
	return views_check_list(views_array(answer, "contacts"), expected);
}

static std::string views_check_devices(const conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	const cJSON *list = views_array(answer, "devices"), *item;
	int named = 0;

	for (const conversation_device &d : m->accounts[r.actor].devices) {
		if (!d.known || d.name.empty())
			continue;
		const std::string expected = check_format("{\"device\":%s,\"online\":%s}", json_quote(d.name).c_str(),
		                                          d.session.in ? "true" : "false");
		bool found = false;

		cJSON_ArrayForEach(item, list) found = found || json_matches(item, expected);
		if (!found)
			return views_text(list) + " should have " + expected;
		named++;
	}
	cJSON_ArrayForEach(item, list) if (!json_text(item, "device").empty()) named--;
	return named == 0 ? "" : "an unknown device: " + views_text(list);
}

static std::string views_check_found(const conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	const size_t account = conversation_account_of(m, json_integer(answer, "account"));

	return account != conversation_nobody && m->accounts[account].name == r.text &&
	                       json_text(answer, "name") == r.text
	               ? ""
	               : "this is somebody else";
}

std::string conversation_check_answer(conversation_model *m, const conversation_request &r, const cJSON *answer)
{
	switch (r.msgid) {
	case 105: return views_check_history(m, r, answer);
	case 106: return views_check_inbox(m, r, answer);
	case 110: return views_check_devices(m, r, answer);
	case 132: return views_check_contacts(m, r, answer);
	case 133: return views_check_found(m, r, answer);
	case 144: return views_check_members(m, r, answer);
	default: return "";
	}
}

/* ---- LOGIN_ACK */

static std::string views_check_texts(const cJSON *json, const char *key, const std::vector<std::string> &expected)
{
	const std::vector<json_ptr> items = json_parse_all(json, key);

	if (json_has(json, key) == expected.empty() || items.size() != expected.size())
		return check_format("%zu %s are expected: ", expected.size(), key) + views_text(json);
	for (const std::string &members : expected)
		if (std::none_of(items.begin(), items.end(),
		                 [&](const json_ptr &item) { return json_matches(item.get(), members); }))
			return views_text(json) + " should have " + members;
	return "";
}

static std::string views_friend(const conversation_model *m, size_t asker, size_t account)
{
	return check_format("{\"id\":%lld,\"name\":%s,\"state\":\"%s\"",
	                    static_cast<long long>(m->accounts[account].id),
	                    json_quote(m->accounts[account].name).c_str(), views_state(m, asker, account));
}

/* Clients in the field know no admins. */
static std::vector<std::string> views_users(const conversation_model *m, size_t asker, const conversation &c)
{
	std::vector<std::string> users;

	for (const auto &[account, member] : c.members)
		if (member.in)
			users.push_back(views_friend(m, asker, account) +
			                check_format(",\"role\":\"%s\"}", member.role == 2 ? "creator" : "normal"));
	return users;
}

static std::string views_check_groups(const conversation_model *m, size_t account, const cJSON *ack)
{
	const std::vector<json_ptr> items = json_parse_all(ack, "groups");
	size_t count = 0;

	for (const conversation &c : m->conversations) {
		const auto member = c.members.find(account);

		if (member == c.members.end() || !member->second.in)
			continue;
		const std::string expected =
			check_format("{\"id\":%lld,\"groupname\":%s,\"groupdesc\":%s}", static_cast<long long>(c.group),
		                     json_quote(c.name).c_str(), json_quote(c.description).c_str());
		const auto item = std::find_if(items.begin(), items.end(), [&](const json_ptr &group) {
			return json_matches(group.get(), expected);
		});

		if (item == items.end())
			return views_text(ack) + " should have " + expected;
		const std::string wrong = views_check_texts(item->get(), "users", views_users(m, account, c));
		if (!wrong.empty())
			return wrong;
		count++;
	}
	return items.size() == count ? "" : "there are other groups: " + views_text(ack);
}

std::string conversation_check_login(const conversation_model *m, size_t account, const cJSON *ack, bool rosters)
{
	std::vector<std::string> friends;

	if (!rosters)
		return json_has(ack, "friends") || json_has(ack, "groups") ? "nobody asked for rosters" : "";
	for (const size_t other : m->accounts[account].friends)
		friends.push_back(views_friend(m, account, other) + "}");
	const std::string wrong = views_check_texts(ack, "friends", friends);
	return wrong.empty() ? views_check_groups(m, account, ack) : wrong;
}
