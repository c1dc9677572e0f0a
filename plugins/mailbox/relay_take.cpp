/* SPDX-License-Identifier: MIT
 * Owns the receiver's side of relaying: which relayed messages a session takes, and telling their senders what
 * became of them. It must not know lanes. */
#include "relay.h"

#include "stash.h"

static void tell(mailbox *m, cs_place place, uint64_t token, mailbox_hint_type what)
{
	mailbox_hint hint = {};

	hint.type = what;
	hint.token = token;
	(void)mailbox_hint_route_place(m->host, m->self, place, hint);
}

/* An acknowledging client cannot confirm what has no seq, so to it everything is stored. Nothing may wait
 * before it: neither output, which could be lost with the connection, nor stored messages of the pair. */
static bool is_ready(const mailbox_session *s)
{
	return s && s->phase == MAILBOX_LIVE && !s->gone && !s->acknowledges && !s->paused && !s->unsent;
}

static bool is_in_order(const mailbox_session *s, mailbox_key key, const mailbox_line *line, const mailbox_hint &hint)
{
	if (line->pulling || mailbox_line_is_behind(line) || mailbox_stash_has(s, key))
		return false;
	if (hint.seq && (!line->known || line->sent < hint.seq))
		return false;
	return !hint.previous || (line->relay_place == hint.place && line->relay_token == hint.previous);
}

static bool queue(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body)
{
	const std::string tail = ",\"ts\":" + std::to_string(hint.created) + "}";
	uint64_t position = 0;
	const int result = m->host->send(m->self, s->conn, body.data(), body.size(), tail.c_str(), &position);

	if (result && result != CS_EAGAIN) {
		s->gone = true;
		return false;
	}
	if (result == CS_EAGAIN)
		s->paused = true;
	s->queued = position;
	s->relayed.push_back({position, hint.place, hint.token});
	return true;
}

void mailbox_relay_take(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body)
{
	const mailbox_key key = mailbox_key_of(hint.kind, hint.of);
	const bool fresh = m->host->now() - hint.created <= MAILBOX_RELAY_FRESH;
	mailbox_line *line = fresh && is_ready(s) ? mailbox_line_get(s, key) : nullptr;

	if (!line || !is_in_order(s, key, line, hint) || !queue(m, s, hint, body)) {
		tell(m, hint.place, hint.token, MAILBOX_HINT_RELAY_REFUSED);
		return;
	}
	line->relay_place = hint.place;
	line->relay_token = hint.token;
}

void mailbox_relay_written(mailbox *m, mailbox_session *s)
{
	while (!s->relayed.empty() && s->relayed.front().position <= s->written) {
		const mailbox_relayed r = s->relayed.front();

		s->relayed.pop_front();
		tell(m, r.place, r.token, MAILBOX_HINT_RELAY_WRITTEN);
	}
}

void mailbox_relay_end(mailbox *m, mailbox_session *s)
{
	mailbox_relay_written(m, s);
	for (const mailbox_relayed &r : s->relayed)
		tell(m, r.place, r.token, MAILBOX_HINT_RELAY_REFUSED);
	s->relayed.clear();
}
