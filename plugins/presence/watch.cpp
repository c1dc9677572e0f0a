/* SPDX-License-Identifier: MIT
 * Reads from the store which accounts a session watches, and keeps the lists of watchers. */
#include <algorithm>
#include <memory>

#include "../model/contacts.h"
#include "presence.h"

static constexpr size_t presence_most_watched = 1000; /* accounts for each session */

/* ---- the lists of watchers */

static auto presence_find_watcher(presence_account *a, cs_conn conn)
{
	return std::lower_bound(a->watchers.begin(), a->watchers.end(), conn,
	                        [](const presence_watcher &w, cs_conn wanted) { return w.conn < wanted; });
}

static void presence_watch(presence_plugin *p, cs_conn conn, presence_session *s, cs_account account)
{
	const auto place = std::lower_bound(s->watched.begin(), s->watched.end(), account);

	if ((place != s->watched.end() && *place == account) || s->watched.size() >= presence_most_watched)
		return;
	s->watched.insert(place, account);
	presence_account *a = &p->accounts[account];
	if (a->watchers.empty())
		p->context.host->subscribe(p->context.self, account);
	a->watchers.insert(presence_find_watcher(a, conn), {conn, PRESENCE_UNKNOWN});
}

/* What nobody watches is forgotten. */
static void presence_remove_watcher(presence_plugin *p, cs_conn conn, cs_account account)
{
	const auto at = p->accounts.find(account);

	at->second.watchers.erase(presence_find_watcher(&at->second, conn));
	if (!at->second.watchers.empty())
		return;
	presence_not_due(p, account, &at->second);
	p->accounts.erase(at);
	p->context.host->unsubscribe(p->context.self, account);
}

static void presence_unwatch(presence_plugin *p, cs_conn conn, presence_session *s, cs_account account, bool hides)
{
	const auto place = std::lower_bound(s->watched.begin(), s->watched.end(), account);

	if (place == s->watched.end() || *place != account)
		return;
	/* A second "offline" would tell that something else has happened. */
	if (hides && presence_find_watcher(&p->accounts.find(account)->second, conn)->told != PRESENCE_OFFLINE)
		presence_hide(p, conn, account);
	s->watched.erase(place);
	presence_remove_watcher(p, conn, account);
}

void presence_forget_session(presence_plugin *p, cs_conn conn)
{
	const auto at = p->sessions.find(conn);

	if (at == p->sessions.end())
		return;
	for (const cs_account account : at->second.watched)
		presence_remove_watcher(p, conn, account);
	p->sessions.erase(at);
}

/* ---- reading them */

struct presence_list {
	cs_conn conn = 0;
	cs_account account = 0, other = 0;
	bool by_other = false;
	std::vector<uint64_t> watched;
};

static int presence_list_read(cs_db *db, void *arg)
{
	presence_list *list = static_cast<presence_list *>(arg);

	return contact_watched(db, list->account, list->other, presence_most_watched, &list->watched);
}

/* If the store cannot say it, the session is told nothing: CONTACTS says how it is. */
static void presence_list_known(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<presence_list> list(static_cast<presence_list *>(arg));
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const auto at = p->sessions.find(list->conn);

	if (at == p->sessions.end() || at->second.account != list->account)
		return;
	if (list->other && (result || list->watched.empty()))
		presence_unwatch(p, list->conn, &at->second, list->other, list->by_other);
	if (result)
		return;
	for (const cs_account account : list->watched)
		presence_watch(p, list->conn, &at->second, account);
	if (list->other && !list->watched.empty())
		presence_tell_soon(p, list->other);
}

void presence_read_list(presence_plugin *p, cs_conn conn, cs_account other, bool by_other)
{
	const plugin_context &c = p->context;
	const auto at = p->sessions.find(conn);

	if (at == p->sessions.end())
		return;
	auto list = std::make_unique<presence_list>();
	list->conn = conn;
	list->account = at->second.account;
	list->other = other;
	list->by_other = by_other;
	if (c.host->work(c.self, 0, CS_WORK_READ, presence_list_read, presence_list_known, list.get()) == 0)
		(void)list.release(); /* presence_list_known owns it now */
	else if (other)
		presence_unwatch(p, conn, &at->second, other, by_other);
}
