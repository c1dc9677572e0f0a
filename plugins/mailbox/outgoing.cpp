/* SPDX-License-Identifier: MIT
 * Stores a message, routes its hints and answers its sender. */
#include "outgoing.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "../model/messages.h"
#include "hint.h"
#include "incoming.h"

constexpr unsigned mailbox_outgoing_most = 256; /* under way per connection */

/* A message that has not been answered yet. */
struct mailbox_outgoing_item {
	const cs_host *host = nullptr;
	uint64_t session = 0;
	cs_conn conn = 0;
	cs_request request = {};
	std::string cid, body;
	message_append append; /* its views point into cid and body */
};

/* ---- on the writer's thread */

/* The clock is read here because the order of a conversation is decided here: ts rises with seq. */
static int mailbox_outgoing_run(cs_db *db, void *const *items, size_t count, int careful)
{
	std::vector<message_append *> appends;

	appends.reserve(count);
	for (size_t i = 0; i < count; i++) {
		mailbox_outgoing_item *item = static_cast<mailbox_outgoing_item *>(items[i]);

		item->append.created = item->host->now();
		appends.push_back(&item->append);
	}
	return message_append_all(db, appends, careful != 0);
}

static mailbox_hint mailbox_outgoing_hint_of(const message_append &a, mailbox_hint_type type)
{
	const bool group = a.kind == CONVERSATION_GROUP;

	return {
		.type = type,
		.kind = group ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR,
		.of = group ? a.to : a.sender,
		.conversation = a.conversation,
		.sender = a.sender,
		.seq = a.seq,
		.created = a.created,
	};
}

static void mailbox_outgoing_hint_pair(const cs_host *host, cs_self *self, const message_append &a)
{
	mailbox_hint own = mailbox_outgoing_hint_of(a, MAILBOX_HINT_OWN);

	own.of = a.to;
	(void)mailbox_hint_route(host, self, a.to, mailbox_outgoing_hint_of(a, MAILBOX_HINT_STORED), a.body);
	if (a.sender != a.to)
		(void)mailbox_hint_route(host, self, a.sender, own, {});
}

/* The cid was stored before. The hint has no body, because this body may differ from the stored one. It is sent because
 * the first hint may have been lost, if the outcome of the first commit was unknown. */
static void mailbox_outgoing_hint_repeated(const cs_host *host, cs_self *self, const message_append &a)
{
	const mailbox_hint hint = mailbox_outgoing_hint_of(a, MAILBOX_HINT_NEWS);

	if (a.kind == CONVERSATION_PAIR)
		(void)mailbox_hint_route(host, self, a.to, hint, {});
	else if (a.conversation == a.to)
		mailbox_hint_route_all(host, self, hint, {});
}

static void mailbox_outgoing_committed(const cs_host *host, cs_self *self, void *item)
{
	const message_append &a = static_cast<const mailbox_outgoing_item *>(item)->append;

	if (a.outcome)
		return;
	if (a.repeated)
		mailbox_outgoing_hint_repeated(host, self, a);
	else if (a.kind == CONVERSATION_GROUP)
		mailbox_hint_route_all(host, self, mailbox_outgoing_hint_of(a, MAILBOX_HINT_STORED), a.body);
	else
		mailbox_outgoing_hint_pair(host, self, a);
}

/* ---- on the worker's thread */

/* The item's own outcome. The batch was committed, but the item can still have been refused. */
static void mailbox_outgoing_answer(mailbox *m, const mailbox_outgoing_item &item)
{
	char more[40];

	switch (item.append.outcome) {
	case 0:
		snprintf(more, sizeof(more), ",\"seq\":%" PRIu64, item.append.seq);
		m->host->answer(m->self, item.conn, &item.request, more);
		break;
	case MODEL_NONE:
		if (item.append.kind == CONVERSATION_GROUP)
			m->host->refuse(m->self, item.conn, &item.request, CS_ERRNO_NO_SUCH_GROUP,
			                "groupid names no group");
		else
			m->host->refuse(m->self, item.conn, &item.request, CS_ERRNO_NO_SUCH_USER, "toid names nobody");
		break;
	default: m->host->refuse(m->self, item.conn, &item.request, CS_ERRNO_NOT_ALLOWED, "not a member of the group");
	}
}

/* The sender is a member, but the index does not know it: nobody told this worker of the join. */
static void mailbox_outgoing_note_member(mailbox *m, mailbox_session *s, const mailbox_outgoing_item &item)
{
	const message_append &a = item.append;

	if (a.kind != CONVERSATION_GROUP || a.conversation != a.to || s->catch_up.phase == MAILBOX_ATTACHING ||
	    std::find(s->groups.begin(), s->groups.end(), a.to) != s->groups.end())
		return;
	mailbox_session_join(&m->sessions, s, a.to);
	mailbox_incoming_heard(m, s, mailbox_key_of(CS_CONVERSATION_GROUP, a.to), a.seq);
}

static void mailbox_outgoing_done(void *state, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_outgoing_item> item(static_cast<mailbox_outgoing_item *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, item->session);

	if (result)
		m->host->refuse_result(m->self, item->conn, &item->request, result);
	else
		mailbox_outgoing_answer(m, *item);
	if (!s) {
		mailbox_session_has_sent(m, item->session);
		return;
	}
	if (!result && !item->append.outcome)
		mailbox_outgoing_note_member(m, s, *item);
	s->outgoing.sends--;
	if (s->outgoing.held_back && s->outgoing.sends < mailbox_outgoing_most) {
		s->outgoing.held_back = false;
		(void)m->host->finish(m->self, s->conn);
	}
}

static const cs_batch mailbox_outgoing_batch = {"messages", mailbox_outgoing_run, mailbox_outgoing_committed,
                                                mailbox_outgoing_done};

/* Both accounts of a pair get the same key, so the messages of one conversation stay in order. */
static uint64_t mailbox_outgoing_key_of(const message_append &a)
{
	const uint64_t low = std::min(a.sender, a.to), high = std::max(a.sender, a.to);

	if (a.kind == CONVERSATION_GROUP)
		return a.to << 1 | 1;
	return (low * UINT64_C(0x9e3779b97f4a7c15) ^ high) << 1;
}

/* If a commit can succeed although it reports a failure, every message needs a cid, so that the retry finds it. A cid
 * that the mailbox makes begins with a NUL, which no client can write. */
static std::string mailbox_outgoing_own_cid(mailbox *m)
{
	const uint64_t parts[3] = {m->seed[0], m->seed[1], ++m->outgoing.cids};

	return std::string(1, '\0').append(reinterpret_cast<const char *>(parts), sizeof(parts));
}

static std::unique_ptr<mailbox_outgoing_item> mailbox_outgoing_item_of(mailbox *m, const mailbox_session *s,
                                                                       const cs_frame *frame,
                                                                       const cs_outgoing *message)
{
	auto item = std::make_unique<mailbox_outgoing_item>();

	item->host = m->host;
	item->session = s->id;
	item->conn = frame->conn;
	item->request = frame->request;
	item->body.assign(frame->bytes, frame->size);
	if (message->cid)
		item->cid.assign(message->cid, message->cid_size);
	else if (m->host->outcome_can_be_unknown(m->self))
		item->cid = mailbox_outgoing_own_cid(m);
	item->append.kind = message->kind == CS_CONVERSATION_GROUP ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	item->append.sender = frame->account;
	item->append.to = message->to;
	item->append.cid = item->cid;
	item->append.body = item->body;
	return item;
}

int mailbox_outgoing_send(void *context, const cs_frame *frame, const cs_outgoing *message)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, frame->conn);
	int result;

	if (!s)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, CS_EBUSY);
	std::unique_ptr<mailbox_outgoing_item> item = mailbox_outgoing_item_of(m, s, frame, message);
	result = m->host->batch(m->self, &mailbox_outgoing_batch, mailbox_outgoing_key_of(item->append), item.get(),
	                        sizeof(mailbox_outgoing_item) + item->body.size());
	if (result)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, result);
	(void)item.release(); /* done() frees it */
	if (++s->outgoing.sends < mailbox_outgoing_most)
		return CS_DONE;
	s->outgoing.held_back = true;
	return CS_PENDING;
}

unsigned mailbox_outgoing_end(mailbox *m, mailbox_session *s)
{
	/* After LOGOUT the connection goes on, and nobody else finishes the request that was held back. */
	if (s->outgoing.held_back)
		(void)m->host->finish(m->self, s->conn);
	return s->outgoing.sends;
}
