/* SPDX-License-Identifier: MIT
 * Verbs of operators: BOT_ADD, BOT_LIST, BOT_REMOVE, BOT_SECRET and BOT_TOKEN.
 *
 * A bot is an account that no password fits, with a device whose transport is HTTP. It says something in its answers to
 * what is posted to it, or logs in with its token as any client. */
#include "push.h"

#include <charconv>
#include <utility>

#include "../model/devices.h"
#include "../model/tokens.h"
#include "../model/users.h"
#include "../shared/name.h"
#include "../shared/token.h"
#include "document.h"
#include "sign.h"

/* The longest URL, in bytes. */
static constexpr size_t bot_url_most = 1024;
/* Of one answer. */
static constexpr size_t bot_list_most = 100;

struct bot_request {
	~bot_request()
	{
		for (token_key_row &key : secrets.keys)
			wipe_bytes(key.bytes.data(), key.bytes.size());
		wipe_bytes(fresh_key.data(), fresh_key.size());
		wipe_bytes(row.secret.data(), row.secret.size());
	}

	cs_request request = {};
	std::string peer;
	uint64_t account = 0; /* 0: the one with the name */
	std::string no_password;
	std::string fresh_key;
	push_device_row row;
	user found;
	token_secrets secrets;
	uint64_t after = 0;
	std::vector<push_device_row> rows;
};

using bot_request_ptr = std::unique_ptr<bot_request>;

static bot_request_ptr bot_begin(const push_plugin *p, const cs_frame *frame)
{
	auto r = std::make_unique<bot_request>();
	cs_peer peer = {};

	(void)p->context.host->peer(p->context.self, frame->conn, &peer);
	r->request = frame->request;
	r->peer = peer.text;
	return r;
}

static int bot_run(const push_plugin *p, const cs_frame *frame, cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done,
                   bot_request_ptr r)
{
	const plugin_context &c = p->context;
	const int result = c.host->work(c.self, frame->conn, kind, fn, done, r.get());

	if (result)
		return c.host->refuse_result(c.self, frame->conn, &frame->request, result);
	(void)r.release(); /* done owns it now */
	return CS_DONE;
}

/* What a verb did not find, or what the store could not do. */
static void bot_refuse(const push_plugin *p, cs_conn conn, const bot_request *r, int result)
{
	const plugin_context &c = p->context;

	if (result == MODEL_NONE)
		(void)c.host->refuse(c.self, conn, &r->request, CS_ERRNO_NO_SUCH_USER, "there is no such bot");
	else if (result == MODEL_TAKEN)
		(void)c.host->refuse(c.self, conn, &r->request, CS_ERRNO_EXISTS, "the name is taken");
	else
		(void)c.host->refuse_result(c.self, conn, &r->request, result);
}

/* ---- add */

/* The account of a bot whose receiver wanted no more is used again. */
static int bot_find_or_insert(cs_db *db, bot_request *r)
{
	push_device_row former;
	int result = user_find_name(db, r->row.name, &r->found);

	if (result == MODEL_NONE)
		return user_insert(db, r->row.name, r->no_password, r->row.created, &r->row.account);
	if (result)
		return result;
	r->row.account = r->found.id;
	result = push_device_find(db, r->found.id, "", &former);
	if (result == MODEL_NONE || (result == 0 && !former.ended))
		return MODEL_TAKEN;
	return result ? result : user_void_unnamed(db, r->found.id);
}

/* The device is there from the beginning, so that it gets what is said from now on. */
static int bot_add_device(cs_db *db, bot_request *r)
{
	device_login login, *logins[] = {&login};

	login.user.account = r->row.account;
	login.name = push_device_name;
	login.now = r->row.created;
	login.most = push_named_most;
	login.series = r->found.series.all;
	const int result = device_log_in(db, logins);
	return result ? result : push_device_add(db, r->row);
}

static int bot_add_store(cs_db *db, void *arg)
{
	bot_request *r = static_cast<bot_request *>(arg);
	const int64_t now = r->row.created;

	r->found = {};
	int result = bot_find_or_insert(db, r);
	if (!result)
		result = bot_add_device(db, r);
	if (!result)
		result = token_secrets_renew(db, r->fresh_key, now, now - token_key_life, now - token_former_life,
		                             &r->secrets);
	return result ? result : user_find(db, r->row.account, &r->found);
}

static wiped_text bot_token(const bot_request *r)
{
	if (r->secrets.keys.empty())
		return "";
	const token_key_row &key = r->secrets.keys.front();
	const token t = {key.number, r->row.account, 0, user_series_of(r->found.series, false),
	                 r->row.created + token_life_most};

	return token_write(t, key.bytes, r->secrets.store);
}

static void bot_added(void *state, cs_conn conn, int result, void *arg)
{
	const bot_request_ptr r(static_cast<bot_request *>(arg));
	const push_plugin *p = static_cast<push_plugin *>(state);
	const plugin_context &c = p->context;

	if (result) {
		bot_refuse(p, conn, r.get(), result);
		return;
	}
	wiped_text more = ",\"account\":";
	more += std::to_string(r->row.account).c_str();
	more += ",\"token\":\"" + bot_token(r.get()) + "\",\"secret\":\"";
	more += r->row.secret.c_str();
	more += '"';
	push_tell_change(p);
	c.host->audit(c.self, "bot_added", "account=%llu name=\"%s\" url=\"%s\" peer=%s",
	              static_cast<unsigned long long>(r->row.account), r->row.name.c_str(),
	              http_url_origin(r->row.url).c_str(), r->peer.c_str());
	c.host->answer(c.self, conn, &r->request, more.c_str());
}

int push_on_bot_add(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);
	const plugin_context &c = p->context;
	std::string_view name, url;

	if (field_text(c, frame, "name", FIELD_REQUIRED, &name) || field_text(c, frame, "url", FIELD_REQUIRED, &url))
		return CS_REJECT;
	if (const name_fault *fault = name_judge(name))
		return c.host->refuse(c.self, frame->conn, &frame->request,
		                      fault->is_too_long ? CS_ERRNO_TOO_LONG : CS_ERRNO_BAD_FRAME, "name %s",
		                      fault->text);
	if (!http_url_is_good(url, bot_url_most))
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "url must be an http or https URL of at most %zu bytes", bot_url_most);
	if (http_url_is_refused(std::string(url), push_rules(p->conf).allowed))
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_NOT_ALLOWED,
		                      "the address of url is private and not listed in push.allow");
	bot_request_ptr r = bot_begin(p, frame);
	r->row.name = name;
	r->row.url = url;
	r->row.secret = sign_make_secret().c_str();
	r->row.created = c.host->now();
	r->no_password = sign_make_no_password();
	r->fresh_key = token_make_key();
	return bot_run(p, frame, CS_WORK_WRITE, bot_add_store, bot_added, std::move(r));
}

/* ---- list */

static int bot_list_read(cs_db *db, void *arg)
{
	return push_device_list(db, &static_cast<bot_request *>(arg)->rows);
}

static void bot_write(const push_plugin *p, const push_device_row &row, std::string *out)
{
	*out += "{\"account\":" + std::to_string(row.account) + ",\"name\":";
	document_quote(out, row.name);
	*out += ",\"url\":";
	document_quote(out, row.url);
	*out += ",\"created\":" + std::to_string(row.created) + ",\"state\":\"" +
	        (row.ended ? "ended" : device_state(p, row.account)) + "\"}";
}

static void bot_listed(void *state, cs_conn conn, int result, void *arg)
{
	const bot_request_ptr r(static_cast<bot_request *>(arg));
	const push_plugin *p = static_cast<push_plugin *>(state);
	std::string more = ",\"bots\":[";
	uint64_t last = 0;
	size_t count = 0;

	if (result) {
		bot_refuse(p, conn, r.get(), result);
		return;
	}
	for (const push_device_row &row : r->rows) {
		if (row.account <= r->after)
			continue;
		if (count == bot_list_most) {
			count++;
			break;
		}
		more += count++ ? "," : "";
		bot_write(p, row, &more);
		last = row.account;
	}
	more += ']';
	if (count > bot_list_most)
		more += ",\"more\":true,\"next\":\"" + std::to_string(last) + "\"";
	p->context.host->answer(p->context.self, conn, &r->request, more.c_str());
}

int push_on_bot_list(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);
	std::string_view after = "0";
	bot_request_ptr r = bot_begin(p, frame);

	if (field_text(p->context, frame, "after", FIELD_OPTIONAL, &after))
		return CS_REJECT;
	const auto [end, error] = std::from_chars(after.data(), after.data() + after.size(), r->after);
	if (error != std::errc() || end != after.data() + after.size())
		return p->context.host->refuse(p->context.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                               "after must be what next was");
	return bot_run(p, frame, CS_WORK_READ, bot_list_read, bot_listed, std::move(r));
}

/* ---- token, remove, secret: of a bot that is named by `account` or by `name` */

/* 0, or CS_REJECT after the request was refused. */
static int bot_read_which(const push_plugin *p, const cs_frame *frame, bot_request *r)
{
	const plugin_context &c = p->context;
	std::string_view name;
	int64_t account = 0;

	if (field_integer(c, frame, "account", FIELD_OPTIONAL, 1, &account) ||
	    field_text(c, frame, "name", FIELD_OPTIONAL, &name))
		return CS_REJECT;
	if (account == 0 && name.empty())
		return c.host->refuse(c.self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME,
		                      "account or name must be there");
	r->account = static_cast<uint64_t>(account);
	r->row.name = name;
	return 0;
}

static int bot_token_store(cs_db *db, void *arg)
{
	bot_request *r = static_cast<bot_request *>(arg);
	const int64_t now = r->row.created;
	push_device_row row;
	int result = push_device_find(db, r->account, r->row.name, &row);

	r->row.account = row.account;
	if (!result)
		result = user_void_unnamed(db, row.account);
	if (!result)
		result = token_secrets_renew(db, r->fresh_key, now, now - token_key_life, now - token_former_life,
		                             &r->secrets);
	return result ? result : user_find(db, row.account, &r->found);
}

static void bot_token_made(void *state, cs_conn conn, int result, void *arg)
{
	const bot_request_ptr r(static_cast<bot_request *>(arg));
	const push_plugin *p = static_cast<push_plugin *>(state);
	const plugin_context &c = p->context;

	/* What was opened with a token of before. The session that the plugin has for the bot is of another device. */
	if (result == 0 || result == CS_EUNKNOWN)
		push_end_sessions(p, r->row.account, 0, PUSH_TOKEN_VOID);
	if (result) {
		bot_refuse(p, conn, r.get(), result);
		return;
	}
	wiped_text more = ",\"account\":";
	more += std::to_string(r->row.account).c_str();
	more += ",\"token\":\"" + bot_token(r.get()) + "\"";
	c.host->audit(c.self, "bot_token_changed", "account=%llu peer=%s",
	              static_cast<unsigned long long>(r->row.account), r->peer.c_str());
	c.host->answer(c.self, conn, &r->request, more.c_str());
}

int push_on_bot_token(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);
	bot_request_ptr r = bot_begin(p, frame);

	if (bot_read_which(p, frame, r.get()))
		return CS_REJECT;
	r->row.created = p->context.host->now();
	r->fresh_key = token_make_key();
	return bot_run(p, frame, CS_WORK_WRITE, bot_token_store, bot_token_made, std::move(r));
}

/* The account stays: what it said is its. Its token is void. */
static int bot_remove_store(cs_db *db, void *arg)
{
	bot_request *r = static_cast<bot_request *>(arg);
	uint64_t number = 0;
	push_device_row row;
	int result = push_device_find(db, r->account, r->row.name, &row);

	r->found.id = row.account;
	if (!result)
		result = push_device_remove(db, row.account);
	if (!result)
		result = device_forget(db, row.account, push_device_name, &number);
	if (result == MODEL_NONE && row.account)
		result = 0; /* the device was forgotten before */
	return result ? result : user_void_unnamed(db, row.account);
}

/* Of a bot that is removed no secret was made. */
static void bot_changed(void *state, cs_conn conn, int result, void *arg)
{
	const bot_request_ptr r(static_cast<bot_request *>(arg));
	const push_plugin *p = static_cast<push_plugin *>(state);
	const plugin_context &c = p->context;
	const bool is_removed = r->row.secret.empty();

	if (result == 0 || result == CS_EUNKNOWN)
		push_tell_change(p);
	if (is_removed && (result == 0 || result == CS_EUNKNOWN))
		push_end_sessions(p, r->found.id, CS_EVERY_DEVICE, PUSH_BOT_REMOVED);
	if (result) {
		bot_refuse(p, conn, r.get(), result);
		return;
	}
	c.host->audit(c.self, is_removed ? "bot_removed" : "bot_secret_changed", "account=%llu peer=%s",
	              static_cast<unsigned long long>(r->found.id), r->peer.c_str());
	wiped_text more = ",\"account\":";
	more += std::to_string(r->found.id).c_str();
	if (!is_removed) {
		more += ",\"secret\":\"";
		more += r->row.secret.c_str();
		more += '"';
	}
	c.host->answer(c.self, conn, &r->request, more.c_str());
}

int push_on_bot_remove(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);
	bot_request_ptr r = bot_begin(p, frame);

	if (bot_read_which(p, frame, r.get()))
		return CS_REJECT;
	return bot_run(p, frame, CS_WORK_WRITE, bot_remove_store, bot_changed, std::move(r));
}

static int bot_secret_store(cs_db *db, void *arg)
{
	bot_request *r = static_cast<bot_request *>(arg);
	push_device_row row;
	const int result = push_device_find(db, r->account, r->row.name, &row);

	r->found.id = row.account;
	return result ? result : push_device_set_secret(db, row.account, r->row.secret);
}

int push_on_bot_secret(void *state, const cs_frame *frame)
{
	const push_plugin *p = static_cast<push_plugin *>(state);
	bot_request_ptr r = bot_begin(p, frame);

	if (bot_read_which(p, frame, r.get()))
		return CS_REJECT;
	r->row.secret = sign_make_secret().c_str();
	return bot_run(p, frame, CS_WORK_WRITE, bot_secret_store, bot_changed, std::move(r));
}
