/* SPDX-License-Identifier: MIT
 * The transport of a connection: bytes through the stream of a plugin, frames through its framing, and what both
 * have to say at open, close and when time passes. */
#include "core/net/conn.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "core/base/call.h"
#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"
#include "core/net/proxyproto.h"

/* How long the handshake of a stream may take, from the accept on. */
static constexpr int64_t conn_handshake_wait_ms = 10000;
/* How long a framing's timer waits on while the peer has to read what was sent, or is not read itself. */
static constexpr int64_t conn_timer_wait_ms = 1000;
/* So often in a row a stream may wait for what the socket offers already: it may have come just after the stream
 * looked. */
static constexpr unsigned conn_most_stalls = 1000;

void conn_transport_deleter::operator()(struct conn_transport *t) const
{
	if (t->framing) {
		const plugin_call call(t->framing_self, CALL_TRANSPORT);

		t->of->framing->close(t->framing);
	}
	if (t->stream) {
		const plugin_call call(t->stream_self, CALL_TRANSPORT);

		t->of->stream->close(t->stream);
	}
	std::default_delete<struct conn_transport>()(t);
}

unsigned conn_kind(const struct conn *c)
{
	if (c->is_operator)
		return transport_operator;
	if (c->is_adopted)
		return transport_adopted;
	return c->transport ? c->transport->of->index : 0;
}

const char *conn_transport_label(const struct conn *c)
{
	if (c->is_adopted)
		return transport_adopted_label;
	return c->transport ? c->transport->of->label.c_str() : "plain";
}

struct transport_counters *conn_counters(const struct conn *c)
{
	return &c->worker->conns->traffic[conn_kind(c)];
}

void conn_transport_prepare(struct conn *c, const struct transport *of)
{
	if (!of || (!of->stream && !of->framing))
		return;
	c->transport.reset(std::make_unique<struct conn_transport>().release());
	c->transport->of = of;
	if (of->stream) {
		c->transport->stream_self = c->worker->instances[of->stream_plugin].get();
		c->transport->handshake_until = c->heard + conn_handshake_wait_ms;
	}
	if (!of->framing)
		return;
	c->transport->framing_self = c->worker->instances[of->framing_plugin].get();
	c->first_frame_seen = true; /* messages have their own ends: no terminator is looked for */
}

bool conn_is_framed(const struct conn *c)
{
	return c->transport && c->transport->of->framing;
}

bool conn_has_stream(const struct conn *c)
{
	return c->transport && c->transport->of->stream;
}

/* ---- a plugin that breaks the contract of transport.h: its connection ends, the node goes on */

static void conn_blame(struct conn *c, struct cs_self *self, const char *function, int64_t value, const char *why)
{
	if (call_may_tell(&self->transport_told, worker_monotonic_ms()))
		log_error("a transport breaks its contract plugin=%s transport=%s function=%s why=\"%s\" value=%lld "
		          "conn=%llx",
		          self->declared->name, c->transport->of->label.c_str(), function, why,
		          static_cast<long long>(value), static_cast<unsigned long long>(c->handle));
	conn_close_quietly(c, "its transport breaks the contract");
}

static bool conn_blame_framing(struct conn *c, const char *function, int64_t value, const char *why)
{
	conn_blame(c, c->transport->framing_self, function, value, why);
	return false;
}

/* false: the connection is closed. */
static bool conn_check_reply(struct conn *c, const char *function, const struct cs_step *step)
{
	return step->reply_size == 0 || step->reply ||
	       conn_blame_framing(c, function, static_cast<int64_t>(step->reply_size), "a reply at NULL");
}

static bool conn_check_step(struct conn *c, const char *function, const struct cs_step *step)
{
	if (!conn_check_reply(c, function, step))
		return false;
	if (step->frames_size > 0 && !step->frames)
		return conn_blame_framing(c, function, static_cast<int64_t>(step->frames_size), "frames at NULL");
	if (step->timer_ms < CS_STEP_NO_TIMER)
		return conn_blame_framing(c, function, step->timer_ms, "a time below zero");
	return true;
}

/* As conn_check_step. */
static bool conn_check_used(struct conn *c, size_t used, size_t size, const struct cs_step *step)
{
	if (used > size)
		return conn_blame_framing(c, "input", static_cast<int64_t>(used), "it used more than it was given");
	if (used == 0 && !step->close)
		return conn_blame_framing(c, "input", 0, "it used nothing");
	return conn_check_step(c, "input", step);
}

/* ---- steps of a framing */

static void conn_set_transport_timer(struct conn *c, int64_t ms)
{
	if (ms == 0)
		return;
	/* So that adding a time of the clock cannot overflow. */
	c->transport->timer_at = ms == CS_STEP_NO_TIMER ? 0 : worker_monotonic_ms() + std::min(ms, INT64_MAX / 2);
	conn_arm(c);
}

/* What the framing wants done before the frames of the step. */
static void conn_begin_step(struct conn *c, const struct cs_step *step)
{
	if (step->reply_size > 0)
		conn_append_raw(c, {step->reply, step->reply_size});
	if (step->opened) {
		c->transport->framing_open = true;
		conn_arm(c); /* from now on its silence is limited */
	}
	conn_set_transport_timer(c, step->timer_ms);
}

/* And behind them. */
static void conn_end_step(struct conn *c, const struct cs_step *step)
{
	if (!step->close)
		return;
	c->transport->goodbye_said = true;
	conn_close_softly(c, c->account != 0 ? CS_LOG_INFO : CS_LOG_DEBUG,
	                  step->why ? step->why : "closed by its framing");
}

void conn_take_input(struct conn *c, char *bytes, size_t size)
{
	const struct conn_transport *t = c->transport.get();

	if (!conn_is_framed(c) && !c->dead)
		return conn_take_bytes(c, {bytes, size});
	for (size_t at = 0; at < size && !c->closing && !c->dead;) {
		struct cs_step step {};
		size_t used;

		/* A framing that answers by itself could fill the output from one read. */
		if (c->over_soft) {
			c->transport->unread.append(bytes + at, size - at);
			return;
		}

		{
			const plugin_call call(t->framing_self, CALL_TRANSPORT);

			used = t->of->framing->input(t->framing, bytes + at, size - at, &step);
		}
		if (!conn_check_used(c, used, size - at, &step))
			return;
		at += used;
		conn_begin_step(c, &step);
		if (step.frames_size > 0 && !c->closing && !c->dead)
			conn_take_bytes(c, {step.frames, step.frames_size});
		conn_end_step(c, &step);
	}
}

bool conn_has_unread(const struct conn *c)
{
	return c->transport && !c->transport->unread.empty();
}

void conn_take_unread(struct conn *c)
{
	if (!conn_has_unread(c))
		return;
	wiped_text unread = std::exchange(c->transport->unread, wiped_text());

	conn_take_input(c, unread.data(), unread.size());
}

void conn_transport_start(struct conn *c)
{
	struct conn_transport *t = c->transport.get();
	struct cs_step step {};

	if (!t)
		return;
	if (t->of->stream) {
		const plugin_call call(t->stream_self, CALL_TRANSPORT);

		t->stream = t->of->stream->open(t->stream_self->state, c->fd.fd);
	}
	if (t->of->framing) {
		const plugin_call call(t->framing_self, CALL_TRANSPORT);

		t->framing = t->of->framing->open(t->framing_self->state, t->of->stream != nullptr, &step);
	}
	if ((t->of->stream && !t->stream) || (t->of->framing && !t->framing))
		return conn_close_quietly(c, "the transport cannot be opened");
	if (!conn_check_step(c, "open", &step))
		return;
	conn_begin_step(c, &step);
	conn_end_step(c, &step);
}

bool conn_transport_is_open(const struct conn *c)
{
	const struct conn_transport *t = c->transport.get();

	if (!t)
		return true;
	if (t->of->stream && t->handshake_until != 0)
		return false;
	return !t->of->framing || t->framing_open;
}

bool conn_frame_head(struct conn *c, size_t size, char *head_r, size_t *head_size_r)
{
	const struct conn_transport *t = c->transport.get();

	{
		const plugin_call call(t->framing_self, CALL_TRANSPORT);

		*head_size_r = t->of->framing->head(t->framing, size, head_r);
	}
	return *head_size_r <= CS_FRAMING_HEAD_MOST ||
	       conn_blame_framing(c, "head", static_cast<int64_t>(*head_size_r), "a head that is too long");
}

size_t conn_transport_held(const struct conn *c)
{
	const struct conn_transport *t = c->transport.get();

	if (!t || !t->framing)
		return 0;
	return t->of->framing->held(t->framing) + (t->unread.empty() ? 0 : t->unread.capacity());
}

/* ---- the stream */

/* What a stream that did nothing waits for. A stream may have to write before it can read, and the reverse. */
static void conn_wait_for_stream(struct conn *c, const struct cs_stream_wait *wait, unsigned own, bool *other_r)
{
	*other_r = !(wait->events & own);
	if (wait->events & CS_WATCH_WRITE)
		conn_wait_writable(c);
	if (wait->events & CS_WATCH_READ)
		conn_start_reading(c);
}

static void conn_note_handshake(struct conn *c)
{
	struct conn_transport *t = c->transport.get();

	if (t->handshake_until != 0 && t->of->stream->is_open(t->stream))
		t->handshake_until = 0;
}

/* A stream that waits for what the socket offers already would be called for ever. */
static bool conn_stalls(const struct conn *c, unsigned events, unsigned *stalls)
{
	const int asked = (events & CS_WATCH_READ ? POLLIN : 0) | (events & CS_WATCH_WRITE ? POLLOUT : 0);
	struct pollfd socket = {.fd = c->fd.fd, .events = static_cast<short>(asked), .revents = 0};

	if (poll(&socket, 1, 0) <= 0)
		*stalls = 0;
	else
		++*stalls;
	return *stalls >= conn_most_stalls;
}

/* Why the answer of a stream's function breaks the contract; nullptr: it does not. least: of bytes. */
static const char *conn_find_fault(const struct conn *c, int64_t n, int64_t least, size_t size,
                                   const struct cs_stream_wait *wait, unsigned *stalls)
{
	if (n > static_cast<int64_t>(size))
		return "more bytes than it was given";
	if (n >= 0 && n < least)
		return "no byte, and nothing to wait for";
	if (n < 0 && n != CS_EAGAIN && n != CS_EINVAL)
		return "a number that means nothing";
	if (n == CS_EAGAIN && !(wait->events & (CS_WATCH_READ | CS_WATCH_WRITE)))
		return "it waits for nothing";
	if (n == CS_EAGAIN && conn_stalls(c, wait->events, stalls))
		return "it waits for what the socket offers";
	if (n >= 0)
		*stalls = 0;
	return nullptr;
}

/* The answer in the form of recv(2) and send(2). */
static ssize_t conn_judge_stream(struct conn *c, unsigned own, int64_t n, size_t size,
                                 const struct cs_stream_wait *wait)
{
	struct conn_transport *t = c->transport.get();
	const bool reads = own == CS_WATCH_READ;
	unsigned *stalls = reads ? &t->read_stalls : &t->write_stalls;
	bool *wants_other = reads ? &t->read_wants_write : &t->write_wants_read;

	*wants_other = false;
	if (const char *fault = conn_find_fault(c, n, reads ? 0 : 1, size, wait, stalls)) {
		conn_blame(c, t->stream_self, reads ? "receive" : "send", n, fault);
		errno = EPROTO;
		return -1;
	}
	if (n >= 0)
		return n;
	if (n == CS_EAGAIN) {
		conn_wait_for_stream(c, wait, own, wants_other);
		errno = EAGAIN;
	} else {
		t->why = wait->why;
		errno = EPROTO;
	}
	return -1;
}

ssize_t conn_receive(struct conn *c, char *buffer, size_t size)
{
	struct conn_transport *t = c->transport.get();
	struct cs_stream_wait wait {};
	int64_t n;

	/* The end of a connection whose frames are over needs no stream: the bytes are thrown away. */
	if (!t || !t->stream || c->closing)
		return recv(c->fd.fd, buffer, size, 0);
	{
		const plugin_call call(t->stream_self, CALL_TRANSPORT);

		n = t->of->stream->receive(t->stream, buffer, size, &wait);
		conn_note_handshake(c);
	}
	return conn_judge_stream(c, CS_WATCH_READ, n, size, &wait);
}

ssize_t conn_transmit(struct conn *c, const char *bytes, size_t size)
{
	struct conn_transport *t = c->transport.get();
	struct cs_stream_wait wait {};
	int64_t n;

	if (!t || !t->stream)
		return send(c->fd.fd, bytes, size, MSG_NOSIGNAL);
	{
		const plugin_call call(t->stream_self, CALL_TRANSPORT);

		n = t->of->stream->send(t->stream, bytes, size, &wait);
	}
	return conn_judge_stream(c, CS_WATCH_WRITE, n, size, &wait);
}

size_t conn_buffered(const struct conn *c)
{
	const struct conn_transport *t = c->transport.get();

	return t && t->stream && !c->closing ? t->of->stream->buffered(t->stream) : 0;
}

const char *conn_transport_fault(const struct conn *c, const char *otherwise)
{
	return c->transport && c->transport->why ? c->transport->why : otherwise;
}

void conn_transport_on_readable(struct conn *c)
{
	if (!c->transport || !c->transport->write_wants_read)
		return;
	c->transport->write_wants_read = false;
	c->write_waiting = false;
	conn_queue_flush(c);
}

bool conn_transport_on_writable(struct conn *c)
{
	return c->transport && std::exchange(c->transport->read_wants_write, false);
}

/* ---- the PROXY header before a stream: it is taken from the socket to the byte, for the stream reads the socket */

static void conn_begin_stream(struct conn *c)
{
	conn_leave_beginning(c);
	conn_transport_start(c);
}

static void conn_drop_peeked(struct conn *c, size_t size)
{
	char dropped[4096];

	while (size > 0) {
		const ssize_t n = recv(c->fd.fd, dropped, std::min(size, sizeof dropped), 0);

		if (n <= 0)
			return;
		size -= static_cast<size_t>(n);
	}
}

void conn_peek_beginning(struct conn *c, std::string_view peeked)
{
	const std::string begun = conn_take_header(c);
	const std::string all = begun + std::string(peeked);
	struct proxyproto_header header;

	switch (proxyproto_parse(all, &header)) {
	case PROXYPROTO_MALFORMED:
		conn_close(c, (std::string("malformed PROXY header: ") + header.fault).c_str());
		return;
	case PROXYPROTO_MORE:
		conn_drop_peeked(c, peeked.size());
		conn_wait_for_header(c, all);
		return;
	case PROXYPROTO_ADDRESS:
		if (!conn_set_client(c, &header.source))
			return;
		break;
	default: break;
	}
	/* Without a header nothing is taken. No stream begins as a header does. */
	if (header.size < begun.size())
		return conn_close(c, "incomplete PROXY header");
	conn_drop_peeked(c, header.size - begun.size());
	conn_begin_stream(c);
}

void conn_end_stream_beginning(struct conn *c, bool has_begun)
{
	if (has_begun)
		return conn_close(c, "incomplete PROXY header");
	conn_begin_stream(c);
}

/* ---- deadlines and the end */

int64_t conn_transport_deadline(const struct conn *c)
{
	const struct conn_transport *t = c->transport.get();
	int64_t nearest = INT64_MAX;

	if (!t || c->closing)
		return nearest;
	for (const int64_t at : {t->handshake_until, t->timer_at})
		if (at != 0)
			nearest = std::min(nearest, at);
	return nearest;
}

int64_t conn_silence_limit(const struct conn *c)
{
	const int64_t framing =
		conn_is_framed(c) && c->transport->framing_open ? c->transport->of->framing->silence_ms : 0;

	if (framing == 0 || c->silence == 0)
		return std::max(framing, c->silence);
	return std::min(framing, c->silence);
}

void conn_transport_check(struct conn *c, int64_t now)
{
	struct conn_transport *t = c->transport.get();
	struct cs_step step {};

	if (!t || c->closing || c->dead)
		return;
	if (t->handshake_until != 0 && now >= t->handshake_until)
		return conn_close_quietly(c, "the handshake was not done in time");
	if (t->timer_at == 0 || now < t->timer_at || !t->framing)
		return;
	if (conn_unsent(c) > 0 || c->paused_until != 0) {
		t->timer_at = now + conn_timer_wait_ms;
		return;
	}
	t->timer_at = 0;
	{
		const plugin_call call(t->framing_self, CALL_TRANSPORT);

		t->of->framing->timer(t->framing, &step);
	}
	if (!conn_check_step(c, "timer", &step))
		return;
	conn_begin_step(c, &step);
	conn_end_step(c, &step);
}

void conn_set_goodbye(struct conn *c, enum cs_goodbye why)
{
	if (c->transport)
		c->transport->goodbye = why;
}

void conn_say_goodbye(struct conn *c)
{
	struct conn_transport *t = c->transport.get();
	struct cs_step step {};

	if (!t || !t->framing || t->goodbye_said || (t->of->stream && t->handshake_until != 0))
		return;
	t->goodbye_said = true;
	if (t->goodbye == CS_GOODBYE_NORMAL && (c->draining || c->worker->draining))
		t->goodbye = CS_GOODBYE_GOING_AWAY;
	{
		const plugin_call call(t->framing_self, CALL_TRANSPORT);

		t->of->framing->goodbye(t->framing, t->goodbye, &step);
	}
	if (step.reply_size > 0 && conn_check_reply(c, "goodbye", &step))
		conn_append_raw(c, {step.reply, step.reply_size});
}

void conn_end_stream(struct conn *c)
{
	struct conn_transport *t = c->transport.get();

	if (!t || !t->stream || t->stream_ended || t->handshake_until != 0)
		return;
	t->stream_ended = true;
	const plugin_call call(t->stream_self, CALL_TRANSPORT);

	t->of->stream->end(t->stream);
}
