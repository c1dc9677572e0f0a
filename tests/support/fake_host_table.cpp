/* SPDX-License-Identifier: MIT
 * Owns the functions that plugins call of the fake host: each records its call and does the little that
 * the contract of plugin.h promises. It must not know what a plugin does. */
#include "fake_host_internal.h"

#include <chrono>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <cjson/cJSON.h>

#include <chatserverd/json.h>

static fake_self *self_of(cs_self *self)
{
	return reinterpret_cast<fake_self *>(self);
}

cs_self *fake_self_handle(fake_self *self)
{
	return reinterpret_cast<cs_self *>(self);
}

static fake_conn *conn_of(cs_self *self, cs_conn handle)
{
	fake_conn *conn = fake_host_conn(self_of(self)->host, handle);

	return conn != nullptr && conn->open ? conn : nullptr;
}

static std::string text_of(const char *format, va_list arguments)
{
	char text[1024];

	vsnprintf(text, sizeof text, format, arguments);
	return text;
}

static void table_log(cs_self *self, cs_log_level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	self_of(self)->host->log.push_back(text_of(format, arguments));
	va_end(arguments);
}

/* ---- fields */

static const cJSON *field(const cs_frame *frame, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(static_cast<const cJSON *>(frame->fields), key);
}

static int table_get_integer(const cs_frame *frame, const char *key, int64_t min, int64_t max,
                             int64_t *value_r)
{
	const cJSON *item = field(frame, key);

	if (item == nullptr)
		return CS_ENOENT;
	if (!cJSON_IsNumber(item) || std::floor(item->valuedouble) != item->valuedouble ||
	    std::fabs(item->valuedouble) > static_cast<double>(CS_INTEGER_MAX))
		return CS_EINVAL;
	const int64_t value = static_cast<int64_t>(item->valuedouble);
	if (value < min || value > max)
		return CS_EINVAL;
	*value_r = value;
	return 0;
}

static int table_get_text(const cs_frame *frame, const char *key, const char **text_r, size_t *size_r)
{
	const cJSON *item = field(frame, key);

	if (item == nullptr)
		return CS_ENOENT;
	if (!cJSON_IsString(item))
		return CS_EINVAL;
	*text_r = item->valuestring;
	*size_r = strlen(item->valuestring);
	return 0;
}

static int table_get_flag(const cs_frame *frame, const char *key, int *value_r)
{
	const cJSON *item = field(frame, key);

	if (item == nullptr)
		return CS_ENOENT;
	if (!cJSON_IsBool(item))
		return CS_EINVAL;
	*value_r = cJSON_IsTrue(item) ? 1 : 0;
	return 0;
}

static int table_has(const cs_frame *frame, const char *key)
{
	return field(frame, key) != nullptr;
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
}

static void table_answer(cs_self *self, cs_conn handle, const cs_request *request, const char *more)
{
	const std::string frame = ack_frame(request, 0, more);
	fake_conn *conn = conn_of(self, handle);

	fake_host_record(self_of(self)->host, { "answer", handle, 0, 0, frame });
	if (conn != nullptr && request->req >= 0)
		frame_queue(conn, frame);
}

static int refuse_text(cs_self *self, cs_conn handle, const cs_request *request, int wire_errno,
                       const std::string &text)
{
	std::string quoted(text.size() * 6 + 2, ' ');
	fake_conn *conn = conn_of(self, handle);

	quoted.resize(cs_json_quote(quoted.data(), quoted.size(), text.data(), text.size()));
	const std::string frame = ack_frame(request, wire_errno, ",\"errmsg\":" + quoted);
	fake_host_record(self_of(self)->host, { "refuse", handle, 0, wire_errno, frame });
	if (conn != nullptr)
		frame_queue(conn, frame);
	return CS_REJECT;
}

static int table_refuse(cs_self *self, cs_conn conn, const cs_request *request, int wire_errno,
                        const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	const std::string text = text_of(format, arguments);
	va_end(arguments);
	return refuse_text(self, conn, request, wire_errno, text);
}

static int table_refuse_result(cs_self *self, cs_conn conn, const cs_request *request, int result)
{
	switch (result) {
	case CS_EBUSY: return refuse_text(self, conn, request, CS_ERRNO_BUSY, "try again later");
	case CS_ECANCELED: return refuse_text(self, conn, request, CS_ERRNO_GOING_AWAY, "connect again");
	case CS_EUNKNOWN:
		return refuse_text(self, conn, request, CS_ERRNO_UNAVAILABLE, "whether it was done is unknown");
	default: return refuse_text(self, conn, request, CS_ERRNO_UNAVAILABLE, "nothing was changed");
	}
}

/* ---- connections */

static int table_send(cs_self *self, cs_conn handle, const char *frame, size_t size, const char *tail,
                      uint64_t *position_r)
{
	fake_conn *conn = conn_of(self, handle);
	std::string bytes(frame, size);

	if (conn == nullptr)
		return CS_ENOENT;
	if (tail != nullptr) {
		bytes.pop_back();
		bytes += tail;
	}
	frame_queue(conn, bytes);
	if (position_r != nullptr)
		*position_r = conn->position;
	fake_host_record(self_of(self)->host, { "send", handle, 0, static_cast<int64_t>(conn->position), bytes });
	return conn->over_soft ? CS_EAGAIN : 0;
}

static int table_finish(cs_self *self, cs_conn handle)
{
	fake_conn *conn = conn_of(self, handle);

	if (conn == nullptr)
		return CS_ENOENT;
	fake_host_record(self_of(self)->host, { "finish", handle, 0, 0, "" });
	if (!conn->pending)
		fake_fail("finish() without CS_PENDING", self_of(self)->plugin->name);
	conn->pending = false;
	return 0;
}

static int table_close(cs_self *self, cs_conn handle, const char *why)
{
	if (conn_of(self, handle) == nullptr)
		return CS_ENOENT;
	fake_host_record(self_of(self)->host, { "close", handle, 0, 0, why });
	return 0; /* the test ends it with fake_host_end: never inside a call */
}

static int table_set_silence(cs_self *self, cs_conn handle, int64_t ms)
{
	fake_conn *conn = conn_of(self, handle);

	if (conn == nullptr)
		return CS_ENOENT;
	conn->silence_ms = ms;
	fake_host_record(self_of(self)->host, { "silence", handle, 0, ms, "" });
	return 0;
}

/* ---- sessions */

/* 0: no fault. Otherwise its result, and whether the call itself answers it. */
static int fault_take(fake_host *host, fake_fault_place place, bool *at_call_r)
{
	for (size_t i = 0; i < host->faults.size(); i++) {
		fake_fault &fault = host->faults[i];
		if (fault.place != place)
			continue;
		if (fault.skip-- > 0)
			return 0;
		const int result = fault.result;
		*at_call_r = fault.at_call;
		host->faults.erase(host->faults.begin() + static_cast<long>(i));
		return result;
	}
	return 0;
}

static int table_claim(cs_self *self, cs_conn conn, cs_account account, const char *name, unsigned flags,
                       cs_done_fn *done, void *arg)
{
	fake_host *host = self_of(self)->host;
	bool at_call = false;
	fake_job job;

	fake_host_record(host, { "claim", conn, account, flags, name });
	job.forced = fault_take(host, FAKE_CLAIM, &at_call);
	if (at_call)
		return job.forced;
	job.kind = FAKE_JOB_CLAIM;
	job.self = self_of(self);
	job.conn = conn;
	job.account = account;
	job.text = name;
	job.flags = flags;
	job.done = done;
	job.arg = arg;
	host->jobs.push_back(std::move(job));
	return 0;
}

static int table_logout(cs_self *self, cs_conn handle)
{
	fake_conn *conn = conn_of(self, handle);

	if (conn == nullptr)
		return CS_ENOENT;
	if (conn->account == 0)
		return CS_EINVAL;
	fake_host_record(self_of(self)->host, { "logout", handle, conn->account, 0, "" });
	conn->silence_ms = 0;
	fake_session_end(self_of(self)->host, conn);
	return 0;
}

static void table_release(cs_self *self, cs_account account)
{
	fake_host *host = self_of(self)->host;

	fake_host_record(host, { "release", 0, account, 0, "" });
	if (host->held.count(account) == 0)
		fake_fail("release() of an account that is not held", self_of(self)->plugin->name);
	if (--host->held[account] == 0)
		host->held.erase(account);
}

static int table_is_online(cs_self *self, cs_account account)
{
	return self_of(self)->host->online.count(account) != 0;
}

/* ---- the store */

static int table_work(cs_self *self, cs_conn conn, cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done,
                      void *arg)
{
	static const char *const names[] = { "work read", "work write", "work hash" };
	fake_host *host = self_of(self)->host;
	bool at_call = false;
	fake_job job;

	fake_host_record(host, { names[kind], conn, 0, 0, "" });
	job.forced = fault_take(host, static_cast<fake_fault_place>(kind), &at_call);
	if (at_call)
		return job.forced;
	job.self = self_of(self);
	job.conn = conn;
	job.work = kind;
	job.fn = fn;
	job.done = done;
	job.arg = arg;
	host->jobs.push_back(std::move(job));
	return 0;
}

static int table_batch(cs_self *self, const cs_batch *batch, uint64_t key, void *item, size_t)
{
	fake_host *host = self_of(self)->host;
	bool at_call = false;
	fake_job job;

	fake_host_record(host, { "batch", 0, 0, static_cast<int64_t>(key), batch->name });
	job.forced = fault_take(host, FAKE_BATCH, &at_call);
	if (at_call)
		return job.forced;
	job.kind = FAKE_JOB_BATCH;
	job.self = self_of(self);
	job.batch = batch;
	job.arg = item;
	host->jobs.push_back(std::move(job));
	return 0;
}

static int table_outcome_can_be_unknown(cs_self *self)
{
	return self_of(self)->host->unknown_outcomes;
}

/* ---- routing */

static void route_queue(fake_self *to, cs_account account, const void *data, size_t size)
{
	fake_job job;

	job.kind = FAKE_JOB_ROUTE;
	job.self = to;
	job.account = account;
	job.text.assign(static_cast<const char *>(data), size);
	to->host->jobs.push_back(std::move(job));
}

static int table_route(cs_self *self, cs_account to, const void *data, size_t size)
{
	fake_host *host = self_of(self)->host;
	const auto holder = host->online.find(to);

	fake_host_record(host, { "route", 0, to, 0, std::string(static_cast<const char *>(data), size) });
	if (holder == host->online.end())
		return CS_ENOENT;
	const fake_conn *conn = fake_host_conn(host, holder->second);
	for (fake_self *other : host->selves)
		if (conn != nullptr && other->worker == conn->worker && other->plugin == self_of(self)->plugin)
			route_queue(other, to, data, size);
	return 0;
}

static void table_route_all(cs_self *self, const void *data, size_t size)
{
	fake_host *host = self_of(self)->host;

	fake_host_record(host, { "route all", 0, 0, 0, std::string(static_cast<const char *>(data), size) });
	for (fake_self *other : host->selves)
		if (other->plugin == self_of(self)->plugin)
			route_queue(other, 0, data, size);
}

static cs_place place_of(const fake_self *self)
{
	for (size_t i = 0; i < self->host->selves.size(); i++)
		if (self->host->selves[i] == self)
			return i + 1;
	return self->host->selves.size() + 1; /* inside start(): it is about to be the last */
}

static int table_route_place(cs_self *self, cs_place to, const void *data, size_t size)
{
	fake_host *host = self_of(self)->host;

	fake_host_record(host, { "route place", 0, 0, static_cast<int64_t>(to),
	                         std::string(static_cast<const char *>(data), size) });
	if (to == 0 || to > host->selves.size())
		return CS_ENOENT;
	route_queue(host->selves[to - 1], 0, data, size);
	return 0;
}

static cs_place table_place(cs_self *self)
{
	return place_of(self_of(self));
}

/* ---- time and services */

static int64_t table_now(void)
{
	using namespace std::chrono;

	return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

static cs_timer *table_timer_add(cs_self *self, int64_t ms, int repeat, cs_timer_fn *fn, void *arg)
{
	fake_host *host = self_of(self)->host;
	cs_timer *handle = reinterpret_cast<cs_timer *>(host->next_timer++);

	host->timers.push_back({ handle, self_of(self), ms, repeat, fn, arg });
	return handle;
}

static void table_timer_del(cs_self *self, cs_timer *handle)
{
	std::erase_if(self_of(self)->host->timers,
	              [handle](const fake_timer_entry &timer) { return timer.handle == handle; });
}

static int table_service(cs_self *self, const char *name, uint32_t version, const void **table_r,
                         void **context_r)
{
	const fake_self *asker = self_of(self);

	for (const fake_service &service : asker->host->services) {
		if (service.name != name || service.version != version)
			continue;
		*table_r = service.table;
		*context_r = service.context;
		return 0;
	}
	for (const fake_self *other : asker->host->selves) {
		const cs_service *s = other->worker == asker->worker ? other->plugin->provides : nullptr;
		for (; s != nullptr && s->name != nullptr; s++) {
			if (strcmp(s->name, name) != 0 || s->version != version)
				continue;
			*table_r = s->table;
			*context_r = other->state;
			return 0;
		}
	}
	return CS_ENOENT;
}

void fake_table_fill(cs_host *table)
{
	*table = {
		.abi = CS_ABI, .size = sizeof *table,
		.log = table_log,
		.get_integer = table_get_integer, .get_text = table_get_text, .get_flag = table_get_flag,
		.has = table_has,
		.answer = table_answer, .refuse = table_refuse, .refuse_result = table_refuse_result,
		.send = table_send, .finish = table_finish, .close = table_close,
		.set_silence = table_set_silence,
		.claim = table_claim, .logout = table_logout, .release = table_release,
		.is_online = table_is_online,
		.work = table_work, .batch = table_batch,
		.outcome_can_be_unknown = table_outcome_can_be_unknown,
		.route = table_route, .route_all = table_route_all, .route_place = table_route_place,
		.place = table_place,
		.now = table_now, .timer_add = table_timer_add, .timer_del = table_timer_del,
		.service = table_service,
	};
}
