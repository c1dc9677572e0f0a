/* SPDX-License-Identifier: MIT
 * The verbs about groups. */
#include "operator.h"

#include <memory>
#include <vector>

#include "../model/groups.h"
#include "../model/roles.h"

/* ---- an order about one group */

int operator_get_group(const plugin_context &context, const cs_frame *frame, group_named *named_r)
{
	std::string_view name;
	int64_t id = 0;
	int result = operator_check_req(context, frame);

	if (!result)
		result = field_integer(context, frame, "groupid", FIELD_OPTIONAL, 1, &id);
	if (!result)
		result = field_text(context, frame, "groupname", FIELD_OPTIONAL, &name);
	if (!result && (id == 0) == !name.data())
		result = context.host->refuse(context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                              "one of groupid and groupname must be there");
	named_r->id = static_cast<uint64_t>(id);
	named_r->name = name;
	return result;
}

operator_group_order::operator_group_order(operator_plugin *p, const cs_frame *frame)
    : change(&p->changes), plugin(p), conn(frame->conn), request(frame->request)
{
	(void)p->context.host->peer(p->context.self, frame->conn, &peer); /* cannot fail: it sent this frame */
}

void operator_fail_group(const operator_group_order &order, int outcome)
{
	const plugin_context &c = order.plugin->context;
	const auto refuse = [&](int wire_errno, const char *why) {
		(void)c.host->refuse(c.self, order.conn, &order.request, wire_errno, "%s", why);
		(void)c.host->finish(c.self, order.conn);
	};

	switch (outcome) {
	case CS_ERRNO_NO_SUCH_GROUP:
	case MODEL_NONE: return refuse(CS_ERRNO_NO_SUCH_GROUP, "no such group");
	case CS_ERRNO_NO_SUCH_USER:
	case GROUP_NO_MEMBER: return refuse(CS_ERRNO_NO_SUCH_USER, "the account is no member of the group");
	case CS_ERRNO_NOT_ALLOWED:
	case GROUP_NOT_ALLOWED: return refuse(CS_ERRNO_NOT_ALLOWED, "the creator of a group cannot be muted");
	default: operator_fail(c, order.conn, order.request, outcome);
	}
}

/* A line for the log and one for the audit log. */
static void operator_log_keep(const operator_group_order &order)
{
	const plugin_context &c = order.plugin->context;
	const auto group = static_cast<unsigned long long>(order.card.id);
	const auto keep = static_cast<long long>(order.ms);

	c.host->log(c.self, CS_LOG_INFO, "order verb=group_keep by=%s group=%llu keep_ms=%lld", order.peer.text, group,
	            keep);
	c.host->audit(c.self, "order", "verb=group_keep peer=%s group=%llu keep_ms=%lld", order.peer.text, group, keep);
}

static void operator_log_mute(const operator_group_order &order)
{
	const plugin_context &c = order.plugin->context;
	const auto group = static_cast<unsigned long long>(order.card.id),
		   account = static_cast<unsigned long long>(order.account);
	const auto until = static_cast<long long>(order.ms);

	c.host->log(c.self, CS_LOG_INFO, "order verb=group_mute by=%s group=%llu account=%llu until=%lld",
	            order.peer.text, group, account, until);
	c.host->audit(c.self, "order", "verb=group_mute peer=%s group=%llu account=%llu until=%lld", order.peer.text,
	              group, account, until);
}

static void operator_add_member(std::string *out, const char *key, uint64_t number)
{
	*out += std::string(",\"") + key + "\":" + std::to_string(number);
}

static void operator_add_word(std::string *out, const char *key, std::string_view text)
{
	*out += std::string(",\"") + key + "\":";
	operator_quote(out, text);
}

/* ---- GROUP_LIST */

struct operator_group_page {
	plugin_context context;
	operator_page page;
	std::vector<group_line> groups;
};

/* One more than the page may have shows whether there is more. */
static int operator_read_groups(cs_db *db, void *arg)
{
	auto *list = static_cast<operator_group_page *>(arg);

	return group_lines(db, list->page.after, list->page.limit + 1, &list->groups);
}

static void operator_groups_read(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_group_page> list(static_cast<operator_group_page *>(arg));
	std::string more = ",\"groups\":[";

	if (result)
		return operator_fail(list->context, conn, list->page.request, result);
	for (size_t i = 0; i < list->groups.size() && i < list->page.limit; i++) {
		const group_line &group = list->groups[i];

		more += (i > 0 ? ",{\"groupid\":" : "{\"groupid\":") + std::to_string(group.id) + ",\"groupname\":";
		operator_quote(&more, group.name);
		more += ",\"members\":" + std::to_string(group.members) + ",\"seq\":" + std::to_string(group.last_seq) +
		        "}";
	}
	more += "]";
	if (list->groups.size() > list->page.limit)
		more += operator_more(list->groups[list->page.limit - 1].id);
	operator_done(list->context, conn, list->page.request, more);
}

int operator_on_group_list(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<operator_plugin *>(state)->context;
	auto list = std::make_unique<operator_group_page>();

	list->context = c;
	if (const int result = operator_get_page(c, frame, &list->page))
		return result;
	const int result =
		c.host->work(c.self, frame->conn, CS_WORK_READ, operator_read_groups, operator_groups_read, list.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)list.release(); /* operator_groups_read owns it now */
	return CS_PENDING;
}

/* ---- GROUP_SHOW */

struct operator_group_view {
	operator_group_order order;
	operator_page page;
	std::vector<group_seat> seats;

	operator_group_view(operator_plugin *p, const cs_frame *frame) : order(p, frame) {}
};

static int operator_read_group(cs_db *db, void *arg)
{
	auto *view = static_cast<operator_group_view *>(arg);
	const int result = group_card_read(db, view->order.named, &view->order.card);

	return result ? result
	              : group_seats(db, view->order.card.id, view->page.after, view->page.limit + 1, &view->seats);
}

/* In the order of enum group_role. */
static const char *const operator_roles[] = {"normal", "creator", "admin"};

static std::string operator_card_text(const group_card &card)
{
	std::string text = ",\"groupid\":" + std::to_string(card.id);

	operator_add_word(&text, "groupname", card.name);
	operator_add_word(&text, "groupdesc", card.description);
	if (card.created)
		operator_add_member(&text, "created", static_cast<uint64_t>(card.created));
	operator_add_member(&text, "creator", card.creator);
	operator_add_word(&text, "name", card.creator_name);
	operator_add_member(&text, "admins", card.admins);
	operator_add_member(&text, "normal", card.members - card.admins - 1);
	operator_add_word(&text, "join", card.invite_only ? "invite" : "open");
	operator_add_word(&text, "history", card.history_all ? "all" : "joined");
	operator_add_member(&text, "muted", static_cast<uint64_t>(card.muted));
	text += ",\"keep\":" + std::to_string(card.keep);
	operator_add_member(&text, "first", card.first);
	operator_add_member(&text, "last", card.last);
	return text;
}

static std::string operator_seat_text(const group_seat &seat)
{
	std::string text = "{\"account\":" + std::to_string(seat.account);

	operator_add_word(&text, "name", seat.name);
	operator_add_word(&text, "role", operator_roles[seat.role]);
	if (seat.joined)
		operator_add_member(&text, "joined", static_cast<uint64_t>(seat.joined));
	operator_add_member(&text, "muted", static_cast<uint64_t>(seat.muted));
	return text + "}";
}

static void operator_group_read(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_group_view> view(static_cast<operator_group_view *>(arg));
	std::string more = operator_card_text(view->order.card) + ",\"members\":[";

	if (result)
		return operator_fail_group(view->order, result);
	for (size_t i = 0; i < view->seats.size() && i < view->page.limit; i++)
		more += (i > 0 ? "," : "") + operator_seat_text(view->seats[i]);
	more += "]";
	if (view->seats.size() > view->page.limit)
		more += operator_more(view->seats[view->page.limit - 1].account);
	operator_done(view->order.plugin->context, conn, view->order.request, more);
}

int operator_on_group_show(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto view = std::make_unique<operator_group_view>(p, frame);
	int result = operator_get_page(c, frame, &view->page);

	if (!result)
		result = operator_get_group(c, frame, &view->order.named);
	if (result)
		return result;
	result = c.host->work(c.self, frame->conn, CS_WORK_READ, operator_read_group, operator_group_read, view.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)view.release(); /* operator_group_read owns it now */
	return CS_PENDING;
}

/* ---- GROUP_KEEP */

static constexpr int64_t operator_keep_most = INT64_C(36500) * 24 * 3600 * 1000; /* ms, as mailbox.keep */

static int operator_set_keep(cs_db *db, void *arg)
{
	auto *order = static_cast<operator_group_order *>(arg);
	const int result = group_card_read(db, order->named, &order->card);

	return result ? result : retention_set_group(db, order->card.id, order->ms);
}

static void operator_keep_is_set(void *, cs_conn conn, int result, void *arg)
{
	const std::unique_ptr<operator_group_order> order(static_cast<operator_group_order *>(arg));
	std::string more = ",\"groupid\":" + std::to_string(order->card.id);

	if (result)
		return operator_fail_group(*order, result);
	operator_log_keep(*order);
	operator_add_word(&more, "groupname", order->card.name);
	operator_done(order->plugin->context, conn, order->request, more + ",\"keep\":" + std::to_string(order->ms));
}

int operator_on_group_keep(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto order = std::make_unique<operator_group_order>(p, frame);
	int forever = 0, result = operator_get_group(c, frame, &order->named);

	if (!result)
		result = field_flag(c, frame, "forever", FIELD_OPTIONAL, &forever);
	if (!result)
		result = field_integer(c, frame, "keep", forever ? FIELD_OPTIONAL : FIELD_REQUIRED, 0, &order->ms);
	if (!result && order->ms > operator_keep_most)
		result = c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                        "keep must be at most 36500 days in ms, or 0: as the option says");
	if (forever)
		order->ms = retention_forever;
	if (result)
		return result;
	result = c.host->work(c.self, frame->conn, CS_WORK_WRITE, operator_set_keep, operator_keep_is_set, order.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* operator_keep_is_set owns it now */
	return CS_PENDING;
}

/* ---- GROUP_MUTE */

/* As the creator: he may mute everybody else. Writer thread. */
static int operator_mute_effect(cs_db *db, cs_effect *effect, void *arg)
{
	const auto *order = static_cast<const operator_group_order *>(arg);
	uint64_t creator = 0;
	int result = group_creator(db, effect->conversation, &creator);

	effect->actor = creator;
	if (!result)
		result = group_mute(db, {creator, effect->conversation, effect->seq, effect->created}, order->account,
		                    order->ms);
	switch (result) {
	case MODEL_NONE: return CS_ERRNO_NO_SUCH_GROUP;
	case GROUP_IS_THERE: return CS_EFFECT_IS_THERE;
	case GROUP_NO_MEMBER: return CS_ERRNO_NO_SUCH_USER;
	case GROUP_NOT_ALLOWED: return CS_ERRNO_NOT_ALLOWED;
	default: return result;
	}
}

static void operator_mute_is_done(void *arg, int result, uint64_t seq, const cs_effect *)
{
	const std::unique_ptr<operator_group_order> order(static_cast<operator_group_order *>(arg));
	std::string more = ",\"groupid\":" + std::to_string(order->card.id);

	if (result && result != CS_EFFECT_IS_THERE)
		return operator_fail_group(*order, result);
	operator_log_mute(*order);
	operator_add_word(&more, "groupname", order->card.name);
	operator_add_member(&more, "account", order->account);
	operator_add_member(&more, "until", static_cast<uint64_t>(order->ms));
	if (seq)
		operator_add_member(&more, "seq", seq);
	operator_done(order->plugin->context, order->conn, order->request, more);
}

static void operator_mute_is_read(void *, cs_conn, int result, void *arg)
{
	std::unique_ptr<operator_group_order> order(static_cast<operator_group_order *>(arg));
	const operator_plugin *p = order->plugin;
	std::string members;
	cs_mailbox_change change = {};

	operator_add_member(&members, "account", order->account);
	operator_add_member(&members, "until", static_cast<uint64_t>(order->ms));
	members += ",\"operator\":true";
	change.group = order->card.id;
	change.msgid = CS_MSGID_MUTE;
	change.members = members.data();
	change.members_size = members.size();
	change.effect = operator_mute_effect;
	if (!result)
		result = p->mailbox->change(p->mailbox_context, &change, operator_mute_is_done, order.get());
	if (result)
		return operator_fail_group(*order, result);
	(void)order.release(); /* operator_mute_is_done owns it now */
}

static int operator_read_card(cs_db *db, void *arg)
{
	auto *order = static_cast<operator_group_order *>(arg);

	return group_card_read(db, order->named, &order->card);
}

int operator_on_group_mute(void *state, const cs_frame *frame)
{
	auto *p = static_cast<operator_plugin *>(state);
	const plugin_context &c = p->context;
	auto order = std::make_unique<operator_group_order>(p, frame);
	int64_t account = 0;
	int result = operator_get_group(c, frame, &order->named);

	if (!result)
		result = field_integer(c, frame, "account", FIELD_REQUIRED, 0, &account);
	if (!result)
		result = field_integer(c, frame, "ms", FIELD_REQUIRED, 0, &order->ms);
	if (!result && order->ms > operator_keep_most)
		result = c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                        "ms must be at most 36500 days, or 0 (no more)");
	if (result)
		return result;
	order->account = static_cast<uint64_t>(account);
	if (order->ms)
		order->ms += c.host->now();
	result =
		c.host->work(c.self, frame->conn, CS_WORK_READ, operator_read_card, operator_mute_is_read, order.get());
	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* operator_mute_is_read owns it now */
	return CS_PENDING;
}
