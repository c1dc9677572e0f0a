/* SPDX-License-Identifier: MIT
 * Handles DELIVERED. If the session does not know the conversation well enough, the store is read first. */
#include "confirm.h"

#include <algorithm>

#include "../model/messages.h"
#include "cursor.h"
#include "deliver.h"
#include "pull.h"

struct confirmation {
	uint64_t session = 0;
	cs_request request = {};
	cs_account account = 0;
	mailbox_key key = 0;
	uint64_t seq = 0;
	message_news news;
};

static void mailbox_confirm(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq)
{
	if (mailbox_flights_confirm(s, key, line, seq))
		mailbox_cursor_dirty(m, s);
	mailbox_pull_want(m, s);
}

static int mailbox_confirm_look_up(cs_db *db, void *arg)
{
	confirmation *c = static_cast<confirmation *>(arg);
	const bool group = mailbox_key_kind(c->key) == CS_CONVERSATION_GROUP;

	return message_news_find(db, c->account, group ? CONVERSATION_GROUP : CONVERSATION_PAIR,
	                         mailbox_key_other(c->key), &c->news);
}

/* The client received the message on an earlier connection, which ended before the client confirmed it. Do not send it
 * again. */
static void mailbox_skip_to(mailbox *m, const confirmation &c)
{
	mailbox_session *s = mailbox_session_find(&m->sessions, c.session);
	mailbox_line *line;

	if (!s)
		return;
	line = mailbox_line_get(s, c.key);
	if (!line->known)
		mailbox_line_learn(line, c.news.conversation, c.news.delivered_seq);
	line->heard = std::max(line->heard, c.news.last_seq);
	line->sent = std::max(line->sent, c.seq);
	mailbox_line_list(s, c.key, line);
	mailbox_confirm(m, s, c.key, line, c.seq);
}

static void mailbox_refuse(mailbox *m, cs_conn conn, int result, const confirmation &c)
{
	if (result == MODEL_NONE && mailbox_key_kind(c.key) == CS_CONVERSATION_GROUP)
		m->host->refuse(m->self, conn, &c.request, CS_ERRNO_NO_SUCH_GROUP, "groupid names no group");
	else if (result == MODEL_NONE)
		m->host->refuse(m->self, conn, &c.request, CS_ERRNO_NO_SUCH_USER, "there is no conversation with peer");
	else if (result == MODEL_NOT_MEMBER)
		m->host->refuse(m->self, conn, &c.request, CS_ERRNO_NOT_ALLOWED, "not a member of the group");
	else
		m->host->refuse_result(m->self, conn, &c.request, result);
}

static void mailbox_was_looked_up(void *state, cs_conn conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<confirmation> c(static_cast<confirmation *>(arg));

	if (result) {
		mailbox_refuse(m, conn, result, *c);
	} else if (c->seq > c->news.last_seq) {
		m->host->refuse(m->self, conn, &c->request, CS_ERRNO_BAD_FRAME, "seq is above the conversation's last");
	} else {
		mailbox_skip_to(m, *c);
		m->host->answer(m->self, conn, &c->request, "");
	}
	(void)m->host->finish(m->self, conn);
}

int mailbox_confirm_delivered(void *context, const cs_frame *frame, cs_conversation_kind kind, uint64_t of,
                              uint64_t seq)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, frame->conn);
	const mailbox_key key = mailbox_key_of(kind, of);
	mailbox_line *line = s ? mailbox_line_find(s, key) : nullptr;
	int result;

	if (line && line->known && seq <= line->sent) {
		mailbox_confirm(m, s, key, line, seq);
		m->host->answer(m->self, frame->conn, &frame->request, "");
		return CS_DONE;
	}
	auto c = std::make_unique<confirmation>();
	c->session = s ? s->id : 0;
	c->request = frame->request;
	c->account = frame->account;
	c->key = key;
	c->seq = seq;
	result = m->host->work(m->self, frame->conn, CS_WORK_READ, mailbox_confirm_look_up, mailbox_was_looked_up,
	                       c.get());
	if (result)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, result);
	(void)c.release(); /* mailbox_was_looked_up frees it */
	return CS_PENDING;
}
