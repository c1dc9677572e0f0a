/* SPDX-License-Identifier: MIT
 * How an order of an operator is carried out: from worker 0 to the main loop, to the workers that must be asked, and
 * back; and the orders to the server itself. */
#include "core/control.h"

#include <algorithm>
#include <cstring>
#include <ctime>

#include <chatserverd/field.h>

#include "core/base/log.h"
#include "core/control_internal.h"

/* How long the workers have to answer. A worker that is held up by a plugin must not hold up the operator. */
static constexpr int64_t control_patience_ms = 2000;
static constexpr int64_t control_reload_patience_ms = 8000; /* for both phases of a reload */
static constexpr size_t control_most_items = 200; /* of a page */
static constexpr size_t control_most_notice = 1000; /* characters */
static const char control_notice_word[] = "notice";

/* ---- on worker 0: the fields of the verbs */

static int control_reject(struct control *c, const struct cs_frame *frame, int wire_errno, const char *text)
{
	return host_table.refuse(&c->self, frame->conn, &frame->request, wire_errno, "%s", text);
}

static int control_read_account(struct control *c, const struct cs_frame *frame, enum cs_field_need need,
                                struct control_request *r)
{
	int64_t account = 0;

	if (cs_field_integer(&host_table, &c->self, frame, "account", need, 1, &account) != 0)
		return CS_REJECT;
	r->account = static_cast<cs_account>(account);
	return 0;
}

static int control_read_kick(struct control *c, const struct cs_frame *frame, struct control_request *r)
{
	int64_t device = -1;

	if (control_read_account(c, frame, CS_FIELD_REQUIRED, r) != 0 ||
	    cs_field_integer(&host_table, &c->self, frame, "device", CS_FIELD_OPTIONAL, 0, &device) != 0)
		return CS_REJECT;
	if (device > static_cast<int64_t>(CS_DEVICE_MAX))
		return control_reject(c, frame, CS_ERRNO_BAD_FRAME, "device must be the number of a device");
	r->device = device < 0 ? CS_EVERY_DEVICE : static_cast<uint64_t>(device);
	return 0;
}

/* `next` of a former page: the worker and its place. */
static bool control_read_place(const char *text, struct control_request *r)
{
	char behind = 0;

	return sscanf(text, "%u-%u%c", &r->worker, &r->slot, &behind) == 2 &&
	       r->worker < r->server->shared.workers.size();
}

static int control_read_sessions(struct control *c, const struct cs_frame *frame, struct control_request *r)
{
	int64_t most = static_cast<int64_t>(control_most_items);
	const char *after = nullptr;
	size_t size = 0;

	if (control_read_account(c, frame, CS_FIELD_OPTIONAL, r) != 0 ||
	    cs_field_integer(&host_table, &c->self, frame, "limit", CS_FIELD_OPTIONAL, 1, &most) != 0 ||
	    cs_field_text(&host_table, &c->self, frame, "after", CS_FIELD_OPTIONAL, &after, &size) != 0)
		return CS_REJECT;
	if (after && !control_read_place(after, r))
		return control_reject(c, frame, CS_ERRNO_BAD_FRAME, "after must be the next of a former answer");
	r->most = static_cast<size_t>(std::min(most, static_cast<int64_t>(control_most_items)));
	return 0;
}

static int control_read_level(struct control *c, const struct cs_frame *frame, struct control_request *r)
{
	const char *level = "";
	size_t size = 0;

	if (cs_field_text(&host_table, &c->self, frame, "level", CS_FIELD_REQUIRED, &level, &size) != 0)
		return CS_REJECT;
	r->text = level;
	if (r->text != "error" && r->text != "warning" && r->text != "info" && r->text != "debug")
		return control_reject(c, frame, CS_ERRNO_BAD_FRAME, "level must be error, warning, info or debug");
	return 0;
}

/* The text is shown on the terminals and pages of people. */
static bool control_has_control_characters(std::string_view text)
{
	for (size_t i = 0; i < text.size(); i++) {
		const auto byte = static_cast<unsigned char>(text[i]);
		const bool is_c1 = byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0;

		if ((byte < 0x20 && byte != '\n') || byte == 0x7f || is_c1)
			return true;
	}
	return false;
}

static int control_read_notice(struct control *c, const struct cs_frame *frame, struct control_request *r)
{
	const char *text = "";
	size_t size = 0;

	if (cs_field_text(&host_table, &c->self, frame, "text", CS_FIELD_REQUIRED, &text, &size) != 0)
		return CS_REJECT;
	if (size == 0)
		return control_reject(c, frame, CS_ERRNO_BAD_FRAME, "text is empty");
	if (cs_text_characters(text, size) > control_most_notice)
		return control_reject(c, frame, CS_ERRNO_TOO_LONG, "text is longer than 1000 characters");
	if (control_has_control_characters({text, size}))
		return control_reject(c, frame, CS_ERRNO_BAD_FRAME, "text has control characters");
	r->text.assign(text, size);
	return 0;
}

/* ---- orders to the server itself */

static void control_run_log(struct control_request *r)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	std::string more;

	control_add_text(&more, "before", control_log_level());
	for (int level = CS_LOG_ERROR; level <= CS_LOG_DEBUG; level++)
		if (r->text == names[level])
			log_set_level(static_cast<enum cs_log_level>(level));
	control_add_text(&more, "level", control_log_level());
	control_answer(r, "," + more);
}

static void control_run_drain(struct control_request *r)
{
	struct server *s = r->server;
	const bool already = s->drain.begun;
	std::string more;

	if (!already)
		server_drain(s, "operator");
	control_add_flag(&more, "already", already);
	control_add_number(&more, "connections", s->shared.connections.load());
	control_add_number(&more, "since_ms", worker_monotonic_ms() - s->drain.begun_ms);
	control_add_number(&more, "timeout_ms", s->drain.told_ms + s->drain.timeout - s->drain.begun_ms);
	control_answer(r, "," + more);
}

static void control_answer_reload(struct control_request *r)
{
	const struct reload_result *result = &r->server->reload_result;
	std::string more;

	if (!result->done)
		return control_refuse(r, CS_ERRNO_NOT_ALLOWED, "configuration kept: " + result->why);
	control_add_json(&more, "reload", control_reload_json(result));
	control_answer(r, "," + more);
}

static void control_run_reload(struct control_request *r)
{
	struct server *s = r->server;

	if (s->drain.begun)
		return control_refuse(r, CS_ERRNO_GOING_AWAY, "the server is draining");
	if (s->reload)
		return control_refuse(r, CS_ERRNO_BUSY, "a reload is under way already");
	server_reload(s);
	if (!s->reload)
		control_answer_reload(r);
}

static void control_finish_reload(struct control_request *r)
{
	control_refuse(r, CS_ERRNO_UNAVAILABLE, "the reload is still under way: a worker does not answer; see the log");
}

/* ---- the verbs */

static int control_on_verb(void *state, const struct cs_frame *frame);

const struct cs_route control_verbs[] = {
	{CS_MSGID_STATUS, "status", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_WORKERS, "workers", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_SESSIONS, "sessions", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_KICK, "kick", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_PLUGINS, "plugins", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_ROUTES, "routes", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_LOG, "log", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_DRAIN, "drain", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_RELOAD, "reload", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_LIMITS, "limits", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{CS_MSGID_NOTIFY, "notice", control_on_verb, CS_ROUTE_OPERATOR, 0},
	{0, nullptr, nullptr, 0, 0},
};

static const struct control_verb control_table[] = {
	{CS_MSGID_STATUS, "status", nullptr, control_run_status, nullptr, false},
	{CS_MSGID_WORKERS, "workers", nullptr, control_run_workers, control_finish_workers, false},
	{CS_MSGID_SESSIONS, "sessions", control_read_sessions, control_run_sessions, control_finish_sessions, false},
	{CS_MSGID_KICK, "kick", control_read_kick, control_run_kick, control_finish_kick, true},
	{CS_MSGID_PLUGINS, "plugins", nullptr, control_run_plugins, nullptr, false},
	{CS_MSGID_ROUTES, "routes", nullptr, control_run_routes, nullptr, false},
	{CS_MSGID_LOG, "log", control_read_level, control_run_log, nullptr, true},
	{CS_MSGID_DRAIN, "drain", nullptr, control_run_drain, nullptr, true},
	{CS_MSGID_RELOAD, "reload", nullptr, control_run_reload, control_finish_reload, true},
	{CS_MSGID_LIMITS, "limits", nullptr, control_run_limits, control_finish_limits, false},
	{CS_MSGID_NOTIFY, "notice", control_read_notice, control_run_notify, control_finish_notify, true},
};

const struct control_verb *control_find_verb(uint32_t msgid)
{
	return std::find_if(std::begin(control_table), std::end(control_table),
	                    [msgid](const struct control_verb &v) { return v.msgid == msgid; });
}

/* ---- from worker 0 to the main loop */

static void control_log_order(const struct control_request *r)
{
	const auto account = static_cast<unsigned long long>(r->account);

	if (r->account)
		log_info("order verb=%s by=%s account=%llu", r->verb->name, r->peer.c_str(), account);
	else if (r->verb->msgid == CS_MSGID_LOG)
		log_info("order verb=%s by=%s log_level=%s", r->verb->name, r->peer.c_str(), r->text.c_str());
	else
		log_info("order verb=%s by=%s", r->verb->name, r->peer.c_str());
	if (r->account)
		log_audit("order", "verb=%s peer=%s account=%llu", r->verb->name, r->peer.c_str(), account);
	else
		log_audit("order", "verb=%s peer=%s", r->verb->name, r->peer.c_str());
}

/* The deadline is freed with the request, so not inside its own callback. */
static void control_finish_late(void *arg)
{
	auto *c = static_cast<struct control *>(arg);
	std::vector<struct control_request *> late;

	for (const auto &[id, r] : c->requests)
		if (r->is_late)
			late.push_back(r.get());
	for (struct control_request *r : late)
		r->verb->finish(r);
}

static void control_on_deadline(evutil_socket_t, short, void *arg)
{
	auto *r = static_cast<struct control_request *>(arg);

	r->is_late = true;
	loop_at_end_of_turn(&r->server->main, control_finish_late, r->server->control.get());
}

void control_set_deadline(struct control_request *r, int64_t ms)
{
	const timeval time = {static_cast<time_t>(ms / 1000), static_cast<suseconds_t>(ms % 1000 * 1000)};

	r->deadline.reset(event_new(r->server->main.base.get(), -1, 0, control_on_deadline, r));
	(void)event_add(r->deadline.get(), &time);
}

static void control_begin(void *arg)
{
	std::unique_ptr<struct control_request> taken(static_cast<struct control_request *>(arg));
	struct control *c = taken->server->control.get();
	struct control_request *r = taken.get();

	if (c->closed)
		return;
	r->id = ++c->last_id;
	c->requests.emplace(r->id, std::move(taken));
	if (r->verb->is_order)
		control_log_order(r);
	if (r->verb->finish)
		control_set_deadline(r, r->verb->msgid == CS_MSGID_RELOAD ? control_reload_patience_ms
		                                                          : control_patience_ms);
	r->verb->run(r);
}

void control_post(std::unique_ptr<struct control_request> r)
{
	struct loop *main = &r->server->main;

	loop_post(main, control_begin, r.release());
}

static int control_on_verb(void *state, const struct cs_frame *frame)
{
	auto *c = static_cast<struct control *>(state);
	auto r = std::make_unique<struct control_request>();
	const struct conn *conn = conn_find(c->self.worker, frame->conn);

	r->server = c->server;
	r->verb = control_find_verb(frame->request.msgid);
	r->conn = frame->conn;
	r->request = frame->request;
	r->peer = conn ? conn->peer : "";
	if (frame->request.req < 0)
		return control_reject(c, frame, CS_ERRNO_BAD_FRAME, "req is missing");
	if (r->verb->read && r->verb->read(c, frame, r.get()) != 0)
		return CS_REJECT;
	control_post(std::move(r));
	return CS_PENDING;
}

/* ---- back to worker 0 */

struct control_reply {
	struct control *control;
	cs_conn conn;
	struct cs_request request;
	int wire_errno;
	std::string text; /* errmsg, or further members */
};

/* The operator may have gone. */
static void control_reply_run(void *arg)
{
	const std::unique_ptr<struct control_reply> reply(static_cast<struct control_reply *>(arg));
	struct cs_self *self = &reply->control->self;
	struct conn *c = conn_find(self->worker, reply->conn);

	if (!c)
		return;
	if (reply->wire_errno == 0)
		conn_answer(c, &reply->request, reply->text.c_str(), self);
	else
		conn_refuse(c, &reply->request, CS_MSGID_ACK, reply->wire_errno, reply->text.c_str(), self);
	conn_finish(c);
}

static void control_end(struct control_request *r, int wire_errno, std::string text)
{
	struct control *c = r->server->control.get();
	auto reply = std::make_unique<struct control_reply>(
		control_reply{c, r->conn, r->request, wire_errno, std::move(text)});

	c->requests.erase(r->id);
	loop_post(&c->self.worker->loop, control_reply_run, reply.release());
}

void control_answer(struct control_request *r, const std::string &more)
{
	control_end(r, 0, more);
}

void control_refuse(struct control_request *r, int wire_errno, const std::string &text)
{
	control_end(r, wire_errno, text);
}

/* ---- asking workers */

static int64_t control_clock_us(clockid_t clock)
{
	struct timespec now {};

	clock_gettime(clock, &now);
	return static_cast<int64_t>(now.tv_sec) * 1000000 + now.tv_nsec / 1000;
}

/* The request may have ended: an answer that comes too late is dropped. */
static void control_on_answered(void *arg)
{
	std::unique_ptr<struct control_question> q(static_cast<struct control_question *>(arg));
	struct control *c = q->server->control.get();
	const auto found = c->requests.find(q->id);

	if (found == c->requests.end())
		return;
	struct control_request *r = found->second.get();
	const unsigned index = q->worker->index;

	r->answers[index] = std::move(q);
	if (--r->missing == 0)
		r->verb->finish(r);
}

static void control_question_run(void *arg)
{
	auto *q = static_cast<struct control_question *>(arg);

	if (q->lag_us < 0) {
		q->lag_us = control_clock_us(CLOCK_MONOTONIC) - q->posted_us;
		q->cpu_ms = control_clock_us(CLOCK_THREAD_CPUTIME_ID) / 1000;
		q->turns = q->worker->loop.turn;
	}
	if (q->ask(q))
		loop_post(&q->server->main, control_on_answered, q);
	else
		loop_post(&q->worker->loop, control_question_run, q);
}

void control_ask(struct control_request *r, unsigned first, unsigned last, control_ask_fn *ask)
{
	r->answers.resize(r->server->shared.workers.size());
	r->first = first;
	r->last = last;
	r->missing = last - first;
	for (unsigned i = first; i < last; i++) {
		struct worker *w = r->server->shared.workers[i].get();
		auto q = std::make_unique<struct control_question>();

		q->server = r->server;
		q->worker = w;
		q->id = r->id;
		q->ask = ask;
		q->account = r->account;
		q->device = r->device;
		q->text = r->text;
		q->most = r->most;
		q->slot = r->slot;
		q->posted_us = control_clock_us(CLOCK_MONOTONIC);
		loop_post(&w->loop, control_question_run, q.release());
	}
}

std::string control_silent(const struct control_request *r)
{
	std::string text;

	if (r->missing == 0)
		return text;
	for (unsigned i = r->first; i < r->last; i++)
		if (!r->answers[i])
			text += (text.empty() ? "" : ",") + std::to_string(i);
	return text;
}

/* ---- opening and closing */

void control_deleter::operator()(struct control *c) const
{
	std::default_delete<struct control>()(c);
}

int control_add_want_word(struct plugin_set *set, struct cs_error *e)
{
	return plugin_add_want_word(set, control_notice_word, e);
}

static uint64_t control_want_bit(const struct server *s)
{
	const char *const *words = s->shared.want_words;

	for (unsigned i = 0; words[i]; i++)
		if (strcmp(words[i], control_notice_word) == 0)
			return UINT64_C(1) << i;
	return 0;
}

int control_open(struct server *s, struct cs_error *e)
{
	const bool listens = *server_core_conf(s->conf.get())->control != 0;
	control_ptr c;

	c.reset(std::make_unique<struct control>().release());
	c->server = s;
	c->core.name = "core";
	c->core.declared.name = "core";
	c->core.declared.version = CS_VERSION;
	c->self.declared = &c->core.declared;
	c->self.host = &host_table;
	c->self.plugin = &c->core;
	c->self.worker = s->shared.workers[0].get();
	c->self.loop = &c->self.worker->loop;
	c->self.state = c.get();
	c->self.started = true;
	c->notice_bit = control_want_bit(s);
	if (const int failed = listens ? control_listen(s, c.get(), e) : 0)
		return failed;
	control_open_nodes(c.get());
	s->control = std::move(c);
	s->shared.verbs = &s->control->self;
	return 0;
}

void control_reload_ended(struct server *s)
{
	if (!s->control)
		return;
	for (const auto &[id, r] : s->control->requests)
		if (r->verb->msgid == CS_MSGID_RELOAD)
			return control_answer_reload(r.get());
}

void control_close(struct server *s)
{
	if (!s->control)
		return;
	s->control->closed = true;
	s->control->requests.clear();
	control_unlink(s->control.get());
}
