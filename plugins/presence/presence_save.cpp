/* SPDX-License-Identifier: MIT
 * Hands the sessions, what they watch and what they were told to the instance that replaces this one: so nobody is told
 * anything twice, and no list is read without need. */
#include "presence.h"

#include <algorithm>
#include <string>

#include "../shared/saved.h"

static constexpr uint64_t presence_saved_form = 1;

/* It knows nobody any more, so it tells and reads nothing: what is under way ends without effect. */
static void presence_leave(presence_plugin *p)
{
	presence_stop_reading(p);
	p->reads = {};
	p->sessions.clear();
	p->accounts.clear();
	p->due.clear();
	if (p->timer)
		p->context.host->timer_del(p->context.self, p->timer);
	p->timer = nullptr;
}

static void presence_save_session(cs_conn conn, const presence_session &s, std::string *bytes)
{
	saved_add(bytes, conn);
	saved_add(bytes, s.account);
	saved_add(bytes, s.is_read);
	saved_add(bytes, s.is_doubtful);
	saved_add(bytes, s.paused);
	saved_add(bytes, s.watched.size());
	for (const cs_account account : s.watched)
		saved_add(bytes, account);
}

/* If its state is being asked for, it is asked for again. */
static void presence_save_account(cs_account account, const presence_account &a, int64_t now, std::string *bytes)
{
	saved_add(bytes, account);
	saved_add_time(bytes, a.told_ms);
	saved_add_time(bytes, a.is_asked ? now : a.due_ms);
	saved_add(bytes, a.watchers.size());
	for (const presence_watcher &w : a.watchers) {
		saved_add(bytes, w.conn);
		saved_add(bytes, w.told);
		saved_add(bytes, w.is_blocked);
		saved_add(bytes, w.is_behind);
	}
}

struct cs_shared *presence_save(void *state)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const int64_t now = p->context.host->monotonic();
	std::string bytes;

	saved_add(&bytes, presence_saved_form);
	saved_add_time(&bytes, p->reads.round_ms);
	saved_add(&bytes, p->reads.is_degraded);
	saved_add(&bytes, p->sessions.size());
	for (const auto &[conn, session] : p->sessions)
		presence_save_session(conn, session, &bytes);
	saved_add(&bytes, p->accounts.size());
	for (const auto &[account, a] : p->accounts)
		presence_save_account(account, a, now, &bytes);
	saved_add(&bytes, p->reads.wishes.size());
	for (const auto &[wish, waits] : p->reads.wishes) {
		saved_add(&bytes, wish.first);
		saved_add(&bytes, wish.second);
	}
	presence_leave(p);
	return p->context.host->share(bytes.data(), bytes.size());
}

static void presence_restore_sessions(presence_plugin *p, saved_reader *r)
{
	for (uint64_t count = saved_take_count(r); count > 0 && !r->is_cut; count--) {
		presence_session *s = &p->sessions[saved_take(r)];

		s->account = saved_take(r);
		s->is_read = saved_take(r) != 0;
		s->is_doubtful = saved_take(r) != 0;
		s->paused = saved_take(r) != 0;
		s->watched.resize(saved_take_count(r));
		for (cs_account &account : s->watched)
			account = saved_take(r);
	}
}

static void presence_restore_accounts(presence_plugin *p, saved_reader *r)
{
	for (uint64_t count = saved_take_count(r); count > 0 && !r->is_cut; count--) {
		const cs_account account = saved_take(r);
		presence_account *a = &p->accounts[account];

		a->told_ms = saved_take_time(r);
		a->due_ms = saved_take_time(r);
		a->watchers.resize(saved_take_count(r));
		for (presence_watcher &w : a->watchers) {
			w.conn = saved_take(r);
			w.told = static_cast<presence_told>(saved_take(r));
			w.is_blocked = saved_take(r) != 0;
			w.is_behind = saved_take(r) != 0;
		}
	}
}

/* Waits for the whole of what was saved: until then nothing has an effect. */
static std::vector<presence_wish> presence_restore_wishes(saved_reader *r)
{
	std::vector<presence_wish> wishes;

	for (uint64_t count = saved_take_count(r); count > 0 && !r->is_cut; count--) {
		const cs_conn conn = saved_take(r);

		wishes.emplace_back(conn, saved_take(r));
	}
	return wishes;
}

static void presence_resume(presence_plugin *p, const std::vector<presence_wish> &wishes)
{
	for (auto &[account, a] : p->accounts) {
		if (!a.watchers.empty())
			p->context.host->subscribe(p->context.self, account);
		if (a.due_ms)
			presence_make_due(p, account, &a, a.due_ms);
	}
	for (const presence_wish &wish : wishes)
		presence_read_next(p, wish);
	if (!wishes.empty())
		presence_read(p, wishes.front().first, wishes.front().second);
}

int presence_restore(void *state, const struct cs_shared *saved)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);
	saved_reader r(saved);

	if (saved_take(&r) != presence_saved_form)
		return CS_EINVAL;
	p->reads.round_ms = saved_take_time(&r);
	p->reads.is_degraded = saved_take(&r) != 0;
	presence_restore_sessions(p, &r);
	presence_restore_accounts(p, &r);
	const std::vector<presence_wish> wishes = presence_restore_wishes(&r);

	if (!saved_is_whole(r)) {
		presence_leave(p);
		return CS_EINVAL;
	}
	presence_resume(p, wishes);
	return 0;
}

/* The contacts have a function of it until `stop`, and nothing else is out. */
int presence_busy(void *state)
{
	presence_leave(static_cast<presence_plugin *>(state));
	return 0;
}
