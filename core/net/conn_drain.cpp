/* SPDX-License-Identifier: MIT
 * Draining: connections are told that this node goes away, and each is closed when its requests are finished. */
#include "core/net/conn.h"

#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* A connection stays open so long after it was told: what its peer was just sending gets an answer. */
static constexpr int64_t conn_told_least_ms = 20;
/* So long a peer may take to read its output when its requests are finished. */
static constexpr int64_t conn_told_unread_ms = 1000;

void conn_send_going_away(struct conn *c, const char *text, const char *more)
{
	const std::string frame =
		std::string("{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"") + text + "\"" + more + "}";

	(void)conn_send(c, frame.data(), frame.size(), nullptr, nullptr);
}

/* A wait for the next client that is told. Multiples of the golden ratio divide the time evenly, however many clients
 * there are. */
static std::string conn_told_delay(const struct conn_drain *d, int64_t most_ms)
{
	static constexpr uint32_t golden = 2654435769; /* of 2^32 */
	const uint64_t share = static_cast<uint32_t>(d->told) * golden;

	if (most_ms == 0)
		return "";
	return ",\"delay\":" + std::to_string(share * static_cast<uint64_t>(most_ms) >> 32);
}

static void conn_tell(struct conn *c)
{
	struct conn_drain *d = &c->worker->conns->drain;

	if (c->dead || c->closing || c->draining || c->is_operator)
		return;
	c->draining = true;
	d->told++;
	conn_send_going_away(c, "this node is going away, connect again",
	                     conn_told_delay(d, c->worker->conf->drain_delay).c_str());
	d->going.push_back({.handle = c->handle, .told_ms = worker_monotonic_ms()});
}

void conn_table_tell(struct worker *w, int64_t past_ms, int64_t most_ms)
{
	struct conn_table *t = w->conns.get();
	struct conn_drain *d = &t->drain;

	conn_assert_here(w);
	if (d->all == 0)
		d->all = t->live;
	const size_t due = d->all * static_cast<size_t>(past_ms) / static_cast<size_t>(most_ms);

	for (; d->told < due && d->slot < t->slots.size(); d->slot++) {
		if (t->slots[d->slot])
			conn_tell(t->slots[d->slot].get());
	}
}

void conn_table_drain(struct worker *w)
{
	conn_assert_here(w);
	w->draining = true;
	for (const auto &c : w->conns->slots) {
		if (c)
			conn_tell(c.get());
	}
}

/* true: it is closed now. */
static bool conn_close_told(struct conn *c, struct conn_told *told, bool is_idle, int64_t now)
{
	if (c->pending || c->claiming || (c->owed > 0 && !is_idle))
		return false;
	if (told->finished_ms == 0)
		told->finished_ms = now;
	if (conn_unsent(c) == 0 && !c->waiting && !conn_has_unread(c)) {
		if (now - told->told_ms < conn_told_least_ms)
			return false;
		/* The server has logged the reason once for all connections. */
		conn_close_softly(c, CS_LOG_DEBUG, "node is draining");
		return true;
	}
	if (now - told->finished_ms < conn_told_unread_ms)
		return false;
	conn_close(c, "node is draining and the peer does not read");
	return true;
}

void conn_table_close_finished(struct worker *w, bool is_idle)
{
	const int64_t now = worker_monotonic_ms();

	conn_assert_here(w);
	std::erase_if(w->conns->drain.going, [&](struct conn_told &told) {
		struct conn *c = conn_find(w, told.handle);

		return !c || conn_close_told(c, &told, is_idle, now);
	});
}

void conn_table_close_all(struct worker *w, const char *why)
{
	conn_assert_here(w);
	/* The caller has logged the reason once for all connections. */
	for (const auto &c : w->conns->slots)
		if (c && !c->is_operator)
			conn_close_softly(c.get(), CS_LOG_DEBUG, why);
}
