/* SPDX-License-Identifier: MIT
 * Owns LOGIN, step by step: find, compare, claim, read what the ACK carries, answer. It must not know SQL or
 * sockets.
 *
 * One attempt object goes from step to step; each completion takes it into a unique_ptr and hands it on, so it
 * is freed wherever the attempt ends. The connection may be gone at any step: then claim() says so, and what
 * comes after it is undone by the connection's end itself. */
#include <memory>
#include <string>
#include <vector>

#include "../model/friends.h"
#include "../model/groups.h"
#include "../model/users.h"
#include "login.h"
#include "rehash.h"
#include "reply.h"

/* A client that confirms deliveries says something every 30 s. */
static const int64_t acknowledging_silence_ms = 75000;

struct attempt {
	explicit attempt(std::string_view text) : clear(text) {}

	cs_request request = {};
	uint64_t id = 0;
	int acknowledges = 0;
	password_clear clear;
	password_cost cost;
	struct user user;
	std::string hash;           /* the account's, or the dummy */
	bool known = false;
	bool outdated = false;
	plugin_context context;     /* for is_online, which may be asked from a store thread */
	std::string messages, friends, groups;  /* elements of the ACK's lists */
	int waiting = 0;            /* of the two reads after the claim */
	int result = 0;             /* the first failure of them */
};

typedef std::unique_ptr<struct attempt> attempt_ptr;

/* ---- answers */

static int attempt_send(const login_plugin *p, cs_conn conn, const std::string &frame, uint64_t *position_r)
{
	return p->context.host->send(p->context.self, conn, frame.data(), frame.size(), nullptr, position_r);
}

static int attempt_refuse(const login_plugin *p, cs_conn conn, const cs_request *request, int wire_errno,
                          const char *text)
{
	(void)attempt_send(p, conn, reply_refusal(CS_MSGID_LOGIN_ACK, request->req, wire_errno, text), nullptr);
	return CS_REJECT;
}

static int attempt_refuse_result(const login_plugin *p, cs_conn conn, const cs_request *request, int result)
{
	const char *text = nullptr;
	const int wire_errno = login_errno_of(result, &text);

	return attempt_refuse(p, conn, request, wire_errno, text);
}

/* The end of a pending attempt that failed before it held the account's place. */
static void attempt_fail(const login_plugin *p, cs_conn conn, const attempt *a, int result)
{
	attempt_refuse_result(p, conn, &a->request, result);
	p->context.host->finish(p->context.self, conn);
}

static void attempt_fail_errno(const login_plugin *p, cs_conn conn, const attempt *a, int wire_errno,
                               const char *text)
{
	attempt_refuse(p, conn, &a->request, wire_errno, text);
	p->context.host->finish(p->context.self, conn);
}

/* ---- the last step: both reads are there */

static void attempt_complete(const login_plugin *p, cs_conn conn, const attempt *a)
{
	const cs_host *host = p->context.host;
	uint64_t position = 0;

	if (a->result != 0) { /* nobody is left half logged in */
		(void)host->logout(p->context.self, conn);
		attempt_fail(p, conn, a, a->result);
		return;
	}
	host->set_silence(p->context.self, conn, a->acknowledges ? acknowledging_silence_ms : 0);
	const int rc = attempt_send(p, conn, reply_logged_in(a->request.req, a->id, a->user.name, a->messages,
	                                                     a->friends, a->groups), &position);
	if (rc == CS_ENOENT)
		return;
	if (p->mailbox->begin(p->mailbox_context, conn, position) != 0) {
		(void)host->close(p->context.self, conn, "the mailbox does not know this session");
		return;
	}
	if (a->outdated)
		rehash_begin(p, a->id, a->clear.bytes);
	host->finish(p->context.self, conn);
}

/* One of the reads ended with result; the last one completes. Takes the attempt when it was the last. */
static void attempt_arrived(const login_plugin *p, cs_conn conn, attempt *a, int result)
{
	if (a->result == 0)
		a->result = result;
	if (--a->waiting > 0)
		return;
	const attempt_ptr owner(a);
	attempt_complete(p, conn, a);
}

/* ---- after the claim: friends and groups, and the first page of kept messages */

static bool attempt_is_online(const void *context, uint64_t account)
{
	const plugin_context *c = static_cast<const plugin_context *>(context);

	return c->host->is_online(c->self, account) != 0;
}

/* Store thread: a large group's list is written here, not on the worker. */
static int attempt_read_lists(cs_db *db, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);
	std::vector<friend_entry> friends;
	std::vector<group_entry> groups;
	int rc = friend_list(db, a->id, &friends);

	if (rc == 0)
		rc = group_list(db, a->id, &groups);
	if (rc != 0)
		return rc;
	a->friends = reply_friends(friends, attempt_is_online, &a->context);
	a->groups = reply_groups(groups, attempt_is_online, &a->context);
	return 0;
}

static void attempt_lists_read(void *state, cs_conn conn, int result, void *arg)
{
	attempt_arrived(static_cast<login_plugin *>(state), conn, static_cast<attempt *>(arg), result);
}

/* What the mailbox hands back: the attempt, and the instance that it does not know. */
struct attempt_page {
	const login_plugin *plugin = nullptr;
	struct attempt *of = nullptr;
};

static void attempt_page_read(void *arg, cs_conn conn, int result, const cs_mailbox_entry *entries,
                              size_t count)
{
	const std::unique_ptr<attempt_page> page(static_cast<attempt_page *>(arg));

	for (size_t i = 0; i < count; i++)
		reply_add_item(&page->of->messages, { entries[i].frame, entries[i].size });
	attempt_arrived(page->plugin, conn, page->of, result);
}

static void attempt_claimed(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);

	if (result == CS_ENOENT)
		return;
	if (result == CS_EEXIST) {
		attempt_fail_errno(p, conn, a.get(), CS_ERRNO_ALREADY_ONLINE, "this account is already online");
		return;
	}
	if (result != 0) {
		attempt_fail(p, conn, a.get(), result);
		return;
	}
	attempt *both = a.release(); /* of the two reads, see attempt_arrived */
	both->waiting = 2;
	auto page = std::make_unique<attempt_page>();
	page->plugin = p;
	page->of = both;
	const int attached = p->mailbox->attach(p->mailbox_context, conn, both->id, both->acknowledges,
	                                        attempt_page_read, page.get());
	if (attached == 0)
		(void)page.release();
	const int reading = attached != 0 ? attached
		: p->context.host->work(p->context.self, conn, CS_WORK_READ, attempt_read_lists,
		                        attempt_lists_read, both);
	if (attached != 0)
		attempt_arrived(p, conn, both, attached);
	if (reading != 0)
		attempt_arrived(p, conn, both, reading);
}

/* ---- find and compare */

static int attempt_compare(cs_db *, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);
	const password_match match = password_compare(a->hash.c_str(), a->clear.bytes);

	if (match == PASSWORD_UNDECIDED)
		return CS_ENOSTORE;
	a->outdated = match == PASSWORD_RIGHT && password_is_outdated(a->hash.c_str(), a->cost);
	return match == PASSWORD_RIGHT && a->known ? 0 : MODEL_NONE;
}

static void attempt_compared(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);

	if (result == MODEL_NONE) {
		attempt_fail_errno(p, conn, a.get(), CS_ERRNO_REFUSED, "no such id or wrong password");
		return;
	}
	if (result == 0)
		result = p->context.host->claim(p->context.self, conn, a->id, a->user.name.c_str(),
		                                p->conf->duplicate_login != 0 ? unsigned{CS_CLAIM_KICK} : 0u,
		                                attempt_claimed, a.get());
	if (result == 0)
		(void)a.release(); /* attempt_claimed's now */
	else
		attempt_fail(p, conn, a.get(), result);
}

static int attempt_find(cs_db *db, void *arg)
{
	attempt *a = static_cast<attempt *>(arg);

	return user_find(db, a->id, &a->user);
}

/* An unknown id is compared too, with a hash that nothing fits: the answer takes as long and says the same. */
static void attempt_found(void *state, cs_conn conn, int result, void *arg)
{
	attempt_ptr a(static_cast<attempt *>(arg));
	const login_plugin *p = static_cast<login_plugin *>(state);

	a->known = result == 0;
	a->hash = a->known ? a->user.password : p->dummy.data();
	if (result == MODEL_NONE)
		result = 0;
	if (result == 0)
		result = p->context.host->work(p->context.self, conn, CS_WORK_HASH, attempt_compare,
		                               attempt_compared, a.get());
	if (result == 0)
		(void)a.release(); /* attempt_compared's now */
	else
		attempt_fail(p, conn, a.get(), result);
}

/* ---- the request */

static int attempt_begin(const login_plugin *p, const cs_frame *frame, uint64_t id, std::string_view password,
                         int acknowledges)
{
	auto a = std::make_unique<attempt>(password);

	a->request = frame->request;
	a->id = id;
	a->acknowledges = acknowledges;
	a->cost = login_cost(p);
	a->context = p->context;
	const int rc = p->context.host->work(p->context.self, frame->conn, CS_WORK_READ, attempt_find,
	                                     attempt_found, a.get());
	if (rc != 0)
		return attempt_refuse_result(p, frame->conn, &frame->request, rc);
	(void)a.release(); /* attempt_found's now */
	return CS_PENDING;
}

int login_on_login(void *state, const cs_frame *frame)
{
	const login_plugin *p = static_cast<login_plugin *>(state);
	std::string_view password;
	int64_t id = 0;
	int acknowledges = 0;
	int rc = field_integer(p->context, frame, "id", FIELD_REQUIRED, 1, &id);

	if (rc == 0)
		rc = field_text(p->context, frame, "password", FIELD_REQUIRED, &password);
	if (rc == 0)
		rc = field_flag(p->context, frame, "ack", FIELD_OPTIONAL, &acknowledges);
	if (rc != 0)
		return rc;
	if (frame->account == static_cast<cs_account>(id))
		return attempt_refuse(p, frame->conn, &frame->request, CS_ERRNO_ALREADY_ONLINE,
		                      "this account is already online");
	if (frame->account != 0)
		return p->context.host->refuse(p->context.self, frame->conn, &frame->request,
		                               CS_ERRNO_NOT_ALLOWED, "log out first");
	return attempt_begin(p, frame, static_cast<uint64_t>(id), password, acknowledges);
}
