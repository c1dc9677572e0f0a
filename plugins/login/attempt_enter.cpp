/* SPDX-License-Identifier: MIT
 * Owns the second half of LOGIN, from the claim to the answer: friends and groups, the first page of kept
 * messages, LOGIN_ACK. It must not know passwords, SQL or sockets. */
#include <vector>

#include "../model/friends.h"
#include "../model/groups.h"
#include "attempt.h"
#include "rehash.h"
#include "reply.h"

/* A client that confirms deliveries says something every 30 s. */
static const int64_t acknowledging_silence_ms = 75000;
static const int64_t acknowledging_doubt_ms = 35000;

/* ---- the last step: all is there */

static void attempt_complete(const login_plugin *p, cs_conn conn, const attempt *a)
{
	const plugin_context &context = p->context;
	const std::string ack =
		reply_logged_in(a->request.req, a->id, a->user.name,
	                        a->wants ? context.host->want_words(context.self) : nullptr, a->messages,
	                        roster_fill(a->roster, a->roster.friends), roster_fill(a->roster, a->roster.groups));
	uint64_t position = 0;

	if (a->acknowledges)
		context.host->set_silence(context.self, conn, acknowledging_silence_ms, acknowledging_doubt_ms);
	if (context.host->send(context.self, conn, ack.data(), ack.size(), nullptr, &position) == CS_ENOENT)
		return;
	login_log(p, "login", a->id, a->peer);
	if (p->mailbox->begin(p->mailbox_context, conn, position) != 0) {
		(void)context.host->close(context.self, conn, "the mailbox does not know this session");
		return;
	}
	if (a->outdated)
		rehash_begin(p, a->id, a->clear.bytes);
	context.host->finish(context.self, conn);
}

/* One of the reads ended with result; the last one completes. Takes the attempt when it was the last. */
static void attempt_arrived(const login_plugin *p, cs_conn conn, attempt *a, int result)
{
	if (a->result == 0)
		a->result = result;
	if (--a->waiting > 0)
		return;
	const attempt_ptr owner(a);
	if (a->result == 0) {
		attempt_complete(p, conn, a);
		return;
	}
	(void)p->context.host->logout(p->context.self, conn); /* nobody is left half logged in */
	attempt_fail_result(p, conn, a, a->result);
}

/* ---- after the claim: friends and groups with their states, and the first page of kept messages */

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
	a->roster = roster_write(friends, groups);
	return 0;
}

/* Whoever could not be asked for is shown as offline. */
static void attempt_states_known(void *state, cs_conn conn, int, void *arg)
{
	attempt_arrived(static_cast<login_plugin *>(state), conn, static_cast<attempt *>(arg), 0);
}

static void attempt_lists_read(void *state, cs_conn conn, int result, void *arg)
{
	const login_plugin *p = static_cast<login_plugin *>(state);
	attempt *a = static_cast<attempt *>(arg);
	roster *r = &a->roster;

	if (result != 0 || r->people.empty() ||
	    p->context.host->presence(p->context.self, conn, r->people.data(), r->online.data(), r->people.size(),
	                              attempt_states_known, a) != 0)
		attempt_arrived(p, conn, a, result);
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
		reply_add_item(&page->of->messages, {entries[i].frame, entries[i].size});
	attempt_arrived(page->plugin, conn, page->of, result);
}

static void attempt_attach(const login_plugin *p, cs_conn conn, attempt *a)
{
	auto page = std::make_unique<attempt_page>();

	page->plugin = p;
	page->of = a;
	const int rc = p->mailbox->attach(p->mailbox_context, conn, a->id, a->acknowledges, attempt_page_read,
	                                  page.get());
	if (rc == 0)
		(void)page.release(); /* attempt_page_read's now */
	else
		attempt_arrived(p, conn, a, rc);
}

static void attempt_read(const login_plugin *p, cs_conn conn, attempt *a)
{
	const int rc = p->context.host->work(p->context.self, conn, CS_WORK_READ, attempt_read_lists,
	                                     attempt_lists_read, a);

	if (rc != 0)
		attempt_arrived(p, conn, a, rc);
}

void attempt_enter(const login_plugin *p, cs_conn conn, attempt_ptr a)
{
	attempt *both = a.release(); /* of the two reads, see attempt_arrived */

	both->waiting = 2;
	attempt_attach(p, conn, both);
	attempt_read(p, conn, both);
}
