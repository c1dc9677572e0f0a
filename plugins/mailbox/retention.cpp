/* SPDX-License-Identifier: MIT
 * The rounds of retention and their pace. */
#include "retention.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "../model/retention.h"

constexpr size_t mailbox_retention_looks = 200; /* conversations a read */
constexpr size_t mailbox_retention_entries = 50; /* removed in one transaction, at most */
constexpr size_t mailbox_retention_pages = 32; /* of SQLite's file, given back in one transaction */
/* A step is followed by a pause of at least so long, and of so many times the time that the step took. So writers have
 * most of their time for messages, also if the store is slow. */
constexpr int64_t mailbox_retention_pause = 20; /* ms */
constexpr int64_t mailbox_retention_pause_times = 8;
constexpr int64_t mailbox_retention_again_after_failure = 5000;
/* After the start people log in, and the option was perhaps changed by mistake. */
constexpr int64_t mailbox_retention_first_most = 60000; /* ms */
/* From the end of a round to the next one: an hour, or a shorter part of a short `keep`. */
constexpr int64_t mailbox_retention_rest_most = 3600000, mailbox_retention_rest_least = 1000;
constexpr int64_t mailbox_retention_rest_part = 24;
constexpr int64_t mailbox_retention_day = INT64_C(24) * 3600 * 1000;
constexpr int64_t mailbox_retention_ahead_most = 3600000; /* ms that this node's clock may be ahead of another */

static void mailbox_retention_step(void *state, void *);

static void mailbox_retention_plan(mailbox *m, int64_t ms)
{
	m->retention.timer = m->host->timer_add(m->self, ms, 0, mailbox_retention_step, nullptr);
}

/* ---- a step: one work on a store thread */

enum mailbox_retention_phase { RETENTION_LOOK, RETENTION_REMOVE, RETENTION_SHRINK };

struct mailbox_retention_work {
	mailbox_retention_phase phase;
	int64_t begun; /* ms, monotonic */
	retention_look look;
	retention_clock clock; /* of RETENTION_LOOK */
	retention_purge purge;
	bool more = false; /* of RETENTION_SHRINK */
};

static int mailbox_retention_run(cs_db *db, void *arg)
{
	mailbox_retention_work *work = static_cast<mailbox_retention_work *>(arg);

	int result;

	switch (work->phase) {
	case RETENTION_LOOK:
		result = retention_read_clock(db, &work->clock);
		return result ? result : retention_find(db, &work->look);
	case RETENTION_REMOVE: return retention_remove(db, &work->purge);
	case RETENTION_SHRINK: return retention_shrink(db, mailbox_retention_pages, &work->more);
	}
	return 0;
}

/* The last entries first: `old` is used from its end. */
static void mailbox_retention_take_look(mailbox_retention *r, retention_look *look)
{
	r->old = std::move(look->old);
	std::reverse(r->old.begin(), r->old.end());
	r->after = look->after;
	r->all_looked = !look->more;
}

static void mailbox_retention_show(mailbox *m)
{
	m->host->gauge(m->self, "entries_removed_total",
	               "Entries removed or blanked because they were older than mailbox.keep.", m->removed);
}

static void mailbox_retention_take(mailbox *m, mailbox_retention_work *work)
{
	mailbox_retention *r = &m->retention;

	switch (work->phase) {
	case RETENTION_LOOK: mailbox_retention_take_look(r, &work->look); break;
	case RETENTION_REMOVE:
		r->removed += work->purge.purged;
		m->removed += static_cast<int64_t>(work->purge.purged);
		mailbox_retention_show(m);
		if (!work->purge.more)
			r->old.pop_back();
		break;
	case RETENTION_SHRINK: r->shrunk = !work->more; break;
	}
}

static int64_t mailbox_retention_rest(const mailbox *m)
{
	return m->conf.keep ? std::clamp(m->conf.keep / mailbox_retention_rest_part, mailbox_retention_rest_least,
	                                 mailbox_retention_rest_most)
	                    : mailbox_retention_rest_most;
}

static void mailbox_retention_end_round(mailbox *m)
{
	mailbox_retention *r = &m->retention;

	if (r->removed)
		m->host->log(m->self, CS_LOG_INFO, "old entries were removed entries=%llu",
		             static_cast<unsigned long long>(r->removed));
	*r = {};
	mailbox_retention_plan(m, mailbox_retention_rest(m));
}

/* ---- the clock of this node */

/* A clock that was set ahead while the server ran, or before it started: then the newest entry seems to be old. A
 * server that was off for days looks the same. An operator gets a day to see the warning. */
static bool mailbox_retention_has_leapt(mailbox *m, const retention_clock &clock)
{
	mailbox_clock *own = &m->clock;
	const int64_t now = m->host->now(), monotonic = m->host->monotonic();
	const int64_t ran = monotonic - own->begun_monotonic;
	const bool first = !own->looked && clock.newest && own->begun - clock.newest > mailbox_retention_day;
	const bool leapt = now - own->begun - ran > mailbox_retention_ahead_most;

	own->looked = true;
	if (first || leapt)
		own->not_before = monotonic + mailbox_retention_day;
	if (leapt) {
		own->begun = now;
		own->begun_monotonic = monotonic;
	}
	return monotonic < own->not_before;
}

/* Whether nothing may be removed now. Logs it once. */
static bool mailbox_retention_must_wait(mailbox *m, const retention_clock &clock)
{
	const int64_t now = m->host->now();
	const bool ahead = clock.database && now - clock.database > mailbox_retention_ahead_most;
	const bool waits = ahead || (!clock.database && mailbox_retention_has_leapt(m, clock));

	if (waits && !m->clock.warned)
		m->host->log(
			m->self, CS_LOG_WARNING,
			ahead ? "the clock is ahead of the database's, so old entries are not removed: set it "
				"now=%lld other=%lld"
			      : "the newest entry is old, or the clock was set ahead, so nothing is removed for a day: "
				"if the clock is wrong, set it now=%lld other=%lld",
			static_cast<long long>(now), static_cast<long long>(ahead ? clock.database : clock.newest));
	m->clock.warned = waits;
	return waits;
}

/* What cannot be removed now is left to the next round. */
static void mailbox_retention_pass_by(mailbox_retention *r)
{
	if (!r->old.empty())
		r->old.pop_back();
}

static void mailbox_retention_was_run(void *state, cs_conn, int result, void *arg)
{
	mailbox *m = static_cast<mailbox *>(state);
	const std::unique_ptr<mailbox_retention_work> work(static_cast<mailbox_retention_work *>(arg));
	const int64_t took = m->host->monotonic() - work->begun;

	m->retention.working = false;
	if (result == CS_ECANCELED)
		return;
	if (m->retention.changed) {
		mailbox_retention_change(m);
		return;
	}
	if (result) {
		mailbox_retention_pass_by(&m->retention);
		mailbox_retention_plan(m, mailbox_retention_again_after_failure);
		return;
	}
	if (work->phase == RETENTION_LOOK && mailbox_retention_must_wait(m, work->clock)) {
		m->retention = {};
		mailbox_retention_plan(m, mailbox_retention_rest(m));
		return;
	}
	mailbox_retention_take(m, work.get());
	if (m->retention.shrunk)
		mailbox_retention_end_round(m);
	else
		mailbox_retention_plan(m, std::max(mailbox_retention_pause, took * mailbox_retention_pause_times));
}

static void mailbox_retention_step(void *state, void *)
{
	mailbox *m = static_cast<mailbox *>(state);
	const mailbox_retention &r = m->retention;
	auto work = std::make_unique<mailbox_retention_work>();

	m->retention.timer = nullptr;
	work->phase = !r.old.empty() ? RETENTION_REMOVE : r.all_looked ? RETENTION_SHRINK : RETENTION_LOOK;
	work->begun = m->host->monotonic();
	work->look.now = m->host->now();
	work->look.keep = m->conf.keep;
	work->look.most = mailbox_retention_looks;
	work->look.after = r.after;
	work->purge.most = mailbox_retention_entries;
	if (!r.old.empty()) {
		work->purge.conversation = r.old.back().conversation;
		work->purge.before = r.old.back().before;
	}
	if (m->host->work(m->self, 0, work->phase == RETENTION_LOOK ? CS_WORK_READ : CS_WORK_WRITE,
	                  mailbox_retention_run, mailbox_retention_was_run, work.get())) {
		mailbox_retention_plan(m, mailbox_retention_again_after_failure);
		return;
	}
	m->retention.working = true;
	(void)work.release(); /* mailbox_retention_was_run frees it */
}

bool mailbox_retention_is_short(int64_t keep)
{
	return keep > 0 && keep < mailbox_retention_day;
}

void mailbox_retention_start(mailbox *m)
{
	if (m->host->worker(m->self) != 0)
		return;
	mailbox_retention_show(m);
	if (mailbox_retention_is_short(m->conf.keep))
		m->host->log(m->self, CS_LOG_WARNING, "messages are kept for less than a day keep_ms=%lld",
		             static_cast<long long>(m->conf.keep));
	mailbox_retention_plan(m, std::min(mailbox_retention_rest(m), mailbox_retention_first_most));
}

void mailbox_retention_change(mailbox *m)
{
	m->retention.changed = m->retention.working;
	if (m->retention.working)
		return; /* the end of the step calls this again */
	if (m->retention.timer)
		m->host->timer_del(m->self, m->retention.timer);
	m->retention = {};
	mailbox_retention_start(m);
}
