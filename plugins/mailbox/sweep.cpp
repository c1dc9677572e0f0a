/* SPDX-License-Identifier: MIT
 * Owns the sweep: a few sessions per tick, each once per period. It must not know hints. */
#include "sweep.h"

#include <algorithm>

#include "../model/messages.h"
#include "deliver.h"

constexpr int64_t TICKS = 16;                /* per period */
constexpr size_t SESSIONS_AT_MOST = 200;     /* per tick */

struct swept_session {
	uint64_t id;
	cs_account account;
	std::vector<message_news> news;
};

struct sweep {
	std::vector<swept_session> sessions;
};

static int look(cs_db *db, void *arg)
{
	for (swept_session &swept : static_cast<sweep *>(arg)->sessions) {
		const int result = message_news_list(db, swept.account, &swept.news);

		if (result)
			return result;
	}
	return 0;
}

static void looked(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<sweep> done(static_cast<sweep *>(arg));

	m->sweeping = false;
	if (result)
		return;
	for (const swept_session &swept : done->sessions) {
		mailbox_session *s = mailbox_session_find(&m->sessions, swept.id);

		for (const message_news &news : swept.news) {
			const unsigned kind = news.kind == CONVERSATION_GROUP ? CS_CONVERSATION_GROUP
			                                                      : CS_CONVERSATION_PAIR;

			if (s)
				mailbox_deliver_heard(m, s, mailbox_key_of(kind, news.of), news.last_seq);
		}
	}
}

static void choose(mailbox *m, sweep *next)
{
	const auto &all = m->sessions.by_id;
	const size_t most = std::min(SESSIONS_AT_MOST, all.size() / TICKS + 1);
	auto at = all.upper_bound(m->swept);

	for (; at != all.end() && next->sessions.size() < most; ++at) {
		m->swept = at->first;
		if (at->second->phase == MAILBOX_LIVE)
			next->sessions.push_back({at->first, at->second->account, {}});
	}
	if (at == all.end())
		m->swept = 0;
}

static void arm(mailbox *m);

static void time_to_sweep(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	auto next = std::make_unique<sweep>();

	m->sweep_timer = nullptr;
	arm(m);
	if (m->sweeping)
		return;
	choose(m, next.get());
	if (next->sessions.empty() || m->host->work(m->self, 0, CS_WORK_READ, look, looked, next.get()))
		return;
	m->sweeping = true;
	(void)next.release();   /* looked's */
}

/* Jittered by up to half a tick, so that nodes that were started together do not ask together. */
static void arm(mailbox *m)
{
	const int64_t tick = std::max<int64_t>(m->conf.sweep / TICKS, 10);
	const uint64_t jitter = (m->jitter += UINT64_C(0x9e3779b97f4a7c15) ^ m->seed[0]) % static_cast<uint64_t>(tick);

	m->sweep_timer = m->host->timer_add(m->self, tick * 3 / 4 + static_cast<int64_t>(jitter / 2), 0,
	                                    time_to_sweep, nullptr);
}

void mailbox_sweep_start(mailbox *m)
{
	if (m->conf.sweep > 0)
		arm(m);
}
