/* SPDX-License-Identifier: MIT
 * The output of a connection: queued during the turn, sent once at its end; its terminators, its last bytes. */
#include "core/net/conn.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <utility>

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <chatserverd/json.h>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"

size_t conn_unsent(const struct conn *c)
{
	return c->output ? c->output->bytes.size() - c->output->sent : 0;
}

/* So many outputs of a worker keep their memory for the next ones, each up to this size. */
static constexpr size_t conn_most_spares = 64;
static constexpr size_t conn_most_spare_size = 1024;

/* The memory of a guest's output is counted, so a guest gets what its output needs. */
static void conn_begin_output(struct conn *c)
{
	std::vector<std::unique_ptr<struct conn_output>> *spares = &c->worker->conns->spares;

	if (c->account == 0 || spares->empty()) {
		c->output = std::make_unique<struct conn_output>();
		return;
	}
	c->output = std::move(spares->back());
	spares->pop_back();
}

/* A connection without output has no memory for it. */
static void conn_end_output(struct conn *c)
{
	std::vector<std::unique_ptr<struct conn_output>> *spares = &c->worker->conns->spares;

	conn_note_unsent(c, 0);
	if (c->output->bytes.capacity() <= conn_most_spare_size && spares->size() < conn_most_spares) {
		wipe_bytes(c->output->bytes.data(), c->output->bytes.size()); /* a token may be among them */
		c->output->bytes.clear();
		c->output->sent = c->output->longest = 0;
		spares->push_back(std::move(c->output));
	}
	c->output.reset();
}

static void conn_forget_sent(struct conn *c)
{
	struct conn_output *o = c->output.get();

	if (!o)
		return;
	if (o->sent == o->bytes.size()) {
		conn_end_output(c);
	} else if (o->sent > o->bytes.size() / 2) {
		o->bytes.erase(0, o->sent);
		o->sent = 0;
	}
}

static event *conn_write_event(struct conn *c)
{
	if (!c->write_event)
		c->write_event.reset(event_new(c->worker->loop.base.get(), c->fd.fd, EV_WRITE, conn_on_writable, c));
	return c->write_event.get();
}

void conn_wait_writable(struct conn *c)
{
	c->write_waiting = true;
	event_add(conn_write_event(c), nullptr);
}

/* A stream that must read first waits for its read event, which is added already. A write event would fire at once,
 * again and again. */
static void conn_wait_to_write(struct conn *c)
{
	if (c->transport && c->transport->write_wants_read)
		c->write_waiting = true;
	else
		conn_wait_writable(c);
}

void conn_write(struct conn *c)
{
	while (conn_unsent(c) > 0) {
		const ssize_t n = conn_transmit(c, c->output->bytes.data() + c->output->sent, conn_unsent(c));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno != EAGAIN) {
			conn_close_quietly(c, conn_transport_fault(c, "the peer takes nothing more"));
			return;
		}
		if (n == -1) {
			conn_wait_to_write(c);
			break;
		}
		worker_add(&conn_counters(c)->sent, static_cast<uint64_t>(n));
		c->output->sent += static_cast<size_t>(n);
		c->written += static_cast<uint64_t>(n);
		c->was_written = true;
	}
	conn_forget_sent(c);
}

/* ---- the `written` hook: at most once per turn */

static uint32_t conn_this_turn(const struct conn *c)
{
	return static_cast<uint32_t>(c->worker->loop.turn + 1);
}

/* The kernel may take, in the same turn, bytes that a plugin sends from its hook. The next call waits for the next
 * turn, so that one connection that reads fast cannot keep the worker busy alone. */
static void conn_tell_written(struct conn *c)
{
	if (!c->was_written || c->account == 0) {
		c->was_written = false;
		return;
	}
	if (c->hook_turn != conn_this_turn(c)) {
		c->was_written = false;
		c->hook_turn = conn_this_turn(c);
		c->worker->shared->conn_calls->written(c);
	} else {
		event_active(conn_write_event(c), EV_WRITE, 0);
	}
}

/* ---- flush */

static void conn_flush_now(struct conn *c)
{
	if (c->dead || c->terminator == CONN_TERMINATOR_UNDECIDED)
		return;
	if (!c->write_waiting)
		conn_write(c);
	if (c->dead)
		return;
	if (c->closing) {
		if (conn_unsent(c) == 0)
			conn_finish_closing(c);
		return;
	}
	conn_tell_written(c);
	conn_end_backpressure(c);
	conn_check_end(c);
}

static void conn_flush(void *arg)
{
	auto *c = static_cast<struct conn *>(arg);

	c->flush_queued = false;
	conn_flush_now(c);
	if (c->output && !c->dead)
		conn_note_unsent(c, conn_unsent(c));
	conn_guest_check(c);
}

void conn_queue_flush(struct conn *c)
{
	if (c->flush_queued || c->dead)
		return;
	c->flush_queued = true;
	loop_at_end_of_turn(&c->worker->loop, conn_flush, c);
}

void conn_on_writable(evutil_socket_t, short, void *arg)
{
	auto *c = static_cast<struct conn *>(arg);

	c->write_waiting = false;
	if (conn_transport_on_writable(c))
		conn_on_read(-1, EV_READ, c);
	conn_queue_flush(c);
}

/* ---- queueing */

void conn_decide_terminator(struct conn *c, enum conn_terminator terminator)
{
	const std::unique_ptr<struct conn_start> start = std::move(c->start);

	c->terminator = terminator;
	if (start && terminator == CONN_TERMINATOR_NUL)
		for (const size_t at : start->held_ends)
			c->output->bytes[at] = '\0';
	if (conn_unsent(c) > 0)
		conn_queue_flush(c);
}

static void conn_append_terminator(struct conn *c)
{
	wiped_text *bytes = &c->output->bytes;

	if (c->terminator == CONN_TERMINATOR_UNDECIDED)
		c->start->held_ends.push_back(bytes->size());
	bytes->push_back(c->terminator == CONN_TERMINATOR_NUL ? '\0' : '\n');
}

/* false: nothing was queued, the connection is closed. */
static bool conn_append(struct conn *c, const char *frame, size_t size, const char *tail)
{
	char head[CS_FRAMING_HEAD_MOST];
	const size_t tail_size = !tail ? 0 : strlen(tail);
	const bool is_framed = conn_is_framed(c);

	if (tail && size > 0)
		size--; /* the closing brace comes with the tail */
	size_t head_size = 0;

	if (is_framed && !conn_frame_head(c, size + tail_size, head, &head_size))
		return false;
	if (!c->output)
		conn_begin_output(c);
	wiped_text *bytes = &c->output->bytes;
	const size_t before = bytes->size(), most = before + head_size + size + tail_size + 1;

	if (bytes->capacity() < most)
		bytes->reserve(most * 3 / 2);
	bytes->append(head, head_size);
	bytes->append(frame, size);
	if (tail)
		bytes->append(tail, tail_size);
	if (!is_framed)
		conn_append_terminator(c);
	c->queued += bytes->size() - before;
	return true;
}

void conn_append_raw(struct conn *c, std::string_view bytes)
{
	if (!c->output)
		conn_begin_output(c);
	c->output->bytes.append(bytes);
	c->queued += bytes.size();
	conn_queue_flush(c);
	(void)conn_apply_backpressure(c, bytes.size());
}

int conn_send(struct conn *c, const char *frame, size_t size, const char *tail, uint64_t *position_r)
{
	conn_assert_here(c->worker);
	if (c->dead || c->closing || !conn_transport_is_open(c))
		return CS_ENOENT;
	const uint64_t before = c->queued;

	if (!conn_append(c, frame, size, tail))
		return CS_ENOENT;
	const size_t added = c->queued - before;
	if (position_r)
		*position_r = c->queued;
	conn_queue_flush(c);
	return conn_apply_backpressure(c, added);
}

void conn_note_sender(struct conn *c, const struct cs_self *sender)
{
	if (c->pending && c->pending_handler == sender)
		c->pending_answered = true;
}

/* ---- answers */

static void conn_note_answer(struct conn *c, const struct cs_request *request, const struct cs_self *by)
{
	const bool is_of_others = c->held && by && by != c->held->self;

	if (c->pending && !is_of_others && c->pending_request.msgid == request->msgid &&
	    c->pending_request.req == request->req)
		c->pending_answered = true;
	else if (c->owed > 0)
		c->owed--;
}

/* Orders of operators may take seconds, which says nothing of the answers that people get. */
static void conn_count_answer(struct conn *c, const struct cs_request *request)
{
	if (!c->is_operator)
		worker_count_answer(c->worker, request);
}

void conn_answer(struct conn *c, const struct cs_request *request, const char *more, const struct cs_self *by)
{
	conn_note_answer(c, request, by);
	conn_count_answer(c, request);
	if (request->req < 0) {
		if (c->eof)
			conn_queue_flush(c); /* the peer may have waited only for this answer */
		return;
	}
	/* Every message is answered, so this does not use snprintf, which is slower. */
	char text[96] = "{\"msgid\":100,\"of\":";
	char *const last = text + sizeof text;
	char *at = std::to_chars(text + strlen(text), last, request->msgid).ptr;

	at = std::to_chars(stpcpy(at, ",\"req\":"), last, request->req).ptr;
	at = stpcpy(at, ",\"errno\":0}");
	const wiped_text tail = *more ? wiped_text(more) + "}" : wiped_text(); /* a token may be in it */
	(void)conn_send(c, text, static_cast<size_t>(at - text), *more ? tail.c_str() : nullptr, nullptr);
}

void conn_refuse(struct conn *c, const struct cs_request *request, uint32_t ack, int wire_errno, const char *text,
                 const struct cs_self *by, const char *more)
{
	const size_t text_size = strlen(text);
	std::string quoted(text_size * 6 + 2, '\0'); /* the longest escape is \u001f */
	std::string frame = "{\"msgid\":" + std::to_string(ack);

	quoted.resize(cs_json_quote(quoted.data(), quoted.size(), text, text_size));
	conn_note_answer(c, request, by);
	conn_count_answer(c, request);
	worker_count_refusal(c->worker, request->msgid, wire_errno);
	if (ack == CS_MSGID_ACK) /* a plugin with an ACK of its own writes a line of its own */
		log_audit("request_refused", "account=%llu device=%u peer=%s msgid=%u errno=%d",
		          static_cast<unsigned long long>(c->account), c->device, c->peer.c_str(), request->msgid,
		          wire_errno);
	if (ack == CS_MSGID_ACK)
		frame += ",\"of\":" + std::to_string(request->msgid);
	if (request->req >= 0)
		frame += ",\"req\":" + std::to_string(request->req);
	frame += ",\"errno\":" + std::to_string(wire_errno) + ",\"errmsg\":" + quoted + more + "}";
	(void)conn_send(c, frame.data(), frame.size(), nullptr, nullptr);
}

/* ---- the end */

void conn_finish_closing(struct conn *c)
{
	int unread = 0;

	if (c->lingering)
		return;
	if (!c->closed_told) {
		c->closed_told = true;
		conn_tell_closed(c);
	}
	conn_end_stream(c);
	/* A close with unread input sends a reset, and the peer could lose our last bytes. A framing's peer answers the
	 * goodbye. */
	if (c->eof ||
	    (!c->input_lost && !conn_is_framed(c) && ioctl(c->fd.fd, FIONREAD, &unread) == 0 && unread == 0)) {
		conn_close_quietly(c, "closed");
		return;
	}
	(void)shutdown(c->fd.fd, SHUT_WR);
	c->lingering = true;
	c->end_at = worker_monotonic_ms() + conn_linger_ms;
	conn_arm(c);
}
