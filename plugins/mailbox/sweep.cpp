/* SPDX-License-Identifier: MIT
 * Runs the rounds of the sweep and spreads the sessions of a round over its period.
 *
 * A round is several reads. Each read visits the sessions that are due by then. If the store is slow, the next read
 * waits as long as the last one took. */
#include "sweep.h"

#include <algorithm>

#include "../model/messages.h"
#include "deliver.h"

constexpr int64_t mailbox_catch_up_within = 1000; /* ms: the period of a round after hints may have been lost */
constexpr int64_t mailbox_catch_up_jitter = 250; /* ms: the most that it begins after the event */
constexpr int64_t mailbox_sweep_again_after_failure = 500;
constexpr size_t mailbox_sessions_at_least = 64; /* per read: as many as one statement takes */
constexpr size_t mailbox_sessions_at_most = 512;

struct sweep_session {
	cs_account account;
	uint64_t id;

	bool operator<(const sweep_session &other) const
	{
		return account != other.account ? account < other.account : id < other.id;
	}
};

/* One read. */
struct sweep_read {
	std::vector<sweep_session> sessions; /* sorted */
	std::vector<uint64_t> accounts;
	std::vector<uint64_t> looks; /* ids of the sessions that were asked for by mailbox_sweep_look */
	size_t visited = 0; /* sessions that belong to the round */
	uint64_t at = 0; /* id of the last of them */
	bool last = false; /* the round ends with this read */
	int64_t begun = 0;
	std::vector<account_news> news;
};

static int64_t mailbox_draw(mailbox *m, int64_t below)
{
	m->sweep.random = (m->sweep.random ^ m->seed[0]) * UINT64_C(0x9e3779b97f4a7c15) + m->seed[1];
	return static_cast<int64_t>((m->sweep.random >> 33) % static_cast<uint64_t>(std::max<int64_t>(below, 1)));
}

/* 0: none. */
static int64_t mailbox_period_of(const mailbox *m)
{
	const int64_t usual = m->conf.sweep, away = m->conf.sweep_away;

	if (!m->sweep.degraded || !away)
		return usual;
	return usual ? std::min(usual, away) : away;
}

/* ---- when */

static void mailbox_time_to_sweep(void *state, void *);

/* When the next read is due; -1: never. */
static int64_t mailbox_due(const mailbox *m)
{
	const mailbox_sweep &w = m->sweep;
	int64_t at = -1;

	if (!w.looks.empty())
		at = 0;
	else if (w.running)
		at = w.begun + w.period * static_cast<int64_t>(w.visited) / static_cast<int64_t>(w.total + 1);
	else if (w.missed || mailbox_period_of(m))
		at = w.next;
	return at < 0 ? at : std::max(at, w.not_before);
}

static void mailbox_plan(mailbox *m)
{
	const int64_t at = mailbox_due(m);

	if (m->sweep.timer)
		m->host->timer_del(m->self, m->sweep.timer);
	m->sweep.timer = nullptr;
	if (m->sweep.reading || at < 0)
		return;
	m->sweep.timer = m->host->timer_add(m->self, std::max<int64_t>(at - m->host->monotonic(), 1), 0,
	                                    mailbox_time_to_sweep, nullptr);
}

static void mailbox_begin_round(mailbox *m, int64_t now)
{
	mailbox_sweep *w = &m->sweep;

	w->running = true;
	w->catching_up = w->missed;
	w->missed = false;
	w->begun = now;
	w->period = w->catching_up ? mailbox_catch_up_within : mailbox_period_of(m);
	w->total = m->sessions.by_id.size();
	w->visited = 0;
	w->at = 0;
	w->last = m->sessions.last_id;
}

/* The start of the next round is random within a quarter of the period, so that nodes that were started together do not
 * read together. */
static void mailbox_end_round(mailbox *m)
{
	const int64_t period = mailbox_period_of(m);

	m->sweep.running = false;
	m->sweep.next = m->sweep.missed ? 0 : m->sweep.begun + period * 3 / 4 + mailbox_draw(m, period / 4);
}

/* ---- one read */

static int mailbox_look(cs_db *db, void *arg)
{
	sweep_read *read = static_cast<sweep_read *>(arg);

	return message_news_of(db, read->accounts, &read->news);
}

static void mailbox_sweep_take_news(mailbox *m, const sweep_read &read)
{
	for (const account_news &of : read.news) {
		const unsigned kind = of.news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
		auto at = std::lower_bound(read.sessions.begin(), read.sessions.end(), sweep_session{of.account, 0});

		for (; at != read.sessions.end() && at->account == of.account; ++at)
			if (mailbox_session *s = mailbox_session_find(&m->sessions, at->id))
				mailbox_deliver_heard(m, s, mailbox_key_of(kind, of.news.of), of.news.last_seq);
	}
}

static void mailbox_read_later(mailbox *m, const sweep_read &read, int64_t now)
{
	m->sweep.looks.insert(m->sweep.looks.end(), read.looks.begin(), read.looks.end());
	m->sweep.not_before = now + mailbox_sweep_again_after_failure;
}

static void mailbox_looked(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_sweep *w = &m->sweep;
	const std::unique_ptr<sweep_read> read(static_cast<sweep_read *>(arg));
	const int64_t now = m->host->monotonic();

	w->reading = false;
	w->not_before = now + (now - read->begun);
	if (result == CS_ECANCELED)
		return;
	if (result) {
		mailbox_read_later(m, *read, now);
	} else {
		mailbox_sweep_take_news(m, *read);
		w->visited += read->visited;
		w->at = read->at;
		if (read->last && w->running)
			mailbox_end_round(m);
	}
	mailbox_plan(m);
}

static void mailbox_add_session(sweep_read *read, const mailbox_session *s)
{
	read->sessions.push_back({s->account, s->id});
}

static void mailbox_choose_looks(mailbox *m, sweep_read *read)
{
	while (!m->sweep.looks.empty() && read->sessions.size() < mailbox_sessions_at_most) {
		if (const mailbox_session *s = mailbox_session_find(&m->sessions, m->sweep.looks.back())) {
			mailbox_add_session(read, s);
			read->looks.push_back(s->id);
		}
		m->sweep.looks.pop_back();
	}
}

/* A session that reads its first page is visited too: its read can have begun before the event. */
static void mailbox_choose_of_round(mailbox *m, sweep_read *read)
{
	const mailbox_sweep &w = m->sweep;
	const auto elapsed = static_cast<size_t>(read->begun - w.begun), period = static_cast<size_t>(w.period + 1);
	const size_t owed = w.total * std::min(elapsed, period) / period;
	const size_t most =
		std::clamp(owed - std::min(owed, w.visited), mailbox_sessions_at_least, mailbox_sessions_at_most);
	auto at = m->sessions.by_id.upper_bound(w.at);

	read->at = w.at;
	for (; at != m->sessions.by_id.end() && at->first <= w.last && read->visited < most; ++at) {
		mailbox_add_session(read, at->second.get());
		read->at = at->first;
		read->visited++;
	}
	read->last = at == m->sessions.by_id.end() || at->first > w.last;
}

static void mailbox_finish_choice(sweep_read *read)
{
	std::sort(read->sessions.begin(), read->sessions.end());
	for (const sweep_session &s : read->sessions)
		if (read->accounts.empty() || read->accounts.back() != s.account)
			read->accounts.push_back(s.account);
}

static void mailbox_time_to_sweep(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_sweep *w = &m->sweep;
	auto read = std::make_unique<sweep_read>();

	w->timer = nullptr;
	read->begun = m->host->monotonic();
	if (!w->running && (w->missed || mailbox_period_of(m)) && w->next <= read->begun)
		mailbox_begin_round(m, read->begun);
	read->at = w->at;
	mailbox_choose_looks(m, read.get());
	if (w->running)
		mailbox_choose_of_round(m, read.get());
	mailbox_finish_choice(read.get());
	if (read->sessions.empty()) {
		if (w->running)
			mailbox_end_round(m);
	} else if (m->host->work(m->self, 0, CS_WORK_READ, mailbox_look, mailbox_looked, read.get()) == 0) {
		w->reading = true;
		(void)read.release(); /* mailbox_looked frees it */
	} else {
		mailbox_read_later(m, *read, read->begun);
	}
	mailbox_plan(m);
}

/* ---- events */

void mailbox_sweep_start(mailbox *m)
{
	m->sweep.next = m->host->monotonic() + mailbox_draw(m, mailbox_period_of(m) / 8);
	mailbox_plan(m);
}

/* Some sessions were visited before the event, so a round that is under way does not count: a new one follows. The wait
 * before it is short and random, so that nodes do not read together. */
static void mailbox_catch_up(mailbox *m)
{
	mailbox_sweep *w = &m->sweep;

	if (w->missed)
		return;
	w->missed = true;
	if (w->running && w->catching_up)
		return;
	w->running = false;
	w->next = m->host->monotonic() + mailbox_draw(m, mailbox_catch_up_jitter);
}

static void mailbox_hurry(mailbox *m)
{
	mailbox_sweep *w = &m->sweep;

	if (w->missed || (w->running && w->catching_up))
		return;
	w->running = false;
	w->next = m->host->monotonic() + mailbox_draw(m, mailbox_period_of(m) / 2);
}

void mailbox_sweep_cluster(mailbox *m, cs_cluster_event event)
{
	const bool degraded = m->sweep.degraded;

	m->sweep.degraded = event == CS_CLUSTER_MISSED ? degraded : event == CS_CLUSTER_DEGRADED;
	if (event != CS_CLUSTER_DEGRADED)
		mailbox_catch_up(m);
	else if (!degraded)
		mailbox_hurry(m);
	mailbox_plan(m);
}

void mailbox_sweep_look(mailbox *m, mailbox_session *s)
{
	m->sweep.looks.push_back(s->id);
	mailbox_plan(m);
}
