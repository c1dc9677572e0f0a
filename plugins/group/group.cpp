/* SPDX-License-Identifier: MIT
 * The instance of the group plugin, and CREATE_GROUP, JOIN_GROUP and GROUP_CHAT. */
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "../model/groups.h"
#include "../shared/message.h"
#include "../shared/name.h"
#include "group.h"

static const size_t group_description_most = 200; /* characters */

/* A membership on its way to the store: of a new group, or of an existing one. */
struct group_change {
	cs_request request = {};
	uint64_t account = 0;
	uint64_t id = 0; /* JOIN_GROUP: from the client; CREATE_GROUP: made by the store */
	uint64_t joined_seq = 0;
	group_limits most;
	std::string name;
	std::string description;
};

static std::unique_ptr<group_change> group_change_of(const group_plugin *g, const cs_frame *frame)
{
	auto change = std::make_unique<group_change>();

	change->request = frame->request;
	change->account = frame->account;
	change->most = {static_cast<uint64_t>(g->conf->max_groups), static_cast<uint64_t>(g->conf->members_max)};
	return change;
}

static int group_hand_in(const group_plugin *g, const cs_frame *frame, cs_work_fn *store, cs_done_fn *stored,
                         std::unique_ptr<group_change> change)
{
	const plugin_context &context = g->context;
	const int rc = context.host->work(context.self, frame->conn, CS_WORK_WRITE, store, stored, change.get());

	if (rc != 0)
		return context.host->refuse_result(context.self, frame->conn, &frame->request, rc);
	(void)change.release(); /* the completion owns it now */
	return CS_PENDING;
}

int group_refuse(const group_plugin *g, cs_conn conn, const cs_request *request, int wire_errno, const char *why)
{
	return g->context.host->refuse(g->context.self, conn, request, wire_errno, "%s", why);
}

static int group_refuse_full(const group_plugin *g, cs_conn conn, const cs_request *request)
{
	return group_refuse(g, conn, request, CS_ERRNO_FULL, "you are in as many groups as you may be");
}

/* Tell the mailbox before the client: then every message that is sent after the answer arrives. */
static void group_joined(const group_plugin *g, cs_conn conn, const group_change *change, const char *more)
{
	g->mailbox->joined(g->mailbox_context, conn, change->id, change->joined_seq);
	g->context.host->answer(g->context.self, conn, &change->request, more);
}

/* ---- CREATE_GROUP */

static int group_create_store(cs_db *db, void *arg)
{
	group_change *change = static_cast<group_change *>(arg);

	return group_create(db, change->account, change->name, change->description, &change->id, change->most);
}

static void group_create_stored(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<group_change> change(static_cast<group_change *>(arg));
	const group_plugin *g = static_cast<group_plugin *>(state);

	if (result == 0)
		group_joined(g, conn, change.get(), (",\"groupid\":" + std::to_string(change->id)).c_str());
	else if (result == MODEL_TAKEN || result == CS_DB_DUPLICATE)
		group_refuse(g, conn, &change->request, CS_ERRNO_EXISTS, "the group name is taken");
	else if (result == MODEL_FULL)
		group_refuse_full(g, conn, &change->request);
	else
		g->context.host->refuse_result(g->context.self, conn, &change->request, result);
	g->context.host->finish(g->context.self, conn);
}

int group_check_name(const group_plugin *g, const cs_frame *frame, std::string_view name)
{
	const name_fault *fault = name_judge(name);

	if (!fault)
		return 0;
	return group_refuse(g, frame->conn, &frame->request,
	                    fault->is_too_long ? CS_ERRNO_TOO_LONG : CS_ERRNO_BAD_FRAME,
	                    (std::string("groupname ") + fault->text).c_str());
}

int group_check_description(const group_plugin *g, const cs_frame *frame, std::string_view description)
{
	if (text_characters(description) <= group_description_most)
		return 0;
	return group_refuse(g, frame->conn, &frame->request, CS_ERRNO_TOO_LONG,
	                    "groupdesc must have up to 200 characters");
}

static int group_on_create(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	std::string_view name, description = "";
	int rc = field_text(g->context, frame, "groupname", FIELD_REQUIRED, &name);

	if (rc == 0)
		rc = field_text(g->context, frame, "groupdesc", FIELD_OPTIONAL, &description);
	if (rc == 0)
		rc = group_check_name(g, frame, name);
	if (rc == 0)
		rc = group_check_description(g, frame, description);
	if (rc != 0)
		return rc;
	auto change = group_change_of(g, frame);
	change->name = name;
	change->description = description;
	return group_hand_in(g, frame, group_create_store, group_create_stored, std::move(change));
}

/* ---- JOIN_GROUP */

static int group_join_store(cs_db *db, void *arg)
{
	group_change *change = static_cast<group_change *>(arg);

	return group_join(db, change->account, change->id, &change->joined_seq, change->most);
}

static void group_join_stored(void *state, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<group_change> change(static_cast<group_change *>(arg));
	const group_plugin *g = static_cast<group_plugin *>(state);

	if (result == 0)
		group_joined(g, conn, change.get(), "");
	else if (result == MODEL_NONE)
		group_refuse(g, conn, &change->request, CS_ERRNO_NO_SUCH_GROUP, "groupid names no group");
	else if (result == MODEL_TAKEN || result == CS_DB_DUPLICATE)
		group_refuse(g, conn, &change->request, CS_ERRNO_EXISTS, "already a member");
	else if (result == MODEL_FULL)
		group_refuse_full(g, conn, &change->request);
	else if (result == MODEL_GROUP_FULL)
		group_refuse(g, conn, &change->request, CS_ERRNO_FULL, "the group has as many members as it may have");
	else
		g->context.host->refuse_result(g->context.self, conn, &change->request, result);
	g->context.host->finish(g->context.self, conn);
}

static int group_on_join(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	int64_t id = 0;
	const int rc = field_integer(g->context, frame, "groupid", FIELD_REQUIRED, 1, &id);

	if (rc != 0)
		return rc;
	auto change = group_change_of(g, frame);
	change->id = static_cast<uint64_t>(id);
	return group_hand_in(g, frame, group_join_store, group_join_stored, std::move(change));
}

/* ---- GROUP_CHAT */

static int group_on_chat(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	cs_outgoing message = {};
	int64_t id = 0;
	int rc = field_integer(g->context, frame, "groupid", FIELD_REQUIRED, 1, &id);

	if (rc == 0)
		rc = message_check(g->context, frame, &message);
	if (rc != 0)
		return rc;
	message.kind = CS_CONVERSATION_GROUP;
	message.to = static_cast<uint64_t>(id);
	return g->mailbox->send(g->mailbox_context, frame, &message);
}

/* ---- the instance */

static int group_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto g = std::make_unique<group_plugin>();
	const void *table = nullptr;
	const int rc = host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &g->mailbox_context);

	if (rc != 0) {
		snprintf(e->text, sizeof e->text, "no service \"%s\"", CS_MAILBOX_SERVICE);
		return rc;
	}
	g->context = {host, self};
	g->want = group_want_bit(g->context);
	g->conf = static_cast<const group_conf *>(conf);
	g->mailbox = static_cast<const cs_mailbox *>(table);
	*state_r = g.release();
	return 0;
}

static int group_reload(void *state, const void *conf, int commit, cs_error *)
{
	if (commit)
		static_cast<group_plugin *>(state)->conf = static_cast<const group_conf *>(conf);
	return 0;
}

static void group_stop(void *state)
{
	delete static_cast<group_plugin *>(state);
}

static const char *const group_needs[] = {CS_MAILBOX_SERVICE, nullptr};

static const uint32_t group_flags = CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID;

static const cs_route group_routes[] = {
	{CS_MSGID_CREATE_GROUP, "create_group", group_on_create, group_flags, 5},
	{CS_MSGID_JOIN_GROUP, "join_group", group_on_join, group_flags, 5},
	{CS_MSGID_GROUP_CHAT, "group_chat", group_on_chat, group_flags, 1},
	{CS_MSGID_REMOVE_MEMBER, "remove_member", group_on_remove_member, group_flags, 5},
	{CS_MSGID_SET_ROLE, "set_role", group_on_set_role, group_flags, 5},
	{CS_MSGID_SET_GROUP, "set_group", group_on_set_group, group_flags, 5},
	{CS_MSGID_MEMBERS, "members", group_on_members, group_flags, 5},
	{CS_MSGID_INVITE, "invite", group_on_invite, group_flags, 5},
	{CS_MSGID_MUTE, "mute", group_on_mute, group_flags, 5},
	{0, nullptr, nullptr, 0, 0},
};

static const cs_option group_options[] = {
	{"max_groups", CS_OPTION_INTEGER, offsetof(group_conf, max_groups), 0, 1000000, "500", nullptr, 1,
         "groups that an account may be in; 0: no limit"},
	{"members_max", CS_OPTION_INTEGER, offsetof(group_conf, members_max), 0, 1000000, "500", nullptr, 1,
         "members that a group may have; 0: no limit"},
	{"max_invitations", CS_OPTION_INTEGER, offsetof(group_conf, max_invitations), 1, 100000, "100", nullptr, 1,
         "people who may be invited to a group, and groups to which an account may be invited"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,         .name = "group",           .version = CS_VERSION,           .needs = group_needs,
	.routes = group_routes, .options = group_options,  .conf_size = sizeof(group_conf), .start = group_start,
	.reload = group_reload, .opened = group_on_opened, .closed = group_on_closed,       .routed = group_on_routed,
	.stop = group_stop,
};
