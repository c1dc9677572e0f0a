/* SPDX-License-Identifier: MIT
 * Finds sessions and their views, and keeps the places of those that have ended. */
#include "session.h"

#include <algorithm>

/* ---- sessions and the index of groups */

mailbox_session *mailbox_session_add(mailbox_sessions *all, cs_conn conn, const message_reader &reader,
                                     bool acknowledges, mailbox_want want)
{
	const uint64_t id = ++all->last_id;
	mailbox_session *s = &all->by_id[id];

	s->id = id;
	s->conn = conn;
	s->account = reader.account;
	s->device = static_cast<uint32_t>(reader.device);
	s->new_from = all->host->now();
	s->acknowledges = acknowledges;
	s->want = want;
	all->by_conn[conn] = s;
	return s;
}

message_reader mailbox_session_reader(const mailbox_session *s)
{
	return {s->account, s->device};
}

mailbox_session *mailbox_session_find(mailbox_sessions *all, uint64_t id)
{
	const auto at = all->by_id.find(id);

	return at == all->by_id.end() ? nullptr : &at->second;
}

mailbox_session *mailbox_session_of(const mailbox_sessions *all, cs_conn conn)
{
	const auto at = all->by_conn.find(conn);

	return at == all->by_conn.end() ? nullptr : at->second;
}

bool mailbox_session_gets(mailbox_want want, cs_account account, mailbox_key key, cs_account sender, bool is_event,
                          bool from_here)
{
	if (is_event && !want.event)
		return false;
	if (sender != account || key == mailbox_key_of(CS_CONVERSATION_PAIR, account))
		return true;
	return want.echo && !from_here;
}

void mailbox_session_remove(mailbox_sessions *all, mailbox_session *s)
{
	while (!s->groups.empty())
		mailbox_session_leave(all, s, s->groups.back());
	all->by_conn.erase(s->conn);
	all->by_id.erase(s->id);
}

bool mailbox_session_is_in(const mailbox_session *s, uint64_t group)
{
	return std::find(s->groups.begin(), s->groups.end(), group) != s->groups.end();
}

bool mailbox_session_join(mailbox_sessions *all, mailbox_session *s, uint64_t group)
{
	auto &members = all->by_group[group];

	if (members.empty())
		all->host->subscribe(all->self, group);
	if (mailbox_session_is_in(s, group))
		return false;
	members.push_back(s);
	s->groups.push_back(group);
	return true;
}

void mailbox_session_leave(mailbox_sessions *all, mailbox_session *s, uint64_t group)
{
	const auto at = all->by_group.find(group);

	std::erase(s->groups, group);
	if (at == all->by_group.end())
		return;
	std::erase(at->second, s);
	if (!at->second.empty())
		return;
	all->by_group.erase(at);
	all->host->unsubscribe(all->self, group);
}

/* ---- sessions that have ended */

void mailbox_session_hold(mailbox *m, uint64_t session, const mailbox_ending &ending)
{
	m->ending[session] = ending;
}

/* Releases the place when no flush and no message of that session is under way. */
static void mailbox_session_release(mailbox *m, std::map<uint64_t, mailbox_ending>::iterator at)
{
	const cs_account account = at->second.account;
	const uint64_t device = at->second.device;

	if (at->second.flushing || at->second.sends)
		return;
	m->ending.erase(at);
	m->host->release(m->self, account, device);
}

void mailbox_session_was_flushed(mailbox *m, uint64_t session)
{
	const auto at = m->ending.find(session);

	if (at == m->ending.end())
		return;
	at->second.flushing = false;
	mailbox_session_release(m, at);
}

void mailbox_session_has_sent(mailbox *m, uint64_t session)
{
	const auto at = m->ending.find(session);

	if (at == m->ending.end())
		return;
	at->second.sends--;
	mailbox_session_release(m, at);
}

/* ---- conversations of a session */

mailbox_view *mailbox_view_find(mailbox_session *s, mailbox_key key)
{
	if (!s->views)
		return nullptr;
	const auto at = s->views->by_key.find(key);

	if (at == s->views->by_key.end())
		return nullptr;
	at->second.used = ++s->views->clock;
	return &at->second;
}

uint64_t mailbox_view_conversation(mailbox_session *s, mailbox_key key)
{
	const mailbox_view *view = mailbox_view_find(s, key);

	return view ? view->incoming.conversation : 0;
}

static bool mailbox_view_is_clean(const mailbox_view &view)
{
	return !view.incoming.pulling && !view.incoming.listed && !view.cursor.in_flight &&
	       view.cursor.delivered == view.cursor.flushed && !mailbox_view_is_behind(&view);
}

/* Drops views that were not used for long. A dropped view costs one read of its cursor when it is needed again. This
 * runs only after the number of views has doubled, so its cost per view stays constant. */
static void mailbox_view_tidy(mailbox_views *views)
{
	std::vector<std::pair<uint64_t, mailbox_key>> clean;

	for (const auto &[key, view] : views->by_key)
		if (mailbox_view_is_clean(view))
			clean.emplace_back(view.used, key);
	std::sort(clean.begin(), clean.end());
	for (const auto &[used, key] : clean) {
		if (views->by_key.size() <= mailbox_views_kept / 2)
			break;
		views->by_key.erase(key);
		views->dropped = true;
	}
	views->tidy_at = std::max(mailbox_views_kept, views->by_key.size() * 2);
}

mailbox_view *mailbox_view_get(mailbox_session *s, mailbox_key key)
{
	mailbox_view *view = mailbox_view_find(s, key);

	if (view)
		return view;
	if (!s->views)
		s->views = std::make_unique<mailbox_views>();
	if (s->views->by_key.size() >= s->views->tidy_at)
		mailbox_view_tidy(s->views.get());
	view = &s->views->by_key[key];
	view->used = ++s->views->clock;
	return view;
}

bool mailbox_view_is_behind(const mailbox_view *view)
{
	return view->incoming.check || view->incoming.heard > (view->incoming.known ? view->incoming.sent : 0);
}
