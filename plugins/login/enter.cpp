/* SPDX-License-Identifier: MIT
 * The steps of a login after the claim: friends and groups, the first page of stored messages, LOGIN_ACK. */
#include "enter.h"

#include <memory>
#include <vector>

#include "../model/contacts.h"
#include "../model/devices.h"
#include "../model/groups.h"
#include "../shared/counted.h"
#include "rehash.h"
#include "reply.h"
#include "secrets.h"
#include "sessions.h"

/* ---- the last step: everything was read */

/* A client that confirms deliveries sends something at least every 30 s. */
static const int64_t login_acknowledging_silence_ms = 75000;
static const int64_t login_acknowledging_doubt_ms = 35000;

/* A login by token gets a new one when half of the life of that one is over. */
static wiped_text login_enter_token(const login_plugin *p, const attempt *a)
{
	const bool is_old = !a->token_text.empty() && a->token.ends - p->context.host->now() < p->conf->token_life / 2;

	return a->remembers || is_old ? secrets_make_token(p, a->id, a->number, a->series) : "";
}

static void login_enter_complete(login_plugin *p, cs_conn conn, const attempt *a)
{
	const plugin_context &context = p->context;

	if (!a->store.empty())
		p->store = a->store;
	const wiped_text ack = reply_logged_in(
		a->request.req, a->id, a->user.name, a->wants ? context.host->want_words(context.self) : nullptr,
		p->store, login_enter_token(p, a), a->messages, roster_fill(a->roster, a->roster.friends),
		roster_fill(a->roster, a->roster.groups));
	uint64_t position = 0;

	if (a->acknowledges)
		context.host->set_silence(context.self, conn, login_acknowledging_silence_ms,
		                          login_acknowledging_doubt_ms);
	if (context.host->send(context.self, conn, ack.data(), ack.size(), nullptr, &position) == CS_ENOENT)
		return;
	login_log(p, "login", a->id, a->peer);
	context.host->audit(context.self, "login", "account=%llu device=%llu device_name=\"%s\" peer=%s method=%s",
	                    static_cast<unsigned long long>(a->id), static_cast<unsigned long long>(a->number),
	                    a->device.c_str(), a->peer.text, attempt_method(a));
	if (p->mailbox->begin(p->mailbox_context, conn, position) != 0) {
		(void)context.host->close(context.self, conn, "the mailbox does not know this session");
		return;
	}
	if (a->outdated)
		rehash_begin(p, a->id, a->hash, a->clear.bytes);
	context.host->finish(context.self, conn);
}

/* One of the two reads ended with result. The last one completes the login and frees the attempt. */
static void login_enter_arrived(login_plugin *p, cs_conn conn, attempt *a, int result)
{
	if (a->result == 0)
		a->result = result;
	if (--a->waiting > 0)
		return;
	const attempt_ptr owner(a);
	if (a->result == 0) {
		login_enter_complete(p, conn, a);
		return;
	}
	(void)p->context.host->logout(p->context.self, conn); /* nobody stays half logged in */
	if (a->result == MODEL_NONE)
		attempt_fail(p, a, CS_ERRNO_BUSY,
		             "the password was changed or the device ended meanwhile; log in again");
	else
		attempt_fail_result(p, a, a->result);
}

/* ---- the two reads: friends and groups with their states; the first page of stored messages */

/* The series, and the row of the device, are looked for after the claim: a password that is changed later, or a device
 * that is ended later, finds the session to close. */
static int login_enter_look_for_device(cs_db *db, const attempt *a)
{
	bool is_over = false;
	const int rc = device_session_over(db, {{a->id, a->number}, a->series}, &is_over);

	return rc == 0 && is_over ? MODEL_NONE : rc;
}

/* Runs on a store thread: to write the list of a large group takes too long for the worker. */
static int login_enter_read_lists(cs_db *db, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);
	std::vector<friend_entry> friends;
	std::vector<group_entry> groups;
	std::vector<uint64_t> blockers;
	int rc = login_enter_look_for_device(db, a);

	if (rc == 0 && a->reads_store)
		rc = device_store_id(db, &a->store);
	if (rc != 0 || !a->rosters)
		return rc;
	rc = friend_list(db, a->id, &friends);

	if (rc == 0)
		rc = group_list(db, a->id, &groups);
	if (rc == 0)
		rc = contact_blockers(db, a->id, &blockers);
	if (rc != 0)
		return rc;
	a->roster = roster_write(friends, groups, blockers);
	return 0;
}

/* If an account's state could not be read, it is shown as offline. */
static void login_enter_states_known(void *state, cs_conn conn, int, void *arg)
{
	login_enter_arrived(static_cast<login_plugin *>(state), conn, static_cast<attempt *>(arg), 0);
}

static void login_enter_lists_read(void *state, cs_conn conn, int result, void *arg)
{
	login_plugin *p = static_cast<login_plugin *>(state);
	attempt *a = static_cast<attempt *>(arg);
	roster *r = &a->roster;

	if (result != 0 || r->people.empty() ||
	    p->context.host->presence(p->context.self, conn, r->people.data(), r->online.data(), r->people.size(),
	                              login_enter_states_known, a) != 0)
		login_enter_arrived(p, conn, a, result);
}

/* The argument that the mailbox returns: the attempt and this plugin's instance. */
struct attempt_page {
	attempt_page(login_plugin *p, struct attempt *a) : plugin(p), of(a), page(&p->pages) {}

	login_plugin *plugin;
	struct attempt *of;
	counted page;
};

static void login_enter_page_read(void *arg, cs_conn conn, int result, const cs_mailbox_entry *entries, size_t count)
{
	const std::unique_ptr<attempt_page> page(static_cast<attempt_page *>(arg));

	for (size_t i = 0; i < count; i++)
		reply_add_item(&page->of->messages, {entries[i].frame, entries[i].size});
	login_enter_arrived(page->plugin, conn, page->of, result);
}

static void login_enter_attach(login_plugin *p, cs_conn conn, attempt *a)
{
	auto page = std::make_unique<attempt_page>(p, a);
	const cs_mailbox_session session = {.account = a->id,
	                                    .device = a->number,
	                                    .want = a->want,
	                                    .acknowledges = a->acknowledges,
	                                    .spare_flags = 0,
	                                    .spare = {}};
	const int rc = p->mailbox->attach(p->mailbox_context, conn, &session, login_enter_page_read, page.get());
	if (rc == 0)
		(void)page.release(); /* login_enter_page_read owns it now */
	else
		login_enter_arrived(p, conn, a, rc);
}

static void login_enter_read(login_plugin *p, cs_conn conn, attempt *a)
{
	const int rc = p->context.host->work(p->context.self, conn, CS_WORK_READ, login_enter_read_lists,
	                                     login_enter_lists_read, a);

	if (rc != 0)
		login_enter_arrived(p, conn, a, rc);
}

void enter_begin(login_plugin *p, cs_conn conn, attempt_ptr a)
{
	attempt *both = a.release(); /* owned by the two reads: the last one frees it in login_enter_arrived */

	both->reads_store = both->wants && p->store.empty();
	login_sessions_add(p, conn,
	                   {.account = both->id,
	                    .due = 0,
	                    .series = both->series,
	                    .device = static_cast<uint32_t>(both->number),
	                    .has_token = both->remembers || !both->token_text.empty()});
	login_enter_attach(p, conn, both);
	login_enter_read(p, conn, both);
}
