/* SPDX-License-Identifier: MIT
 * Decides what a session does with a hint: send it, read the store, or drop it. Also handles output
 * that the kernel took. */
#include "deliver.h"

#include <algorithm>

#include "cursor.h"
#include "page.h"
#include "pull.h"
#include "stash.h"

bool mailbox_deliver_frame(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq,
                           std::string_view frame, const char *tail)
{
	uint64_t position = 0;
	const int result = m->host->send(m->self, s->conn, frame.data(), frame.size(), tail, &position);

	if (result && result != CS_EAGAIN) {
		s->gone = true;
		return false;
	}
	if (result == CS_EAGAIN)
		s->paused = true;
	s->queued = position;
	line->sent = seq;
	mailbox_flight_add(s, key, line, seq, position);
	return true;
}

void mailbox_deliver_heard(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq)
{
	mailbox_line *line = mailbox_line_get(s, key);

	line->heard = std::max(line->heard, seq);
	mailbox_line_list(s, key, line);
	mailbox_pull_want(m, s);
}

/* The message is the next one, and it can be sent now. */
static bool mailbox_is_next(const mailbox_session *s, const mailbox_line *line, uint64_t seq)
{
	return s->phase == MAILBOX_LIVE && !s->gone && line->known && !line->pulling && !mailbox_line_is_behind(line) &&
	       seq == line->sent + 1;
}

/* The hint came before the hints of earlier messages, which are still on their way. */
static bool mailbox_came_early(const mailbox_session *s, const mailbox_line *line, uint64_t seq)
{
	return seq > line->sent + 1 && mailbox_is_next(s, line, line->sent + 1);
}

/* The message is the account's own: count it as sent, but do not send it. */
static void mailbox_pass_over(mailbox *m, mailbox_session *s, mailbox_line *line, uint64_t seq)
{
	line->sent = seq;
	if (mailbox_line_settle(line))
		mailbox_cursor_dirty(m, s);
}

/* Delivers the message if it is the next one. false: it must be read from the store. */
static bool mailbox_take_next(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq,
                              bool own, int64_t created, std::string_view body)
{
	if (!mailbox_is_next(s, line, seq) || (!own && (s->paused || !mailbox_window(s))))
		return false;
	if (own)
		mailbox_pass_over(m, s, line, seq);
	else
		(void)mailbox_deliver_frame(m, s, key, line, seq, body, mailbox_tail(seq, created).c_str());
	return true;
}

/* Delivers the stashed hints that follow the message that was just delivered. */
static void mailbox_take_stashed(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_line *line)
{
	mailbox_stashed next;

	while (mailbox_stash_take(m, s, key, line->sent + 1, &next)) {
		const uint64_t seq = line->sent + 1;

		if (!mailbox_take_next(m, s, key, line, seq, next.own, next.created, next.body)) {
			mailbox_deliver_heard(m, s, key, seq);
			return;
		}
	}
}

static void mailbox_take_stored(mailbox *m, mailbox_session *s, mailbox_key key, const mailbox_hint &hint, bool own,
                                std::string_view body)
{
	mailbox_line *line = mailbox_line_get(s, key);

	if (mailbox_take_next(m, s, key, line, hint.seq, own, hint.created, body))
		mailbox_take_stashed(m, s, key, line);
	else if (!mailbox_came_early(s, line, hint.seq) ||
	         !mailbox_stash_put(m, s, key, hint.seq, own, hint.created, own ? std::string_view() : body))
		mailbox_deliver_heard(m, s, key, hint.seq);
}

/* A repeated send. If the session has the message already, nothing is read. If hint.conversation differs from the
 * conversation of (kind, of), the sender used a cid twice in two conversations: ignore the hint. */
static void mailbox_deliver_take_news(mailbox *m, mailbox_session *s, mailbox_key key, const mailbox_hint &hint)
{
	mailbox_line *line = mailbox_line_get(s, key);

	if (line->known && line->conversation == hint.conversation) {
		mailbox_deliver_heard(m, s, key, hint.seq);
	} else if (!line->known) {
		line->check = true;
		mailbox_line_list(s, key, line);
		mailbox_pull_want(m, s);
	}
}

void mailbox_deliver_hint(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body)
{
	const mailbox_key key = mailbox_key_of(hint.kind, hint.of);

	if (hint.type == MAILBOX_HINT_NEWS)
		mailbox_deliver_take_news(m, s, key, hint);
	else
		mailbox_take_stored(
			m, s, key, hint,
			hint.sender == s->account && key != mailbox_key_of(CS_CONVERSATION_PAIR, s->account), body);
}

void mailbox_deliver_group_hint(mailbox *m, const mailbox_hint &hint, std::string_view body)
{
	const auto group = m->sessions.by_group.find(hint.of);

	if (m->attaching) {
		uint64_t &heard = m->heard_groups[hint.of];

		heard = std::max(heard, hint.seq);
	}
	if (group == m->sessions.by_group.end())
		return;
	for (const auto &[id, s] : group->second)
		mailbox_deliver_hint(m, s, hint, body);
}

void mailbox_deliver_written(mailbox *m, mailbox_session *s, uint64_t position, size_t unsent)
{
	s->written = std::max(s->written, position);
	s->unsent = unsent;
	if (unsent <= mailbox_little_unsent)
		s->paused = false;
	if (mailbox_flights_written(s))
		mailbox_cursor_dirty(m, s);
	mailbox_pull_want(m, s);
}
