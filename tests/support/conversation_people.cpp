/* SPDX-License-Identifier: MIT
 * The model of what accounts say of each other, and of what is told at once and not stored: ADDED, SIGNAL, PRESENCE. */
#include <algorithm>
#include <ctime>

#include "tests/support/check.h"
#include "tests/support/conversation_model.h"

/* ms. So long a SIGNAL may follow what was before; and so much later than it was true PRESENCE may be read here. */
static constexpr int64_t people_late = 1000;
/* The other nodes count the sessions of a killed one until its lease of 2 s has lapsed. */
static constexpr int64_t people_lease = 2000;
/* ms. After so long an absence an account is offline; less by what the clocks of two processes may differ. */
static constexpr int64_t people_absence = 9800;

int64_t conversation_clock(void)
{
	timespec t = {};

	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- who may write to whom */

static bool people_wrote(const conversation_model *m, size_t account, size_t to)
{
	const int place = conversation_find_pair(m, account, to);

	if (place < 0)
		return false;
	const auto &entries = m->conversations[static_cast<size_t>(place)].entries;

	return std::any_of(entries.begin(), entries.end(), [account](const conversation_entry &entry) {
		return entry.is_message && entry.actor == account;
	});
}

bool conversation_lets_write(const conversation_model *m, size_t sender, size_t to)
{
	if (sender == to)
		return true;
	if (m->accounts[to].blocked.count(sender))
		return false;
	return !m->refuses_strangers || m->accounts[to].friends.count(sender) || people_wrote(m, to, sender);
}

/* ---- contacts */

static void people_set_flag(std::set<size_t> *all, size_t account, const std::optional<bool> &flag)
{
	if (flag && *flag)
		all->insert(account);
	else if (flag)
		all->erase(account);
}

static void people_tell_added(conversation_model *m, const conversation_request &r)
{
	if (r.account == r.actor || m->accounts[r.account].blocked.count(r.actor))
		return;
	for (conversation_device &d : m->accounts[r.account].devices)
		if (d.session.in && d.session.presence)
			d.session.notices.push_back({134,
			                             check_format("{\"msgid\":134,\"id\":%lld}",
			                                          static_cast<long long>(m->accounts[r.actor].id)),
			                             m->accounts[r.actor].name});
}

/* What the sessions of the account know of another is told anew, or hidden. */
static void people_forget_state(conversation_model *m, size_t account, size_t other)
{
	for (conversation_device &d : m->accounts[account].devices) {
		d.session.known.erase(other);
		if (m->accounts[other].blocked.count(account))
			d.session.known[other] = "offline";
	}
	m->accounts[account].watch_changed[other] = conversation_clock();
}

void conversation_set_contact(conversation_model *m, const conversation_request &r)
{
	conversation_account *own = &m->accounts[r.actor];
	const bool was_friend = own->friends.count(r.account), was_blocked = own->blocked.count(r.account);

	people_set_flag(&own->friends, r.account, r.msgid == 7 ? true : r.is_friend);
	people_set_flag(&own->blocked, r.account, r.msgid == 7 ? std::nullopt : r.blocked);
	if (!was_friend && own->friends.count(r.account))
		people_tell_added(m, r);
	if (was_friend != (own->friends.count(r.account) > 0))
		people_forget_state(m, r.actor, r.account);
	if (was_blocked != (own->blocked.count(r.account) > 0))
		people_forget_state(m, r.account, r.actor);
}

/* ---- SIGNAL */

static void people_signal(conversation_model *m, const conversation_request &r, size_t account, bool may_miss)
{
	for (size_t device = 0; device < m->accounts[account].devices.size(); device++) {
		conversation_session *s = &m->accounts[account].devices[device].session;

		if (s->in && s->signal && (account != r.actor || device != r.device))
			s->notices.push_back({122, r.bytes, r.gives_name ? m->accounts[r.actor].name : "", may_miss});
	}
}

static bool people_is_recent(const conversation_request &r, int64_t changed)
{
	return r.sent - changed <= people_late;
}

bool conversation_membership_is_new(const conversation *c, size_t account, const conversation_request &r)
{
	const auto member = c->members.find(account);

	return member != c->members.end() && people_is_recent(r, member->second.changed);
}

int64_t conversation_changed(const conversation_model *m)
{
	int64_t last = 0;

	for (const conversation_account &account : m->accounts)
		for (const auto &[other, changed] : account.lets_changed)
			last = std::max(last, changed);
	for (const conversation &c : m->conversations)
		for (const auto &[account, member] : c.members)
			last = std::max(last, member.changed);
	return last;
}

void conversation_signal(conversation_model *m, const conversation_request &r)
{
	const int place = conversation_find(m, r);

	if (!r.is_group && r.to != conversation_nobody) {
		const auto changed = m->accounts[r.to].lets_changed.find(r.actor);
		const bool is_new =
			changed != m->accounts[r.to].lets_changed.end() && people_is_recent(r, changed->second);

		if (is_new || conversation_lets_write(m, r.actor, r.to))
			people_signal(m, r, r.to, is_new);
	}
	if (!r.is_group || place < 0)
		return;
	const conversation *c = &m->conversations[static_cast<size_t>(place)];
	const bool may_fail = conversation_membership_is_new(c, r.actor, r);

	for (const auto &[account, member] : c->members) {
		const bool is_new = conversation_membership_is_new(c, account, r);

		if (account != r.actor && (is_new || member.in))
			people_signal(m, r, account, is_new || may_fail);
	}
}

/* ---- PRESENCE */

void conversation_note_online(conversation_model *m, size_t account)
{
	conversation_account *a = &m->accounts[account];
	const bool is_online = conversation_is_online(m, account);

	if (is_online != a->was_online)
		(is_online ? a->came : a->went) = conversation_clock();
	a->was_online = is_online;
}

void conversation_watch(conversation_model *m, size_t account, conversation_session *s)
{
	for (const size_t other : m->accounts[account].friends)
		s->known[other] = conversation_is_online(m, other) && !m->accounts[other].blocked.count(account)
		                          ? "online"
		                          : "offline";
}

/* Whether that can have been true lately. */
static bool people_may_be_told(const conversation_model *m, size_t account, size_t other, bool online, int64_t now)
{
	const conversation_account &a = m->accounts[other];
	const bool is_hidden = a.blocked.count(account);

	if (online)
		return !is_hidden &&
		       (a.was_online || now - a.went < people_late || now - a.crashed < people_lease + people_late);
	if (is_hidden || (!a.was_online && now - a.went >= people_absence))
		return true;
	return a.was_online && now - a.came < people_late && a.came - a.went >= people_absence;
}

std::string conversation_take_presence(conversation_model *m, size_t account, conversation_session *s,
                                       const cJSON *json)
{
	const size_t other = conversation_account_of(m, json_integer(json, "id"));
	const std::string state = json_text(json, "state");
	const int64_t now = conversation_clock();

	if (!s->presence || other == conversation_nobody || (state != "online" && state != "offline") ||
	    json_integer(json, "ts") <= 0)
		return "nobody asked for this PRESENCE";
	const auto changed = m->accounts[account].watch_changed.find(other);
	const bool is_new = changed != m->accounts[account].watch_changed.end() &&
	                    now - changed->second < people_absence + people_late;
	const auto told = s->told.find(other);

	if (!is_new && !m->accounts[account].friends.count(other))
		return "this account is not on the list";
	/* The frame may have waited until it was read. */
	if (!is_new && !people_may_be_told(m, account, other, state == "online",
	                                   state == "online" ? std::min(now, json_integer(json, "ts")) : now))
		return "this is not so";
	if (is_new && state == "online" && m->accounts[other].blocked.count(account) &&
	    now - changed->second > people_late)
		return "this account hides";
	if (!is_new && told != s->told.end() && now - told->second < people_absence - people_late)
		return "there was a change a short time ago";
	s->told[other] = now;
	s->known[other] = state;
	return "";
}

size_t conversation_misses_presence(const conversation_model *m, size_t account, size_t device)
{
	const conversation_session &s = m->accounts[account].devices[device].session;

	for (const size_t other : m->accounts[account].friends) {
		const auto known = s.known.find(other);

		if (s.in && s.presence && conversation_is_online(m, other) &&
		    !m->accounts[other].blocked.count(account) && (known == s.known.end() || known->second != "online"))
			return other;
	}
	return conversation_nobody;
}
