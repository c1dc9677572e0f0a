/* SPDX-License-Identifier: MIT
 * Keeps hints that came too early, within limits of time and memory. */
#include "stash.h"

#include "deliver.h"

constexpr int64_t mailbox_patience = 20; /* ms */
constexpr size_t mailbox_hints_at_most = 32; /* per session */
constexpr size_t mailbox_bytes_at_most = 32 * 1024;
constexpr size_t mailbox_bytes_of_all = 8 * 1024 * 1024; /* per worker */

static size_t mailbox_bytes_of(const mailbox_stashed &stashed)
{
	return sizeof(stashed) + stashed.body.size();
}

bool mailbox_stash_take(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, mailbox_stashed *taken_r)
{
	if (!s->stash)
		return false;
	const auto at = s->stash->hints.find({key, seq});

	if (at == s->stash->hints.end())
		return false;
	s->stash->bytes -= mailbox_bytes_of(at->second);
	m->sessions.stash_bytes -= mailbox_bytes_of(at->second);
	*taken_r = std::move(at->second);
	s->stash->hints.erase(at);
	if (s->stash->hints.empty())
		s->stash.reset();
	return true;
}

/* ---- the end of waiting */

static void mailbox_stash_arm(mailbox *m);

static void mailbox_time_to_read(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	const int64_t now = m->host->monotonic();

	m->stash_timer = nullptr;
	while (!m->stash_ends.empty() && m->stash_ends.front().due <= now) {
		const mailbox_stash_end end = m->stash_ends.front();
		mailbox_session *s = mailbox_session_find(&m->sessions, end.session);
		mailbox_stashed late;

		m->stash_ends.pop_front();
		if (s && mailbox_stash_take(m, s, end.key, end.seq, &late))
			mailbox_deliver_heard(m, s, end.key, end.seq);
	}
	mailbox_stash_arm(m);
}

static void mailbox_stash_arm(mailbox *m)
{
	if (!m->stash_timer && !m->stash_ends.empty())
		m->stash_timer = m->host->timer_add(m->self, mailbox_patience, 0, mailbox_time_to_read, nullptr);
}

bool mailbox_stash_put(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, bool own, int64_t created,
                       std::string_view body)
{
	const size_t bytes = sizeof(mailbox_stashed) + body.size();

	if (bytes > mailbox_bytes_at_most || m->sessions.stash_bytes + bytes > mailbox_bytes_of_all)
		return false;
	if (!s->stash)
		s->stash = std::make_unique<mailbox_stash>();
	else if (s->stash->hints.size() >= mailbox_hints_at_most || s->stash->bytes + bytes > mailbox_bytes_at_most)
		return false;
	if (!s->stash->hints.try_emplace({key, seq}, mailbox_stashed{own, created, std::string(body)}).second)
		return true;
	s->stash->bytes += bytes;
	m->sessions.stash_bytes += bytes;
	m->stash_ends.push_back({m->host->monotonic() + mailbox_patience, s->id, key, seq});
	mailbox_stash_arm(m);
	return true;
}
