/* SPDX-License-Identifier: MIT
 * The login plugin: its descriptor, options and instance, and LOGOUT. */
#include "login.h"

#include <chrono>
#include <cstdio>
#include <memory>

#include <sodium.h>

#include "login_save.h"
#include "named.h"
#include "sessions.h"

static const int64_t login_log_pause_ms = 1000;

password_cost login_cost(const login_plugin *plugin)
{
	return {static_cast<uint64_t>(plugin->conf->password_ops),
	        static_cast<uint64_t>(plugin->conf->password_memory)};
}

/* ---- log */

void login_log(const login_plugin *plugin, const char *what, uint64_t account, const cs_peer &peer)
{
	plugin->context.host->log(plugin->context.self, CS_LOG_INFO, "%s account=%llu peer=%s", what,
	                          static_cast<unsigned long long>(account), peer.text);
}

void login_log_refused(const login_plugin *plugin, login_log_limit *limit, uint64_t account, const cs_peer &peer,
                       const char *reason)
{
	const plugin_context &context = plugin->context;
	const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
	const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(since_boot).count();

	if (now < limit->next_ms) {
		limit->held_back++;
		return;
	}
	context.host->log(context.self, CS_LOG_INFO, "login refused account=%llu peer=%s reason=%s held_back=%llu",
	                  static_cast<unsigned long long>(account), peer.text, reason,
	                  static_cast<unsigned long long>(limit->held_back));
	*limit = {now + login_log_pause_ms, 0};
}

void login_log_undecided(const login_plugin *plugin, uint64_t account)
{
	plugin->context.host->log(plugin->context.self, CS_LOG_ERROR,
	                          "password cannot be compared: out of memory or no hash of ours account=%llu",
	                          static_cast<unsigned long long>(account));
}

/* ---- LOGOUT */

static int login_on_logout(void *state, const cs_frame *frame)
{
	const login_plugin *p = static_cast<login_plugin *>(state);
	const plugin_context &context = p->context;
	cs_peer peer = {};

	if (context.host->peer(context.self, frame->conn, &peer) == 0)
		login_log(p, "logout", frame->account, peer);
	(void)context.host->logout(context.self, frame->conn);
	context.host->answer(context.self, frame->conn, &frame->request, "");
	return CS_DONE;
}

/* ---- the instance */

static int login_use(login_plugin *p, const login_conf *conf, cs_error *e)
{
	const password_cost cost = {static_cast<uint64_t>(conf->password_ops),
	                            static_cast<uint64_t>(conf->password_memory)};
	const int rc = password_make_dummy(cost, &p->dummy);

	if (rc != 0)
		snprintf(e->text, sizeof e->text, "password_ops and password_memory: libsodium refuses this cost");
	else
		p->conf = conf;
	return rc;
}

static int login_start(const cs_host *host, cs_self *self, const void *conf, void **state_r, cs_error *e)
{
	auto p = std::make_unique<login_plugin>();
	const void *table = nullptr;
	int rc = password_init();

	if (rc != 0) {
		snprintf(e->text, sizeof e->text, "libsodium does not start");
		return rc;
	}
	rc = host->service(self, CS_MAILBOX_SERVICE, CS_MAILBOX_VERSION, &table, &p->mailbox_context);
	if (rc != 0) {
		snprintf(e->text, sizeof e->text, "no service \"%s\"", CS_MAILBOX_SERVICE);
		return rc;
	}
	p->context = {host, self};
	p->mailbox = static_cast<const cs_mailbox *>(table);
	rc = login_use(p.get(), static_cast<const login_conf *>(conf), e);
	if (rc != 0)
		return rc;
	named_start(p.get());
	*state_r = p.release();
	return 0;
}

static int login_reload(void *state, const void *conf, int commit, cs_error *e)
{
	login_plugin probe;

	/* A cost within the ranges of the options can still be refused. With commit 0 that is reported before any
	 * plugin has changed anything. */
	return login_use(commit ? static_cast<login_plugin *>(state) : &probe, static_cast<const login_conf *>(conf),
	                 e);
}

static void login_stop(void *state)
{
	const std::unique_ptr<login_plugin> p(static_cast<login_plugin *>(state));

	named_stop(p.get());
	for (token_key_row &key : p->keys)
		sodium_memzero(key.bytes.data(), key.bytes.size());
}

/* ---- sessions */

static void login_on_opened(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	named_on_opened(static_cast<login_plugin *>(state), conn);
}

static int login_on_closed(void *state, cs_conn conn, cs_account, uint64_t, uint64_t)
{
	login_plugin *p = static_cast<login_plugin *>(state);

	named_on_closed(p, conn);
	login_sessions_remove(p, conn);
	return 0;
}

static void login_on_routed(void *state, cs_conn conn, cs_account account, const cs_parcel *parcel)
{
	login_sessions_on_routed(static_cast<login_plugin *>(state), conn, account, parcel);
}

static void login_on_cluster(void *state, cs_cluster_event event)
{
	login_sessions_on_cluster(static_cast<login_plugin *>(state), event);
}

static void login_on_not_alone(void *state, cs_account account)
{
	login_sessions_on_not_alone(static_cast<const login_plugin *>(state), account);
}

static const char *const login_needs[] = {CS_MAILBOX_SERVICE, nullptr};

static const cs_route login_routes[] = {
	{CS_MSGID_LOGIN, "login", login_on_login, 0, 10},
	{CS_MSGID_LOGOUT, "logout", login_on_logout, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 1},
	{CS_MSGID_REGISTER, "register", login_on_register, 0, 20},
	{CS_MSGID_DEVICES, "devices", login_on_devices, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{CS_MSGID_END_DEVICE, "end_device", login_on_end_device, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 5},
	{CS_MSGID_SET_PASSWORD, "set_password", login_on_set_password, CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID, 20},
	{CS_MSGID_INVITE_CREATE, "invite_create", login_on_invite_create, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_INVITE_LIST, "invite_list", login_on_invite_list, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_INVITE_REVOKE, "invite_revoke", login_on_invite_revoke, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_ADD, "account_add", login_on_account_add, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_PASSWORD, "account_password", login_on_account_password, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_LOCK, "account_lock", login_on_account_lock, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ACCOUNT_UNLOCK, "account_unlock", login_on_account_unlock, CS_ROUTE_OPERATOR, 0},
	{0, nullptr, nullptr, 0, 0},
};

static const cs_option login_options[] = {
	{"password_ops", CS_OPTION_INTEGER, offsetof(login_conf, password_ops), 1, 1000, "2", nullptr, 1,
         "passes of argon2id over its memory per password"},
	{"password_memory", CS_OPTION_SIZE, offsetof(login_conf, password_memory), 8192, INT64_C(4) << 30, "19M",
         nullptr, 1, "memory of argon2id per password"},
	{"duplicate_login", CS_OPTION_CHOICE, offsetof(login_conf, duplicate_login), 0, 0, "refuse", "refuse|kick", 1,
         "a login of an account that is online: refuse it, or kick the older session"},
	{"registration", CS_OPTION_CHOICE, offsetof(login_conf, registration), 0, 0, "open", "open|invite|closed", 1,
         "who may make accounts: all, those with an invitation (chatctl invite), or nobody"},
	{"failed_logins", CS_OPTION_INTEGER, offsetof(login_conf, failed_logins), 0, 1000000, "30", nullptr, 1,
         "wrong passwords per minute of an address (IPv6: of a /64), for all accounts; 0: no limit"},
	{"max_devices", CS_OPTION_INTEGER, offsetof(login_conf, max_devices), 1, 60, "10", nullptr, 1,
         "named devices of an account"},
	{"new_devices", CS_OPTION_INTEGER, offsetof(login_conf, new_devices), 0, 60000, "10", nullptr, 1,
         "new named devices of an account per minute; 0: no limit"},
	{"forget_devices", CS_OPTION_TIME, offsetof(login_conf, forget_devices), INT64_C(2) * 24 * 3600 * 1000,
         INT64_C(3650) * 24 * 3600 * 1000, "90d", nullptr, 1,
         "a named device that was unseen for so long is forgotten"},
	{"token_life", CS_OPTION_TIME, offsetof(login_conf, token_life), 3600 * 1000, INT64_C(365) * 24 * 3600 * 1000,
         "60d", nullptr, 1, "so long a token is good; one that is used in its second half is replaced"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "login",
	.version = CS_VERSION,
	.needs = login_needs,
	.routes = login_routes,
	.options = login_options,
	.conf_size = sizeof(login_conf),
	.start = login_start,
	.reload = login_reload,
	.opened = login_on_opened,
	.closed = login_on_closed,
	.routed = login_on_routed,
	.cluster = login_on_cluster,
	.stop = login_stop,
	.not_alone = login_on_not_alone,
	.save = login_save,
	.restore = login_restore,
	.busy = login_busy,
};
