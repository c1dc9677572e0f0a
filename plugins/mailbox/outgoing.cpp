/* SPDX-License-Identifier: MIT
 * Stores a message, routes its hints and answers its sender: a client, or a plugin that posts as an account. */
#include "outgoing.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iterator>
#include <map>

#include <chatserverd/json.h>

#include "../model/messages.h"
#include "../model/users.h"
#include "hint.h"
#include "incoming.h"

constexpr unsigned mailbox_outgoing_most = 256; /* under way per connection; also posts per worker */

/* A message that has not been answered yet. */
struct mailbox_outgoing_item {
	const cs_host *host = nullptr;
	uint64_t session = 0;
	cs_conn conn = 0;
	cs_request request = {};
	cs_mailbox_posted_fn *posted = nullptr; /* a post; session, conn and request are not set */
	void *arg = nullptr;
	std::string said; /* of a post: members of its frame */
	bool is_nobody = false; /* out: the account of the post does not exist */
	std::string cid;
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

static std::string mailbox_outgoing_quote(std::string_view text)
{
	std::string quoted(cs_json_quote(nullptr, 0, text.data(), text.size()), '\0');

	(void)cs_json_quote(quoted.data(), quoted.size(), text.data(), text.size());
	return quoted;
}

static std::string mailbox_outgoing_time(int64_t ms)
{
	const time_t seconds = ms / 1000;
	tm local = {};
	char text[32];

	(void)localtime_r(&seconds, &local);
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local);
	return text;
}

/* The frame that a client of the account would have sent. */
static std::string mailbox_outgoing_frame_of(const mailbox_outgoing_item &item, std::string_view name)
{
	const message_append &a = item.append;
	const bool group = a.kind == CONVERSATION_GROUP;

	return "{\"msgid\":" + std::to_string(group ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT) +
	       ",\"id\":" + std::to_string(a.sender) + ",\"name\":" + mailbox_outgoing_quote(name) +
	       (group ? ",\"groupid\":" : ",\"toid\":") + std::to_string(a.to) + item.said + ",\"time\":\"" +
	       mailbox_outgoing_time(a.created) + "\"}";
}

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
	mailbox_outgoing_set_body(item, mailbox_outgoing_frame_of(*item, name->second));
	return true;
}

/* The clock is read here because the order of a conversation is decided here: ts rises with seq. */
static int mailbox_outgoing_run(cs_db *db, void *const *items, size_t count, int careful)
{
	std::map<uint64_t, std::string> names;
	std::vector<message_append *> appends;
	int result = mailbox_outgoing_find_names(db, {items, count}, &names);

	if (result)
		return result;
	appends.reserve(count);
	for (size_t i = 0; i < count; i++) {
		mailbox_outgoing_item *item = static_cast<mailbox_outgoing_item *>(items[i]);

		item->append.created = item->host->now();
		if (!item->posted || mailbox_outgoing_make_frame(item, names))
			appends.push_back(&item->append);
	}
	return message_append_all(db, appends, careful != 0);
}

static mailbox_hint mailbox_outgoing_hint_of(const message_append &a, mailbox_hint_type type)
{
	const bool group = a.kind == CONVERSATION_GROUP;

	return {
		.of = group ? a.to : a.sender,
		.conversation = a.conversation,
		.sender = a.sender,
		.seq = a.seq,
		.created = a.created,
		.type = type,
		.kind = group ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR,
		.process = mailbox_hint_process(),
	};
}

static void mailbox_outgoing_hint_pair(const cs_host *host, cs_self *self, const message_append &a, cs_shared *body)
{
	mailbox_hint own = mailbox_outgoing_hint_of(a, MAILBOX_HINT_OWN);

	own.of = a.to;
	mailbox_hint_route(host, self, a.to, mailbox_outgoing_hint_of(a, MAILBOX_HINT_STORED), body);
	if (a.sender != a.to)
		mailbox_hint_route(host, self, a.sender, own, nullptr);
}

/* The cid was stored before. The hint has no body, because this body may differ from the stored one. It is sent because
 * the outcome of the first commit may have been unknown, and then it had no hint. */
static void mailbox_outgoing_hint_repeated(const cs_host *host, cs_self *self, const message_append &a)
{
	const mailbox_hint hint = mailbox_outgoing_hint_of(a, MAILBOX_HINT_NEWS);

	if (!host->outcome_can_be_unknown(self))
		return;
	if (a.kind == CONVERSATION_PAIR)
		mailbox_hint_route(host, self, a.to, hint, nullptr);
	else
		mailbox_hint_route_group(host, self, hint, nullptr);
}

static void mailbox_outgoing_committed(const cs_host *host, cs_self *self, void *item)
{
	const message_append &a = static_cast<const mailbox_outgoing_item *>(item)->append;
	cs_shared *body = static_cast<const mailbox_outgoing_item *>(item)->body;

	if (a.outcome)
		return;
	if (a.repeated)
		mailbox_outgoing_hint_repeated(host, self, a);
	else if (a.kind == CONVERSATION_GROUP)
		mailbox_hint_route_group(host, self, mailbox_outgoing_hint_of(a, MAILBOX_HINT_STORED), body);
	else
		mailbox_outgoing_hint_pair(host, self, a, body);
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
	default: return CS_ERRNO_NOT_ALLOWED;
	}
}

static void mailbox_outgoing_answer(mailbox *m, const mailbox_outgoing_item &item)
{
	const int wire_errno = mailbox_outgoing_errno_of(item);
	char more[40];

	if (!wire_errno) {
		snprintf(more, sizeof(more), ",\"seq\":%" PRIu64, item.append.seq);
		m->host->answer(m->self, item.conn, &item.request, more);
		return;
	}
	m->host->refuse(m->self, item.conn, &item.request, wire_errno,
	                wire_errno == CS_ERRNO_NO_SUCH_GROUP      ? "groupid names no group"
	                : wire_errno == CS_ERRNO_NO_SUCH_USER     ? "toid names nobody"
	                : item.append.outcome == MODEL_NOT_MEMBER ? "not a member of the group"
	                                                          : "this account takes nothing from you");
}

/* The sender is a member, but the index does not know it: nobody told this worker of the join. */
static void mailbox_outgoing_note_member(mailbox *m, mailbox_session *s, const mailbox_outgoing_item &item)
{
	const message_append &a = item.append;

	/* Who repeats a message may have left the group since. */
	if (a.kind != CONVERSATION_GROUP || a.repeated || s->catch_up.phase == MAILBOX_ATTACHING ||
	    std::find(s->groups.begin(), s->groups.end(), a.to) != s->groups.end())
		return;
	mailbox_session_join(&m->sessions, s, a.to);
	mailbox_incoming_heard(m, s, mailbox_key_of(CS_CONVERSATION_GROUP, a.to), a.seq);
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

static void mailbox_outgoing_done(void *state, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_outgoing_item> item(static_cast<mailbox_outgoing_item *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, item->session);

	if (item->posted) {
		mailbox_outgoing_post_is_done(m, result, *item);
		return;
	}
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
	return item;
}

static int mailbox_outgoing_hand_in(mailbox *m, std::unique_ptr<mailbox_outgoing_item> item)
{
	const size_t bytes = sizeof(*item) + (item->body ? item->body->size : 0) + item->said.size();
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

int mailbox_outgoing_send(void *context, const cs_frame *frame, const cs_outgoing *message)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, frame->conn);
	int result;

	if (!s)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, CS_EBUSY);
	if (mailbox_outgoing_has_spare(message))
		return mailbox_outgoing_refuse_spare(m, frame);
	std::unique_ptr<mailbox_outgoing_item> item = mailbox_outgoing_item_of(
		m, frame->account, message->kind, message->to, message->cid, message->cid_size);
	item->session = s->id;
	item->conn = frame->conn;
	item->request = frame->request;
	mailbox_outgoing_set_body(item.get(), {frame->bytes, frame->size});
	result = mailbox_outgoing_hand_in(m, std::move(item));
	if (result)
		return m->host->refuse_result(m->self, frame->conn, &frame->request, result);
	if (++s->outgoing.sends < mailbox_outgoing_most)
		return CS_DONE;
	s->outgoing.held_back = true;
	return CS_PENDING;
}

/* ---- posts */

/* How many bytes the character has that begins here; 0: it is not UTF-8, or NUL. */
static size_t mailbox_outgoing_character(std::string_view text)
{
	const auto byte = [text](size_t i) {
		return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
	};
	const unsigned lead = byte(0), second = byte(1);
	const size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (!lead || (lead >= 0x80 && lead < 0xc2) || lead > 0xf4)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((byte(i) & 0xc0) != 0x80)
			return 0;
	/* Longer than it need be, a surrogate, or above U+10FFFF. */
	if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f) || (lead == 0xf0 && second < 0x90) ||
	    (lead == 0xf4 && second > 0x8f))
		return 0;
	return size;
}

static bool mailbox_outgoing_is_text(std::string_view text)
{
	while (!text.empty()) {
		const size_t size = mailbox_outgoing_character(text);

		if (!size)
			return false;
		text.remove_prefix(size);
	}
	return true;
}

static bool mailbox_outgoing_is_id(uint64_t id)
{
	return id >= 1 && id <= CS_INTEGER_MAX;
}

static bool mailbox_outgoing_may_post(const cs_mailbox_post *post)
{
	if (!mailbox_outgoing_is_id(post->account) || !mailbox_outgoing_is_id(post->to) || post->spare[0] ||
	    post->spare[1])
		return false;
	if (post->cid && (!post->cid_size || post->cid_size > CS_MAILBOX_CID_MAX ||
	                  !mailbox_outgoing_is_text({post->cid, post->cid_size})))
		return false;
	return post->text && post->text_size <= CS_MAILBOX_TEXT_MAX &&
	       cs_json_quote(nullptr, 0, post->text, post->text_size) <= CS_MAILBOX_TEXT_MAX &&
	       mailbox_outgoing_is_text({post->text, post->text_size});
}

int mailbox_outgoing_post(void *context, const cs_mailbox_post *post, cs_mailbox_posted_fn *done, void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);
	int result;

	if (!done || !mailbox_outgoing_may_post(post))
		return CS_EINVAL;
	if (m->outgoing.posts >= mailbox_outgoing_most)
		return CS_EBUSY;
	std::unique_ptr<mailbox_outgoing_item> item =
		mailbox_outgoing_item_of(m, post->account, post->kind, post->to, post->cid, post->cid_size);
	item->posted = done;
	item->arg = arg;
	item->said = ",\"msg\":" + mailbox_outgoing_quote({post->text, post->text_size});
	if (post->cid)
		item->said += ",\"cid\":" + mailbox_outgoing_quote({post->cid, post->cid_size});
	result = mailbox_outgoing_hand_in(m, std::move(item));
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
