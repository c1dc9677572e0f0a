/* SPDX-License-Identifier: MIT
 * What operators do with logins: ACCOUNT_ADD, ACCOUNT_PASSWORD, ACCOUNT_LOCK and ACCOUNT_UNLOCK. The other verbs about
 * accounts belong to the plugin operator; these need the cost of passwords and the sessions. */
#include <memory>
#include <string>

#include "../model/accounts.h"
#include "../shared/account.h"
#include "../shared/name.h"
#include "login.h"
#include "reply.h"
#include "sessions.h"

/* An order on its way. */
struct login_order {
	explicit login_order(std::string_view text) : clear(text) {}

	const char *verb = ""; /* for the log */
	cs_request request = {};
	cs_peer peer = {};
	account_named named; /* of ACCOUNT_ADD: the name of the new account */
	account_row account;
	password_clear clear;
	password_cost cost;
	password_hash hash = {};
	user_series series; /* after the change */
	int only_first = 0; /* the account keeps the password that it has */
	bool has_password = false;
	bool locks = false;
	std::string reason;
	int64_t now = 0; /* ms */
};

using login_order_ptr = std::unique_ptr<login_order>;

static int login_order_refuse(const login_plugin *p, cs_conn conn, const cs_request *request, int wire_errno,
                              const char *text)
{
	return p->context.host->refuse(p->context.self, conn, request, wire_errno, "%s", text);
}

/* Refuses for a result, 0 excluded, and takes the next verb. */
static void login_order_fail(const login_plugin *p, cs_conn conn, const login_order &order, int result)
{
	const bool is_gone = order.account.locked >= USER_ERASING;

	if (result == MODEL_NONE)
		(void)login_order_refuse(p, conn, &order.request, CS_ERRNO_NO_SUCH_USER,
		                         is_gone ? "the account was erased" : "no such account");
	else if (result == MODEL_TAKEN || result == CS_DB_DUPLICATE)
		(void)login_order_refuse(p, conn, &order.request, CS_ERRNO_EXISTS, "the name is taken");
	else
		(void)p->context.host->refuse_result(p->context.self, conn, &order.request, result);
	(void)p->context.host->finish(p->context.self, conn);
}

static void login_order_done(const login_plugin *p, cs_conn conn, const login_order &order)
{
	const plugin_context &c = p->context;
	const auto account = static_cast<unsigned long long>(order.account.id);
	std::string more = ",\"account\":" + std::to_string(account) + ",\"name\":";

	reply_quote(&more, order.account.name);
	c.host->log(c.self, CS_LOG_INFO, "order verb=%s by=%s account=%llu", order.verb, order.peer.text, account);
	c.host->audit(c.self, "order", "verb=%s peer=%s account=%llu", order.verb, order.peer.text, account);
	c.host->answer(c.self, conn, &order.request, more.c_str());
	(void)c.host->finish(c.self, conn);
}

static login_order_ptr login_order_make(const login_plugin *p, const cs_frame *frame, const char *verb,
                                        std::string_view password)
{
	auto order = std::make_unique<login_order>(password);

	(void)p->context.host->peer(p->context.self, frame->conn, &order->peer); /* cannot fail: it sent this frame */
	order->verb = verb;
	order->request = frame->request;
	order->cost = login_cost(p);
	order->now = p->context.host->now();
	return order;
}

/* The handler's verdict. */
static int login_order_begin(const login_plugin *p, const cs_frame *frame, login_order_ptr order, cs_work_kind kind,
                             cs_work_fn *fn, cs_done_fn *done)
{
	const plugin_context &c = p->context;
	const int result = c.host->work(c.self, frame->conn, kind, fn, done, order.get());

	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)order.release(); /* done owns it now */
	return CS_PENDING;
}

/* The next step of an order that is pending. */
static void login_order_go_on(const login_plugin *p, cs_conn conn, login_order_ptr order, cs_work_kind kind,
                              cs_work_fn *fn, cs_done_fn *done)
{
	const int result = p->context.host->work(p->context.self, conn, kind, fn, done, order.get());

	if (result)
		login_order_fail(p, conn, *order, result);
	else
		(void)order.release(); /* done owns it now */
}

/* `password`, by the rules of REGISTER. 0, or CS_REJECT after the request was refused. */
static int login_order_read_password(const login_plugin *p, const cs_frame *frame, std::string_view *password_r)
{
	if (const int refused = field_text(p->context, frame, "password", FIELD_REQUIRED, password_r))
		return refused;
	if (password_r->empty() || password_r->size() > login_password_most)
		return login_order_refuse(p, frame->conn, &frame->request,
		                          password_r->empty() ? CS_ERRNO_BAD_FRAME : CS_ERRNO_TOO_LONG,
		                          "password must have 1 to 128 bytes");
	return 0;
}

static int login_order_hash(cs_db *, void *arg)
{
	login_order *order = static_cast<login_order *>(arg);

	return password_make(order->clear.bytes, order->cost, &order->hash);
}

/* ---- ACCOUNT_ADD */

static int login_order_insert(cs_db *db, void *arg)
{
	login_order *order = static_cast<login_order *>(arg);

	return user_insert(db, order->account.name, order->hash.data(), order->now, &order->account.id);
}

static void login_order_inserted(void *state, cs_conn conn, int result, void *arg)
{
	const login_order_ptr order(static_cast<login_order *>(arg));
	const login_plugin *p = static_cast<const login_plugin *>(state);

	if (result)
		login_order_fail(p, conn, *order, result);
	else
		login_order_done(p, conn, *order);
}

static void login_order_hashed_new(void *state, cs_conn conn, int result, void *arg)
{
	login_order_ptr order(static_cast<login_order *>(arg));
	const login_plugin *p = static_cast<const login_plugin *>(state);

	if (result)
		login_order_fail(p, conn, *order, result);
	else
		login_order_go_on(p, conn, std::move(order), CS_WORK_WRITE, login_order_insert, login_order_inserted);
}

int login_on_account_add(void *state, const cs_frame *frame)
{
	const login_plugin *p = static_cast<const login_plugin *>(state);
	std::string_view name, password;
	int result = field_text(p->context, frame, "name", FIELD_REQUIRED, &name);

	if (!result && frame->request.req < 0)
		result = login_order_refuse(p, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "req is missing");
	if (const name_fault *fault = result ? nullptr : name_judge(name))
		result = login_order_refuse(p, frame->conn, &frame->request,
		                            fault->is_too_long ? CS_ERRNO_TOO_LONG : CS_ERRNO_BAD_FRAME,
		                            (std::string("name ") + fault->text).c_str());
	if (!result)
		result = login_order_read_password(p, frame, &password);
	if (result)
		return result;
	login_order_ptr order = login_order_make(p, frame, "account_add", password);
	order->account.name = name;
	return login_order_begin(p, frame, std::move(order), CS_WORK_HASH, login_order_hash, login_order_hashed_new);
}

/* ---- ACCOUNT_PASSWORD */

static int login_order_find(cs_db *db, void *arg)
{
	login_order *order = static_cast<login_order *>(arg);
	const int result = account_find(db, order->named, &order->account);

	return !result && order->account.locked >= USER_ERASING ? int{MODEL_NONE} : result;
}

static int login_order_find_password(cs_db *db, void *arg)
{
	login_order *order = static_cast<login_order *>(arg);
	user user;
	int result = login_order_find(db, order);

	if (!result && order->only_first)
		result = user_find(db, order->account.id, &user);
	order->has_password = !user.password.empty();
	return result;
}

static int login_order_replace(cs_db *db, void *arg)
{
	login_order *order = static_cast<login_order *>(arg);
	user user;

	if (!order->only_first)
		return user_replace_password(db, order->account.id, order->hash.data(), &order->series);
	const int result = user_set_password(db, order->account.id, "", order->hash.data(), &order->series);
	order->has_password = result == MODEL_NONE; /* somebody else was faster, if the account is there */
	if (!order->has_password)
		return result;
	const int found = user_find(db, order->account.id, &user);
	return !found && user.locked >= USER_ERASING ? int{MODEL_NONE} : found;
}

static void login_order_keep(const login_plugin *p, cs_conn conn, const login_order &order)
{
	const plugin_context &c = p->context;
	std::string more = ",\"account\":" + std::to_string(order.account.id) + ",\"name\":";

	reply_quote(&more, order.account.name);
	more += ",\"kept\":true";
	c.host->answer(c.self, conn, &order.request, more.c_str());
	(void)c.host->finish(c.self, conn);
}

/* Also if it is not known whether it was done: then the sessions compare themselves with the store. */
static void login_order_replaced(void *state, cs_conn conn, int result, void *arg)
{
	const login_order_ptr order(static_cast<login_order *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	if (result) {
		login_order_fail(p, conn, *order, result);
		return;
	}
	if (order->has_password)
		return login_order_keep(p, conn, *order);
	login_sessions_end_former(p, order->account.id, order->series);
	login_order_done(p, conn, *order);
}

static void login_order_hashed(void *state, cs_conn conn, int result, void *arg)
{
	login_order_ptr order(static_cast<login_order *>(arg));
	const login_plugin *p = static_cast<const login_plugin *>(state);

	if (result)
		login_order_fail(p, conn, *order, result);
	else
		login_order_go_on(p, conn, std::move(order), CS_WORK_WRITE, login_order_replace, login_order_replaced);
}

static void login_order_found(void *state, cs_conn conn, int result, void *arg)
{
	login_order_ptr order(static_cast<login_order *>(arg));
	const login_plugin *p = static_cast<const login_plugin *>(state);

	if (result)
		login_order_fail(p, conn, *order, result);
	else if (order->has_password)
		login_order_keep(p, conn, *order);
	else
		login_order_go_on(p, conn, std::move(order), CS_WORK_HASH, login_order_hash, login_order_hashed);
}

int login_on_account_password(void *state, const cs_frame *frame)
{
	const login_plugin *p = static_cast<const login_plugin *>(state);
	std::string_view password;
	account_named named;
	int only_first = 0;
	int result = account_named_read(p->context, frame, &named);

	if (!result)
		result = login_order_read_password(p, frame, &password);
	if (!result)
		result = field_flag(p->context, frame, "if_none", FIELD_OPTIONAL, &only_first);
	if (result)
		return result;
	login_order_ptr order = login_order_make(p, frame, "account_password", password);
	order->named = named;
	order->only_first = only_first;
	return login_order_begin(p, frame, std::move(order), CS_WORK_READ, login_order_find_password,
	                         login_order_found);
}

/* ---- ACCOUNT_LOCK and ACCOUNT_UNLOCK */

static int login_order_lock(cs_db *db, void *arg)
{
	login_order *order = static_cast<login_order *>(arg);
	const int result = login_order_find(db, order);

	return result ? result : user_set_locked(db, order->account.id, order->locks, order->reason);
}

static void login_order_locked(void *state, cs_conn conn, int result, void *arg)
{
	const login_order_ptr order(static_cast<login_order *>(arg));
	login_plugin *p = static_cast<login_plugin *>(state);

	/* CS_EUNKNOWN: perhaps it is locked; if not, they log in again. */
	if (order->locks && (result == 0 || result == CS_EUNKNOWN) && order->account.id)
		login_sessions_end_locked(p, order->account.id);
	if (result)
		login_order_fail(p, conn, *order, result);
	else
		login_order_done(p, conn, *order);
}

static int login_order_begin_lock(void *state, const cs_frame *frame, const char *verb, bool locks)
{
	const login_plugin *p = static_cast<const login_plugin *>(state);
	std::string_view reason;
	account_named named;
	int result = account_named_read(p->context, frame, &named);

	if (!result && locks)
		result = field_text(p->context, frame, "reason", FIELD_OPTIONAL, &reason);
	if (!result && text_characters(reason) > user_reason_most)
		result = login_order_refuse(p, frame->conn, &frame->request, CS_ERRNO_TOO_LONG,
		                            "reason must have at most 200 characters");
	if (result)
		return result;
	login_order_ptr order = login_order_make(p, frame, verb, "");
	order->named = named;
	order->locks = locks;
	order->reason = reason;
	return login_order_begin(p, frame, std::move(order), CS_WORK_WRITE, login_order_lock, login_order_locked);
}

int login_on_account_lock(void *state, const cs_frame *frame)
{
	return login_order_begin_lock(state, frame, "account_lock", true);
}

int login_on_account_unlock(void *state, const cs_frame *frame)
{
	return login_order_begin_lock(state, frame, "account_unlock", false);
}
