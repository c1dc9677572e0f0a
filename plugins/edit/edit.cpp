/* SPDX-License-Identifier: MIT
 * EDIT and RECALL: to change what was said, or to take it back. */
#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>

#include <chatserverd/mailbox.h>
#include <chatserverd/plugin.h>

#include "../model/edits.h"
#include "../shared/counted.h"
#include "../shared/field.h"
#include "../shared/message.h"
#include "../shared/object.h"

struct edit_conf {
	int64_t edit_window, recall_window; /* ms */
};

struct edit_plugin {
	plugin_context context;
	const edit_conf *conf = nullptr; /* owned by the server */
	const cs_mailbox *mailbox = nullptr;
	void *mailbox_context = nullptr;
	mutable size_t entries = 0; /* on their way through the mailbox */
};

/* A message may become so long without being longer than its own frame or that of the EDIT: the length of a frame by
 * default (core.max_frame), which the plugin does not know. */
static const size_t edit_most = 64 * 1024;
/* What the stored frame may have besides the members that the EDIT has as well: a name, a time, `edited`. */
static const size_t edit_more = 1024;

/* A request on its way to the store. The first part of act is set. */
struct edit_change {
	counted entry;
	edit_act act;
	std::string msg; /* EDIT: the new text as a JSON string */
	size_t most = 0;

	explicit edit_change(const edit_plugin *e) : entry(&e->entries) {}
};

/* ---- in the transaction of the entry */

struct edit_refusal {
	int outcome, wire_errno;
	const char *text;
};

static const edit_refusal edit_refusals[] = {
	{MODEL_NOT_MEMBER, CS_ERRNO_NOT_ALLOWED, "not a member of the group"},
	{MODEL_MUTED, CS_ERRNO_NOT_ALLOWED, "muted in the group until then"},
	{MODEL_UNWANTED, CS_ERRNO_NOT_ALLOWED, "this account takes nothing from you"},
	{EDIT_NO_MESSAGE, CS_ERRNO_NO_SUCH_MESSAGE, "of names no message that can be changed"},
	{EDIT_NOT_SENDER, CS_ERRNO_NOT_ALLOWED, "the message is not yours"},
	{EDIT_TOO_LATE, CS_ERRNO_TOO_LATE, "the message is too old"},
	{EDIT_TOO_LONG, CS_ERRNO_TOO_LONG, "the message would become too long"},
};

/* The result of an effect for that of the model. */
static int edit_result(cs_effect *effect, const edit_act &act, int result)
{
	if (result == EDIT_IS_THERE)
		return CS_EFFECT_IS_THERE;
	if (result == MODEL_NONE) {
		const bool group = act.kind == CONVERSATION_GROUP;

		effect->errmsg = group ? "groupid names no group" : "toid names nobody";
		return group ? CS_ERRNO_NO_SUCH_GROUP : CS_ERRNO_NO_SUCH_USER;
	}
	for (const edit_refusal &refusal : edit_refusals)
		if (refusal.outcome == result) {
			effect->errmsg = refusal.text;
			return refusal.wire_errno;
		}
	return result;
}

static edit_act edit_act_of(const edit_change &change, const cs_effect &effect)
{
	edit_act act = change.act;

	act.conversation = effect.conversation;
	act.actor = effect.actor;
	act.seq = effect.seq;
	act.now = effect.created;
	return act;
}

static int edit_run_edit(cs_db *db, cs_effect *effect, void *arg)
{
	const edit_change *change = static_cast<const edit_change *>(arg);
	const edit_act act = edit_act_of(*change, *effect);
	int64_t muted = 0;
	const int result = edit_message(db, act, change->msg, change->most, &muted);

	if (result == MODEL_MUTED)
		snprintf(effect->answer, sizeof(effect->answer), ",\"until\":%" PRId64, muted);
	return edit_result(effect, act, result);
}

static int edit_run_recall(cs_db *db, cs_effect *effect, void *arg)
{
	const edit_act act = edit_act_of(*static_cast<const edit_change *>(arg), *effect);

	return edit_result(effect, act, edit_recall(db, act));
}

/* ---- the requests */

static void edit_is_done(void *arg, cs_conn, int, const cs_effect *)
{
	const std::unique_ptr<edit_change> change(static_cast<edit_change *>(arg));
}

/* Reads which message is meant. 0, or CS_REJECT: the request was refused. */
static int edit_read(const plugin_context &context, const cs_frame *frame, cs_outgoing *entry, edit_act *act)
{
	int64_t account = 0, group = 0, of = 0;
	int result = field_integer(context, frame, "toid", FIELD_OPTIONAL, 1, &account);

	if (!result)
		result = field_integer(context, frame, "groupid", FIELD_OPTIONAL, 1, &group);
	if (!result)
		result = field_integer(context, frame, "of", FIELD_REQUIRED, 1, &of);
	if (result)
		return result;
	if (!account == !group)
		return context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                            "one of toid and groupid must be there");
	entry->kind = group ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
	entry->to = static_cast<uint64_t>(group ? group : account);
	act->kind = group ? CONVERSATION_GROUP : CONVERSATION_PAIR;
	act->to = entry->to;
	act->of = static_cast<uint64_t>(of);
	return 0;
}

static int edit_send(const edit_plugin *e, const cs_frame *frame, cs_outgoing *entry,
                     std::unique_ptr<edit_change> change)
{
	entry->done = edit_is_done;
	entry->arg = change.release(); /* edit_is_done owns it now */
	return e->mailbox->send(e->mailbox_context, frame, entry);
}

static int edit_on_edit(void *state, const cs_frame *frame)
{
	const edit_plugin *e = static_cast<const edit_plugin *>(state);
	auto change = std::make_unique<edit_change>(e);
	cs_outgoing entry = {};
	std::string_view msg;
	int result = edit_read(e->context, frame, &entry, &change->act);

	if (!result)
		result = message_check(e->context, frame, &entry);
	if (result)
		return result;
	/* The server has checked the frame, so it is an object. */
	if (object_find({frame->bytes, frame->size}, "msg", &msg))
		return e->context.host->refuse_result(e->context.self, frame->conn, &frame->request, CS_DB_BAD_VALUE);
	change->msg = msg;
	change->act.window = e->conf->edit_window;
	change->act.strangers_may = !e->mailbox->refuses_strangers(e->mailbox_context);
	change->most = std::max(edit_most, frame->size + edit_more);
	entry.effect = edit_run_edit;
	return edit_send(e, frame, &entry, std::move(change));
}

static int edit_on_recall(void *state, const cs_frame *frame)
{
	const edit_plugin *e = static_cast<const edit_plugin *>(state);
	auto change = std::make_unique<edit_change>(e);
	cs_outgoing entry = {};
	int result = edit_read(e->context, frame, &entry, &change->act);

	if (!result)
		result = message_check_entry(e->context, frame, &entry);
	if (result)
		return result;
	/* It may be that of the message; a repeated RECALL is done without one. */
	entry.cid = nullptr;
	entry.cid_size = 0;
	change->act.window = e->conf->recall_window;
	entry.effect = edit_run_recall;
	return edit_send(e, frame, &entry, std::move(change));
}

/* ---- the instance */

static int edit_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto plugin = std::make_unique<edit_plugin>();
	const void *table = nullptr;
	const int result =
		host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &plugin->mailbox_context);

	if (result) {
		snprintf(e->text, sizeof(e->text), "no service \"%s\"", CS_MAILBOX_SERVICE);
		return result;
	}
	plugin->context = {host, self};
	plugin->conf = static_cast<const edit_conf *>(conf);
	plugin->mailbox = static_cast<const cs_mailbox *>(table);
	*state_r = plugin.release();
	return 0;
}

static int edit_reload(void *state, const void *conf, int commit, cs_error *)
{
	if (commit)
		static_cast<edit_plugin *>(state)->conf = static_cast<const edit_conf *>(conf);
	return 0;
}

static int edit_busy(void *state)
{
	return static_cast<const edit_plugin *>(state)->entries != 0;
}

static void edit_stop(void *state)
{
	const std::unique_ptr<edit_plugin> plugin(static_cast<edit_plugin *>(state));
}

static const char *const edit_needs[] = {CS_MAILBOX_SERVICE, nullptr};

static const uint32_t edit_flags = CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID;

static const cs_route edit_routes[] = {
	{CS_MSGID_EDIT, "edit", edit_on_edit, edit_flags, 1},
	{CS_MSGID_RECALL, "recall", edit_on_recall, edit_flags, 1},
	{0, nullptr, nullptr, 0, 0},
};

static const int64_t edit_longest_window = INT64_C(3650) * 24 * 60 * 60 * 1000; /* ms */

static const cs_option edit_options[] = {
	{"edit_window", CS_OPTION_TIME, offsetof(edit_conf, edit_window), 0, edit_longest_window, "15m", nullptr, 1,
         "for so long after it was stored a message can be edited; 0: never"},
	{"recall_window", CS_OPTION_TIME, offsetof(edit_conf, recall_window), 0, edit_longest_window, "15m", nullptr, 1,
         "for so long after it was stored a message can be recalled by its sender; 0: never"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "edit",
	.version = CS_VERSION,
	.needs = edit_needs,
	.routes = edit_routes,
	.options = edit_options,
	.conf_size = sizeof(edit_conf),
	.start = edit_start,
	.reload = edit_reload,
	.stop = edit_stop,
	.busy = edit_busy,
};
