/* SPDX-License-Identifier: MIT
 * Keeps the sessions, their conversations and the frames on their way. */
#include "session.h"

#include <algorithm>

/* ---- sessions and the index of groups */

mailbox_session *mailbox_session_add(mailbox_sessions *all, cs_conn conn, cs_account account)
{
	auto s = std::make_unique<mailbox_session>();
	mailbox_session *added = s.get();

	s->id = ++all->last_id;
	s->conn = conn;
	s->account = account;
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
	if (s->stash)
		all->stash_bytes -= s->stash->bytes;
	all->by_conn.erase(s->conn);
	all->by_id.erase(s->id);
}

void mailbox_session_join(mailbox_sessions *all, mailbox_session *s, uint64_t group)
{
	if (all->by_group[group].emplace(s->id, s).second)
		s->groups.push_back(group);
}

void mailbox_session_leave(mailbox_sessions *all, mailbox_session *s, uint64_t group)
{
	const auto at = all->by_group.find(group);

	std::erase(s->groups, group);
	if (at == all->by_group.end())
		return;
	at->second.erase(s->id);
	if (at->second.empty())
		all->by_group.erase(at);
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

static bool mailbox_is_clean(const mailbox_line &line)
{
	return !line.pulling && !line.listed && !line.in_flight && line.delivered == line.flushed &&
	       !mailbox_line_is_behind(&line);
}

/* Drops lines that were not used for long. A dropped line costs one read of its cursor when it is needed again. This
 * runs only after the number of lines has doubled, so its cost per line stays constant. */
static void mailbox_tidy(mailbox_lines *lines)
{
	std::vector<std::pair<uint64_t, mailbox_key>> clean;

	for (const auto &[key, line] : lines->by_key)
		if (mailbox_is_clean(line))
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
		mailbox_tidy(s->lines.get());
	line = &s->lines->by_key[key];
	line->used = ++s->lines->clock;
	return line;
}

bool mailbox_line_is_behind(const mailbox_line *line)
{
	return line->check || line->heard > (line->known ? line->sent : 0);
}

void mailbox_line_learn(mailbox_line *line, uint64_t conversation, uint64_t delivered_seq)
{
	line->known = true;
	line->conversation = conversation;
	line->sent = line->delivered = line->flushed = delivered_seq;
}

void mailbox_line_list(mailbox_session *s, mailbox_key key, mailbox_line *line)
{
	if (line->listed || line->pulling || !mailbox_line_is_behind(line))
		return;
	line->listed = true;
	s->behind.push_back(key);
}

bool mailbox_line_settle(mailbox_line *line)
{
	if (line->known && !line->in_flight)
		line->delivered = std::max(line->delivered, line->sent);
	return line->delivered > line->flushed;
}

/* ---- what is on its way */

void mailbox_flight_add(mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq, uint64_t position)
{
	s->flights.push_back({position, key, seq});
	line->in_flight++;
}

static bool mailbox_land(mailbox_line *line, uint64_t seq)
{
	line->in_flight--;
	line->delivered = std::max(line->delivered, seq);
	return mailbox_line_settle(line);
}

bool mailbox_flights_written(mailbox_session *s)
{
	bool dirty = false;

	if (s->acknowledges)
		return false;
	const auto end = std::find_if(s->flights.begin(), s->flights.end(),
	                              [s](const mailbox_flight &f) { return f.position > s->written; });

	for (auto f = s->flights.begin(); f != end; ++f)
		dirty |= mailbox_land(&s->lines->by_key[f->key], f->seq);
	s->flights.erase(s->flights.begin(), end);
	if (s->flights.empty())
		s->flights.shrink_to_fit();
	return dirty;
}

bool mailbox_flights_confirm(mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq)
{
	std::erase_if(s->flights, [=](const mailbox_flight &f) {
		const bool confirmed = f.key == key && f.seq <= seq;

		line->in_flight -= confirmed;
		return confirmed;
	});
	line->delivered = std::max(line->delivered, seq);
	return mailbox_line_settle(line);
}

size_t mailbox_window(const mailbox_session *s)
{
	const size_t taken = s->flights.size() + s->awaited;

	if (!s->acknowledges)
		return SIZE_MAX;
	return taken < mailbox_window_size ? mailbox_window_size - taken : 0;
}
