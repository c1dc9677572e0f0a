/* SPDX-License-Identifier: MIT
 * Stores an entry, routes its hints and answers its sender: a client, or a plugin that posts as an account or changes a
 * group. */
#include "outgoing.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>

#include "../model/follow.h"
#include "../model/messages.h"
#include "../model/users.h"
#include "follow.h"
#include "hint.h"
#include "incoming.h"
#include "post.h"

constexpr unsigned mailbox_outgoing_most = 256; /* under way per connection; also posts and changes per worker */

/* What the handler of an event gave, and what its effect did. */
struct mailbox_outgoing_event {
	cs_effect_fn *run = nullptr;
	cs_effect_done_fn *done = nullptr;
	void *arg = nullptr;
	std::string frame; /* without its closing brace; empty: a change, whose frame is made when its effect has run */
	int result = 0; /* of the last run */
	cs_effect effect = {};
};

/* An entry that has not been answered yet. */
struct mailbox_outgoing_item {
	const cs_host *host = nullptr;
	uint64_t session = 0;
	cs_conn conn = 0;
	cs_request request = {};
	cs_mailbox_posted_fn *posted = nullptr; /* a post; session, conn and request are not set */
	cs_mailbox_changed_fn *changed = nullptr; /* a change; the same, and nobody is its sender */
	cs_account names = 0; /* of a change: whom its frame names; 0: the effect says it */
	void *arg = nullptr;
	std::string said; /* of a post or a change: members of its frame */
	bool is_nobody = false; /* out: the account of the post does not exist */
	std::vector<std::string> followers; /* who is to be told */
	std::string cid;
	std::unique_ptr<mailbox_outgoing_event> event; /* NULL: a message */
	cs_shared *body = nullptr; /* the frame; kept by the item. NULL: a post that was not written yet */
	message_append append; /* its views point into cid and body */

	explicit mailbox_outgoing_item(const cs_host *h);
	~mailbox_outgoing_item();
	mailbox_outgoing_item(const mailbox_outgoing_item &) = delete;
	mailbox_outgoing_item &operator=(const mailbox_outgoing_item &) = delete;
};

mailbox_outgoing_item::mailbox_outgoing_item(const cs_host *h) : host(h) {}

mailbox_outgoing_item::~mailbox_outgoing_item()
{
	host->unshare(body);
}

/* Any thread. */
static void mailbox_outgoing_set_body(mailbox_outgoing_item *item, std::string_view bytes)
{
	item->host->unshare(item->body);
	item->body = item->host->share(bytes.data(), bytes.size());
	item->append.body = {item->body->bytes, item->body->size};
}

/* ---- on the writer's thread */

/* The names of the accounts that post. */
static int mailbox_outgoing_find_names(cs_db *db, std::span<void *const> items,
                                       std::map<uint64_t, std::string> *names_r)
{
	std::vector<uint64_t> accounts;

	for (const void *of : items)
		if (const mailbox_outgoing_item *item = static_cast<const mailbox_outgoing_item *>(of); item->posted)
			accounts.push_back(item->append.sender);
	return user_names(db, accounts, names_r);
}

/* Makes the frame of a post. false: nobody has the account. */
static bool mailbox_outgoing_make_frame(mailbox_outgoing_item *item, const std::map<uint64_t, std::string> &names)
{
	const auto name = names.find(item->append.sender);

	item->is_nobody = name == names.end();
	item->append.outcome = item->is_nobody ? MODEL_NONE : 0;
	if (item->is_nobody)
		return false;
	mailbox_outgoing_set_body(item, mailbox_post_frame(item->append, name->second, item->said));
	return true;
}

/* Makes the frame of a change whose effect has run. 0 with event->result, or an enum cs_db_result. */
static int mailbox_outgoing_make_change(cs_db *db, mailbox_outgoing_item *item)
{
	mailbox_outgoing_event *event = item->event.get();
	const cs_account account = event->effect.actor;
	std::map<uint64_t, std::string> names;

	if (const int result = user_names(db, {&account, 1}, &names))
		return result;
	if (names.empty()) {
		event->result = CS_ERRNO_NO_SUCH_USER;
		return 0;
	}
	mailbox_outgoing_set_body(item, mailbox_post_change_frame(item->append, account, names[account],
	                                                          item->said + event->effect.added));
	return 0;
}

/* What keeps a transaction from being committed. */
static bool mailbox_outgoing_is_failure(int result)
{
	return result < 0 && result != CS_EFFECT_IS_THERE && result != CS_EFFECT_NO_ENTRY;
}

static int mailbox_outgoing_run_effect(cs_db *db, message_append *append, void *arg)
{
	mailbox_outgoing_item *item = static_cast<mailbox_outgoing_item *>(arg);
	mailbox_outgoing_event *event = item->event.get();

	event->effect = {};
	event->effect.actor = item->changed ? item->names : append->sender;
	event->effect.conversation = append->conversation;
	event->effect.seq = append->seq;
	event->effect.created = append->created;
	event->result = event->run(db, &event->effect, event->arg);
	if (!event->result && item->changed)
		if (const int result = mailbox_outgoing_make_change(db, item))
			return result;
	if (event->result == CS_EFFECT_NO_ENTRY)
		return MODEL_NO_ENTRY;
	if (event->result)
		return mailbox_outgoing_is_failure(event->result) ? event->result : MODEL_REFUSED;
	append->conversation = event->effect.conversation;
	if (!item->changed)
		mailbox_outgoing_set_body(item, event->frame + event->effect.added + "}");
	return 0;
}

static bool mailbox_outgoing_is_new(const message_append &a)
{
	return !a.outcome && !a.repeated && a.seq;
}

/* Notes what followers are to be told of. */
static int mailbox_outgoing_note_followed(cs_db *db, std::span<void *const> items, int64_t now)
{
	follow_appended appended;

	for (const void *of : items) {
		const mailbox_outgoing_item *item = static_cast<const mailbox_outgoing_item *>(of);

		if (item->followers.empty() || !mailbox_outgoing_is_new(item->append))
			continue;
		for (const std::string &name : item->followers) {
			const auto [at, is_first] =
				appended.try_emplace({name, item->append.conversation}, item->append.seq - 1);

			at->second = std::min(at->second, item->append.seq - 1);
		}
	}
	return appended.empty() ? 0 : follow_note(db, appended, mailbox_follow_node(), now + mailbox_follow_hold_ms);
}

/* The clock is read here because the order of a conversation is decided here: ts rises with seq. All items have one
 * time, because they are not stored in the order in which they came: a list by ts would not be the one by storage. */
static int mailbox_outgoing_run(cs_db *db, void *const *items, size_t count, int careful)
{
	std::map<uint64_t, std::string> names;
	std::vector<message_append *> appends;
	int result = mailbox_outgoing_find_names(db, {items, count}, &names);

	if (result)
		return result;
	const int64_t now = static_cast<const mailbox_outgoing_item *>(items[0])->host->now();

	appends.reserve(count);
	for (size_t i = 0; i < count; i++) {
		mailbox_outgoing_item *item = static_cast<mailbox_outgoing_item *>(items[i]);

		item->append.created = now;
		if (item->event) {
			item->event->effect = {};
			item->event->result = 0;
		}
		if (!item->posted || mailbox_outgoing_make_frame(item, names))
			appends.push_back(&item->append);
	}
	result = message_append_all(db, appends, careful != 0);
	return result ? result : mailbox_outgoing_note_followed(db, {items, count}, now);
}

static mailbox_hint mailbox_outgoing_hint_of(const mailbox_outgoing_item &item, mailbox_hint_type type)
{
	const message_append &a = item.append;
	const bool group = a.kind == CONVERSATION_GROUP;
	const cs_effect effect = item.event ? item.event->effect : cs_effect{};

	return {
		.of = group ? a.conversation : a.sender,
		.conversation = a.conversation,
		.sender = a.sender,
		.seq = a.seq,
		.created = a.created,
		.type = type,
		.kind = group ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR,
		.process = mailbox_hint_process(),
		.from = item.conn,
		.is_event = item.event != nullptr,
		.joins = effect.joins,
		.leaves = effect.leaves,
	};
}

/* To both accounts: the sender's other sessions can want its own messages. body: NULL if the type has none. */
static void mailbox_outgoing_hint_pair(const cs_host *host, cs_self *self, const mailbox_outgoing_item &item,
                                       mailbox_hint_type type, cs_shared *body)
{
	const message_append &a = item.append;
	const mailbox_hint hint = mailbox_outgoing_hint_of(item, type);
	mailbox_hint own = hint;

	own.of = a.to;
	mailbox_hint_route(host, self, a.to, CS_EVERY_DEVICE, hint, body);
	if (a.sender != a.to)
		mailbox_hint_route(host, self, a.sender, CS_EVERY_DEVICE, own, body);
}

/* An account that joins is in no index yet; one that leaves may be in none any more. */
static void mailbox_outgoing_hint_group(const cs_host *host, cs_self *self, const mailbox_outgoing_item &item)
{
	const mailbox_hint hint = mailbox_outgoing_hint_of(item, MAILBOX_HINT_STORED);

	mailbox_hint_route_group(host, self, hint, item.body);
	if (hint.joins)
		mailbox_hint_route(host, self, hint.joins, CS_EVERY_DEVICE, hint, item.body);
	if (hint.leaves)
		mailbox_hint_route(host, self, hint.leaves, CS_EVERY_DEVICE, hint, item.body);
}

/* The cid was stored before. The hint has no body, because this body may differ from the stored one. It is sent because
 * the outcome of the first commit may have been unknown, and then it had no hint. Its effect may have made the sender a
 * member. */
static void mailbox_outgoing_hint_repeated(const cs_host *host, cs_self *self, const mailbox_outgoing_item &item)
{
	const message_append &a = item.append;

	if (!host->outcome_can_be_unknown(self))
		return;
	if (a.kind == CONVERSATION_PAIR) {
		mailbox_outgoing_hint_pair(host, self, item, MAILBOX_HINT_NEWS, nullptr);
		return;
	}
	const mailbox_hint hint = mailbox_outgoing_hint_of(item, MAILBOX_HINT_NEWS);
	mailbox_hint_route_group(host, self, hint, nullptr);
	if (const cs_account actor = item.changed ? item.names : a.sender; item.event && actor)
		mailbox_hint_route(host, self, actor, CS_EVERY_DEVICE, hint, nullptr);
}

/* The effect would have made a group, but an earlier one has made it, perhaps with a commit of unknown outcome, and
 * then without a hint. */
static void mailbox_outgoing_hint_refused(const cs_host *host, cs_self *self, const mailbox_outgoing_item &item)
{
	const message_append &a = item.append;
	const uint64_t group = item.event && !a.to ? item.event->effect.conversation : 0;
	mailbox_hint hint = mailbox_outgoing_hint_of(item, MAILBOX_HINT_NEWS);

	if (!group || a.kind != CONVERSATION_GROUP || a.outcome != MODEL_REFUSED || !host->outcome_can_be_unknown(self))
		return;
	hint.of = hint.conversation = group;
	hint.seq = 1;
	mailbox_hint_route(host, self, a.sender, CS_EVERY_DEVICE, hint, nullptr);
}

static void mailbox_outgoing_committed(const cs_host *host, cs_self *self, void *arg)
{
	const mailbox_outgoing_item &item = *static_cast<const mailbox_outgoing_item *>(arg);

	if (item.append.outcome)
		mailbox_outgoing_hint_refused(host, self, item);
	else if (item.append.repeated)
		mailbox_outgoing_hint_repeated(host, self, item);
	else if (item.append.kind == CONVERSATION_GROUP)
		mailbox_outgoing_hint_group(host, self, item);
	else
		mailbox_outgoing_hint_pair(host, self, item, MAILBOX_HINT_STORED, item.body);
	if (!item.followers.empty() && mailbox_outgoing_is_new(item.append))
		mailbox_hint_route_followed(host, self, mailbox_follow_node(), item.append.conversation, CS_ROUTE_HERE);
}

/* ---- on the worker's thread */

/* The item's own outcome. The batch was committed, but the item can still have been refused. */
static int mailbox_outgoing_errno_of(const mailbox_outgoing_item &item)
{
	switch (item.append.outcome) {
	case 0: return 0;
	case MODEL_NONE:
		return item.append.kind == CONVERSATION_GROUP && !item.is_nobody ? CS_ERRNO_NO_SUCH_GROUP
		                                                                 : CS_ERRNO_NO_SUCH_USER;
	case MODEL_OTHER_CID: return CS_ERRNO_BAD_FRAME;
	default: return CS_ERRNO_NOT_ALLOWED;
	}
}

static void mailbox_outgoing_answer_stored(mailbox *m, const mailbox_outgoing_item &item)
{
	char more[40 + CS_EFFECT_TEXT_MAX];

	snprintf(more, sizeof(more), ",\"seq\":%" PRIu64 "%s", item.append.seq,
	         item.event ? item.event->effect.answer : "");
	m->host->answer(m->self, item.conn, &item.request, more);
}

/* The effect has refused the entry, or there is none. */
static void mailbox_outgoing_answer_effect(mailbox *m, const mailbox_outgoing_item &item)
{
	const mailbox_outgoing_event &event = *item.event;

	if (event.result < 0)
		m->host->answer(m->self, item.conn, &item.request, event.effect.answer);
	else
		m->host->refuse_more(m->self, item.conn, &item.request, event.result, event.effect.answer, "%s",
		                     event.effect.errmsg ? event.effect.errmsg : "refused");
}

static void mailbox_outgoing_answer_muted(mailbox *m, const mailbox_outgoing_item &item)
{
	char more[40];

	snprintf(more, sizeof(more), ",\"until\":%" PRIu64, item.append.until);
	m->host->refuse_more(m->self, item.conn, &item.request, CS_ERRNO_NOT_ALLOWED, more,
	                     "muted in the group until then");
}

static void mailbox_outgoing_answer(mailbox *m, const mailbox_outgoing_item &item)
{
	const int wire_errno = mailbox_outgoing_errno_of(item);

	if (!wire_errno)
		mailbox_outgoing_answer_stored(m, item);
	else if (item.append.outcome == MODEL_REFUSED || item.append.outcome == MODEL_NO_ENTRY)
		mailbox_outgoing_answer_effect(m, item);
	else if (item.append.outcome == MODEL_MUTED)
		mailbox_outgoing_answer_muted(m, item);
	else
		m->host->refuse(m->self, item.conn, &item.request, wire_errno,
		                wire_errno == CS_ERRNO_BAD_FRAME          ? "cid is that of another request"
		                : wire_errno == CS_ERRNO_NO_SUCH_GROUP    ? "groupid names no group"
		                : wire_errno == CS_ERRNO_NO_SUCH_USER     ? "toid names nobody"
		                : item.append.outcome == MODEL_NOT_MEMBER ? "not a member of the group"
		                                                          : "this account takes nothing from you");
}

/* result: of the batch, or of send() itself. */
static void mailbox_outgoing_tell_handler(const mailbox_outgoing_item &item, int result)
{
	const mailbox_outgoing_event *event = item.event.get();

	if (!result && item.append.outcome == MODEL_OTHER_CID)
		result = CS_ERRNO_BAD_FRAME;
	else if (!result && event)
		result = event->result;
	if (event && event->done)
		event->done(event->arg, item.conn, result, &event->effect);
}

/* The sender has become a member by this entry. Or it is one, but the index does not know it: nobody told this
 * worker of the join. */
static void mailbox_outgoing_note_member(mailbox *m, mailbox_session *s, const mailbox_outgoing_item &item)
{
	const message_append &a = item.append;

	if (item.event && !a.repeated && item.event->effect.joins == s->account)
		mailbox_incoming_join(m, s, a.conversation, a.seq, true);
	/* The hint of it went by if this worker did not know of the membership then. */
	else if (a.kind == CONVERSATION_GROUP && a.seq && !a.repeated && s->catch_up.phase != MAILBOX_ATTACHING)
		mailbox_incoming_has_sent(s, mailbox_key_of(CS_CONVERSATION_GROUP, a.to), a.seq);
	/* Who repeats a message may have left the group since. */
	if (a.kind != CONVERSATION_GROUP || a.repeated || item.event || s->catch_up.phase == MAILBOX_ATTACHING ||
	    mailbox_session_is_in(s, a.to))
		return;
	mailbox_incoming_listen(m, s, a.to);
}

static void mailbox_outgoing_post_is_done(mailbox *m, int result, const mailbox_outgoing_item &item)
{
	m->outgoing.posts--;
	if (!result)
		result = mailbox_outgoing_errno_of(item);
	else if (result == CS_DB_BAD_VALUE)
		result = CS_ERRNO_BAD_FRAME;
	item.posted(item.arg, result, result ? 0 : item.append.seq);
}

static void mailbox_outgoing_change_is_done(mailbox *m, int result, const mailbox_outgoing_item &item)
{
	m->outgoing.posts--;
	if (!result)
		result = item.append.outcome == MODEL_OTHER_CID ? CS_ERRNO_BAD_FRAME : item.event->result;
	else if (result == CS_DB_BAD_VALUE)
		result = CS_ERRNO_BAD_FRAME;
	item.changed(item.arg, result, result ? 0 : item.append.seq, &item.event->effect);
}

static void mailbox_outgoing_done(void *state, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_outgoing_item> item(static_cast<mailbox_outgoing_item *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, item->session);

	if (item->posted) {
		mailbox_outgoing_post_is_done(m, result, *item);
		return;
	}
	if (item->changed) {
		mailbox_outgoing_change_is_done(m, result, *item);
		return;
	}
	/* Before the answer: then what others say after it arrives. */
	if (s && !result && !item->append.outcome)
		mailbox_outgoing_note_member(m, s, *item);
	mailbox_outgoing_tell_handler(*item, result);
	if (result)
		m->host->refuse_result(m->self, item->conn, &item->request, result);
	else
		mailbox_outgoing_answer(m, *item);
	if (!s) {
		mailbox_session_has_sent(m, item->session);
		return;
	}
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

/* Sets what a send and a post have in common. cid NULL: there is none. */
static std::unique_ptr<mailbox_outgoing_item> mailbox_outgoing_item_of(mailbox *m, cs_account sender,
                                                                       cs_conversation_kind kind, uint64_t to,
                                                                       const char *cid, size_t cid_size)
{
	auto item = std::make_unique<mailbox_outgoing_item>(m->host);

	if (cid)
		item->cid.assign(cid, cid_size);
	else if (m->host->outcome_can_be_unknown(m->self))
		item->cid = mailbox_outgoing_own_cid(m);
	item->append.kind = kind == CS_CONVERSATION_GROUP ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	item->append.sender = sender;
	item->append.to = to;
	item->append.cid = item->cid;
	item->append.strangers_may = !m->conf.strangers;
	item->followers = mailbox_follow_names(m);
	return item;
}

/* If the result is 0, the item is gone. */
static int mailbox_outgoing_hand_in(mailbox *m, std::unique_ptr<mailbox_outgoing_item> &item)
{
	const size_t bytes = sizeof(*item) + (item->body ? item->body->size : 0) + item->said.size() +
	                     (item->event ? sizeof(*item->event) + item->event->frame.size() : 0);
	const int result = m->host->batch(m->self, &mailbox_outgoing_batch, mailbox_outgoing_key_of(item->append),
	                                  item.get(), bytes);

	if (!result)
		(void)item.release(); /* done() frees it */
	return result;
}

static bool mailbox_outgoing_has_spare(const cs_outgoing *message)
{
	return std::any_of(std::begin(message->spare), std::end(message->spare), [](uint64_t n) { return n != 0; });
}

/* A plugin that is newer than this one asks for what this one does not know, or left its struct as it was. */
static int mailbox_outgoing_refuse_spare(mailbox *m, const cs_frame *frame)
{
	m->host->log(m->self, CS_LOG_ERROR, "a plugin sets spare members of cs_outgoing msgid=%" PRIu32,
	             frame->request.msgid);
	return m->host->refuse(m->self, frame->conn, &frame->request, CS_ERRNO_UNAVAILABLE,
	                       "the server's plugins do not fit together");
}

/* The event's frame: the actor's, with its name where it has none. */
static std::string mailbox_outgoing_event_frame(mailbox *m, const cs_frame *frame)
{
	std::string text(frame->bytes, frame->size - 1);

	if (!m->host->has(frame, "name"))
		text += ",\"name\":" + mailbox_post_quote(frame->name);
	return text;
}

static void mailbox_outgoing_set_event(mailbox *m, mailbox_outgoing_item *item, const cs_frame *frame,
                                       const cs_outgoing *message)
{
	item->event = std::make_unique<mailbox_outgoing_event>();
	item->event->run = message->effect;
	item->event->done = message->done;
	item->event->arg = message->arg;
	item->event->frame = mailbox_outgoing_event_frame(m, frame);
	item->append.effect = mailbox_outgoing_run_effect;
	item->append.arg = item;
	item->append.lock = message->lock;
}

static std::unique_ptr<mailbox_outgoing_item> mailbox_outgoing_item_of_send(mailbox *m, const cs_frame *frame,
                                                                            const cs_outgoing *message)
{
	std::unique_ptr<mailbox_outgoing_item> item = mailbox_outgoing_item_of(
		m, frame->account, message->kind, message->to, message->cid, message->cid_size);

	item->conn = frame->conn;
	item->request = frame->request;
	item->append.msgid = frame->request.msgid;
	if (message->effect)
		mailbox_outgoing_set_event(m, item.get(), frame, message);
	else
		mailbox_outgoing_set_body(item.get(), {frame->bytes, frame->size});
	return item;
}

int mailbox_outgoing_send(void *context, const cs_frame *frame, const cs_outgoing *message)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, frame->conn);
	std::unique_ptr<mailbox_outgoing_item> item = mailbox_outgoing_item_of_send(m, frame, message);
	const bool has_spare = mailbox_outgoing_has_spare(message);
	int result = s ? 0 : CS_EBUSY;

	if (!result && !has_spare) {
		item->session = s->id;
		item->append.known = mailbox_view_conversation(s, mailbox_key_of(message->kind, message->to));
		result = mailbox_outgoing_hand_in(m, item);
	}
	if (item)
		mailbox_outgoing_tell_handler(*item, has_spare ? CS_EINVAL : result);
	if (has_spare)
		return mailbox_outgoing_refuse_spare(m, frame);
	if (result)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, result);
	if (++s->outgoing.sends < mailbox_outgoing_most)
		return CS_DONE;
	s->outgoing.held_back = true;
	return CS_PENDING;
}

/* ---- posts */

int mailbox_outgoing_post(void *context, const cs_mailbox_post *post, cs_mailbox_posted_fn *done, void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);
	int result;

	if (!done || !mailbox_post_is_valid(post))
		return CS_EINVAL;
	if (m->outgoing.posts >= mailbox_outgoing_most)
		return CS_EBUSY;
	std::unique_ptr<mailbox_outgoing_item> item =
		mailbox_outgoing_item_of(m, post->account, post->kind, post->to, post->cid, post->cid_size);
	item->posted = done;
	item->append.msgid = post->kind == CS_CONVERSATION_GROUP ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT;
	item->arg = arg;
	item->said = mailbox_post_said(post);
	result = mailbox_outgoing_hand_in(m, item);
	if (!result)
		m->outgoing.posts++;
	return result;
}

/* ---- changes */

static std::unique_ptr<mailbox_outgoing_item> mailbox_outgoing_item_of_change(mailbox *m,
                                                                              const cs_mailbox_change *change,
                                                                              cs_mailbox_changed_fn *done, void *arg)
{
	std::unique_ptr<mailbox_outgoing_item> item =
		mailbox_outgoing_item_of(m, 0, CS_CONVERSATION_GROUP, change->group, change->cid, change->cid_size);

	item->changed = done;
	item->arg = arg;
	item->names = change->account;
	item->said = mailbox_post_members(change);
	item->event = std::make_unique<mailbox_outgoing_event>();
	item->event->run = change->effect;
	item->event->arg = arg;
	item->append.msgid = change->msgid;
	item->append.effect = mailbox_outgoing_run_effect;
	item->append.arg = item.get();
	item->append.lock = change->lock;
	return item;
}

int mailbox_outgoing_change(void *context, const cs_mailbox_change *change, cs_mailbox_changed_fn *done, void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);

	if (!done || !mailbox_post_is_valid_change(change))
		return CS_EINVAL;
	if (m->outgoing.posts >= mailbox_outgoing_most)
		return CS_EBUSY;
	std::unique_ptr<mailbox_outgoing_item> item = mailbox_outgoing_item_of_change(m, change, done, arg);
	const int result = mailbox_outgoing_hand_in(m, item);
	if (!result)
		m->outgoing.posts++;
	return result;
}

/* ---- the end of a session */

unsigned mailbox_outgoing_end(mailbox *m, mailbox_session *s)
{
	/* After LOGOUT the connection goes on, and nobody else finishes the request that was held back. */
	if (s->outgoing.held_back)
		(void)m->host->finish(m->self, s->conn);
	return s->outgoing.sends;
}
