/* SPDX-License-Identifier: MIT
 * The instance of the group plugin, and CREATE_GROUP, JOIN_GROUP and GROUP_CHAT. */
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include "../model/groups.h"
#include "../shared/message.h"
#include "../shared/name.h"
#include "group.h"

static const size_t group_description_most = 200; /* characters */

/* What an entry does to the members, on its way to the store. */
struct group_pending {
	counted entry;
	const group_plugin *plugin = nullptr;
	group_limits most;
	bool is_made = false; /* the last run of the effect has changed something */
	std::string name; /* of CREATE_GROUP */
	std::string description;

	explicit group_pending(const group_plugin *g) : entry(&g->entries) {}
};

static std::unique_ptr<group_pending> group_pending_of(const group_plugin *g)
{
	auto change = std::make_unique<group_pending>(g);

	change->plugin = g;
	change->most = {static_cast<uint64_t>(g->conf->max_groups), static_cast<uint64_t>(g->conf->members_max)};
	return change;
}

/* A request that was repeated has changed nothing. */
static void group_entry_is_over(void *arg, cs_conn, int result, const cs_effect *effect)
{
	const std::unique_ptr<group_pending> change(static_cast<group_pending *>(arg));
	const plugin_context &c = change->plugin->context;

	if (result != 0 || !change->is_made)
		return;
	if (change->name.empty())
		c.host->audit(c.self, "group_joined", "group=%" PRIu64 " account=%" PRIu64, effect->conversation,
		              effect->actor);
	else
		c.host->audit(c.self, "group_created", "group=%" PRIu64 " account=%" PRIu64 " name=\"%s\"",
		              effect->conversation, effect->actor, change->name.c_str());
}

static int group_send(const group_plugin *g, const cs_frame *frame, cs_outgoing *entry, cs_effect_fn *effect,
                      std::unique_ptr<group_pending> change)
{
	entry->kind = CS_CONVERSATION_GROUP;
	entry->effect = effect;
	entry->done = group_entry_is_over;
	/* The limit of groups counts the rows of this account. */
	entry->lock = change->most.groups ? frame->account : 0;
	entry->arg = change.release(); /* group_entry_is_over frees it */
	return g->mailbox->send(g->mailbox_context, frame, entry);
}

int group_refuse(const group_plugin *g, cs_conn conn, const cs_request *request, int wire_errno, const char *why)
{
	return g->context.host->refuse(g->context.self, conn, request, wire_errno, "%s", why);
}

/* ---- effects, on the writer's thread */

static int group_effect_refuses(cs_effect *effect, int wire_errno, const char *why)
{
	effect->errmsg = why;
	return wire_errno;
}

static int group_effect_ends(cs_effect *effect, int result)
{
	if (result == MODEL_TAKEN)
		return group_effect_refuses(effect, CS_ERRNO_EXISTS, "already a member");
	return group_effect_result(effect, result);
}

static void group_effect_name_group(char *text, uint64_t group)
{
	snprintf(text, CS_EFFECT_TEXT_MAX, ",\"groupid\":%" PRIu64, group);
}

/* Who repeats the request learns which group it was. Nobody may have told its sessions of it, if the outcome of the
 * first commit was unknown. */
static int group_effect_name_is_taken(cs_db *db, cs_effect *effect, const group_pending *change)
{
	uint64_t own = 0;
	const int result = group_find_own(db, effect->actor, change->name, &own);

	effect->conversation = own;
	if (result == 0)
		group_effect_name_group(effect->answer, own);
	return result < 0 ? result : group_effect_refuses(effect, CS_ERRNO_EXISTS, "the group name is taken");
}

static int group_effect_create(cs_db *db, cs_effect *effect, void *arg)
{
	group_pending *change = static_cast<group_pending *>(arg);
	const int result = group_create(db, effect->actor, change->name, change->description, &effect->conversation,
	                                change->most, effect->created);

	change->is_made = result == 0;
	if (result == MODEL_TAKEN)
		return group_effect_name_is_taken(db, effect, change);
	if (result) {
		effect->conversation = 0;
		return group_effect_ends(effect, result);
	}
	effect->joins = effect->actor;
	group_effect_name_group(effect->answer, effect->conversation);
	group_effect_name_group(effect->added, effect->conversation);
	return 0;
}

static int group_effect_join(cs_db *db, cs_effect *effect, void *arg)
{
	group_pending *change = static_cast<group_pending *>(arg);
	uint64_t joined_seq = 0;
	const int result = effect->conversation ? group_join(db, effect->actor, effect->conversation, &joined_seq,
	                                                     change->most, effect->created)
	                                        : MODEL_NONE;

	change->is_made = result == 0;
	if (result)
		return group_effect_ends(effect, result);
	effect->joins = effect->actor;
	return 0;
}

/* ---- CREATE_GROUP */

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
	cs_outgoing entry = {};
	std::string_view name, description = "";
	int rc = field_text(g->context, frame, "groupname", FIELD_REQUIRED, &name);

	if (rc == 0)
		rc = field_text(g->context, frame, "groupdesc", FIELD_OPTIONAL, &description);
	if (rc == 0)
		rc = group_check_name(g, frame, name);
	if (rc == 0)
		rc = group_check_description(g, frame, description);
	if (rc == 0)
		rc = message_check_entry(g->context, frame, &entry);
	if (rc != 0)
		return rc;
	auto change = group_pending_of(g);
	change->name = name;
	change->description = description;
	return group_send(g, frame, &entry, group_effect_create, std::move(change));
}

/* ---- JOIN_GROUP */

static int group_on_join(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	cs_outgoing entry = {};
	int64_t id = 0;
	int rc = field_integer(g->context, frame, "groupid", FIELD_REQUIRED, 1, &id);

	if (rc == 0)
		rc = message_check_entry(g->context, frame, &entry);
	if (rc != 0)
		return rc;
	entry.to = static_cast<uint64_t>(id);
	return group_send(g, frame, &entry, group_effect_join, group_pending_of(g));
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

static int group_busy(void *state)
{
	return static_cast<const group_plugin *>(state)->entries != 0;
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
	CS_PLUGIN_HEAD,
	.name = "group",
	.version = CS_VERSION,
	.needs = group_needs,
	.routes = group_routes,
	.options = group_options,
	.conf_size = sizeof(group_conf),
	.start = group_start,
	.reload = group_reload,
	.opened = group_on_opened,
	.closed = group_on_closed,
	.written = group_on_written,
	.routed = group_on_routed,
	.stop = group_stop,
	.busy = group_busy,
};
