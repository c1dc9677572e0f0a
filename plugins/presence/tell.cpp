/* SPDX-License-Identifier: MIT
 * Decides when sessions are told that an account is online or offline: a short absence is no change, and there is at
 * most one change in 10 s. */
#include <algorithm>
#include <memory>
#include <string>

#include "presence.h"

/* ms. After so long an absence an account is offline; and so long there is no other change. */
static constexpr int64_t presence_pause_ms = 10000;
static constexpr size_t presence_most_asked = 1000; /* accounts at once */

/* ---- the frame */

/* A slow client misses it. */
static void presence_send(presence_plugin *p, presence_watcher *w, const std::string &frame)
{
	const auto session = p->sessions.find(w->conn);

	if (session == p->sessions.end() || session->second.paused) {
		w->told = PRESENCE_UNKNOWN;
		return;
	}
	if (p->context.host->send(p->context.self, w->conn, frame.data(), frame.size(), nullptr, nullptr) == CS_EAGAIN)
		session->second.paused = true;
}

static std::string presence_frame(const presence_plugin *p, cs_account account, presence_told state)
{
	return "{\"msgid\":" + std::to_string(CS_MSGID_PRESENCE) + ",\"id\":" + std::to_string(account) +
	       ",\"state\":\"" + (state == PRESENCE_ONLINE ? "online" : "offline") +
	       "\",\"ts\":" + std::to_string(p->context.host->now()) + "}";
}

/* A slow client gets it, too: otherwise it would go on showing what it must not see. */
void presence_hide(presence_plugin *p, cs_account account, presence_account *a, presence_watcher *w)
{
	const std::string frame = presence_frame(p, account, PRESENCE_OFFLINE);

	(void)p->context.host->send(p->context.self, w->conn, frame.data(), frame.size(), nullptr, nullptr);
	w->told = PRESENCE_OFFLINE;
	a->told_ms = p->context.host->monotonic();
}

/* Tells those who were told something else. Who is blocked is told nothing; who perhaps is, once that is known. */
static void presence_tell(presence_plugin *p, cs_account account, presence_account *a, presence_told state, int64_t now)
{
	const std::string frame = presence_frame(p, account, state);

	for (presence_watcher &w : a->watchers) {
		if (w.told == state || w.is_blocked)
			continue;
		w.is_behind = presence_is_being_read(p, w.conn, account);
		if (w.is_behind)
			continue;
		w.told = state;
		presence_send(p, &w, frame);
		a->told_ms = now;
	}
}

/* ---- what is due */

static void presence_look(void *state, void *arg);

/* Sets the timer for what is due first. */
static void presence_set_timer(presence_plugin *p)
{
	const plugin_context &c = p->context;

	if (p->timer && !p->due.empty() && p->timer_ms <= p->due.begin()->first)
		return;
	if (p->timer)
		c.host->timer_del(c.self, p->timer);
	p->timer = nullptr;
	if (p->due.empty() || p->is_asking)
		return;
	p->timer_ms = p->due.begin()->first;
	p->timer = c.host->timer_add(c.self, std::max<int64_t>(p->timer_ms - c.host->monotonic(), 1), 0, presence_look,
	                             nullptr);
}

void presence_not_due(presence_plugin *p, cs_account account, presence_account *a)
{
	if (a->due_ms)
		p->due.erase({a->due_ms, account});
	a->due_ms = 0;
}

void presence_make_due(presence_plugin *p, cs_account account, presence_account *a, int64_t due_ms)
{
	presence_not_due(p, account, a);
	a->due_ms = due_ms;
	p->due.emplace(due_ms, account);
	presence_set_timer(p);
}

void presence_forget_account(presence_plugin *p, cs_account account, presence_account *a)
{
	if (a->told_ms + presence_pause_ms > p->context.host->monotonic())
		return presence_make_due(p, account, a, a->told_ms + presence_pause_ms);
	presence_not_due(p, account, a);
	p->accounts.erase(account);
}

/* Accounts that are due, and their states. */
struct presence_question {
	std::vector<cs_account> accounts;
	std::vector<unsigned char> online;
};

/* Of whom something was heard meanwhile, the answer is perhaps too old. If not all states are known (result), the
 * others are asked for once more. */
static void presence_states_known(void *state, cs_conn, int result, void *arg)
{
	const std::unique_ptr<presence_question> question(static_cast<presence_question *>(arg));
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const int64_t now = p->context.host->monotonic();

	for (size_t i = 0; i < question->accounts.size(); i++) {
		const auto at = p->accounts.find(question->accounts[i]);

		if (at == p->accounts.end() || !at->second.is_asked)
			continue;
		at->second.is_asked = false;
		if (question->online[i])
			presence_tell(p, at->first, &at->second, PRESENCE_ONLINE, now);
		else if (!result)
			presence_tell(p, at->first, &at->second, PRESENCE_OFFLINE, now);
		else
			presence_make_due(p, at->first, &at->second, now + presence_pause_ms);
	}
	p->is_asking = false;
	presence_set_timer(p);
}

static void presence_choose_due(presence_plugin *p, int64_t now, presence_question *question)
{
	while (!p->due.empty() && p->due.begin()->first <= now && question->accounts.size() < presence_most_asked) {
		const cs_account account = p->due.begin()->second;
		presence_account *a = &p->accounts[account];

		presence_not_due(p, account, a);
		if (a->watchers.empty()) {
			p->accounts.erase(account);
			continue;
		}
		a->is_asked = true;
		question->accounts.push_back(account);
	}
	question->online.resize(question->accounts.size());
}

static void presence_look(void *state, void *)
{
	presence_plugin *p = static_cast<presence_plugin *>(state);
	const plugin_context &c = p->context;
	auto question = std::make_unique<presence_question>();

	p->timer = nullptr;
	presence_choose_due(p, c.host->monotonic(), question.get());
	if (question->accounts.empty())
		return presence_set_timer(p);
	p->is_asking = true;
	presence_question *asked = question.release(); /* presence_states_known owns it now */
	const int result = c.host->presence(c.self, 0, asked->accounts.data(), asked->online.data(),
	                                    asked->accounts.size(), presence_states_known, asked);
	if (result)
		presence_states_known(p, 0, result, asked);
}

/* ---- what is heard */

void presence_heard(presence_plugin *p, cs_account account, bool is_online)
{
	const int64_t now = p->context.host->monotonic();
	const auto at = p->accounts.find(account);

	if (at == p->accounts.end() || at->second.watchers.empty())
		return;
	presence_account *a = &at->second;
	a->is_asked = false;
	if (!is_online)
		return presence_make_due(p, account, a, now + presence_pause_ms);
	if (now < a->told_ms + presence_pause_ms)
		return presence_make_due(p, account, a, a->told_ms + presence_pause_ms);
	presence_not_due(p, account, a);
	presence_tell(p, account, a, PRESENCE_ONLINE, now);
}

void presence_tell_soon(presence_plugin *p, cs_account account)
{
	const auto at = p->accounts.find(account);

	/* What is due already stays: perhaps the account is absent, but not yet for long enough. */
	if (at != p->accounts.end() && !at->second.watchers.empty() && !at->second.due_ms)
		presence_make_due(p, account, &at->second,
		                  std::max(p->context.host->monotonic(), at->second.told_ms + presence_pause_ms));
}
