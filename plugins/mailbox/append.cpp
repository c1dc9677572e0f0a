/* SPDX-License-Identifier: MIT
 * Stores a message and routes its hints. The order is: commit, then find the receiver's sessions, then hint. */
#include "append.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "deliver.h"
#include "hint.h"

/* ---- on the writer's thread */

/* The clock is read here because the order of a conversation is decided here: ts rises with seq. */
static int mailbox_append_run(cs_db *db, void *const *items, size_t count, int careful)
{
	std::vector<message_append *> appends;

	appends.reserve(count);
	for (size_t i = 0; i < count; i++) {
		mailbox_item *item = static_cast<mailbox_item *>(items[i]);

		item->append.created = item->host->now();
		appends.push_back(&item->append);
	}
	return message_append_all(db, appends, careful != 0);
}

static mailbox_hint mailbox_hint_of(const message_append &a, mailbox_hint_type type)
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

static void mailbox_hint_pair(const cs_host *host, cs_self *self, const message_append &a)
{
	mailbox_hint own = mailbox_hint_of(a, MAILBOX_HINT_OWN);

	own.of = a.to;
	(void)mailbox_hint_route(host, self, a.to, mailbox_hint_of(a, MAILBOX_HINT_STORED), a.body);
	if (a.sender != a.to)
		(void)mailbox_hint_route(host, self, a.sender, own, {});
}

/* The cid was stored before. The hint has no body, because this body may differ from the stored one. It is sent because
 * the first hint may have been lost, if the outcome of the first commit was unknown. */
static void mailbox_hint_repeated(const cs_host *host, cs_self *self, const message_append &a)
{
	const mailbox_hint hint = mailbox_hint_of(a, MAILBOX_HINT_NEWS);

	if (a.kind == CONVERSATION_PAIR)
		(void)mailbox_hint_route(host, self, a.to, hint, {});
	else if (a.conversation == a.to)
		mailbox_hint_route_all(host, self, hint, {});
}

static void mailbox_committed(const cs_host *host, cs_self *self, void *item)
{
	const message_append &a = static_cast<const mailbox_item *>(item)->append;

	if (a.outcome)
		return;
	if (a.repeated)
		mailbox_hint_repeated(host, self, a);
	else if (a.kind == CONVERSATION_GROUP)
		mailbox_hint_route_all(host, self, mailbox_hint_of(a, MAILBOX_HINT_STORED), a.body);
	else
		mailbox_hint_pair(host, self, a);
}

/* ---- on the worker's thread */

/* The item's own outcome. The batch was committed, but the item can still have been refused. */
static void mailbox_answer_outcome(mailbox *m, const mailbox_item &item)
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
static void mailbox_note_member(mailbox *m, mailbox_session *s, const mailbox_item &item)
{
	const message_append &a = item.append;

	if (a.kind != CONVERSATION_GROUP || a.conversation != a.to || s->phase == MAILBOX_ATTACHING ||
	    std::find(s->groups.begin(), s->groups.end(), a.to) != s->groups.end())
		return;
	mailbox_session_join(&m->sessions, s, a.to);
	mailbox_deliver_heard(m, s, mailbox_key_of(CS_CONVERSATION_GROUP, a.to), a.seq);
}

static void mailbox_ended_session_has_sent(mailbox *m, uint64_t session)
{
	const auto ending = m->ending.find(session);

	if (ending == m->ending.end())
		return;
	ending->second.sends--;
	mailbox_ending_check(m, session);
}

static void mailbox_append_done(void *state, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_item> item(static_cast<mailbox_item *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, item->session);

	if (result)
		m->host->refuse_result(m->self, item->conn, &item->request, result);
	else
		mailbox_answer_outcome(m, *item);
	if (!s) {
		mailbox_ended_session_has_sent(m, item->session);
		return;
	}
	if (!result && !item->append.outcome)
		mailbox_note_member(m, s, *item);
	s->sends--;
	if (s->held_back && s->sends < mailbox_sends) {
		s->held_back = false;
		(void)m->host->finish(m->self, s->conn);
	}
}

static const cs_batch mailbox_append_batch = {"messages", mailbox_append_run, mailbox_committed, mailbox_append_done};

/* Both accounts of a pair get the same key, so the messages of one conversation stay in order. */
static uint64_t mailbox_append_key_of(const message_append &a)
{
	const uint64_t low = std::min(a.sender, a.to), high = std::max(a.sender, a.to);

	if (a.kind == CONVERSATION_GROUP)
		return a.to << 1 | 1;
	return (low * UINT64_C(0x9e3779b97f4a7c15) ^ high) << 1;
}

/* If a commit can succeed although it reports a failure, every message needs a cid, so that the retry finds it. A cid
 * that the mailbox makes begins with a NUL, which no client can write. */
static std::string mailbox_own_cid(mailbox *m)
{
	const uint64_t parts[3] = {m->seed[0], m->seed[1], ++m->cids};

	return std::string(1, '\0').append(reinterpret_cast<const char *>(parts), sizeof(parts));
}

static std::unique_ptr<mailbox_item> mailbox_item_of(mailbox *m, const mailbox_session *s, const cs_frame *frame,
                                                     const cs_outgoing *message)
{
	auto item = std::make_unique<mailbox_item>();

	item->host = m->host;
	item->session = s->id;
	item->conn = frame->conn;
	item->request = frame->request;
	item->body.assign(frame->bytes, frame->size);
	if (message->cid)
		item->cid.assign(message->cid, message->cid_size);
	else if (m->host->outcome_can_be_unknown(m->self))
		item->cid = mailbox_own_cid(m);
	item->append.kind = message->kind == CS_CONVERSATION_GROUP ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	item->append.sender = frame->account;
	item->append.to = message->to;
	item->append.cid = item->cid;
	item->append.body = item->body;
	return item;
}

int mailbox_append_send(void *context, const cs_frame *frame, const cs_outgoing *message)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, frame->conn);
	int result;

	if (!s)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, CS_EBUSY);
	std::unique_ptr<mailbox_item> item = mailbox_item_of(m, s, frame, message);
	result = m->host->batch(m->self, &mailbox_append_batch, mailbox_append_key_of(item->append), item.get(),
	                        sizeof(mailbox_item) + item->body.size());
	if (result)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, result);
	(void)item.release(); /* done() frees it */
	if (++s->sends < mailbox_sends)
		return CS_DONE;
	s->held_back = true;
	return CS_PENDING;
}
