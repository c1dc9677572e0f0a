/* SPDX-License-Identifier: MIT
 * Writes cursors to the store. If a flush is lost, messages are delivered twice; no message is lost. */
#include "cursor.h"

#include <algorithm>

constexpr size_t mailbox_cursors_per_item = 256;
constexpr unsigned mailbox_attempts_at_most = 20;
/* All flushes have the same key. So only one writer at a time writes cursors, and writers cannot block each other. The
 * last flush of a session also comes after its earlier ones. */
constexpr uint64_t mailbox_batch_key = UINT64_C(0x637572736f72);

/* ---- on the writer's thread */

static int mailbox_cursor_run(cs_db *db, void *const *items, size_t count, int)
{
	std::vector<message_cursor> cursors;

	for (size_t i = 0; i < count; i++) {
		const mailbox_flush *flush = static_cast<const mailbox_flush *>(items[i]);

		cursors.insert(cursors.end(), flush->cursors.begin(), flush->cursors.end());
	}
	return message_cursor_store(db, cursors);
}

static void mailbox_cursor_done(void *state, int result, void *item);

static const cs_batch mailbox_cursor_batch = {"cursors", mailbox_cursor_run, nullptr, mailbox_cursor_done};

/* ---- on the worker's thread */

static void mailbox_cursor_arm(mailbox *m);

static int mailbox_hand_in(mailbox *m, std::unique_ptr<mailbox_flush> &flush)
{
	const size_t bytes = sizeof(*flush) + flush->cursors.size() * sizeof(message_cursor);
	const int result = m->host->batch(m->self, &mailbox_cursor_batch, mailbox_batch_key, flush.get(), bytes);

	if (!result)
		(void)flush.release(); /* done() frees it */
	return result;
}

void mailbox_cursor_dirty(mailbox *m, mailbox_session *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	m->dirty.push_back(s->id);
	mailbox_cursor_arm(m);
}

static void mailbox_note_flushed(mailbox *m, const mailbox_flush &flush, bool stored)
{
	for (size_t i = 0; i < flush.cursors.size(); i++) {
		mailbox_session *s = mailbox_session_find(&m->sessions, flush.owners[i].first);
		mailbox_line *line = s ? mailbox_line_find(s, flush.owners[i].second) : nullptr;

		if (!line)
			continue;
		if (stored)
			line->flushed = std::max(line->flushed, flush.cursors[i].delivered_seq);
		if (line->delivered > line->flushed)
			mailbox_cursor_dirty(m, s);
	}
}

static void mailbox_end_flush(mailbox *m, uint64_t session)
{
	const auto ending = m->ending.find(session);

	if (ending != m->ending.end())
		ending->second.flushing = false;
	mailbox_ending_check(m, session);
}

static void mailbox_cursor_done(void *state, int result, void *item)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_flush> flush(static_cast<mailbox_flush *>(item));

	if (flush->ending) {
		mailbox_end_flush(m, flush->ending);
		return;
	}
	m->flushes--;
	mailbox_note_flushed(m, *flush, result == 0);
	mailbox_cursor_arm(m);
}

static void mailbox_collect(mailbox_flush *flush, const mailbox_session *s)
{
	if (!s->lines)
		return;
	for (const auto &[key, line] : s->lines->by_key)
		if (line.delivered > line.flushed) {
			flush->cursors.push_back({s->account, line.conversation, line.delivered});
			flush->owners.emplace_back(s->id, key);
		}
}

static void mailbox_flush_now(mailbox *m, std::unique_ptr<mailbox_flush> flush)
{
	if (flush->cursors.empty())
		return;
	if (mailbox_hand_in(m, flush))
		mailbox_note_flushed(m, *flush, false);
	else
		m->flushes++;
}

static void mailbox_flush_dirty(mailbox *m)
{
	std::vector<uint64_t> dirty;
	auto flush = std::make_unique<mailbox_flush>();

	dirty.swap(m->dirty);
	for (const uint64_t id : dirty) {
		mailbox_session *s = mailbox_session_find(&m->sessions, id);

		if (!s)
			continue;
		s->dirty = false;
		mailbox_collect(flush.get(), s);
		if (flush->cursors.size() >= mailbox_cursors_per_item) {
			mailbox_flush_now(m, std::move(flush));
			flush = std::make_unique<mailbox_flush>();
		}
	}
	mailbox_flush_now(m, std::move(flush));
}

/* The queue was full when these sessions ended, so their flushes are tried again. After some failures the flush is
 * dropped: releasing the account's place is then more important than the cursor. */
static void mailbox_retry_stuck(mailbox *m)
{
	std::vector<std::unique_ptr<mailbox_flush>> stuck;

	stuck.swap(m->stuck);
	for (std::unique_ptr<mailbox_flush> &flush : stuck) {
		const uint64_t session = flush->ending;
		const int result = mailbox_hand_in(m, flush);

		if (result == CS_EBUSY && ++flush->attempts < mailbox_attempts_at_most)
			m->stuck.push_back(std::move(flush));
		else if (result)
			mailbox_end_flush(m, session);
	}
}

static void mailbox_time_to_flush(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->flush_timer = nullptr;
	mailbox_retry_stuck(m);
	if (!m->flushes)
		mailbox_flush_dirty(m);
	mailbox_cursor_arm(m);
}

static void mailbox_cursor_arm(mailbox *m)
{
	if (!m->flush_timer && (!m->dirty.empty() || !m->stuck.empty()))
		m->flush_timer = m->host->timer_add(m->self, m->conf.cursor_flush, 0, mailbox_time_to_flush, nullptr);
}

bool mailbox_cursor_end(mailbox *m, mailbox_session *s)
{
	auto flush = std::make_unique<mailbox_flush>();
	int result;

	mailbox_collect(flush.get(), s);
	if (flush->cursors.empty())
		return false;
	flush->ending = s->id;
	result = mailbox_hand_in(m, flush);
	if (result == CS_EBUSY) {
		m->stuck.push_back(std::move(flush));
		mailbox_cursor_arm(m);
	}
	return result == 0 || result == CS_EBUSY;
}
