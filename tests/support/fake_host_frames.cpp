/* SPDX-License-Identifier: MIT
 * The functions of the fake host about frames and connections: log, fields, answers, sending. Each records its
 * call. */
#include "fake_host_internal.h"

#include <cstdarg>
#include <cstdio>

#include <chatserverd/json.h>

#include "core/base/log.h"
#include "core/net/frame.h"

static std::string text_of(const char *format, va_list arguments) CS_PRINTF(1, 0);

static std::string text_of(const char *format, va_list arguments)
{
	char text[1024];

	vsnprintf(text, sizeof text, format, arguments);
	return text;
}

static void table_log(cs_self *self, cs_log_level, const char *format, ...)
{
	std::string line;
	va_list arguments;

	va_start(arguments, format);
	log_append_formed(&line, format, arguments);
	va_end(arguments);
	std::scoped_lock lock(self_of(self)->host->mutex);
	self_of(self)->host->log.push_back(line);
}

static void table_audit(cs_self *self, const char *event, const char *format, ...)
{
	std::string line = std::string(event) + " ";
	va_list arguments;

	va_start(arguments, format);
	log_append_formed(&line, format, arguments);
	va_end(arguments);
	std::scoped_lock lock(self_of(self)->host->mutex);
	self_of(self)->host->audits.push_back(line);
}

/* ---- answers */

static std::string ack_frame(const cs_request *request, int number, const std::string &more)
{
	std::string frame = "{\"msgid\":100,\"of\":" + std::to_string(request->msgid);

	if (request->req >= 0)
		frame += ",\"req\":" + std::to_string(request->req);
	return frame + ",\"errno\":" + std::to_string(number) + more + "}";
}

static void frame_queue(fake_conn *conn, const std::string &frame)
{
	conn->frames.push_back(frame);
	conn->position += frame.size() + 1;
	if (conn->is_adopted)
		fake_adopted_write(conn, frame);
}

static void table_answer(cs_self *self, cs_conn handle, const cs_request *request, const char *more)
{
	const std::string frame = ack_frame(request, 0, more);
	fake_conn *conn = fake_conn_of(self_of(self), handle);

	fake_host_record(self_of(self)->host, {"answer", handle, 0, 0, frame});
	if (conn && request->req >= 0)
		frame_queue(conn, frame);
}

static std::string own_ack_frame(const cs_request *request, uint32_t ack, int wire_errno, const std::string &more)
{
	const std::string req = request->req < 0 ? "" : ",\"req\":" + std::to_string(request->req);

	return "{\"msgid\":" + std::to_string(ack) + req + ",\"errno\":" + std::to_string(wire_errno) + more + "}";
}

static int refuse_text(cs_self *self, cs_conn handle, const cs_request *request, int wire_errno,
                       const std::string &text, uint32_t ack = CS_MSGID_ACK, const char *more = "")
{
	std::string quoted(text.size() * 6 + 2, ' ');
	fake_conn *conn = fake_conn_of(self_of(self), handle);

	quoted.resize(cs_json_quote(quoted.data(), quoted.size(), text.data(), text.size()));
	quoted = ",\"errmsg\":" + quoted + more;
	const std::string frame = ack == CS_MSGID_ACK ? ack_frame(request, wire_errno, quoted)
	                                              : own_ack_frame(request, ack, wire_errno, quoted);

	fake_host_record(self_of(self)->host, {"refuse", handle, 0, wire_errno, frame});
	if (conn)
		frame_queue(conn, frame);
	return CS_REJECT;
}

static int table_refuse(cs_self *self, cs_conn conn, const cs_request *request, int wire_errno, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const std::string text = text_of(format, arguments);
	va_end(arguments);
	return refuse_text(self, conn, request, wire_errno, text);
}

static int table_refuse_as(cs_self *self, cs_conn conn, const cs_request *request, uint32_t ack, int wire_errno,
                           const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const std::string text = text_of(format, arguments);
	va_end(arguments);
	return refuse_text(self, conn, request, wire_errno, text, ack);
}

static int table_refuse_more(cs_self *self, cs_conn conn, const cs_request *request, int wire_errno, const char *more,
                             const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const std::string text = text_of(format, arguments);
	va_end(arguments);
	return refuse_text(self, conn, request, wire_errno, text, CS_MSGID_ACK, more);
}

static const char *table_result_text(cs_self *, int result, int *wire_errno_r)
{
	switch (result) {
	case CS_EBUSY: *wire_errno_r = CS_ERRNO_BUSY; return "this node is busy; try again later";
	case CS_ECANCELED: *wire_errno_r = CS_ERRNO_GOING_AWAY; return "this node is draining; connect again";
	case CS_DB_BAD_VALUE: *wire_errno_r = CS_ERRNO_BAD_FRAME; return "the store cannot hold this value";
	default: *wire_errno_r = CS_ERRNO_UNAVAILABLE;
	}
	return result == CS_EUNKNOWN ? "the store does not answer; whether it was done is unknown"
	                             : "the store does not answer; nothing was changed";
}

static int table_refuse_result(cs_self *self, cs_conn conn, const cs_request *request, int result)
{
	int wire_errno = 0;
	const char *text = table_result_text(self, result, &wire_errno);

	return refuse_text(self, conn, request, wire_errno, text);
}

/* ---- connections */

static int table_send(cs_self *self, cs_conn handle, const char *frame, size_t size, const char *tail,
                      uint64_t *position_r)
{
	fake_conn *conn = fake_conn_of(self_of(self), handle);
	std::string bytes(frame, size);

	if (!conn || (conn->ended != 0 && self_of(self)->plugin->closed))
		return CS_ENOENT;
	if (size < 2 || bytes.front() != '{' || bytes.back() != '}')
		return CS_EINVAL;
	if (tail) {
		bytes.pop_back();
		bytes += tail;
	}
	if (bytes.back() != '}')
		return CS_EINVAL;
	frame_queue(conn, bytes);
	if (position_r)
		*position_r = conn->position;
	fake_host_record(self_of(self)->host, {"send", handle, 0, static_cast<int64_t>(conn->position), bytes});
	return conn->position - conn->written > self_of(self)->host->soft_mark ? CS_EAGAIN : 0;
}

void fake_conn_run_waiting(fake_host *host, fake_conn *conn)
{
	while (conn->open && !conn->pending && !conn->entering && !conn->hooked && !conn->waiting.empty()) {
		const std::string frame = std::move(conn->waiting.front());

		conn->waiting.pop_front();
		(void)fake_host_frame(host, conn->handle, frame);
	}
}

static int table_finish(cs_self *self, cs_conn handle)
{
	fake_host *host = self_of(self)->host;
	fake_conn *conn = fake_conn_of(self_of(self), handle); /* in a deque, so it stays where it is */

	if (!conn)
		return CS_ENOENT;
	if (conn->hooked)
		return CS_EINVAL;
	fake_host_record(host, {"finish", handle, 0, 0, ""});
	const bool has_entered = conn->entering && conn->account != 0;

	if (!conn->pending && !has_entered)
		fake_fail("finish() without CS_PENDING", self_of(self)->plugin->name);
	conn->pending = conn->entering = false;
	if (conn->opened_due)
		fake_host_defer(host, conn->worker, [=] { fake_session_open(host, conn); });
	if (!conn->waiting.empty())
		fake_host_defer(host, conn->worker, [=] { fake_conn_run_waiting(host, conn); });
	return 0;
}

static void resume_run(fake_host *host, fake_conn *conn)
{
	if (conn->open && !conn->held.empty())
		fake_conn_go_on(host, conn);
	fake_conn_run_waiting(host, conn);
}

static int table_resume(cs_self *self, cs_conn handle, int verdict)
{
	fake_host *host = self_of(self)->host;
	fake_conn *conn = fake_conn_of(self_of(self), handle);

	if (!conn || conn->hooked != self_of(self))
		return CS_ENOENT;
	if (verdict != CS_PASS && verdict != CS_REJECT)
		return CS_EINVAL;
	conn->hooked = nullptr;
	fake_host_record(host, {"resume", handle, 0, verdict, ""});
	const bool gone = conn->held_account != conn->account;
	if (gone)
		(void)refuse_text(self, handle, &conn->held_request, CS_ERRNO_NOT_LOGGED_IN, "log in");
	if (gone || verdict != CS_PASS)
		conn->held.clear();
	fake_host_defer(host, conn->worker, [=] { resume_run(host, conn); });
	return gone ? CS_ENOENT : 0;
}

static int table_close(cs_self *self, cs_conn handle, const char *why)
{
	fake_host *host = self_of(self)->host;
	fake_conn *conn = fake_conn_of(self_of(self), handle);

	if (!conn)
		return CS_ENOENT;
	fake_host_record(host, {"close", handle, 0, 0, why});
	conn->written = conn->position;
	fake_host_drop(host, handle);
	return 0;
}

static int table_set_silence(cs_self *self, cs_conn handle, int64_t ms, int64_t doubt_ms)
{
	fake_conn *conn = fake_conn_of(self_of(self), handle);

	if (!conn)
		return CS_ENOENT;
	if (ms < 0 || doubt_ms < 0)
		return CS_EINVAL;
	conn->silence_ms = ms;
	conn->doubt_ms = doubt_ms;
	fake_host_record(self_of(self)->host, {"silence", handle, 0, ms, ""});
	return 0;
}

/* There is no rate here. */
static int table_charge(cs_self *self, cs_conn handle, uint32_t cost)
{
	if (!fake_conn_of(self_of(self), handle))
		return CS_ENOENT;
	fake_host_record(self_of(self)->host, {"charge", handle, 0, cost, ""});
	return 0;
}

void fake_table_fill_frames(cs_host *table)
{
	table->log = table_log;
	table->audit = table_audit;
	table->get_integer = frame_get_integer;
	table->get_text = frame_get_text;
	table->get_flag = frame_get_flag;
	table->has = frame_has;
	table->tree = frame_get_tree;
	table->answer = table_answer;
	table->refuse = table_refuse;
	table->refuse_result = table_refuse_result;
	table->refuse_as = table_refuse_as;
	table->refuse_more = table_refuse_more;
	table->result_text = table_result_text;
	table->send = table_send;
	table->finish = table_finish;
	table->resume = table_resume;
	table->close = table_close;
	table->set_silence = table_set_silence;
	table->charge = table_charge;
}
