/* SPDX-License-Identifier: MIT
 * Finds sessions and their lines, and keeps the places of those that have ended. */
#include "session.h"

#include <algorithm>

/* ---- sessions and the index of groups */

mailbox_session *mailbox_session_add(mailbox_sessions *all, cs_conn conn, cs_account account, bool acknowledges)
{
	auto s = std::make_unique<mailbox_session>();
	mailbox_session *added = s.get();

	s->id = ++all->last_id;
	s->conn = conn;
	s->account = account;
	s->acknowledges = acknowledges;
	all->by_conn[conn] = added;
	all->by_id[s->id] = std::move(s);
	return added;
}

mailbox_session *mailbox_session_find(const mailbox_sessions *all, uint64_t id)
{
	const auto at = all->by_id.find(id);

	return at == all->by_id.end() ? nullptr : at->second.get();
}

mailbox_session *mailbox_session_of(const mailbox_sessions *all, cs_conn conn)
{
	const auto at = all->by_conn.find(conn);

	return at == all->by_conn.end() ? nullptr : at->second;
}

void mailbox_session_remove(mailbox_sessions *all, mailbox_session *s)
{
	while (!s->groups.empty())
		mailbox_session_leave(all, s, s->groups.back());
	all->by_conn.erase(s->conn);
	all->by_id.erase(s->id);
}

void mailbox_session_join(mailbox_sessions *all, mailbox_session *s, uint64_t group)
{
	auto &members = all->by_group[group];

	if (members.empty())
		all->host->subscribe(all->self, group);
	if (members.emplace(s->id, s).second)
		s->groups.push_back(group);
}

void mailbox_session_leave(mailbox_sessions *all, mailbox_session *s, uint64_t group)
{
	const auto at = all->by_group.find(group);

	std::erase(s->groups, group);
	if (at == all->by_group.end())
		return;
	at->second.erase(s->id);
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

/* Releases the account's place when no flush and no message of that session is under way. */
static void mailbox_session_release(mailbox *m, std::map<uint64_t, mailbox_ending>::iterator at)
{
	const cs_account account = at->second.account;

	if (at->second.flushing || at->second.sends)
		return;
	m->ending.erase(at);
	m->host->release(m->self, account);
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

mailbox_line *mailbox_line_find(mailbox_session *s, mailbox_key key)
{
	if (!s->lines)
		return nullptr;
	const auto at = s->lines->by_key.find(key);

	if (at == s->lines->by_key.end())
		return nullptr;
	at->second.used = ++s->lines->clock;
	return &at->second;
}

static bool mailbox_line_is_clean(const mailbox_line &line)
{
	return !line.incoming.pulling && !line.incoming.listed && !line.cursor.in_flight &&
	       line.cursor.delivered == line.cursor.flushed && !mailbox_line_is_behind(&line);
}

/* Drops lines that were not used for long. A dropped line costs one read of its cursor when it is needed again. This
 * runs only after the number of lines has doubled, so its cost per line stays constant. */
static void mailbox_line_tidy(mailbox_lines *lines)
{
	std::vector<std::pair<uint64_t, mailbox_key>> clean;

	for (const auto &[key, line] : lines->by_key)
		if (mailbox_line_is_clean(line))
			clean.emplace_back(line.used, key);
	std::sort(clean.begin(), clean.end());
	for (const auto &[used, key] : clean) {
		if (lines->by_key.size() <= mailbox_lines_kept / 2)
			break;
		lines->by_key.erase(key);
	}
	lines->tidy_at = std::max(mailbox_lines_kept, lines->by_key.size() * 2);
}

mailbox_line *mailbox_line_get(mailbox_session *s, mailbox_key key)
{
	mailbox_line *line = mailbox_line_find(s, key);

	if (line)
		return line;
	if (!s->lines)
		s->lines = std::make_unique<mailbox_lines>();
	if (s->lines->by_key.size() >= s->lines->tidy_at)
		mailbox_line_tidy(s->lines.get());
	line = &s->lines->by_key[key];
	line->used = ++s->lines->clock;
	return line;
}

bool mailbox_line_is_behind(const mailbox_line *line)
{
	return line->incoming.check || line->incoming.heard > (line->incoming.known ? line->incoming.sent : 0);
}
