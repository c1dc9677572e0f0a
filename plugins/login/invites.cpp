/* SPDX-License-Identifier: MIT
 * The verbs of operators about invitations to register: INVITE_CREATE, INVITE_LIST, INVITE_REVOKE. */
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "../model/register_invites.h"
#include "invite_code.h"
#include "login.h"
#include "reply.h"

static constexpr int64_t login_invites_second = 1000, login_invites_day = 24 * 3600 * login_invites_second;
static constexpr int64_t login_invites_usual = 7 * login_invites_day, login_invites_longest = 3650 * login_invites_day;
static constexpr int64_t login_invites_most_uses = 100000;
static constexpr size_t login_invites_page = 200;
/* So long one that has ended stays in the list. */
static constexpr int64_t login_invites_kept = 30 * login_invites_day;

/* A verb under way. */
struct login_invites_order {
	cs_request request = {};
	cs_peer peer = {};
	struct register_invite invite;
	std::string code, hash;
	uint64_t after = 0;
	int64_t now = 0;
	std::vector<struct register_invite> list;
};

using login_invites_order_ptr = std::unique_ptr<login_invites_order>;

static int login_invites_refuse(const plugin_context &c, const cs_frame *frame, const char *text)
{
	return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "%s", text);
}

/* Null: the request was refused. */
static login_invites_order_ptr login_invites_begin(const plugin_context &c, const cs_frame *frame)
{
	auto order = std::make_unique<login_invites_order>();

	if (frame->request.req < 0) {
		(void)login_invites_refuse(c, frame, "req is missing");
		return nullptr;
	}
	order->request = frame->request;
	order->now = c.host->now();
	(void)c.host->peer(c.self, frame->conn, &order->peer); /* cannot fail: it sent this frame */
	return order;
}

static int login_invites_work(const plugin_context &c, const cs_frame *frame, cs_work_kind kind, cs_work_fn *fn,
                              cs_done_fn *done, login_invites_order_ptr order)
{
	const int result = c.host->work(c.self, frame->conn, kind, fn, done, order.get());

	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* done owns it now */
	return CS_PENDING;
}

/* more: as for answer(). */
static void login_invites_end(const plugin_context &c, cs_conn conn, const login_invites_order *order, int result,
                              const std::string &more)
{
	if (result == MODEL_NONE)
		(void)c.host->refuse(c.self, conn, &order->request, CS_ERRNO_NOT_ALLOWED,
		                     "there is no such invitation");
	else if (result)
		(void)c.host->refuse_result(c.self, conn, &order->request, result);
	else
		c.host->answer(c.self, conn, &order->request, more.c_str());
	(void)c.host->finish(c.self, conn);
}

static std::string login_invites_members(const struct register_invite &invite)
{
	return "\"invite\":" + std::to_string(invite.id) + ",\"uses\":" + std::to_string(invite.uses) +
	       ",\"used\":" + std::to_string(invite.used) + ",\"created\":" + std::to_string(invite.created) +
	       ",\"ends\":" + std::to_string(invite.ends);
}

/* The code never stands in a log. */
static void login_invites_tell(const plugin_context &c, const char *verb, const login_invites_order *order, uint64_t id)
{
	c.host->log(c.self, CS_LOG_INFO, "order verb=%s by=%s invite=%llu", verb, order->peer.text,
	            static_cast<unsigned long long>(id));
	c.host->audit(c.self, "order", "verb=%s peer=%s invite=%llu", verb, order->peer.text,
	              static_cast<unsigned long long>(id));
}

/* ---- INVITE_CREATE */

static int login_invites_insert(cs_db *db, void *arg)
{
	auto *order = static_cast<login_invites_order *>(arg);

	return register_invite_insert(db, order->hash, order->now - login_invites_kept, &order->invite);
}

static void login_invites_inserted(void *state, cs_conn conn, int result, void *arg)
{
	static const char *const registrations[] = {"open", "invite", "closed"}; /* enum login_registration */
	const login_invites_order_ptr order(static_cast<login_invites_order *>(arg));
	const auto *p = static_cast<const login_plugin *>(state);
	const plugin_context &c = p->context;
	std::string more = std::string(",\"registration\":\"") + registrations[p->conf->registration] + "\",\"code\":";

	reply_quote(&more, order->code);
	if (!result)
		login_invites_tell(c, "invite_create", order.get(), order->invite.id);
	login_invites_end(c, conn, order.get(), result, more + "," + login_invites_members(order->invite));
}

int login_on_invite_create(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<const login_plugin *>(state)->context;
	login_invites_order_ptr order = login_invites_begin(c, frame);
	int64_t uses = 1, expires = login_invites_usual;

	if (!order || field_integer(c, frame, "uses", FIELD_OPTIONAL, 1, &uses) != 0 ||
	    field_integer(c, frame, "expires", FIELD_OPTIONAL, login_invites_second, &expires) != 0)
		return CS_REJECT;
	if (uses > login_invites_most_uses)
		return login_invites_refuse(c, frame, "uses must be 1 to 100000");
	if (expires > login_invites_longest)
		return login_invites_refuse(c, frame, "expires must be at most 3650 days, in ms");
	order->code = invite_code_make();
	order->hash = invite_code_hash(order->code);
	order->invite.uses = uses;
	order->invite.created = order->now;
	order->invite.ends = order->now + expires;
	return login_invites_work(c, frame, CS_WORK_WRITE, login_invites_insert, login_invites_inserted,
	                          std::move(order));
}

/* ---- INVITE_LIST */

/* One more than a page has shows whether there is more. */
static int login_invites_read(cs_db *db, void *arg)
{
	auto *order = static_cast<login_invites_order *>(arg);

	return register_invite_page(db, order->after, login_invites_page + 1, &order->list);
}

static void login_invites_were_read(void *state, cs_conn conn, int result, void *arg)
{
	const login_invites_order_ptr order(static_cast<login_invites_order *>(arg));
	const bool goes_on = order->list.size() > login_invites_page;
	std::string more = ",\"invites\":[";

	if (goes_on)
		order->list.pop_back();
	for (size_t i = 0; i < order->list.size(); i++)
		more += (i > 0 ? ",{" : "{") + login_invites_members(order->list[i]) + "}";
	more += "]";
	if (goes_on)
		more += ",\"more\":true,\"next\":\"" + std::to_string(order->list.back().id) + "\"";
	login_invites_end(static_cast<const login_plugin *>(state)->context, conn, order.get(), result, more);
}

int login_on_invite_list(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<const login_plugin *>(state)->context;
	login_invites_order_ptr order = login_invites_begin(c, frame);
	std::string_view after = "0";

	if (!order || field_text(c, frame, "after", FIELD_OPTIONAL, &after) != 0)
		return CS_REJECT;
	const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), order->after);
	if (error != std::errc() || end != after.data() + after.size() || order->after > CS_INTEGER_MAX)
		return login_invites_refuse(c, frame, "after must be what the page before gave as next");
	return login_invites_work(c, frame, CS_WORK_READ, login_invites_read, login_invites_were_read,
	                          std::move(order));
}

/* ---- INVITE_REVOKE */

static int login_invites_remove(cs_db *db, void *arg)
{
	auto *order = static_cast<login_invites_order *>(arg);

	return register_invite_remove(db, order->invite.id, order->hash, &order->invite.id);
}

static void login_invites_removed(void *state, cs_conn conn, int result, void *arg)
{
	const login_invites_order_ptr order(static_cast<login_invites_order *>(arg));
	const plugin_context &c = static_cast<const login_plugin *>(state)->context;

	if (!result)
		login_invites_tell(c, "invite_revoke", order.get(), order->invite.id);
	login_invites_end(c, conn, order.get(), result, ",\"invite\":" + std::to_string(order->invite.id));
}

int login_on_invite_revoke(void *state, const cs_frame *frame)
{
	const plugin_context &c = static_cast<const login_plugin *>(state)->context;
	login_invites_order_ptr order = login_invites_begin(c, frame);
	const bool by_code = c.host->has(frame, "code") != 0;
	std::string_view code;
	int64_t id = 0;

	if (!order)
		return CS_REJECT;
	if (by_code && c.host->has(frame, "invite"))
		return login_invites_refuse(c, frame, "either invite or code, not both");
	if (by_code ? field_text(c, frame, "code", FIELD_REQUIRED, &code) != 0
	            : field_integer(c, frame, "invite", FIELD_REQUIRED, 1, &id) != 0)
		return CS_REJECT;
	order->hash = invite_code_hash(code);
	order->invite.id = static_cast<uint64_t>(id);
	if (by_code && order->hash.empty())
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_NOT_ALLOWED,
		                      "there is no such invitation");
	return login_invites_work(c, frame, CS_WORK_WRITE, login_invites_remove, login_invites_removed,
	                          std::move(order));
}
