/* SPDX-License-Identifier: MIT
 * Hints that came too early wait for the ones before them. */
#include "stash.h"

#include <utility>

constexpr int64_t mailbox_stash_patience = 20; /* ms */
constexpr size_t mailbox_stash_hints_at_most = 32; /* per session */
constexpr size_t mailbox_stash_bytes_at_most = 32 * 1024;
constexpr size_t mailbox_stash_bytes_of_all = 8 * 1024 * 1024; /* per worker */

void mailbox_stash_start(mailbox *m, mailbox_stash_late_fn *late)
{
	m->stash.late = late;
}

static size_t mailbox_stash_bytes_of(const mailbox_stashed &stashed)
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
	s->stash->bytes -= mailbox_stash_bytes_of(at->second);
	m->stash.bytes -= mailbox_stash_bytes_of(at->second);
	*taken_r = std::move(at->second);
	s->stash->hints.erase(at);
	if (s->stash->hints.empty())
		s->stash.reset();
	return true;
}

static void mailbox_stash_arm(mailbox *m);

/* They have waited long enough for the ones before them: the store is read. */
static void mailbox_stash_is_over(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	const int64_t now = m->host->monotonic();

	m->stash.timer = nullptr;
	while (!m->stash.ends.empty() && m->stash.ends.front().due <= now) {
		const mailbox_stash_end end = m->stash.ends.front();
		mailbox_session *s = mailbox_session_find(&m->sessions, end.session);
		mailbox_stashed late;

		m->stash.ends.pop_front();
		if (s && mailbox_stash_take(m, s, end.key, end.seq, &late))
			m->stash.late(m, s, end.key, end.seq);
	}
	mailbox_stash_arm(m);
}

static void mailbox_stash_arm(mailbox *m)
{
	if (!m->stash.timer && !m->stash.ends.empty())
		m->stash.timer = m->host->timer_add(m->self, mailbox_stash_patience, 0, mailbox_stash_is_over, nullptr);
}

bool mailbox_stash_put(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, bool silent, int64_t created,
                       std::string_view body)
{
	const size_t bytes = sizeof(mailbox_stashed) + body.size();

	if (bytes > mailbox_stash_bytes_at_most || m->stash.bytes + bytes > mailbox_stash_bytes_of_all)
		return false;
	if (!s->stash)
		s->stash = std::make_unique<mailbox_stash>();
	else if (s->stash->hints.size() >= mailbox_stash_hints_at_most ||
	         s->stash->bytes + bytes > mailbox_stash_bytes_at_most)
		return false;
	if (!s->stash->hints.try_emplace({key, seq}, mailbox_stashed{silent, created, std::string(body)}).second)
		return true;
	s->stash->bytes += bytes;
	m->stash.bytes += bytes;
	m->stash.ends.push_back({m->host->monotonic() + mailbox_stash_patience, s->id, key, seq});
	mailbox_stash_arm(m);
	return true;
}

void mailbox_stash_end_session(mailbox *m, mailbox_session *s)
{
	if (s->stash)
		m->stash.bytes -= s->stash->bytes;
	s->stash.reset();
}
