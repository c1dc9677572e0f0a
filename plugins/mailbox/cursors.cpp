/* SPDX-License-Identifier: MIT
 * Writes cursors to the store. If a flush is lost, messages are delivered twice; no message is lost. */
#include "cursors.h"

#include <algorithm>

constexpr size_t mailbox_cursor_window_size = 256; /* unconfirmed frames of a session that confirms */
constexpr size_t mailbox_cursors_per_item = 256;
constexpr size_t mailbox_cursor_flights_kept = 2; /* so much memory stays with a session that has none in flight */
constexpr unsigned mailbox_cursor_most_tries = 20;
/* All flushes have the same key. So only one writer at a time writes cursors, and writers cannot block each other. The
 * last flush of a session also comes after its earlier ones. */
constexpr uint64_t mailbox_cursor_batch_key = UINT64_C(0x637572736f72);

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

static int mailbox_cursor_hand_in(mailbox *m, std::unique_ptr<mailbox_flush> &flush)
{
	const size_t bytes = sizeof(*flush) + flush->cursors.size() * sizeof(message_cursor);
	const int result = m->host->batch(m->self, &mailbox_cursor_batch, mailbox_cursor_batch_key, flush.get(), bytes);

	if (!result)
		(void)flush.release(); /* done() frees it */
	return result;
}

/* The session has a cursor that the store does not have: writes it with the next flush. */
static void mailbox_cursor_dirty(mailbox *m, mailbox_session *s)
{
	if (s->cursor.dirty)
		return;
	s->cursor.dirty = true;
	m->cursors.dirty.push_back(s->id);
	mailbox_cursor_arm(m);
}

static void mailbox_cursor_note_flushed(mailbox *m, const mailbox_flush &flush, bool stored)
{
	for (size_t i = 0; i < flush.cursors.size(); i++) {
		mailbox_session *s = mailbox_session_find(&m->sessions, flush.owners[i].first);
		mailbox_view *view = s ? mailbox_view_find(s, flush.owners[i].second) : nullptr;

		if (!view)
			continue;
		if (stored)
			view->cursor.flushed = std::max(view->cursor.flushed, flush.cursors[i].delivered_seq);
		if (view->cursor.delivered > view->cursor.flushed)
			mailbox_cursor_dirty(m, s);
	}
}

static void mailbox_cursor_done(void *state, int result, void *item)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_flush> flush(static_cast<mailbox_flush *>(item));

	if (flush->ending) {
		mailbox_session_was_flushed(m, flush->ending);
		return;
	}
	m->cursors.flushes--;
	mailbox_cursor_note_flushed(m, *flush, result == 0);
	mailbox_cursor_arm(m);
}

static void mailbox_cursor_collect(mailbox_flush *flush, const mailbox_session *s)
{
	if (!s->views)
		return;
	for (const auto &[key, view] : s->views->by_key)
		if (view.cursor.delivered > view.cursor.flushed) {
			flush->cursors.push_back(
				{mailbox_session_reader(s), view.incoming.conversation, view.cursor.delivered});
			flush->owners.emplace_back(s->id, key);
		}
}

static void mailbox_cursor_flush_now(mailbox *m, std::unique_ptr<mailbox_flush> flush)
{
	if (flush->cursors.empty())
		return;
	if (mailbox_cursor_hand_in(m, flush))
		mailbox_cursor_note_flushed(m, *flush, false);
	else
		m->cursors.flushes++;
}

static void mailbox_cursor_flush_dirty(mailbox *m)
{
	std::vector<uint64_t> dirty;
	auto flush = std::make_unique<mailbox_flush>();

	dirty.swap(m->cursors.dirty);
	for (const uint64_t id : dirty) {
		mailbox_session *s = mailbox_session_find(&m->sessions, id);

		if (!s)
			continue;
		s->cursor.dirty = false;
		mailbox_cursor_collect(flush.get(), s);
		if (flush->cursors.size() >= mailbox_cursors_per_item) {
			mailbox_cursor_flush_now(m, std::move(flush));
			flush = std::make_unique<mailbox_flush>();
		}
	}
	mailbox_cursor_flush_now(m, std::move(flush));
}

/* The queue was full when these sessions ended, so their flushes are tried again. After some failures the flush is
 * dropped: releasing the place is then more important than the cursor. */
static void mailbox_cursor_retry_stuck(mailbox *m)
{
	std::vector<std::unique_ptr<mailbox_flush>> stuck;

	stuck.swap(m->cursors.stuck);
	for (std::unique_ptr<mailbox_flush> &flush : stuck) {
		const uint64_t session = flush->ending;
		const int result = mailbox_cursor_hand_in(m, flush);

		if (result == CS_EBUSY && ++flush->tries < mailbox_cursor_most_tries)
			m->cursors.stuck.push_back(std::move(flush));
		else if (result)
			mailbox_session_was_flushed(m, session);
	}
}

static void mailbox_cursor_time_to_flush(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);

	m->cursors.flush_timer = nullptr;
	mailbox_cursor_retry_stuck(m);
	if (!m->cursors.flushes)
		mailbox_cursor_flush_dirty(m);
	mailbox_cursor_arm(m);
}

static void mailbox_cursor_arm(mailbox *m)
{
	if (!m->cursors.flush_timer && (!m->cursors.dirty.empty() || !m->cursors.stuck.empty()))
		m->cursors.flush_timer =
			m->host->timer_add(m->self, m->conf.cursor_flush, 0, mailbox_cursor_time_to_flush, nullptr);
}

/* ---- what counts as received */

void mailbox_cursor_learn(mailbox_view *view, uint64_t delivered_seq)
{
	view->cursor.delivered = view->cursor.flushed = delivered_seq;
}

/* true: the cursor must be flushed. */
static bool mailbox_cursor_catch_sent(mailbox_view *view)
{
	if (view->incoming.known && !view->cursor.in_flight)
		view->cursor.delivered = std::max(view->cursor.delivered, view->incoming.sent);
	return view->cursor.delivered > view->cursor.flushed;
}

void mailbox_cursor_note_sent(mailbox *m, mailbox_session *s, mailbox_view *view)
{
	if (mailbox_cursor_catch_sent(view))
		mailbox_cursor_dirty(m, s);
}

void mailbox_cursor_note_queued(mailbox_session *s, mailbox_key key, mailbox_view *view, uint64_t seq,
                                uint64_t position)
{
	s->views->flights.push_back({position, key, seq});
	view->cursor.in_flight++;
}

static bool mailbox_cursor_land(mailbox_view *view, uint64_t seq)
{
	view->cursor.in_flight--;
	view->cursor.delivered = std::max(view->cursor.delivered, seq);
	return mailbox_cursor_catch_sent(view);
}

/* true: cursors must be flushed. */
static bool mailbox_cursor_land_until(mailbox_session *s, uint64_t position)
{
	bool dirty = false;

	if (s->acknowledges || !s->views)
		return false;
	std::vector<mailbox_flight> *flights = &s->views->flights;
	const auto end = std::find_if(flights->begin(), flights->end(),
	                              [=](const mailbox_flight &f) { return f.position > position; });

	for (auto f = flights->begin(); f != end; ++f)
		dirty |= mailbox_cursor_land(&s->views->by_key[f->key], f->seq);
	flights->erase(flights->begin(), end);
	if (flights->empty() && flights->capacity() > mailbox_cursor_flights_kept)
		flights->shrink_to_fit();
	return dirty;
}

void mailbox_cursor_place(mailbox_session *s, uint64_t position)
{
	if (!s->views)
		return;
	for (mailbox_flight &f : s->views->flights)
		f.position = position;
}

void mailbox_cursor_written(mailbox *m, mailbox_session *s, uint64_t position)
{
	if (mailbox_cursor_land_until(s, position))
		mailbox_cursor_dirty(m, s);
}

void mailbox_cursor_confirm(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view, uint64_t seq)
{
	std::erase_if(s->views->flights, [=](const mailbox_flight &f) {
		const bool confirmed = f.key == key && f.seq <= seq;

		view->cursor.in_flight -= confirmed;
		return confirmed;
	});
	view->cursor.delivered = std::max(view->cursor.delivered, seq);
	mailbox_cursor_note_sent(m, s, view);
}

size_t mailbox_cursor_window(const mailbox_session *s)
{
	const size_t taken = (s->views ? s->views->flights.size() : 0) + s->incoming.awaited;

	if (!s->acknowledges)
		return SIZE_MAX;
	return taken < mailbox_cursor_window_size ? mailbox_cursor_window_size - taken : 0;
}

/* ---- the end of a session */

bool mailbox_cursor_end(mailbox *m, mailbox_session *s, uint64_t position)
{
	auto flush = std::make_unique<mailbox_flush>();
	int result;

	(void)mailbox_cursor_land_until(s, position);
	mailbox_cursor_collect(flush.get(), s);
	if (flush->cursors.empty())
		return false;
	flush->ending = s->id;
	result = mailbox_cursor_hand_in(m, flush);
	if (result == CS_EBUSY) {
		m->cursors.stuck.push_back(std::move(flush));
		mailbox_cursor_arm(m);
	}
	return result == 0 || result == CS_EBUSY;
}
