/* SPDX-License-Identifier: MIT
 * Limits guests, connections without a login: how many there are, how many bytes they hold, and which of them is closed
 * to make room. */
#include "core/net/conn.h"

#include <memory>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* A new connection gets this long to send its LOGIN, even if the node is full. */
static constexpr int64_t conn_guest_grace_ms = 5000;
static constexpr int64_t conn_guest_complaint_every_ms = 10000;

struct conn_turn_text {
	int wire_errno;
	enum cs_log_level level; /* of the connection's log line */
	bool is_summed; /* a warning now and then stands for all of them */
	const char *text;
};

static const struct conn_turn_text conn_turn_texts[CONN_TURN_COUNT] = {
	{CS_ERRNO_BAD_FRAME, CS_LOG_INFO, false, "the frame was not whole in time"},
	{CS_ERRNO_NOT_LOGGED_IN, CS_LOG_INFO, false, "no login in time"},
	{CS_ERRNO_BUSY, CS_LOG_DEBUG, true, "too many connections without a login"},
	{CS_ERRNO_BUSY, CS_LOG_DEBUG, true, "connections without a login hold too many bytes"},
	{CS_ERRNO_BUSY, CS_LOG_DEBUG, true, "no room for connections without a login"},
	{CS_ERRNO_BUSY, CS_LOG_DEBUG, false, "too many connections from this address"},
	{CS_ERRNO_BUSY, CS_LOG_DEBUG, false, "too many connections without a login from this address"},
	{CS_ERRNO_BUSY, CS_LOG_INFO, false, "slow reader"}, /* it gets no frame before it is closed */
	{CS_ERRNO_NOT_ALLOWED, CS_LOG_INFO, false, conn_banned_text},
};

const char *const conn_turn_names[CONN_TURN_COUNT] = {"frame_timeout",  "login_timeout", "login_connections",
                                                      "login_memory",   "full",          "address_connections",
                                                      "address_guests", "output_memory", "banned"};

/* ---- queues */

/* Adds c behind `before`; nullptr: at the front. */
static void conn_queue_add_behind(struct conn_queue *q, struct conn *before, struct conn *c,
                                  struct conn_link conn_guest::*link)
{
	struct conn **next = !before ? &q->first : &(before->guest.get()->*link).after;

	c->guest.get()->*link = {before, *next};
	if (!*next)
		q->last = c;
	else
		((*next)->guest.get()->*link).before = c;
	*next = c;
}

static void conn_queue_remove(struct conn_queue *q, struct conn *c, struct conn_link conn_guest::*link)
{
	const struct conn_link l = c->guest.get()->*link;

	if (!l.before)
		q->first = l.after;
	else
		(l.before->guest.get()->*link).after = l.after;
	if (!l.after)
		q->last = l.before;
	else
		(l.after->guest.get()->*link).before = l.before;
	c->guest.get()->*link = {};
}

/* ---- turning away */

static void conn_complain(struct worker *w, const char *why)
{
	const int64_t now = worker_monotonic_ms();

	if (now < w->conns->complain_at)
		return;
	w->conns->complain_at = now + conn_guest_complaint_every_ms;
	log_warning("connections without a login are closed why=\"%s\" connections=%lld without_login=%lld "
	            "bytes=%lld",
	            why, static_cast<long long>(w->shared->connections.load()),
	            static_cast<long long>(w->shared->guests.load()),
	            static_cast<long long>(w->shared->guest_bytes.load()));
}

void conn_count_turn(struct conn *c, enum conn_turn turn)
{
	worker_add(&c->worker->conns->turned_away[conn_kind(c)][turn], 1);
}

void conn_turn_away(struct conn *c, enum conn_turn turn)
{
	static const struct cs_request unknown = {.msgid = 0, .req = -1};
	const struct conn_turn_text *t = &conn_turn_texts[turn];

	conn_count_turn(c, turn);
	conn_set_goodbye(c, t->wire_errno == CS_ERRNO_BUSY ? CS_GOODBYE_BUSY : CS_GOODBYE_REFUSED);
	if (t->is_summed)
		conn_complain(c->worker, t->text);
	c->partial.reset();
	c->waiting.reset();
	if (c->beginning)
		conn_leave_beginning(c);
	/* A peer that does not read would not read the reason either. */
	if (c->write_waiting) {
		conn_close_logged(c, t->level, t->text);
		return;
	}
	conn_refuse(c, &unknown, CS_MSGID_ACK, t->wire_errno, t->text);
	c->input_lost = turn == CONN_TURN_FRAME_TIMEOUT; /* those closed for another reason must make room at once */
	conn_close_softly(c, t->level, t->text);
}

/* ---- counting guests and their bytes */

/* A login under way may finish, so such a connection is not closed to make room. */
static bool conn_is_guest(const struct conn *c)
{
	return c->account == 0 && !c->is_operator && !c->is_adopted && !c->pending && !c->claiming && !c->closing &&
	       !c->dead;
}

template <class Text> static size_t conn_buffer_size(const Text &buffer)
{
	return buffer.empty() ? 0 : buffer.capacity();
}

static size_t conn_count_bytes(const struct conn *c)
{
	/* A session may leave unread output when it ends; output_hard limits it. */
	if (c->account != 0 || c->ended != 0 || c->dead || c->is_operator || c->is_adopted)
		return 0;
	return conn_transport_held(c) + (c->start ? conn_buffer_size(c->start->header) : 0) +
	       (c->output ? conn_buffer_size(c->output->bytes) : 0) +
	       (c->waiting ? conn_buffer_size(c->waiting->bytes) : 0) +
	       (c->partial ? conn_buffer_size(c->partial->bytes) + frame_parser_memory(&c->partial->parser) : 0) +
	       (c->held ? conn_buffer_size(c->held->bytes) : 0);
}

/* The youngest guest that is older than c. A guest whose request was refused comes back to its old position. */
static struct conn *conn_older_guest(const struct conn_queue *q, const struct conn *c)
{
	struct conn *older = q->last;

	while (older && older->guest_since > c->guest_since)
		older = older->guest->guest_link.before;
	return older;
}

static void conn_note_guest(struct conn *c, bool is_guest)
{
	struct worker *w = c->worker;

	if (is_guest == c->guest->is_guest)
		return;
	c->guest->is_guest = is_guest;
	conn_count_address_guest(c, is_guest);
	w->shared->guests.fetch_add(is_guest ? 1 : -1, std::memory_order_relaxed);
	if (is_guest)
		conn_queue_add_behind(&w->conns->guests, conn_older_guest(&w->conns->guests, c), c,
		                      &conn_guest::guest_link);
	else
		conn_queue_remove(&w->conns->guests, c, &conn_guest::guest_link);
}

static void conn_note_holder(struct conn *c, bool is_holder)
{
	struct worker *w = c->worker;

	if (is_holder == c->guest->is_holder)
		return;
	c->guest->is_holder = is_holder;
	if (is_holder)
		conn_queue_add_behind(&w->conns->holders, w->conns->holders.last, c, &conn_guest::holder_link);
	else
		conn_queue_remove(&w->conns->holders, c, &conn_guest::holder_link);
}

static void conn_note_bytes(struct conn *c, size_t bytes)
{
	if (bytes == c->guest->bytes)
		return;
	c->worker->shared->guest_bytes.fetch_add(static_cast<int64_t>(bytes) - static_cast<int64_t>(c->guest->bytes),
	                                         std::memory_order_relaxed);
	c->guest->bytes = bytes;
}

/* ---- the bounds */

static int64_t conn_most_guests(const struct core_conf *conf)
{
	return conf->login_connections != 0 ? conf->login_connections : (conf->max_connections + 1) / 2;
}

/* The limits are those of the process, but a worker closes only its own guests: the kernel spreads connections over the
 * workers. A worker whose only guest is c keeps c. */
static void conn_keep_bounds(const struct conn *c)
{
	struct worker *w = c->worker;

	while (w->shared->guests.load(std::memory_order_relaxed) > conn_most_guests(w->conf) &&
	       w->conns->guests.first != nullptr && !(w->conns->guests.first == c && w->conns->guests.last == c))
		conn_turn_away(w->conns->guests.first, CONN_TURN_CONNECTIONS);
	while (w->shared->guest_bytes.load(std::memory_order_relaxed) > w->conf->login_memory &&
	       w->conns->holders.first != nullptr)
		conn_turn_away(w->conns->holders.first, CONN_TURN_MEMORY);
}

void conn_guest_update(struct conn *c)
{
	const size_t bytes = conn_count_bytes(c);
	const bool is_guest = conn_is_guest(c);

	if (!c->guest) {
		if (!is_guest && bytes == 0)
			return;
		c->guest = std::make_unique<struct conn_guest>();
	}
	conn_note_guest(c, is_guest);
	conn_note_bytes(c, bytes);
	conn_note_holder(c, is_guest && bytes > 0);
	if (!is_guest && bytes == 0)
		c->guest.reset();
}

void conn_guest_check(struct conn *c)
{
	conn_guest_update(c);
	if (c->guest)
		conn_keep_bounds(c);
}

void conn_guest_make_room(struct worker *w)
{
	struct conn *oldest = w->conns->guests.first;

	if (oldest && worker_monotonic_ms() - oldest->guest_since >= conn_guest_grace_ms)
		conn_turn_away(oldest, CONN_TURN_FULL);
}
