/* SPDX-License-Identifier: MIT
 * The model's rules: how a request is written, and which answers it may get. */
#include "tests/support/conversation_model.h"

#include <algorithm>

#include "tests/support/check.h"

int conversation_role_of(const std::string &role)
{
	return role == "creator" ? 2 : role == "admin" ? 1 : 0;
}

int conversation_find_pair(const conversation_model *m, size_t one, size_t other)
{
	for (size_t i = 0; i < m->conversations.size(); i++) {
		const conversation &c = m->conversations[i];

		if (!c.is_group && c.low == std::min(one, other) && c.high == std::max(one, other))
			return static_cast<int>(i);
	}
	return -1;
}

int conversation_find_group(const conversation_model *m, int64_t group)
{
	for (size_t i = 0; i < m->conversations.size(); i++)
		if (m->conversations[i].is_group && m->conversations[i].group == group)
			return static_cast<int>(i);
	return -1;
}

int conversation_find(const conversation_model *m, const conversation_request &r)
{
	return r.is_group ? conversation_find_group(m, r.group) : conversation_find_pair(m, r.actor, r.to);
}

bool conversation_is_online(const conversation_model *m, size_t account)
{
	const auto &devices = m->accounts[account].devices;

	return std::any_of(devices.begin(), devices.end(), [](const conversation_device &d) { return d.session.in; });
}

/* ---- writing */

static long long rules_id_of(const conversation_model *m, size_t account)
{
	return account == conversation_nobody ? 999999 : m->accounts[account].id;
}

static std::string rules_number(const char *key, long long value)
{
	return check_format(",\"%s\":%lld", key, value);
}

static std::string rules_text(const char *key, const std::string &value)
{
	return check_format(",\"%s\":%s", key, json_quote(value).c_str());
}

static std::string rules_write_group(const conversation_request &r)
{
	std::string text;

	for (const auto &[key, value] : {std::pair{"groupname", &r.groupname}, std::pair{"groupdesc", &r.groupdesc},
	                                 std::pair{"join", &r.join}, std::pair{"history", &r.history}})
		if (*value)
			text += rules_text(key, **value);
	return text;
}

static std::string rules_write_contact(const conversation_request &r)
{
	std::string text;

	if (r.is_friend)
		text += check_format(",\"friend\":%s", *r.is_friend ? "true" : "false");
	if (r.blocked)
		text += check_format(",\"blocked\":%s", *r.blocked ? "true" : "false");
	return text;
}

/* What names the conversation: pairs by toid in what is forwarded, by peer in queries, READ and DELIVERED. */
static std::string rules_write_place(const conversation_model *m, const conversation_request &r)
{
	static const std::set<int> forwarded = {6, 10, 122, 160, 161}, without = {7, 8, 106, 110, 111, 131, 132, 133};

	if (without.count(r.msgid))
		return "";
	if (r.is_group)
		return rules_number("groupid", r.group);
	return rules_number(forwarded.count(r.msgid) ? "toid" : "peer", rules_id_of(m, r.to));
}

static std::string rules_write_rest(const conversation_model *m, const conversation_request &r)
{
	switch (r.msgid) {
	case 6:
	case 10: return rules_text("msg", r.text) + rules_text("time", "2024-05-06 07:08:09");
	case 160: return rules_number("of", r.seq) + rules_text("msg", r.text);
	case 161: return rules_number("of", r.seq);
	case 104: return rules_number("seq", r.seq);
	case 120: return rules_number("seq", r.seq) + ",\"show\":true";
	case 105: return rules_number("limit", r.limit) + (r.mode.empty() ? "" : rules_number(r.mode.c_str(), r.seq));
	case 106:
	case 132:
	case 144: return rules_number("limit", r.limit) + (r.after.empty() ? "" : ",\"after\":" + r.after);
	case 111: return rules_text("device", m->accounts[r.actor].devices[r.account].name);
	case 7: return rules_number("friendid", rules_id_of(m, r.account));
	case 122: return rules_text("kind", "typing") + rules_text("x", r.text);
	case 133: return rules_text("name", r.text);
	case 8: return rules_text("groupname", r.text) + rules_text("groupdesc", "of " + r.text);
	case 131: return rules_number("account", rules_id_of(m, r.account)) + rules_write_contact(r);
	case 141: return rules_number("account", rules_id_of(m, r.account)) + (r.ban ? ",\"ban\":true" : "");
	case 142: return rules_number("account", rules_id_of(m, r.account)) + rules_text("role", r.role);
	case 143: return rules_write_group(r);
	case 145: return rules_number("account", rules_id_of(m, r.account));
	case 146:
		return rules_number("account", r.account == conversation_nobody ? 0 : rules_id_of(m, r.account)) +
		       rules_number("until", r.until);
	default: return "";
	}
}

void conversation_write(const conversation_model *m, conversation_request *r)
{
	r->bytes = check_format("{\"msgid\":%d,\"id\":%lld", r->msgid, rules_id_of(m, r->actor));
	if (r->gives_name)
		r->bytes += rules_text("name", m->accounts[r->actor].name);
	r->bytes += rules_write_place(m, *r) + rules_write_rest(m, *r);
	if (!r->cid.empty())
		r->bytes += rules_text("cid", r->cid);
	r->bytes += rules_number("req", r->req) + "}";
}

/* ---- judging */

struct rules_case {
	const conversation_model *m;
	const conversation_request &r;
	const conversation *c = nullptr; /* null: there is none (any more) */
	const conversation_member *actor = nullptr, *other = nullptr; /* null: no member */
	bool is_admin = false;
	conversation_verdict v;
	std::set<int> perhaps; /* the time may forbid it */
};

static const conversation_member *rules_member(const conversation *c, size_t account)
{
	const auto found = c->members.find(account);

	return found == c->members.end() || !found->second.in ? nullptr : &found->second;
}

bool conversation_is_banned(const conversation *c, size_t account)
{
	const auto found = c->members.find(account);

	return found != c->members.end() && found->second.banned;
}

/* ms. The server may judge a request by a clock that is so much behind. */
static const int64_t rules_old_clock = 50;

/* Refuses it before that time. */
static void rules_refuse_before(rules_case *k, int64_t end, int wire_errno)
{
	if (k->r.answered < end)
		k->v.errnos.insert(wire_errno);
	else if (k->r.sent - rules_old_clock < end)
		k->perhaps.insert(wire_errno);
}

static void rules_judge_mutes(rules_case *k)
{
	rules_refuse_before(k, std::max(k->actor->muted, k->actor->role == 0 ? k->c->muted : 0), 8);
}

/* Refuses what changes an entry for which it is too late. */
static void rules_judge_late(rules_case *k, const conversation_entry *entry, int64_t window)
{
	const int64_t first = entry->ts ? entry->ts : entry->sent - rules_old_clock,
		      last = entry->ts ? entry->ts : entry->answered;

	if (k->r.sent - rules_old_clock - last >= window)
		k->v.errnos.insert(15);
	else if (k->r.answered - first >= window)
		k->perhaps.insert(15);
}

/* Done, without an entry. */
static void rules_is_there(rules_case *k)
{
	k->v.errnos = {0};
}

static void rules_refuse(rules_case *k, int wire_errno)
{
	k->v.errnos.insert(wire_errno);
}

static bool rules_repeats(rules_case *k)
{
	const int place = conversation_find(k->m, k->r);

	if (k->r.cid.empty() || place < 0)
		return false;
	const conversation &c = k->m->conversations[static_cast<size_t>(place)];

	for (const conversation_entry &entry : c.entries)
		if (entry.actor == k->r.actor && entry.cid == k->r.cid) {
			k->v.errnos = c.ended ? std::set<int>{0, 7} : std::set<int>{0};
			k->v.seq = entry.seq;
			return true;
		}
	return false;
}

/* Whether it may write there now. */
static void rules_judge_writing(rules_case *k)
{
	if (!k->r.is_group) {
		if (k->r.to == conversation_nobody)
			rules_refuse(k, 6);
		else if (!conversation_lets_write(k->m, k->r.actor, k->r.to))
			rules_refuse(k, 8);
	} else {
		rules_judge_mutes(k);
	}
	k->v.adds = true;
}

static const conversation_entry *rules_entry(const rules_case *k)
{
	if (!k->c || k->r.seq < 1 || k->r.seq > static_cast<int64_t>(k->c->entries.size()))
		return nullptr;
	return &k->c->entries[static_cast<size_t>(k->r.seq - 1)];
}

/* What was said before one joined (again) may count as not there. */
static void rules_judge_old(rules_case *k, const conversation_entry *entry)
{
	if (k->r.is_group && entry->seq <= k->actor->joined)
		k->v.errnos = {0, 8, 14};
}

static void rules_judge_edit(rules_case *k)
{
	const conversation_entry *entry = rules_entry(k);

	const bool is_own = entry && entry->is_message && !entry->recalled && entry->actor == k->r.actor;

	if (is_own && entry->text == k->r.text) {
		rules_judge_old(k, entry);
		return;
	}
	rules_judge_writing(k);
	if (!entry || !entry->is_message || entry->recalled)
		rules_refuse(k, 14);
	if (entry && entry->actor != k->r.actor)
		rules_refuse(k, 8);
	if (is_own)
		rules_judge_late(k, entry, k->m->edit_window);
	if (entry && k->v.errnos.empty())
		rules_judge_old(k, entry);
}

static void rules_judge_recall(rules_case *k)
{
	const conversation_entry *entry = rules_entry(k);

	k->v.adds = true;
	if (!entry || !entry->is_message)
		rules_refuse(k, 14);
	if (entry && entry->actor != k->r.actor && !k->is_admin)
		rules_refuse(k, 8);
	if (!k->r.is_group && !k->c)
		k->v.errnos = {6, 8, 14};
	if (entry && entry->is_message && entry->recalled) {
		k->v.errnos.insert(0);
		k->v.adds = false;
	} else if (entry && k->v.errnos.empty()) {
		if (!k->is_admin)
			rules_judge_late(k, entry, k->m->recall_window);
		if (k->v.errnos.empty())
			rules_judge_old(k, entry);
	}
}

size_t conversation_count(const conversation *c)
{
	return static_cast<size_t>(std::count_if(c->members.begin(), c->members.end(),
	                                         [](const auto &member) { return member.second.in; }));
}

static bool rules_name_is_taken(const conversation_model *m, const std::string &name)
{
	return std::any_of(m->conversations.begin(), m->conversations.end(),
	                   [&](const conversation &c) { return c.is_group && !c.ended && c.name == name; });
}

static void rules_judge_join(rules_case *k)
{
	k->v.adds = true;
	if (k->actor) {
		rules_refuse(k, 9);
		return;
	}
	if (conversation_is_banned(k->c, k->r.actor) || (k->c->invite_only && !k->c->invited.count(k->r.actor)))
		rules_refuse(k, 8);
	if (conversation_count(k->c) >= k->m->members_max)
		rules_refuse(k, 16);
}

static void rules_judge_removal(rules_case *k)
{
	if (k->r.account == k->r.actor) {
		if (!k->actor)
			rules_is_there(k);
		else if (k->actor->role == 2 && conversation_count(k->c) > 1)
			rules_refuse(k, 8);
		k->v.adds = k->actor != nullptr;
	} else if (!k->actor) {
		rules_refuse(k, 8);
	} else if (!k->other) {
		const bool is_done =
			k->r.ban ? conversation_is_banned(k->c, k->r.account) : !k->c->invited.count(k->r.account);

		if (k->r.account == conversation_nobody)
			rules_refuse(k, 6);
		if (!is_done && !k->is_admin)
			rules_refuse(k, 8);
		k->v.adds = k->r.ban && !is_done;
	} else {
		k->v.adds = true;
		if (k->actor->role <= k->other->role)
			rules_refuse(k, 8);
	}
}

static void rules_judge_role(rules_case *k)
{
	if (k->other && k->other->role == conversation_role_of(k->r.role)) {
		rules_is_there(k);
		return;
	}
	k->v.adds = true;
	if (k->actor->role != 2 || k->r.account == k->r.actor)
		rules_refuse(k, 8);
	if (!k->other)
		rules_refuse(k, 6);
}

static void rules_judge_settings(rules_case *k)
{
	const conversation &c = *k->c;
	const conversation_request &r = k->r;

	if (r.groupname.value_or(c.name) == c.name && r.groupdesc.value_or(c.description) == c.description &&
	    (!r.join || (*r.join == "invite") == c.invite_only) &&
	    (!r.history || (*r.history == "all") == c.history_all)) {
		rules_is_there(k);
		return;
	}
	k->v.adds = true;
	if (!k->is_admin)
		rules_refuse(k, 8);
	if (r.groupname && *r.groupname != c.name && rules_name_is_taken(k->m, *r.groupname))
		rules_refuse(k, 9);
}

static void rules_judge_mute(rules_case *k)
{
	const bool all = k->r.account == conversation_nobody;
	const int64_t now = all        ? k->c->muted
	                    : k->other ? k->other->muted
	                               : INT64_MAX,
		      last = std::max(now, k->r.until); /* of two times that are over both mute nobody */

	if (now == k->r.until || last <= k->r.sent - rules_old_clock) {
		rules_is_there(k);
		return;
	}
	k->v.may_add = last <= k->r.answered;
	k->v.adds = !k->v.may_add;
	if (k->v.may_add)
		k->v.errnos = {0};
	if (!k->is_admin || (k->other && k->actor->role <= k->other->role))
		rules_refuse(k, 8);
	if (!all && !k->other)
		rules_refuse(k, 6);
}

static void rules_judge_invitation(rules_case *k)
{
	if (!k->is_admin && k->c->invite_only)
		rules_refuse(k, 8);
	if (k->r.account == conversation_nobody) {
		rules_refuse(k, 6);
		return;
	}
	if (k->other)
		rules_refuse(k, 9);
	if (!conversation_lets_write(k->m, k->r.actor, k->r.account))
		rules_refuse(k, 8);
	if (conversation_is_banned(k->c, k->r.account) && !k->is_admin)
		rules_refuse(k, 8);
}

static void rules_judge_read(rules_case *k)
{
	if (!k->c)
		k->v.errnos = {4, 6, 8};
	else if (k->r.seq > static_cast<int64_t>(k->c->entries.size()))
		rules_refuse(k, 4);
}

static void rules_judge_account(rules_case *k)
{
	if (k->r.account == conversation_nobody)
		rules_refuse(k, 6);
}

static void rules_judge_search(rules_case *k)
{
	const auto &accounts = k->m->accounts;

	if (std::none_of(accounts.begin(), accounts.end(),
	                 [k](const conversation_account &account) { return account.name == k->r.text; }))
		rules_refuse(k, 6);
}

/* Its last member left a short time ago. */
static bool rules_ended_lately(const conversation *c, const conversation_request &r)
{
	return std::any_of(c->members.begin(), c->members.end(),
	                   [&](const auto &member) { return conversation_membership_is_new(c, member.first, r); });
}

/* For about a second signals may go by what was before. */
static void rules_judge_group_signal(rules_case *k)
{
	const int place = conversation_find_group(k->m, k->r.group);
	const conversation *c = place >= 0 ? &k->m->conversations[static_cast<size_t>(place)] : nullptr;
	const bool is_new = c && conversation_membership_is_new(c, k->r.actor, k->r);

	if (!k->c)
		rules_refuse(k, 7);
	else if (!k->actor)
		rules_refuse(k, 8);
	if (is_new)
		k->v.errnos.insert({0, 8});
	if (c && c->ended && rules_ended_lately(c, k->r))
		k->v.errnos.insert(8);
}

static void rules_judge_creation(rules_case *k)
{
	k->v.adds = true;
	if (rules_name_is_taken(k->m, k->r.text))
		rules_refuse(k, 9);
}

/* false: there is nothing more to say. */
static bool rules_judge_group(rules_case *k)
{
	static const std::set<int> open_to_all = {9, 141};

	if (!k->r.is_group)
		return true;
	if (k->r.msgid == 104) /* former members confirm what they got, of groups that have ended, too */
		rules_is_there(k);
	else if (k->r.msgid == 122)
		rules_judge_group_signal(k);
	else if (!k->c)
		rules_refuse(k, 7);
	else if (!k->actor && !open_to_all.count(k->r.msgid))
		rules_refuse(k, 8);
	return k->v.errnos.empty();
}

conversation_verdict conversation_judge(const conversation_model *m, const conversation_request &r)
{
	static const std::map<int, void (*)(rules_case *)> judges = {
		{6, rules_judge_writing},   {10, rules_judge_writing},     {160, rules_judge_edit},
		{161, rules_judge_recall},  {8, rules_judge_creation},     {9, rules_judge_join},
		{141, rules_judge_removal}, {142, rules_judge_role},       {143, rules_judge_settings},
		{146, rules_judge_mute},    {145, rules_judge_invitation}, {120, rules_judge_read},
		{131, rules_judge_account}, {7, rules_judge_account},      {133, rules_judge_search}};
	const int place = conversation_find(m, r);
	rules_case k = {m, r};

	if (place >= 0 && !m->conversations[static_cast<size_t>(place)].ended)
		k.c = &m->conversations[static_cast<size_t>(place)];
	if (rules_repeats(&k))
		return k.v;
	if (k.c && r.is_group) {
		k.actor = rules_member(k.c, r.actor);
		k.other = rules_member(k.c, r.account);
		k.is_admin = k.actor && k.actor->role > 0;
	}
	const auto judge = judges.find(r.msgid);

	if (rules_judge_group(&k) && judge != judges.end())
		judge->second(&k);
	if (k.v.errnos.empty())
		k.v.errnos = {0};
	k.v.errnos.merge(k.perhaps);
	return k.v;
}
