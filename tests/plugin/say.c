/* SPDX-License-Identifier: MIT
 * A plugin that says what a client asks it to say, as any account: {"msgid":2000,"account":A,"toid":B,"text":"..."}, or
 * "groupid" for "toid", with or without "cid". The answer has the message's seq. */
#include <stdio.h>
#include <stdlib.h>

#include <chatserverd/field.h>
#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

struct say {
	const struct cs_host *host;
	struct cs_self *self;
	const struct cs_mailbox *mailbox;
	void *mailbox_context;
};

struct say_request {
	struct say *say;
	cs_conn conn;
	struct cs_request request;
};

static void say_posted(void *arg, int result, uint64_t seq)
{
	struct say_request *r = arg;
	const struct say *s = r->say;
	char more[40];

	(void)snprintf(more, sizeof(more), ",\"seq\":%llu", (unsigned long long)seq);
	if (result == 0)
		s->host->answer(s->self, r->conn, &r->request, more);
	else if (result < 0)
		(void)s->host->refuse_result(s->self, r->conn, &r->request, result);
	else
		(void)s->host->refuse(s->self, r->conn, &r->request, result, "refused");
	free(r);
}

static int say_on_frame(void *state, const struct cs_frame *frame)
{
	struct say *s = state;
	struct cs_mailbox_post post = {.kind = CS_CONVERSATION_PAIR};
	int64_t account = 0, to = 0, group = 0;

	if (cs_field_integer(s->host, s->self, frame, "account", CS_FIELD_REQUIRED, 0, &account) != 0 ||
	    cs_field_integer(s->host, s->self, frame, "toid", CS_FIELD_OPTIONAL, 0, &to) != 0 ||
	    cs_field_integer(s->host, s->self, frame, "groupid", CS_FIELD_OPTIONAL, 0, &group) != 0 ||
	    cs_field_text(s->host, s->self, frame, "text", CS_FIELD_REQUIRED, &post.text, &post.text_size) != 0 ||
	    cs_field_text(s->host, s->self, frame, "cid", CS_FIELD_OPTIONAL, &post.cid, &post.cid_size) != 0)
		return CS_REJECT;
	post.account = (uint64_t)account;
	post.kind = group ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
	post.to = (uint64_t)(group ? group : to);
	struct say_request *r = malloc(sizeof(*r));
	if (!r)
		abort();
	*r = (struct say_request){s, frame->conn, frame->request};
	const int result = s->mailbox->post(s->mailbox_context, &post, say_posted, r);
	if (result == 0)
		return CS_DONE;
	free(r);
	if (result == CS_EINVAL)
		return s->host->refuse(s->self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "no post");
	return s->host->refuse_result(s->self, frame->conn, &frame->request, result);
}

static int say_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                     struct cs_error *e)
{
	struct say *s = malloc(sizeof(*s));
	const void *table = NULL;

	(void)conf;
	(void)e;
	if (!s)
		abort();
	*s = (struct say){.host = host, .self = self};
	(void)host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &s->mailbox_context);
	s->mailbox = table;
	*state_r = s;
	return 0;
}

static const char *const say_needs[] = {CS_MAILBOX_SERVICE, NULL};
static const struct cs_route say_routes[] = {{2000, "say", say_on_frame, CS_ROUTE_NEEDS_LOGIN, 1}, {0}};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,       .name = "say",      .version = "1", .needs = say_needs,
	.routes = say_routes, .start = say_start, .stop = free,
};
