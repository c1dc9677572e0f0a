/* SPDX-License-Identifier: MIT
 * DELIVERED: what this session was sent is confirmed at once, the rest is looked up first. */
#include "delivered.h"

#include <memory>

#include "incoming.h"

struct mailbox_confirmation {
	uint64_t session = 0;
	cs_request request = {};
	cs_account account = 0;
	mailbox_key key = 0;
	uint64_t seq = 0;
	message_news news;
};

static int mailbox_delivered_look_up(cs_db *db, void *arg)
{
	mailbox_confirmation *c = static_cast<mailbox_confirmation *>(arg);
	const bool group = mailbox_key_kind(c->key) == CS_CONVERSATION_GROUP;

	return message_news_find(db, c->account, group ? CONVERSATION_GROUP : CONVERSATION_PAIR,
	                         mailbox_key_other(c->key), &c->news);
}

static void mailbox_delivered_refuse(mailbox *m, cs_conn conn, int result, const mailbox_confirmation &c)
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

static void mailbox_delivered_was_looked_up(void *state, cs_conn conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_confirmation> c(static_cast<mailbox_confirmation *>(arg));

	if (result) {
		mailbox_delivered_refuse(m, conn, result, *c);
	} else if (c->seq > c->news.last_seq) {
		m->host->refuse(m->self, conn, &c->request, CS_ERRNO_BAD_FRAME, "seq is above the conversation's last");
	} else {
		if (mailbox_session *s = mailbox_session_find(&m->sessions, c->session))
			mailbox_incoming_skip_to(m, s, c->key, c->news, c->seq);
		m->host->answer(m->self, conn, &c->request, "");
	}
	(void)m->host->finish(m->self, conn);
}

int mailbox_delivered_confirm(void *context, const cs_frame *frame, cs_conversation_kind kind, uint64_t of,
                              uint64_t seq)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, frame->conn);
	const mailbox_key key = mailbox_key_of(kind, of);
	int result;

	if (s && mailbox_incoming_confirm(m, s, key, seq)) {
		m->host->answer(m->self, frame->conn, &frame->request, "");
		return CS_DONE;
	}
	auto c = std::make_unique<mailbox_confirmation>();
	c->session = s ? s->id : 0;
	c->request = frame->request;
	c->account = frame->account;
	c->key = key;
	c->seq = seq;
	result = m->host->work(m->self, frame->conn, CS_WORK_READ, mailbox_delivered_look_up,
	                       mailbox_delivered_was_looked_up, c.get());
	if (result)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, result);
	(void)c.release(); /* mailbox_delivered_was_looked_up frees it */
	return CS_PENDING;
}
