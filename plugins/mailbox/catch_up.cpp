/* SPDX-License-Identifier: MIT
 * Reads what a session lacks: the first page of a new session, and from time to time the news of all. */
#include "catch_up.h"

#include <algorithm>
#include <iterator>

#include "../model/messages.h"
#include "incoming.h"
#include "page.h"

/* ---- attach */

struct mailbox_attachment {
	uint64_t session = 0;
	mailbox_page page;
	std::vector<message_news> news;
	std::vector<uint64_t> groups;
	cs_mailbox_page_fn *done = nullptr;
	void *arg = nullptr;
};

static void mailbox_catch_up_add_source(mailbox_page *page, const message_news &news)
{
	mailbox_source source;

	source.key = mailbox_page_key_of(news);
	source.known = true;
	source.conversation = news.conversation;
	source.from = news.delivered_seq;
	source.heard = news.last_seq;
	source.judged = true;
	source.is_member = news.is_member;
	source.last = news.last_seq;
	page->sources.push_back(std::move(source));
}

/* The place was claimed before this read, so a hint comes for whatever is committed after it. */
static int mailbox_catch_up_read_first(cs_db *db, void *arg)
{
	mailbox_attachment *a = static_cast<mailbox_attachment *>(arg);
	int result = message_group_ids(db, a->page.reader.account, &a->groups);

	a->page.sources.clear();
	if (!result)
		result = message_news_list(db, a->page.reader, &a->news);
	if (result)
		return result;
	for (size_t i = 0; i < std::min(a->news.size(), mailbox_page_sources); i++)
		mailbox_catch_up_add_source(&a->page, a->news[i]);
	return mailbox_page_read(db, &a->page);
}

/* Hints of all groups come from before the read until the session is in the index of its own groups. */
static void mailbox_catch_up_listen(mailbox *m)
{
	if (m->catch_up.attaching++ == 0)
		m->host->subscribe(m->self, 0);
}

static void mailbox_catch_up_stop_listening(mailbox *m)
{
	if (--m->catch_up.attaching != 0)
		return;
	m->host->unsubscribe(m->self, 0);
	m->catch_up.heard_groups.clear();
}

static void mailbox_catch_up_join_groups(mailbox *m, mailbox_session *s, const mailbox_attachment &a)
{
	for (const uint64_t group : a.groups) {
		const auto heard = m->catch_up.heard_groups.find(group);

		mailbox_session_join(&m->sessions, s, group);
		if (heard != m->catch_up.heard_groups.end())
			mailbox_incoming_heard(m, s, mailbox_key_of(CS_CONVERSATION_GROUP, group), heard->second);
	}
}

static void mailbox_catch_up_take_first_page(mailbox *m, mailbox_session *s, const mailbox_attachment &a)
{
	mailbox_catch_up_join_groups(m, s, a);
	mailbox_incoming_first_page(m, s, a.page, a.news);
	s->catch_up.phase = MAILBOX_PAGED;
}

static void mailbox_catch_up_hand_out(const mailbox_attachment &a, cs_conn conn)
{
	std::vector<cs_mailbox_entry> entries;

	for (const mailbox_page_message &message : a.page.messages)
		entries.push_back({message.frame.data(), message.frame.size()});
	a.done(a.arg, conn, 0, entries.data(), entries.size());
}

static void mailbox_catch_up_first_was_read(void *state, cs_conn conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_attachment> a(static_cast<mailbox_attachment *>(arg));
	mailbox_session *s = mailbox_session_find(&m->sessions, a->session);

	if (!s && !result)
		result = CS_ENOENT;
	if (!result)
		mailbox_catch_up_take_first_page(m, s, *a);
	else if (s)
		mailbox_session_remove(&m->sessions, s);
	mailbox_catch_up_stop_listening(m);
	if (result)
		a->done(a->arg, conn, result, nullptr, 0);
	else
		mailbox_catch_up_hand_out(*a, conn);
}

static bool mailbox_catch_up_has_spare(const cs_mailbox_session *session)
{
	return session->spare_flags ||
	       std::any_of(std::begin(session->spare), std::end(session->spare), [](uint64_t n) { return n != 0; });
}

int mailbox_catch_up_attach(void *context, cs_conn conn, const cs_mailbox_session *session, cs_mailbox_page_fn *done,
                            void *arg)
{
	mailbox *m = static_cast<mailbox *>(context);
	auto a = std::make_unique<mailbox_attachment>();
	mailbox_session *s;
	int result;

	if (mailbox_session_of(&m->sessions, conn) || mailbox_catch_up_has_spare(session))
		return CS_EINVAL;
	s = mailbox_session_add(&m->sessions, conn, {session->account, session->device}, session->acknowledges != 0,
	                        {(session->want & m->event_bit) != 0, (session->want & m->echo_bit) != 0});
	a->session = s->id;
	a->page.reader = mailbox_session_reader(s);
	a->page.want = s->want;
	a->done = done;
	a->arg = arg;
	mailbox_catch_up_listen(m);
	result = m->host->work(m->self, conn, CS_WORK_READ, mailbox_catch_up_read_first,
	                       mailbox_catch_up_first_was_read, a.get());
	if (result) {
		mailbox_session_remove(&m->sessions, s);
		mailbox_catch_up_stop_listening(m);
		return result;
	}
	(void)a.release(); /* mailbox_catch_up_first_was_read frees it */
	return 0;
}

int mailbox_catch_up_begin(void *context, cs_conn conn, uint64_t position)
{
	mailbox *m = static_cast<mailbox *>(context);
	mailbox_session *s = mailbox_session_of(&m->sessions, conn);

	if (!s || s->catch_up.phase != MAILBOX_PAGED)
		return CS_ENOENT;
	s->catch_up.phase = MAILBOX_LIVE;
	mailbox_incoming_begin(m, s, position);
	return 0;
}

void mailbox_catch_up_group_hint(mailbox *m, uint64_t group, uint64_t seq)
{
	if (!m->catch_up.attaching)
		return;
	uint64_t &heard = m->catch_up.heard_groups[group];
	heard = std::max(heard, seq);
}

/* ---- sweep
 *
 * A round is several reads. Each read visits the sessions that are due by then. If the store is slow, the next read
 * waits as long as the last one took. */

constexpr int64_t mailbox_sweep_missed_within = 1000; /* ms: the period of a round after hints may have been lost */
/* ms from such a round to the next one. It doubles while they follow each other, so that hints that are lost all the
 * time do not cost a look at each session every second. */
constexpr int64_t mailbox_sweep_missed_least = 1000, mailbox_sweep_missed_most = 8000;
constexpr int64_t mailbox_sweep_missed_jitter = 250; /* ms: the most that it begins after the event */
constexpr int64_t mailbox_sweep_again_after_failure = 500;
constexpr size_t mailbox_sweep_sessions_at_least = 64; /* per read: as many as one statement takes */
constexpr size_t mailbox_sweep_sessions_at_most = 512;

struct mailbox_sweep_session {
	message_reader reader;
	uint64_t id;

	auto operator<=>(const mailbox_sweep_session &) const = default;
};

/* One read. */
struct mailbox_sweep_read {
	std::vector<mailbox_sweep_session> sessions; /* sorted */
	std::vector<message_reader> readers;
	std::vector<uint64_t> looks; /* ids of the sessions that were asked for by mailbox_catch_up_look */
	size_t visited = 0; /* sessions that belong to the round */
	uint64_t at = 0; /* id of the last of them */
	bool last = false; /* the round ends with this read */
	int64_t begun = 0;
	std::vector<reader_news> news;
};

static int64_t mailbox_catch_up_draw(mailbox *m, int64_t below)
{
	m->catch_up.sweep.random = (m->catch_up.sweep.random ^ m->seed[0]) * UINT64_C(0x9e3779b97f4a7c15) + m->seed[1];
	return static_cast<int64_t>((m->catch_up.sweep.random >> 33) %
	                            static_cast<uint64_t>(std::max<int64_t>(below, 1)));
}

/* 0: none. */
static int64_t mailbox_catch_up_period_of(const mailbox *m)
{
	const int64_t usual = m->conf.sweep, away = m->conf.sweep_away;

	if (!m->catch_up.sweep.degraded || !away)
		return usual;
	return usual ? std::min(usual, away) : away;
}

static void mailbox_catch_up_time_to_sweep(void *state, void *);

/* When the next read is due; -1: never. */
static int64_t mailbox_catch_up_due(const mailbox *m)
{
	const mailbox_sweep &w = m->catch_up.sweep;
	int64_t at = -1;

	if (!w.looks.empty())
		at = 0;
	else if (w.running)
		at = w.begun + w.period * static_cast<int64_t>(w.visited) / static_cast<int64_t>(w.total + 1);
	else if (w.missed || mailbox_catch_up_period_of(m))
		at = w.next;
	return at < 0 ? at : std::max(at, w.not_before);
}

static void mailbox_catch_up_plan(mailbox *m)
{
	const int64_t at = mailbox_catch_up_due(m);

	if (m->catch_up.sweep.timer)
		m->host->timer_del(m->self, m->catch_up.sweep.timer);
	m->catch_up.sweep.timer = nullptr;
	if (m->catch_up.sweep.reading || at < 0)
		return;
	m->catch_up.sweep.timer = m->host->timer_add(m->self, std::max<int64_t>(at - m->host->monotonic(), 1), 0,
	                                             mailbox_catch_up_time_to_sweep, nullptr);
}

/* When a round because of `missed` may begin: never later than the next usual one. */
static int64_t mailbox_catch_up_missed_from(const mailbox *m)
{
	const mailbox_sweep &w = m->catch_up.sweep;
	const int64_t period = mailbox_catch_up_period_of(m);

	return period ? std::min(w.missed_next, w.begun + period) : w.missed_next;
}

static void mailbox_catch_up_begin_round(mailbox *m, int64_t now)
{
	mailbox_sweep *w = &m->catch_up.sweep;

	w->running = true;
	w->catching_up = w->missed;
	w->missed = false;
	w->begun = now;
	w->period = w->catching_up ? mailbox_sweep_missed_within : mailbox_catch_up_period_of(m);
	if (w->catching_up) {
		w->missed_space = now < w->missed_next + w->missed_space
		                          ? std::min(w->missed_space * 2, mailbox_sweep_missed_most)
		                          : mailbox_sweep_missed_least;
		w->missed_next = now + w->missed_space;
	}
	w->total = m->sessions.by_id.size();
	w->visited = 0;
	w->at = 0;
	w->last = m->sessions.last_id;
}

/* The start of the next round is random within a quarter of the period, so that nodes that were started together do not
 * read together. */
static void mailbox_catch_up_end_round(mailbox *m)
{
	const int64_t period = mailbox_catch_up_period_of(m);
	mailbox_sweep *w = &m->catch_up.sweep;

	w->running = false;
	if (w->catching_up)
		w->missed_next = std::max(w->missed_next, m->host->monotonic());
	w->next = w->missed ? mailbox_catch_up_missed_from(m)
	                    : w->begun + period * 3 / 4 + mailbox_catch_up_draw(m, period / 4);
}

static int mailbox_catch_up_read_news(cs_db *db, void *arg)
{
	mailbox_sweep_read *read = static_cast<mailbox_sweep_read *>(arg);

	return message_news_of(db, read->readers, &read->news);
}

static void mailbox_catch_up_take_news(mailbox *m, const mailbox_sweep_read &read)
{
	for (const reader_news &of : read.news) {
		auto at = std::lower_bound(read.sessions.begin(), read.sessions.end(),
		                           mailbox_sweep_session{of.reader, 0});

		for (; at != read.sessions.end() && at->reader == of.reader; ++at)
			if (mailbox_session *s = mailbox_session_find(&m->sessions, at->id))
				mailbox_incoming_heard(m, s, mailbox_page_key_of(of.news), of.news.last_seq);
	}
}

static void mailbox_catch_up_read_later(mailbox *m, const mailbox_sweep_read &read, int64_t now)
{
	m->catch_up.sweep.looks.insert(m->catch_up.sweep.looks.end(), read.looks.begin(), read.looks.end());
	m->catch_up.sweep.not_before = now + mailbox_sweep_again_after_failure;
}

static void mailbox_catch_up_news_were_read(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_sweep *w = &m->catch_up.sweep;
	const std::unique_ptr<mailbox_sweep_read> read(static_cast<mailbox_sweep_read *>(arg));
	const int64_t now = m->host->monotonic();

	w->reading = false;
	w->not_before = now + (now - read->begun);
	if (result == CS_ECANCELED)
		return;
	if (result) {
		mailbox_catch_up_read_later(m, *read, now);
	} else {
		mailbox_catch_up_take_news(m, *read);
		w->visited += read->visited;
		w->at = read->at;
		if (read->last && w->running)
			mailbox_catch_up_end_round(m);
	}
	mailbox_catch_up_plan(m);
}

static void mailbox_catch_up_add_session(mailbox_sweep_read *read, const mailbox_session *s)
{
	read->sessions.push_back({mailbox_session_reader(s), s->id});
}

static void mailbox_catch_up_choose_looks(mailbox *m, mailbox_sweep_read *read)
{
	while (!m->catch_up.sweep.looks.empty() && read->sessions.size() < mailbox_sweep_sessions_at_most) {
		if (const mailbox_session *s = mailbox_session_find(&m->sessions, m->catch_up.sweep.looks.back())) {
			mailbox_catch_up_add_session(read, s);
			read->looks.push_back(s->id);
		}
		m->catch_up.sweep.looks.pop_back();
	}
}

/* A session that reads its first page is visited too: its read can have begun before the event. */
static void mailbox_catch_up_choose_of_round(mailbox *m, mailbox_sweep_read *read)
{
	const mailbox_sweep &w = m->catch_up.sweep;
	const auto elapsed = static_cast<size_t>(read->begun - w.begun), period = static_cast<size_t>(w.period + 1);
	const size_t owed = w.total * std::min(elapsed, period) / period;
	const size_t most = std::clamp(owed - std::min(owed, w.visited), mailbox_sweep_sessions_at_least,
	                               mailbox_sweep_sessions_at_most);
	auto at = m->sessions.by_id.upper_bound(w.at);

	read->at = w.at;
	for (; at != m->sessions.by_id.end() && at->first <= w.last && read->visited < most; ++at) {
		mailbox_catch_up_add_session(read, &at->second);
		read->at = at->first;
		read->visited++;
	}
	read->last = at == m->sessions.by_id.end() || at->first > w.last;
}

static void mailbox_catch_up_finish_choice(mailbox_sweep_read *read)
{
	std::sort(read->sessions.begin(), read->sessions.end());
	for (const mailbox_sweep_session &s : read->sessions)
		if (read->readers.empty() || read->readers.back() != s.reader)
			read->readers.push_back(s.reader);
}

static void mailbox_catch_up_time_to_sweep(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	mailbox_sweep *w = &m->catch_up.sweep;
	auto read = std::make_unique<mailbox_sweep_read>();

	w->timer = nullptr;
	read->begun = m->host->monotonic();
	if (!w->running && (w->missed || mailbox_catch_up_period_of(m)) && w->next <= read->begun)
		mailbox_catch_up_begin_round(m, read->begun);
	read->at = w->at;
	mailbox_catch_up_choose_looks(m, read.get());
	if (w->running)
		mailbox_catch_up_choose_of_round(m, read.get());
	mailbox_catch_up_finish_choice(read.get());
	if (read->sessions.empty()) {
		if (w->running)
			mailbox_catch_up_end_round(m);
	} else if (m->host->work(m->self, 0, CS_WORK_READ, mailbox_catch_up_read_news, mailbox_catch_up_news_were_read,
	                         read.get()) == 0) {
		w->reading = true;
		(void)read.release(); /* mailbox_catch_up_news_were_read frees it */
	} else {
		mailbox_catch_up_read_later(m, *read, read->begun);
	}
	mailbox_catch_up_plan(m);
}

void mailbox_catch_up_start(mailbox *m)
{
	m->catch_up.sweep.next = m->host->monotonic() + mailbox_catch_up_draw(m, mailbox_catch_up_period_of(m) / 8);
	mailbox_catch_up_plan(m);
}

/* Some sessions were visited before the event, so a round that is under way does not count: a new one follows. The wait
 * before it is short and random, so that nodes do not read together. */
static void mailbox_catch_up_missed(mailbox *m)
{
	mailbox_sweep *w = &m->catch_up.sweep;

	if (w->missed)
		return;
	w->missed = true;
	if (w->running && w->catching_up)
		return;
	w->running = false;
	w->next = std::max(m->host->monotonic() + mailbox_catch_up_draw(m, mailbox_sweep_missed_jitter),
	                   mailbox_catch_up_missed_from(m));
}

static void mailbox_catch_up_hurry(mailbox *m)
{
	mailbox_sweep *w = &m->catch_up.sweep;

	if (w->running && w->catching_up)
		return;
	w->running = false;
	w->next = w->missed ? std::min(w->next, mailbox_catch_up_missed_from(m))
	                    : m->host->monotonic() + mailbox_catch_up_draw(m, mailbox_catch_up_period_of(m) / 2);
}

void mailbox_catch_up_cluster(mailbox *m, cs_cluster_event event)
{
	const bool degraded = m->catch_up.sweep.degraded;

	m->catch_up.sweep.degraded = event == CS_CLUSTER_MISSED ? degraded : event == CS_CLUSTER_DEGRADED;
	if (event != CS_CLUSTER_DEGRADED)
		mailbox_catch_up_missed(m);
	else if (!degraded)
		mailbox_catch_up_hurry(m);
	mailbox_catch_up_plan(m);
}

void mailbox_catch_up_look(mailbox *m, mailbox_session *s)
{
	m->catch_up.sweep.looks.push_back(s->id);
	mailbox_catch_up_plan(m);
}
