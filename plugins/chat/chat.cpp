/* SPDX-License-Identifier: MIT
 * CHAT, ADD_FRIEND and DELIVERED: the rules of talking one to one. */
#include <cstddef>
#include <cstdio>
#include <memory>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../model/contacts.h"
#include "../shared/field.h"
#include "../shared/message.h"

struct chat_conf {
	int64_t max_friends; /* 0: no limit */
};

struct chat {
	plugin_context context;
	const chat_conf *conf = nullptr; /* owned by the server */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
};

/* ---- CHAT */

static int chat_on_chat(void *state, const cs_frame *frame)
{
	chat *c = static_cast<chat *>(state);
	cs_outgoing message = {};
	int64_t to = 0;
	int rc = field_integer(c->context, frame, "toid", FIELD_REQUIRED, 1, &to);

	if (rc == 0)
		rc = message_check(c->context, frame, &message);
	if (rc != 0)
		return rc;
	message.kind = CS_CONVERSATION_PAIR;
	message.to = static_cast<uint64_t>(to);
	return c->mailbox->send(c->mailbox_context, frame, &message);
}

/* ---- DELIVERED */

static int chat_on_delivered(void *state, const cs_frame *frame)
{
	chat *c = static_cast<chat *>(state);
	int64_t peer = 0, group = 0, seq = 0;
	int rc = field_integer(c->context, frame, "peer", FIELD_OPTIONAL, 1, &peer);

	if (rc == 0)
		rc = field_integer(c->context, frame, "groupid", FIELD_OPTIONAL, 1, &group);
	if (rc == 0)
		rc = field_integer(c->context, frame, "seq", FIELD_REQUIRED, 1, &seq);
	if (rc != 0)
		return rc;
	if ((peer == 0) == (group == 0))
		return c->context.host->refuse(c->context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                               "one of peer and groupid must be there");
	return c->mailbox->delivered(c->mailbox_context, frame,
	                             peer != 0 ? CS_CONVERSATION_PAIR : CS_CONVERSATION_GROUP,
	                             static_cast<uint64_t>(peer != 0 ? peer : group), static_cast<uint64_t>(seq));
}

/* ---- ADD_FRIEND */

struct chat_friendship {
	cs_request request = {};
	uint64_t account = 0;
	uint64_t friend_id = 0;
	uint64_t most = 0;
};

static int chat_friend_store(cs_db *db, void *arg)
{
	const chat_friendship *f = static_cast<chat_friendship *>(arg);

	return friend_add(db, f->account, f->friend_id, f->most);
}

static void chat_friend_stored(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<chat_friendship> f(static_cast<chat_friendship *>(arg));
	const plugin_context &context = static_cast<chat *>(state)->context;

	if (result == 0)
		context.host->answer(context.self, conn, &f->request, "");
	else if (result == MODEL_NONE)
		context.host->refuse(context.self, conn, &f->request, CS_ERRNO_NO_SUCH_USER, "friendid names nobody");
	else if (result == MODEL_FULL)
		context.host->refuse(context.self, conn, &f->request, CS_ERRNO_FULL,
		                     "you have as many friends as you may have");
	else
		context.host->refuse_result(context.self, conn, &f->request, result);
	context.host->finish(context.self, conn);
}

/* The client's own id is accepted like any other: notes to oneself are a conversation too. */
static int chat_on_add_friend(void *state, const cs_frame *frame)
{
	const chat *c = static_cast<chat *>(state);
	const plugin_context &context = c->context;
	int64_t friend_id = 0;
	int rc = field_integer(context, frame, "friendid", FIELD_REQUIRED, 1, &friend_id);

	if (rc != 0)
		return rc;
	auto f = std::make_unique<chat_friendship>();
	f->request = frame->request;
	f->account = frame->account;
	f->friend_id = static_cast<uint64_t>(friend_id);
	f->most = static_cast<uint64_t>(c->conf->max_friends);
	rc = context.host->work(context.self, frame->conn, CS_WORK_WRITE, chat_friend_store, chat_friend_stored,
	                        f.get());
	if (rc != 0)
		return context.host->refuse_result(context.self, frame->conn, &frame->request, rc);
	(void)f.release(); /* chat_friend_stored owns it now */
	return CS_PENDING;
}

/* ---- the instance */

static int chat_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto c = std::make_unique<chat>();
	const void *table = nullptr;
	const int rc = host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &c->mailbox_context);

	if (rc != 0) {
		snprintf(e->text, sizeof e->text, "no service \"%s\"", CS_MAILBOX_SERVICE);
		return rc;
	}
	c->context = {host, self};
	c->conf = static_cast<const chat_conf *>(conf);
	c->mailbox = static_cast<const cs_mailbox *>(table);
	*state_r = c.release();
	return 0;
}

static int chat_reload(void *state, const void *conf, int commit, cs_error *)
{
	if (commit)
		static_cast<chat *>(state)->conf = static_cast<const chat_conf *>(conf);
	return 0;
}

static void chat_stop(void *state)
{
	delete static_cast<chat *>(state);
}

static const char *const chat_needs[] = {CS_MAILBOX_SERVICE, nullptr};

static const cs_route chat_routes[] = {
	{CS_MSGID_CHAT, "chat", chat_on_chat, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{CS_MSGID_ADD_FRIEND, "add_friend", chat_on_add_friend, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{CS_MSGID_DELIVERED, "delivered", chat_on_delivered, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{0, nullptr, nullptr, 0, 0},
};

static const cs_option chat_options[] = {
	{"max_friends", CS_OPTION_INTEGER, offsetof(chat_conf, max_friends), 0, 1000000, "1000", nullptr, 1,
         "friends that an account may have on its list; 0: no limit"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,        .name = "chat",          .version = CS_VERSION,          .needs = chat_needs,
	.routes = chat_routes, .options = chat_options, .conf_size = sizeof(chat_conf), .start = chat_start,
	.reload = chat_reload, .stop = chat_stop,
};
