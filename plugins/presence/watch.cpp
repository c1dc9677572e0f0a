/* SPDX-License-Identifier: MIT
 * Keeps the lists of watchers: which session watches which accounts. */
#include <algorithm>

#include "presence.h"

size_t presence_most_watched(const presence_plugin *p)
{
	return static_cast<size_t>(p->conf->max_watched ? p->conf->max_watched : INT64_MAX);
}

static auto presence_find_watcher(presence_account *a, cs_conn conn)
{
	return std::lower_bound(a->watchers.begin(), a->watchers.end(), conn,
	                        [](const presence_watcher &w, cs_conn wanted) { return w.conn < wanted; });
}

static bool presence_watches(const presence_session &s, cs_account account)
{
	return std::binary_search(s.watched.begin(), s.watched.end(), account);
}

static void presence_add_watcher(presence_plugin *p, cs_conn conn, const contact_listed &listed)
{
	presence_account *a = &p->accounts[listed.id];

	if (a->watchers.empty())
		p->context.host->subscribe(p->context.self, listed.id);
	/* LOGIN_ACK and CONTACTS say of who blocks that it is offline. */
	a->watchers.insert(presence_find_watcher(a, conn),
	                   {conn, listed.blocks ? PRESENCE_OFFLINE : PRESENCE_UNKNOWN, listed.blocks});
}

static void presence_remove_watcher(presence_plugin *p, cs_conn conn, cs_account account)
{
	const auto at = p->accounts.find(account);

	at->second.watchers.erase(presence_find_watcher(&at->second, conn));
	if (!at->second.watchers.empty())
		return;
	p->context.host->unsubscribe(p->context.self, account);
	presence_forget_account(p, account, &at->second);
}

/* Who is watched already has perhaps begun or ceased to block the session's account. */
static void presence_judge_watcher(presence_plugin *p, cs_conn conn, const presence_session &s,
                                   const contact_listed &listed)
{
	presence_account *a = &p->accounts[listed.id];
	presence_watcher *w = &*presence_find_watcher(a, conn);
	const bool is_changed = w->is_blocked != listed.blocks || w->is_behind;

	w->is_blocked = listed.blocks;
	w->is_behind = false;
	if (w->is_blocked) {
		/* A second "offline" would tell that something else has happened. */
		if (w->told != PRESENCE_OFFLINE)
			presence_hide(p, listed.id, a, w);
	} else if (is_changed || (s.is_doubtful && w->told != PRESENCE_UNKNOWN)) {
		presence_tell_soon(p, listed.id);
	}
}

void presence_take_list(presence_plugin *p, cs_conn conn, presence_session *s,
                        const std::vector<contact_listed> &listed)
{
	std::vector<cs_account> watched;

	for (const contact_listed &one : listed) {
		watched.push_back(one.id);
		if (presence_watches(*s, one.id)) {
			presence_judge_watcher(p, conn, *s, one);
			continue;
		}
		presence_add_watcher(p, conn, one);
		/* Of those who are there at first, LOGIN_ACK has said it. */
		if (s->is_read && !one.blocks)
			presence_tell_soon(p, one.id);
	}
	for (const cs_account account : s->watched)
		if (!std::binary_search(watched.begin(), watched.end(), account))
			presence_remove_watcher(p, conn, account);
	s->watched = std::move(watched);
	s->is_read = true;
	s->is_doubtful = false;
}

void presence_take_one(presence_plugin *p, cs_conn conn, presence_session *s, cs_account account,
                       const contact_listed *listed)
{
	const auto place = std::lower_bound(s->watched.begin(), s->watched.end(), account);
	const bool watches = place != s->watched.end() && *place == account;
	const bool is_full = s->watched.size() >= presence_most_watched(p);

	if (listed && watches) {
		presence_judge_watcher(p, conn, *s, *listed);
	} else if (listed && !is_full) {
		s->watched.insert(place, account);
		presence_add_watcher(p, conn, *listed);
		if (!listed->blocks)
			presence_tell_soon(p, account);
	} else if (watches) {
		presence_remove_watcher(p, conn, account);
		s->watched.erase(place);
	}
	/* Of a list that is too long the first ones are watched. Which these are now, only the whole list says. */
	if (is_full && watches == !listed)
		presence_read(p, conn, 0);
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
