/* SPDX-License-Identifier: MIT
 * CHAT and DELIVERED: the rules of talking one to one. */
#include <cstdio>
#include <memory>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../shared/field.h"
#include "../shared/message.h"

struct chat {
	plugin_context context;
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

/* ---- the instance */

static int chat_start(const cs_host *host, cs_self *self, const void *, void **state_r, cs_error *e)
{
	auto c = std::make_unique<chat>();
	const void *table = nullptr;
	const int rc = host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &c->mailbox_context);

	if (rc != 0) {
		snprintf(e->text, sizeof e->text, "no service \"%s\"", CS_MAILBOX_SERVICE);
		return rc;
	}
	c->context = {host, self};
	c->mailbox = static_cast<const cs_mailbox *>(table);
	*state_r = c.release();
	return 0;
}

static void chat_stop(void *state)
{
	delete static_cast<chat *>(state);
}

/* The mailbox gets no function and no object of this plugin. */
static int chat_busy(void *)
{
	return 0;
}

static const char *const chat_needs[] = {CS_MAILBOX_SERVICE, nullptr};

static const cs_route chat_routes[] = {
	{CS_MSGID_CHAT, "chat", chat_on_chat, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{CS_MSGID_DELIVERED, "delivered", chat_on_delivered, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{0, nullptr, nullptr, 0, 0},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,        .name = "chat",      .version = CS_VERSION, .needs = chat_needs,
	.routes = chat_routes, .start = chat_start, .stop = chat_stop,     .busy = chat_busy,
};
