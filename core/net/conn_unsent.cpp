/* SPDX-License-Identifier: MIT
 * Limits the unsent output of all connections of this node together: above a part of core.output_memory no login is let
 * in; above all of it, or where it stays like that, those who have most unread are closed. */
#include "core/net/conn.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* Of core.output_memory: from so much on logins are refused; down to so much readers are closed when it is full, and
 * when it was tight for so long that those who hold it do not seem to give it back. */
static constexpr double conn_unsent_tight = 0.75, conn_unsent_trimmed = 0.875, conn_unsent_eased = 0.625;
static constexpr int64_t conn_unsent_patience_ms = 10000;
static constexpr int64_t conn_unsent_complaint_every_ms = 10000;

/* ---- the account. It is settled when a connection has written what the kernel takes, so that a connection whose peer
 * reads costs nothing. */

static bool conn_memory_is_tight(const struct worker *w)
{
	const auto most = static_cast<double>(w->conf->output_memory);

	return most != 0 &&
	       static_cast<double>(w->shared->unsent.load(std::memory_order_relaxed)) > most * conn_unsent_tight;
}

void conn_note_unsent(struct conn *c, size_t unsent)
{
	struct worker *w = c->worker;
	const int64_t more = static_cast<int64_t>(unsent) - static_cast<int64_t>(c->output->counted);

	if (more == 0)
		return;
	c->output->counted = unsent;
	w->conns->unsent += more;
	w->shared->unsent.fetch_add(more, std::memory_order_relaxed);
	if (more > 0)
		conn_check_memory(w);
	else if (w->shared->tight_since.load(std::memory_order_relaxed) != 0 && !conn_memory_is_tight(w))
		w->shared->tight_since.store(0, std::memory_order_relaxed);
}

/* ---- closing who has most */

struct conn_reader {
	size_t unsent;
	struct conn *conn;
};

static std::vector<struct conn_reader> conn_list_slow_readers(const struct conn_table *t)
{
	std::vector<struct conn_reader> readers;

	for (const auto &c : t->slots)
		if (c && !c->dead && !c->is_operator && c->output && c->output->counted > 0)
			readers.push_back({c->output->counted, c.get()});
	std::sort(readers.begin(), readers.end(),
	          [](const struct conn_reader &a, const struct conn_reader &b) { return a.unsent > b.unsent; });
	return readers;
}

/* How much this worker has to free: as large a part of the excess as it has of the whole. */
static int64_t conn_share_of_excess(const struct worker *w)
{
	const auto all = static_cast<double>(w->shared->unsent.load(std::memory_order_relaxed));
	const double excess = all - static_cast<double>(w->shared->trim_to.load(std::memory_order_relaxed));

	if (excess <= 0 || all <= 0)
		return 0;
	return static_cast<int64_t>(static_cast<double>(w->conns->unsent) / all * excess);
}

static void conn_tell_trim(struct worker *w, size_t closed, int64_t before)
{
	const int64_t now = worker_monotonic_ms();

	if (closed == 0 || now < w->conns->tell_trim_at)
		return;
	w->conns->tell_trim_at = now + conn_unsent_complaint_every_ms;
	log_warning("slow readers are closed: too much output is unsent for core.output_memory closed=%zu unsent=%lld "
	            "unsent_of_all=%lld",
	            closed, static_cast<long long>(before), static_cast<long long>(w->shared->unsent.load()));
}

static void conn_trim(void *arg)
{
	auto *w = static_cast<struct worker *>(arg);
	const int64_t before = w->conns->unsent, share = conn_share_of_excess(w);
	size_t closed = 0;

	w->shared->trims.fetch_sub(1, std::memory_order_relaxed);
	if (share == 0)
		return;
	for (const struct conn_reader &reader : conn_list_slow_readers(w->conns.get())) {
		if (before - w->conns->unsent >= share)
			break;
		conn_count_turn(reader.conn, CONN_TURN_OUTPUT_MEMORY);
		conn_close(reader.conn, "slow reader: all output together is too much for core.output_memory");
		closed++;
	}
	conn_tell_trim(w, closed, before);
}

/* Each worker closes its own, in a turn of its own: here a plugin may be sending. */
static void conn_trim_all(struct worker *w, double part)
{
	struct worker_shared *shared = w->shared;
	int none = 0;

	if (!shared->trims.compare_exchange_strong(none, static_cast<int>(shared->workers.size())))
		return;
	shared->trim_to.store(static_cast<int64_t>(static_cast<double>(w->conf->output_memory) * part));
	for (const auto &other : shared->workers)
		loop_post(&other->loop, conn_trim, other.get());
}

void conn_check_memory(struct worker *w)
{
	const int64_t most = w->conf->output_memory;

	if (most != 0 && w->shared->unsent.load(std::memory_order_relaxed) > most)
		conn_trim_all(w, conn_unsent_trimmed);
}

bool conn_refuses_session(struct worker *w)
{
	std::atomic<int64_t> *since = &w->shared->tight_since;
	const int64_t now = worker_monotonic_ms();
	int64_t begun = 0;

	if (!conn_memory_is_tight(w)) {
		since->store(0, std::memory_order_relaxed);
		return false;
	}
	w->shared->logins_refused.fetch_add(1, std::memory_order_relaxed);
	/* Else a few who never read could keep everybody else out for ever. */
	if (!since->compare_exchange_strong(begun, now) && now - begun >= conn_unsent_patience_ms)
		conn_trim_all(w, conn_unsent_eased);
	return true;
}
