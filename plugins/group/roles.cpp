/* SPDX-License-Identifier: MIT
 * REMOVE_MEMBER, SET_ROLE, SET_GROUP and MUTE: requests that are entries of the group's log, with their effects. */
#include <cinttypes>
#include <memory>
#include <optional>
#include <string>

#include "../model/roles.h"
#include "../shared/message.h"
#include "group.h"

struct group_asked;

/* Tells the audit log what was done. */
typedef void group_audit_fn(const plugin_context &c, const group_asked &asked, const cs_effect &effect);

/* What one of these requests asks for. */
struct group_asked {
	counted entry;
	const group_plugin *plugin = nullptr;
	group_audit_fn *audit = nullptr;
	bool is_done = false; /* the last run of the effect has changed something */
	uint64_t account = 0;
	bool ban = false;
	group_role role = GROUP_NORMAL;
	int64_t until = 0;
	std::optional<std::string> name, description;
	std::optional<bool> invite_only, history_all;

	explicit group_asked(const group_plugin *g) : entry(&g->entries) {}
};

/* ---- the effects, on writer threads */

static group_act group_act_of(const cs_effect *effect)
{
	return {effect->actor, effect->conversation, effect->seq, effect->created};
}

int group_effect_result(cs_effect *effect, int outcome)
{
	if (outcome == GROUP_IS_THERE)
		return CS_EFFECT_IS_THERE;
	if (outcome == GROUP_NO_ENTRY)
		return CS_EFFECT_NO_ENTRY;
	const group_refusal *refusal = group_refusal_of(outcome);

	if (!refusal)
		return outcome;
	effect->errmsg = refusal->text;
	return refusal->wire_errno;
}

/* The same, of what a request asks for. */
static int group_asked_result(group_asked *asked, cs_effect *effect, int outcome)
{
	asked->is_done = outcome == 0 || outcome == GROUP_NO_ENTRY;
	return group_effect_result(effect, outcome);
}

static int group_remove_effect(cs_db *db, cs_effect *effect, void *arg)
{
	group_asked *asked = static_cast<group_asked *>(arg);
	bool left = false;
	const int outcome = group_remove_member(db, group_act_of(effect), asked->account, asked->ban, &left);

	if (!outcome && left)
		effect->leaves = asked->account;
	return group_asked_result(asked, effect, outcome);
}

static int group_role_effect(cs_db *db, cs_effect *effect, void *arg)
{
	group_asked *asked = static_cast<group_asked *>(arg);

	return group_asked_result(asked, effect, group_set_role(db, group_act_of(effect), asked->account, asked->role));
}

static int group_settings_effect(cs_db *db, cs_effect *effect, void *arg)
{
	group_asked *asked = static_cast<group_asked *>(arg);
	const group_settings settings = {asked->name, asked->description, asked->invite_only, asked->history_all};
	const int outcome = group_change(db, group_act_of(effect), settings);

	if (outcome == MODEL_TAKEN) {
		effect->errmsg = "the group name is taken";
		return CS_ERRNO_EXISTS;
	}
	return group_asked_result(asked, effect, outcome);
}

static int group_mute_effect(cs_db *db, cs_effect *effect, void *arg)
{
	group_asked *asked = static_cast<group_asked *>(arg);

	return group_asked_result(asked, effect, group_mute(db, group_act_of(effect), asked->account, asked->until));
}

/* ---- the audit log */

static void group_audit_removed(const plugin_context &c, const group_asked &asked, const cs_effect &effect)
{
	if (asked.account == effect.actor)
		c.host->audit(c.self, "group_left", "group=%" PRIu64 " account=%" PRIu64, effect.conversation,
		              effect.actor);
	else
		c.host->audit(c.self, "member_removed", "group=%" PRIu64 " account=%" PRIu64 " by=%" PRIu64 " ban=%s",
		              effect.conversation, asked.account, effect.actor, asked.ban ? "yes" : "no");
}

/* In the order of enum group_role. */
static const char *const group_roles[] = {"normal", "creator", "admin"};

static void group_audit_role(const plugin_context &c, const group_asked &asked, const cs_effect &effect)
{
	c.host->audit(c.self, "role_changed", "group=%" PRIu64 " account=%" PRIu64 " by=%" PRIu64 " role=%s",
	              effect.conversation, asked.account, effect.actor, group_roles[asked.role]);
}

static void group_audit_muted(const plugin_context &c, const group_asked &asked, const cs_effect &effect)
{
	c.host->audit(c.self, "member_muted", "group=%" PRIu64 " account=%" PRIu64 " by=%" PRIu64 " until=%" PRId64,
	              effect.conversation, asked.account, effect.actor, asked.until);
}

/* The words of SET_GROUP; the second is that of true. */
static const char *const group_joins[] = {"open", "invite"}, *const group_histories[] = {"joined", "all"};

static void group_audit_settings(const plugin_context &c, const group_asked &asked, const cs_effect &effect)
{
	const auto word = [](const std::optional<bool> &second, const char *const(&words)[2]) {
		return second ? words[*second] : "";
	};

	c.host->audit(c.self, "group_changed",
	              "group=%" PRIu64 " by=%" PRIu64 " name=\"%s\" join=%s history=%s description=%s",
	              effect.conversation, effect.actor, asked.name ? asked.name->c_str() : "",
	              word(asked.invite_only, group_joins), word(asked.history_all, group_histories),
	              asked.description ? "changed" : "");
}

/* ---- the requests */

/* A request that was repeated has changed nothing. */
static void group_asked_done(void *arg, cs_conn, int result, const cs_effect *effect)
{
	const std::unique_ptr<group_asked> asked(static_cast<group_asked *>(arg));

	if (asked->is_done && (result == 0 || result == CS_EFFECT_NO_ENTRY))
		asked->audit(asked->plugin->context, *asked, *effect);
}

/* Reads groupid, and what all entries have in common. */
static int group_asked_begin(const group_plugin *g, const cs_frame *frame, cs_outgoing *entry)
{
	int64_t group = 0;
	int result = field_integer(g->context, frame, "groupid", FIELD_REQUIRED, 1, &group);

	if (!result)
		result = message_check_entry(g->context, frame, entry);
	entry->kind = CS_CONVERSATION_GROUP;
	entry->to = static_cast<uint64_t>(group);
	return result;
}

static int group_asked_send(const group_plugin *g, const cs_frame *frame, cs_outgoing *entry, cs_effect_fn *effect,
                            group_audit_fn *audit, std::unique_ptr<group_asked> asked)
{
	asked->plugin = g;
	asked->audit = audit;
	entry->effect = effect;
	entry->done = group_asked_done;
	entry->arg = asked.release(); /* the completion owns it now */
	return g->mailbox->send(g->mailbox_context, frame, entry);
}

int group_on_remove_member(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	auto asked = std::make_unique<group_asked>(g);
	cs_outgoing entry = {};
	int64_t account = 0;
	int ban = 0, result = group_asked_begin(g, frame, &entry);

	if (!result)
		result = field_integer(g->context, frame, "account", FIELD_REQUIRED, 1, &account);
	if (!result)
		result = field_flag(g->context, frame, "ban", FIELD_OPTIONAL, &ban);
	if (result)
		return result;
	asked->account = static_cast<uint64_t>(account);
	asked->ban = ban != 0;
	return group_asked_send(g, frame, &entry, group_remove_effect, group_audit_removed, std::move(asked));
}

/* The place of the text among the words, or -1. */
template <size_t count> static int group_word_of(std::string_view text, const char *const (&words)[count])
{
	for (size_t i = 0; i < count; i++)
		if (text == words[i])
			return static_cast<int>(i);
	return -1;
}

int group_on_set_role(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	auto asked = std::make_unique<group_asked>(g);
	cs_outgoing entry = {};
	std::string_view role;
	int64_t account = 0;
	int result = group_asked_begin(g, frame, &entry);

	if (!result)
		result = field_integer(g->context, frame, "account", FIELD_REQUIRED, 1, &account);
	if (!result)
		result = field_text(g->context, frame, "role", FIELD_REQUIRED, &role);
	if (result)
		return result;
	const int word = group_word_of(role, group_roles);
	if (word < 0)
		return group_refuse(g, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                    "role must be creator, admin or normal");
	asked->account = static_cast<uint64_t>(account);
	asked->role = static_cast<group_role>(word);
	return group_asked_send(g, frame, &entry, group_role_effect, group_audit_role, std::move(asked));
}

int group_on_mute(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	auto asked = std::make_unique<group_asked>(g);
	cs_outgoing entry = {};
	int64_t account = 0;
	int result = group_asked_begin(g, frame, &entry);

	if (!result)
		result = field_integer(g->context, frame, "account", FIELD_REQUIRED, 0, &account);
	if (!result)
		result = field_integer(g->context, frame, "until", FIELD_REQUIRED, 0, &asked->until);
	if (result)
		return result;
	asked->account = static_cast<uint64_t>(account);
	return group_asked_send(g, frame, &entry, group_mute_effect, group_audit_muted, std::move(asked));
}

/* ---- SET_GROUP */

static int group_read_texts(const group_plugin *g, const cs_frame *frame, group_asked *asked)
{
	std::string_view name, description;
	int result = field_text(g->context, frame, "groupname", FIELD_OPTIONAL, &name);

	if (!result)
		result = field_text(g->context, frame, "groupdesc", FIELD_OPTIONAL, &description);
	if (!result && name.data())
		result = group_check_name(g, frame, name);
	if (!result && description.data())
		result = group_check_description(g, frame, description);
	if (result)
		return result;
	if (name.data())
		asked->name = name;
	if (description.data())
		asked->description = description;
	return 0;
}

/* *second_r: whether the text is the second of the words; not set if there is no such field. */
static int group_read_word(const group_plugin *g, const cs_frame *frame, const char *key, const char *const (&words)[2],
                           const char *must_be, std::optional<bool> *second_r)
{
	std::string_view text;

	if (const int result = field_text(g->context, frame, key, FIELD_OPTIONAL, &text); result || !text.data())
		return result;
	const int word = group_word_of(text, words);
	if (word < 0)
		return group_refuse(g, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, must_be);
	*second_r = word == 1;
	return 0;
}

int group_on_set_group(void *state, const cs_frame *frame)
{
	const group_plugin *g = static_cast<group_plugin *>(state);
	auto asked = std::make_unique<group_asked>(g);
	cs_outgoing entry = {};
	int result = group_asked_begin(g, frame, &entry);

	if (!result)
		result = group_read_texts(g, frame, asked.get());
	if (!result)
		result = group_read_word(g, frame, "join", group_joins, "join must be open or invite",
		                         &asked->invite_only);
	if (!result)
		result = group_read_word(g, frame, "history", group_histories, "history must be joined or all",
		                         &asked->history_all);
	if (result)
		return result;
	if (!asked->name && !asked->description && !asked->invite_only && !asked->history_all)
		return group_refuse(g, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                    "one of groupname, groupdesc, join and history must be there");
	return group_asked_send(g, frame, &entry, group_settings_effect, group_audit_settings, std::move(asked));
}
