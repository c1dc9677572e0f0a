/* SPDX-License-Identifier: MIT
 * The one timer of a connection: it fires at the nearest of its deadlines. */
#include "core/net/conn.h"

#include <algorithm>

#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* INT64_MAX: no deadline. */
static int64_t conn_frame_deadline(const struct conn *c)
{
	const int64_t most = c->worker->conf->frame_timeout;

	return most == 0 || !c->partial || c->closing ? INT64_MAX : c->partial->since + most;
}

/* A login that is under way may finish. */
static int64_t conn_login_deadline(const struct conn *c)
{
	const int64_t most = c->worker->conf->login_timeout;

	if (most == 0 || c->is_operator || c->is_adopted || c->account != 0 || c->pending || c->claiming ||
	    c->closing || c->dead)
		return INT64_MAX;
	return c->guest_since + most;
}

static int64_t conn_nearest_deadline(const struct conn *c)
{
	int64_t nearest = INT64_MAX;

	for (const int64_t at :
	     {c->start ? c->start->header_until : 0, c->start ? c->start->hold_until : 0, c->paused_until, c->end_at})
		if (at != 0)
			nearest = std::min(nearest, at);
	if (const int64_t silence = conn_silence_limit(c); silence != 0 && !c->closing)
		nearest = std::min(nearest, c->heard + silence);
	for (const int64_t at : {conn_frame_deadline(c), conn_login_deadline(c), conn_transport_deadline(c)})
		nearest = std::min(nearest, at);
	return nearest;
}

static void conn_check_silence(struct conn *c, int64_t now)
{
	const int64_t silence = conn_silence_limit(c);

	if (silence == 0 || c->closing || now < c->heard + silence)
		return;
	/* Nothing can be heard of a peer that is not read, and a paused one may wait for an answer. */
	if (!c->reading || c->paused_until != 0)
		c->heard = now;
	else
		conn_close(c, "silent for too long");
}

static void conn_check_frame(struct conn *c, int64_t now)
{
	if (now < conn_frame_deadline(c))
		return;
	/* The frame cannot become complete while the connection is not read. */
	if (!c->reading)
		c->partial->since = now;
	else
		conn_turn_away(c, CONN_TURN_FRAME_TIMEOUT);
}

void conn_check_login(struct conn *c, int64_t now)
{
	if (now >= conn_login_deadline(c))
		conn_turn_away(c, CONN_TURN_LOGIN_TIMEOUT);
}

static void conn_check_rate(struct conn *c, int64_t now)
{
	if (c->paused_until == 0 || now < c->paused_until)
		return;
	c->paused_until = 0;
	c->has_waited = true;
	conn_resume(c);
}

static void conn_on_timer(evutil_socket_t, short, void *arg)
{
	auto *c = static_cast<struct conn *>(arg);
	const int64_t now = worker_monotonic_ms();

	c->armed_for = 0;
	if (c->end_at != 0 && now >= c->end_at)
		conn_close(c, "took too long to close");
	if (!c->dead && c->start && c->start->header_until != 0 && now >= c->start->header_until)
		conn_end_beginning(c);
	if (!c->dead)
		conn_check_silence(c, now);
	if (!c->dead)
		conn_check_frame(c, now);
	conn_check_login(c, now);
	conn_transport_check(c, now);
	if (c->dead)
		return;
	if (c->start && c->start->hold_until != 0 && now >= c->start->hold_until)
		conn_decide_terminator(c, CONN_TERMINATOR_LF);
	conn_check_rate(c, now);
	conn_arm(c);
}

void conn_rest(struct conn *c)
{
	if (!c->dead && conn_nearest_deadline(c) != INT64_MAX)
		return;
	c->timer_event.reset();
	c->armed_for = 0;
}

void conn_arm(struct conn *c)
{
	const int64_t at = c->dead ? INT64_MAX : conn_nearest_deadline(c);

	/* A timer that fires too early only looks and arms again, so moving a deadline to a later time costs
	 * nothing. */
	if (at == INT64_MAX || (c->armed_for != 0 && c->armed_for <= at))
		return;
	if (!c->timer_event)
		c->timer_event.reset(event_new(c->worker->loop.base.get(), -1, 0, conn_on_timer, c));
	const int64_t wait = std::max<int64_t>(at - worker_monotonic_ms(), 1);
	const timeval time = {static_cast<time_t>(wait / 1000), static_cast<suseconds_t>(wait % 1000 * 1000)};

	event_add(c->timer_event.get(), &time);
	c->armed_for = at;
}

void conn_table_set_conf(struct worker *w, const struct core_conf *conf)
{
	struct cs_error e;

	w->conf = conf;
	w->conns->read_size = conn_choose_read_size(conf);
	w->conns->limits_addresses = conn_limits_addresses(conf);
	w->conns->proxy_from.clear();
	/* No error is possible: the text was checked when chat.conf was read. */
	(void)network_parse(conf->proxy_from, &w->conns->proxy_from, &e);
	for (const auto &c : w->conns->slots)
		if (c) {
			/* A pause was as long as the former rate asked for: the next read is judged by the new one. */
			if (c->paused_until != 0)
				c->paused_until = worker_monotonic_ms();
			conn_review_address(c.get());
			conn_arm(c.get());
		}
	if (w->conns->unsent > 0)
		conn_check_memory(w);
}

void conn_set_silence(struct conn *c, int64_t ms, int64_t doubt_ms)
{
	conn_assert_here(c->worker);
	c->doubt = doubt_ms;
	c->silence = std::min(ms, INT64_MAX / 2); /* so that adding a time of the clock cannot overflow */
	c->heard = worker_monotonic_ms();
	conn_arm(c);
}
