/* SPDX-License-Identifier: MIT
 * The input of a connection: read into the worker's scratch, parsed there, and dispatched from there without a copy if
 * a frame is complete in it. */
#include "core/net/conn.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include <sys/socket.h>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* A frame that came in parts is joined in pieces of this size, so that few bytes behind it are copied with it. */
static constexpr size_t conn_join_size = 4096;

bool conn_can_dispatch(const struct conn *c)
{
	/* `opened` comes before the session's first request. */
	const bool is_opening = c->opened_due && c->resume_queued;

	return !c->pending && !is_opening && !c->entering && !c->over_soft && c->paused_until == 0 && !c->closing &&
	       !c->dead;
}

void conn_refuse_input(struct conn *c, int wire_errno, const char *text)
{
	static const struct cs_request unknown = {.msgid = 0, .req = -1};

	conn_refuse(c, &unknown, CS_MSGID_ACK, wire_errno, text);
	conn_set_goodbye(c, wire_errno == CS_ERRNO_TOO_LONG ? CS_GOODBYE_TOO_LONG : CS_GOODBYE_REFUSED);
	c->partial.reset();
	c->input_lost = true;
	conn_close_after_output(c, text);
}

static void conn_refuse_beginning(struct conn *c, char byte)
{
	char text[64];

	snprintf(text, sizeof text, "byte 0x%02x cannot begin a frame", static_cast<unsigned char>(byte));
	conn_refuse_input(c, CS_ERRNO_BAD_FRAME, text);
}

/* An operator brings many messages in a frame, each perhaps as long as a client's longest. */
static constexpr int64_t conn_operator_frame = INT64_C(16) * 1024 * 1024;

static bool conn_is_too_long(struct conn *c, size_t size)
{
	const int64_t most = c->is_operator ? conn_operator_frame : c->worker->conf->max_frame;
	char text[64];

	if (size <= static_cast<size_t>(most))
		return false;
	snprintf(text, sizeof text, "frame longer than %lld bytes", static_cast<long long>(most));
	conn_refuse_input(c, CS_ERRNO_TOO_LONG, text);
	return true;
}

static void conn_note_terminator(struct conn *c, char byte)
{
	c->awaiting_byte = false;
	conn_decide_terminator(c, byte == '\0' ? CONN_TERMINATOR_NUL : CONN_TERMINATOR_LF);
}

/* The first frame is complete: the byte behind it shows which terminator the peer wants. The LF or NUL that broke off a
 * string shows it as well. */
static void conn_note_first_frame(struct conn *c, std::string_view frame, std::string_view behind)
{
	c->first_frame_seen = true;
	if (frame.back() != '}') {
		conn_note_terminator(c, frame.back());
		return;
	}
	if (!behind.empty()) {
		conn_note_terminator(c, behind.front());
		return;
	}
	c->awaiting_byte = true;
	c->terminator = CONN_TERMINATOR_UNDECIDED;
	c->start = std::make_unique<struct conn_start>();
	c->start->hold_until = worker_monotonic_ms() + conn_hold_ms;
	conn_arm(c);
}

static void conn_take_frame(struct conn *c, std::string_view frame, const struct frame_parser *parsed,
                            std::string_view behind)
{
	int64_t pause_ms = 0;

	if (conn_is_too_long(c, frame.size()))
		return;
	if (!c->first_frame_seen)
		conn_note_first_frame(c, frame, behind);
	c->worker->shared->conn_calls->frame(c, frame, parsed, &pause_ms);
	conn_pause(c, CONN_PAUSE_RATE, pause_ms);
}

/* The bytes end inside a frame. Only now the connection needs memory of its own for it. */
static void conn_keep_partial(struct conn *c, std::string_view part, const struct frame_parser *p)
{
	if (conn_is_too_long(c, part.size()))
		return;
	c->partial = std::make_unique<struct conn_partial>(
		conn_partial{.bytes = wiped_text(part), .parser = *p, .since = worker_monotonic_ms()});
	conn_arm(c);
}

/* Reads a frame or the beginning of one. Returns how many bytes were used. */
static size_t conn_take_begun(struct conn *c, std::string_view bytes)
{
	struct frame_parser *p = &c->worker->conns->parser;

	frame_reset(p);
	switch (frame_parse(p, bytes.data(), bytes.size())) {
	case FRAME_BAD_BEGIN: conn_refuse_beginning(c, bytes.front()); return 0;
	case FRAME_MORE: conn_keep_partial(c, bytes, p); return bytes.size();
	case FRAME_COMPLETE: break;
	}
	const size_t size = p->at;

	conn_take_frame(c, bytes.substr(0, size), p, bytes.substr(size));
	return size;
}

/* Goes on with the frame whose beginning is in c->partial. Returns how many bytes were used. */
static size_t conn_take_more(struct conn *c, std::string_view bytes)
{
	struct conn_partial *p = c->partial.get();
	const size_t before = p->bytes.size(), joined = std::min(bytes.size(), conn_join_size);

	p->bytes.append(bytes.substr(0, joined));
	if (frame_parse(&p->parser, p->bytes.data(), p->bytes.size()) == FRAME_MORE) {
		(void)conn_is_too_long(c, p->bytes.size());
		return joined;
	}
	const std::unique_ptr<struct conn_partial> whole = std::move(c->partial);
	const size_t size = whole->parser.at, taken = size - before;

	conn_take_frame(c, std::string_view(whole->bytes).substr(0, size), &whole->parser, bytes.substr(taken));
	return taken;
}

/* Reads frames until the bytes end or nothing more may be dispatched. Returns how many bytes were used. */
static size_t conn_take(struct conn *c, std::string_view bytes)
{
	size_t at = 0;

	while (at < bytes.size() && conn_can_dispatch(c)) {
		if (c->awaiting_byte)
			conn_note_terminator(c, bytes[at]);
		if (c->partial) {
			at += conn_take_more(c, bytes.substr(at));
			continue;
		}
		at += frame_skip_blanks(bytes.data() + at, bytes.size() - at);
		if (at < bytes.size())
			at += conn_take_begun(c, bytes.substr(at));
	}
	return at;
}

static void conn_keep_waiting(struct conn *c, std::string_view bytes)
{
	if (!c->waiting)
		c->waiting = std::make_unique<struct conn_waiting>();
	c->waiting->bytes.append(bytes);
}

static void conn_take_waiting(struct conn *c)
{
	if (!c->waiting)
		return;
	c->waiting->at += conn_take(c, std::string_view(c->waiting->bytes).substr(c->waiting->at));
	if (c->waiting->at == c->waiting->bytes.size())
		c->waiting.reset();
}

/* ---- reading */

static void conn_stop_reading(struct conn *c)
{
	event_del(c->read_event.get());
	c->reading = false;
}

/* The kernel does not report bytes that the stream has read already. */
static void conn_read_buffered(struct conn *c)
{
	if (c->reading && !c->dead && conn_buffered(c) > 0)
		event_active(c->read_event.get(), EV_READ, 0);
}

void conn_start_reading(struct conn *c)
{
	if (c->reading || c->eof || c->dead)
		return;
	event_add(c->read_event.get(), nullptr);
	c->reading = true;
	conn_read_buffered(c);
	/* While the connection was not read, nothing could be heard from the peer. */
	c->heard = worker_monotonic_ms();
	if (c->partial)
		c->partial->since = c->heard;
}

static void conn_on_eof(struct conn *c)
{
	conn_stop_reading(c);
	c->eof = true;
	if (c->beginning)
		conn_end_beginning(c);
	if (c->dead)
		return;
	if (c->terminator == CONN_TERMINATOR_UNDECIDED)
		conn_decide_terminator(c, CONN_TERMINATOR_LF);
	if (c->lingering) {
		conn_close_quietly(c, "closed");
		return;
	}
	if (c->closing)
		return;
	c->end_at = worker_monotonic_ms() + conn_eof_wait_ms;
	conn_arm(c);
	/* Flush at the end of the turn: answers made by other events of this turn go out first. */
	conn_queue_flush(c);
}

/* Whether the waiting bytes are only blanks, which may stand between two frames. */
static bool conn_waits_for_nothing(const struct conn *c)
{
	if (!c->waiting)
		return true;
	const std::string_view waiting = std::string_view(c->waiting->bytes).substr(c->waiting->at);

	return frame_skip_blanks(waiting.data(), waiting.size()) == waiting.size();
}

/* A stream's bytes cannot be looked at without taking them: takes the one behind the first frame, which waits. */
static void conn_take_byte_behind(struct conn *c)
{
	char byte;
	const ssize_t n = conn_receive(c, &byte, 1);
	const int error = errno;

	if (n == 1) {
		conn_stop_reading(c);
		conn_note_terminator(c, byte);
		conn_keep_waiting(c, {&byte, 1});
	} else if (n == 0) {
		conn_on_eof(c);
	} else if (error != EAGAIN && error != EINTR) {
		conn_close_quietly(c, conn_transport_fault(c, "connection lost"));
	}
}

/* A request or a login is under way: do not consume input, but peek one byte to see the terminator or the end. The byte
 * behind the first frame says how answers end. A peer that has gone needs no more work. */
static void conn_look_ahead(struct conn *c)
{
	char byte;

	if (conn_has_stream(c) && c->awaiting_byte)
		return conn_take_byte_behind(c);
	const ssize_t n = recv(c->fd.fd, &byte, 1, MSG_PEEK);
	const int error = errno;

	conn_stop_reading(c);
	if (n == 1 && c->awaiting_byte) {
		conn_note_terminator(c, byte);
	} else if (n == 0 && (c->pending || c->entering) && conn_waits_for_nothing(c) && conn_buffered(c) == 0) {
		conn_on_eof(c);
	} else if (n < 0 && error != EAGAIN && error != EINTR) {
		conn_close_quietly(c, "connection lost");
	}
}

void conn_take_bytes(struct conn *c, std::string_view bytes)
{
	const size_t taken = c->waiting ? 0 : conn_take(c, bytes);

	if (taken < bytes.size() && !c->closing && !c->dead)
		conn_keep_waiting(c, bytes.substr(taken));
}

static void conn_on_bytes(struct conn *c, char *bytes, size_t size)
{
	c->heard = worker_monotonic_ms();
	worker_add(&conn_counters(c)->received, size);
	if (c->closing)
		return;
	if (c->beginning)
		conn_take_beginning(c, bytes, size);
	else
		conn_take_input(c, bytes, size);
	conn_charge_input(c, size, c->heard);
	conn_read_buffered(c);
}

/* Before a stream: a PROXY header is looked for without taking what follows it. */
static void conn_read_beginning(struct conn *c)
{
	char *scratch = c->worker->conns->scratch.get();
	const ssize_t n = recv(c->fd.fd, scratch, conn_guest_read_size, MSG_PEEK);

	if (n > 0)
		conn_peek_beginning(c, {scratch, static_cast<size_t>(n)});
	else if (n == 0 && !conn_take_header(c).empty())
		conn_close(c, "incomplete PROXY header");
	else if (n == 0)
		conn_close_quietly(c, "peer closed");
	else if (errno != EAGAIN && errno != EINTR)
		conn_close_quietly(c, "connection lost");
}

static void conn_read(struct conn *c)
{
	char *scratch = c->worker->conns->scratch.get();
	const size_t most =
		std::min(c->account == 0 ? conn_guest_read_size : conn_scratch_size, c->worker->conns->read_size);

	if (c->beginning && conn_has_stream(c) && !c->closing)
		return conn_read_beginning(c);

	if (!c->closing && (!conn_can_dispatch(c) || c->waiting || conn_has_unread(c) || conn_waits_for_address(c))) {
		conn_look_ahead(c);
		return;
	}
	const ssize_t n = conn_receive(c, scratch, most);

	if (n > 0) {
		conn_on_bytes(c, scratch, static_cast<size_t>(n));
		wipe_bytes(scratch, static_cast<size_t>(n)); /* a LOGIN may be among them */
	} else if (n == 0) {
		conn_on_eof(c);
	} else if (errno != EAGAIN && errno != EINTR) {
		conn_close_quietly(c, conn_transport_fault(c, "connection lost"));
	}
}

void conn_on_read(evutil_socket_t, short, void *arg)
{
	auto *c = static_cast<struct conn *>(arg);

	if (c->dead)
		return;
	conn_transport_on_readable(c);
	conn_read(c);
	conn_guest_check(c);
}

/* ---- going on */

static void conn_go_on(struct conn *c)
{
	if (!conn_can_dispatch(c))
		return;
	conn_take_waiting(c);
	if (conn_can_dispatch(c))
		conn_take_unread(c);
	if (!conn_can_dispatch(c))
		return;
	conn_start_reading(c);
	conn_check_end(c);
}

static void conn_resume_now(void *arg)
{
	auto *c = static_cast<struct conn *>(arg);

	c->resume_queued = false;
	conn_tell_opened(c);
	if (c->held && !c->closing && !c->dead)
		c->worker->shared->conn_calls->resumed(c);
	conn_check_login(c, worker_monotonic_ms());
	conn_go_on(c);
	if (c->cost_due != 0)
		conn_charge_input(c, 0, worker_monotonic_ms());
	conn_guest_check(c);
	conn_arm(c); /* the login, if there was one, is no longer under way */
}

void conn_resume(struct conn *c)
{
	if (c->resume_queued || c->dead)
		return;
	c->resume_queued = true;
	loop_at_end_of_turn(&c->worker->loop, conn_resume_now, c);
}

void conn_finish(struct conn *c)
{
	conn_assert_here(c->worker);
	if (!c->pending && c->entering && !c->claiming) {
		c->entering = false;
		conn_resume(c);
	}
	if (!c->pending || !c->pending_handler)
		return;
	c->pending = false;
	if (!c->pending_answered)
		c->owed++;
	conn_resume(c);
}
