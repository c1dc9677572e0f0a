/* SPDX-License-Identifier: MIT
 * Gives a request to the handler of its msgid, after all checks and hooks. Answers PING itself. */
#include "core/plugin/dispatch.h"

#include <algorithm>
#include <tuple>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn.h"
#include "core/net/frame.h"
#include "core/net/limit.h"
#include "core/plugin/plugin.h"

/* The cost of a frame that reaches no handler. */
static constexpr int64_t dispatch_own_cost = 1;

/* The core's own verbs of operators. */
static constexpr uint32_t dispatch_first_verb = 900, dispatch_last_verb = 919;

static const char dispatch_going_away[] = "this node is going away, connect again";
static const char dispatch_log_in[] = "log in first";

static bool dispatch_is_core_msgid(uint32_t msgid)
{
	return msgid == CS_MSGID_ACK || msgid == CS_MSGID_PING || msgid == CS_MSGID_PONG || msgid == CS_MSGID_NOTICE ||
	       (msgid >= dispatch_first_verb && msgid <= dispatch_last_verb);
}

/* ---- building */

/* Entries of an unordered_map do not move. */
static void dispatch_fill(struct dispatch_table *table, struct dispatch_entry *entry, const struct cs_route *route,
                          unsigned plugin)
{
	*entry = {route, plugin, {}};
	if (route->msgid < table->near.size())
		table->near[route->msgid] = entry;
}

static int dispatch_add(struct dispatch_table *table, const struct plugin_set *set, const struct plugin *plugin,
                        const struct cs_route *route, struct cs_error *e)
{
	if (route->msgid == 0 || dispatch_is_core_msgid(route->msgid)) {
		error_set(e, "%s: msgid %u (%s) is the core's own", plugin->path.c_str(), route->msgid,
		          !route->name ? "" : route->name);
		return CS_EINVAL;
	}
	const auto [found, is_new] = table->entries.try_emplace(route->msgid);

	if (!is_new) {
		error_set(e, "%s: msgid %u (%s) is already handled by %s", plugin->path.c_str(), route->msgid,
		          !route->name ? "" : route->name, set->plugins[found->second.plugin]->path.c_str());
		return CS_EINVAL;
	}
	dispatch_fill(table, &found->second, route, plugin->index);
	return 0;
}

void dispatch_add_verbs(struct dispatch_table *table, const struct cs_route *verbs)
{
	for (const struct cs_route *route = verbs; route->handler; route++)
		dispatch_fill(table, &table->entries[route->msgid], route, dispatch_core);
}

static void dispatch_hook_all(struct dispatch_table *table, const struct plugin *plugin, const struct cs_hook *hook,
                              unsigned nth)
{
	for (auto &[msgid, entry] : table->entries)
		if (!(entry.route->flags & CS_ROUTE_OPERATOR))
			entry.hooks.push_back({hook, plugin->index, nth});
}

static int dispatch_add_hook(struct dispatch_table *table, const struct plugin *plugin, const struct cs_hook *hook,
                             struct cs_error *e)
{
	const auto nth = static_cast<unsigned>(hook - plugin->declared.hooks);

	if (dispatch_is_core_msgid(hook->msgid)) {
		error_set(e, "%s: has a hook for msgid %u, which is the core's own", plugin->path.c_str(), hook->msgid);
		return CS_EINVAL;
	}
	const auto found = table->entries.find(hook->msgid);

	if (hook->msgid == 0)
		dispatch_hook_all(table, plugin, hook, nth);
	else if (found != table->entries.end())
		found->second.hooks.push_back({hook, plugin->index, nth});
	else
		log_warning("plugin=%s has a hook that is never called: no plugin handles its msgid=%u",
		            plugin->name.c_str(), hook->msgid);
	return 0;
}

/* Plugins are in the order of their start, so a stable sort keeps that order among equal hooks. */
static int dispatch_build_hooks(struct dispatch_table *table, const struct plugin_set *set, struct cs_error *e)
{
	for (const auto &plugin : set->plugins)
		for (const struct cs_hook *hook = plugin->declared.hooks; hook && hook->before; hook++)
			if (const int result = dispatch_add_hook(table, plugin.get(), hook, e))
				return result;
	for (auto &[msgid, entry] : table->entries)
		std::stable_sort(entry.hooks.begin(), entry.hooks.end(),
		                 [](const struct dispatch_hook &a, const struct dispatch_hook &b) {
					 return a.hook->order < b.hook->order;
				 });
	return 0;
}

int dispatch_build(struct dispatch_table *table, const struct plugin_set *set, struct cs_error *e)
{
	for (const auto &plugin : set->plugins)
		for (const struct cs_route *route = plugin->declared.routes;
		     route != nullptr && route->handler != nullptr; route++)
			if (const int result = dispatch_add(table, set, plugin.get(), route, e); result != 0)
				return result;
	return dispatch_build_hooks(table, set, e);
}

void dispatch_open(struct worker *w)
{
	for (const auto &[msgid, entry] : w->shared->dispatch->entries)
		w->counters.emplace(msgid, std::make_unique<struct route_counters>());
	w->counters.emplace(CS_MSGID_PING, std::make_unique<struct route_counters>());
	w->counters.emplace(0, std::make_unique<struct route_counters>());
}

/* ---- one frame */

struct dispatch_call {
	struct conn *conn;
	struct cs_frame frame;
	const struct dispatch_entry *entry;
};

static void dispatch_count(struct dispatch_call *d)
{
	struct route_counters *counters = worker_counters(d->conn->worker, d->frame.request.msgid);

	if (!counters)
		return;
	worker_add(&counters->calls, 1);
	worker_add(&counters->bytes, d->frame.size);
}

/* Refuses a request that no handler sees. Increment owed before refusing: the refusal decrements it. */
static void dispatch_refuse(struct dispatch_call *d, int wire_errno, const char *text)
{
	d->conn->owed++;
	conn_refuse(d->conn, &d->frame.request, CS_MSGID_ACK, wire_errno, text);
	dispatch_count(d);
}

static void dispatch_ping(struct dispatch_call *d)
{
	static const char pong[] = "{\"msgid\":103}";

	d->conn->owed += d->frame.request.req >= 0;
	if (d->frame.request.req >= 0)
		conn_answer(d->conn, &d->frame.request, "");
	else
		(void)conn_send(d->conn, pong, sizeof pong - 1, nullptr, nullptr);
	dispatch_count(d);
}

static bool dispatch_is_own_id(struct dispatch_call *d)
{
	int64_t id;
	const int result = frame_get_integer(&d->frame, "id", 1, CS_INTEGER_MAX, &id);

	if (result == CS_ENOENT)
		dispatch_refuse(d, CS_ERRNO_BAD_FRAME, "id is missing");
	else if (result != 0)
		dispatch_refuse(d, CS_ERRNO_BAD_FRAME, "id is no integer from 1 to 9007199254740991");
	else if (static_cast<cs_account>(id) != d->frame.account)
		dispatch_refuse(d, CS_ERRNO_NOT_ALLOWED, "id is not the account of this connection");
	else
		return true;
	return false;
}

static bool dispatch_is_draining(const struct conn *c)
{
	return !c->is_operator && (c->draining || c->worker->draining);
}

/* All checks before hooks and handler. false: the request was refused. */
static bool dispatch_may_call(struct dispatch_call *d)
{
	const uint32_t flags = !d->entry ? 0 : d->entry->route->flags;

	if (dispatch_is_draining(d->conn))
		dispatch_refuse(d, CS_ERRNO_GOING_AWAY, dispatch_going_away);
	else if (!d->entry)
		dispatch_refuse(d, CS_ERRNO_UNKNOWN_MSGID, "no plugin handles this msgid");
	else if ((flags & (CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID)) != 0 && d->frame.account == 0)
		dispatch_refuse(d, CS_ERRNO_NOT_LOGGED_IN, dispatch_log_in);
	else
		return (flags & CS_ROUTE_OWN_ID) == 0 || dispatch_is_own_id(d);
	return false;
}

/* The connection counts as pending during a plugin's call, so that a handler may call finish() before it returns.
 * Frames that the handler's plugin sends count as the answer; frames of a hook's plugin do not. */
static void dispatch_begin_call(struct dispatch_call *d, const struct cs_self *handler)
{
	struct conn *c = d->conn;

	c->pending = true;
	c->pending_answered = false;
	c->pending_looks = 0;
	c->pending_request = d->frame.request;
	c->pending_handler = handler;
}

static void dispatch_tell_verdict(struct cs_self *self, const char *call, uint32_t msgid, int verdict,
                                  const char *counts_as)
{
	if (call_may_tell(&self->verdict_told, worker_monotonic_ms()))
		log_warning("plugin=%s answers what is no verdict call=%s msgid=%u verdict=%d counts_as=%s",
		            self->plugin->name.c_str(), call, msgid, verdict, counts_as);
}

static int dispatch_run_handler(struct dispatch_call *d, struct cs_self *self)
{
	const uint32_t msgid = d->frame.request.msgid;
	const plugin_call call(self, CALL_HANDLER, msgid);
	const int verdict = d->entry->route->handler(self->state, &d->frame);

	if (verdict == CS_DONE || verdict == CS_PENDING || verdict == CS_REJECT)
		return verdict;
	dispatch_tell_verdict(self, "handler", msgid, verdict, "CS_DONE");
	return CS_DONE;
}

static void dispatch_call_handler(struct dispatch_call *d)
{
	struct conn *c = d->conn;
	const unsigned plugin = d->entry->plugin;
	struct cs_self *self = plugin == dispatch_core ? c->worker->shared->verbs : c->worker->instances[plugin].get();

	dispatch_begin_call(d, self);
	const int verdict = dispatch_run_handler(d, self);

	if (verdict != CS_PENDING && c->pending) {
		c->pending = false;
		if (verdict == CS_DONE && !c->pending_answered)
			c->owed++;
	}
	dispatch_count(d);
}

/* The frame waits for the hook; the server keeps a copy of its bytes until then. */
static void dispatch_hold(struct dispatch_call *d, const struct cs_self *self, const struct dispatch_hook *hook)
{
	struct conn *c = d->conn;

	c->held = std::make_unique<struct conn_held>();
	c->held->bytes.assign(d->frame.bytes, d->frame.size);
	c->held->account = d->frame.account;
	c->held->self = self;
	c->held->order = hook->hook->order;
	c->held->plugin = hook->plugin;
	c->held->nth = hook->nth;
}

/* Refuses the request if the hook has not: else the client would get no answer. */
static void dispatch_reject(struct dispatch_call *d)
{
	d->conn->pending = false;
	if (d->conn->pending_answered)
		dispatch_count(d);
	else
		dispatch_refuse(d, CS_ERRNO_NOT_ALLOWED, "refused");
}

static int dispatch_run_hook(struct dispatch_call *d, const struct cs_hook *hook, struct cs_self *self)
{
	const uint32_t msgid = d->frame.request.msgid;
	const plugin_call call(self, CALL_HOOK, msgid);
	const int verdict = hook->before(self->state, &d->frame);

	if (verdict == CS_PASS || verdict == CS_PENDING || verdict == CS_REJECT)
		return verdict;
	dispatch_tell_verdict(self, "hook", msgid, verdict, "CS_REJECT");
	return CS_REJECT;
}

/* A hook may log out or close. true: no other hook and no handler gets the frame. */
static bool dispatch_has_ended(struct dispatch_call *d)
{
	struct conn *c = d->conn;

	if (!c->closing && !c->dead && c->account == d->frame.account)
		return false;
	c->pending = false;
	if (!c->closing && !c->dead)
		dispatch_refuse(d, CS_ERRNO_NOT_LOGGED_IN, dispatch_log_in);
	return true;
}

/* Calls the hooks from `next` on. true: all of them passed the frame. */
static bool dispatch_pass_hooks(struct dispatch_call *d, size_t next)
{
	const std::vector<struct dispatch_hook> &hooks = d->entry->hooks;

	for (; next < hooks.size(); next++) {
		struct cs_self *self = d->conn->worker->instances[hooks[next].plugin].get();

		dispatch_begin_call(d, nullptr);
		const int verdict = dispatch_run_hook(d, hooks[next].hook, self);

		if (verdict == CS_PASS && dispatch_has_ended(d))
			return false;
		if (verdict == CS_PENDING)
			dispatch_hold(d, self, &hooks[next]);
		else if (verdict != CS_PASS)
			dispatch_reject(d);
		if (verdict != CS_PASS)
			return false;
	}
	return true;
}

static int64_t dispatch_charge(struct dispatch_call *d)
{
	const struct core_conf *conf = d->conn->worker->conf;
	const int64_t cost = !d->entry ? dispatch_own_cost : d->entry->route->cost;

	d->conn->cost_due += static_cast<uint32_t>(cost);
	if (conf->rate == 0 || d->conn->is_operator)
		return 0;
	return limit_charge(&d->conn->bucket, conf->rate, conf->burst, cost, worker_monotonic_ms());
}

static const struct dispatch_entry *dispatch_look_up(const struct dispatch_table *table, uint32_t msgid)
{
	if (msgid < table->near.size())
		return table->near[msgid];
	const auto found = table->entries.find(msgid);

	return found == table->entries.end() ? nullptr : &found->second;
}

/* Operators have the verbs, all others the rest. */
static const struct dispatch_entry *dispatch_find(const struct conn *c, uint32_t msgid)
{
	const struct dispatch_entry *entry = dispatch_look_up(c->worker->shared->dispatch, msgid);

	return entry && ((entry->route->flags & CS_ROUTE_OPERATOR) != 0) == c->is_operator ? entry : nullptr;
}

/* Fills in d for a parsed frame. 0, or CS_EINVAL with the mistake in e. */
static int dispatch_begin(struct dispatch_call *d, struct conn *c, std::string_view bytes, struct frame_fields *fields,
                          struct cs_error *e)
{
	const int result = frame_fault(fields->parser, e);

	d->conn = c;
	d->frame.request = fields->parser->request;
	worker_stamp(c->worker, &d->frame.request);
	d->frame.conn = c->handle;
	d->frame.account = c->account;
	d->frame.device = c->device;
	d->frame.name = c->account == 0 ? "" : c->name.c_str();
	d->frame.bytes = bytes.data();
	d->frame.size = bytes.size();
	d->frame.fields = fields;
	d->entry = result == 0 ? dispatch_find(c, d->frame.request.msgid) : nullptr;
	return result;
}

enum dispatch_result dispatch_frame(struct conn *c, std::string_view bytes, const struct frame_parser *parsed,
                                    int64_t *pause_ms_r)
{
	struct dispatch_call d = {};
	struct cs_error e;
	struct frame_fields fields;

	fields.parser = parsed;
	const int result = dispatch_begin(&d, c, bytes, &fields, &e);

	*pause_ms_r = dispatch_charge(&d);
	if (result != 0)
		dispatch_refuse(&d, CS_ERRNO_BAD_FRAME, e.text);
	else if (d.frame.request.msgid == CS_MSGID_PING)
		dispatch_ping(&d);
	else if (dispatch_may_call(&d) && dispatch_pass_hooks(&d, 0))
		dispatch_call_handler(&d);
	return c->pending ? DISPATCH_WAIT : DISPATCH_NEXT;
}

/* ---- a frame that a hook held */

/* Refuses a held frame if the session has ended meanwhile, or the node drains. Returns 0, or the result of resume(). */
static int dispatch_refuse_held(struct dispatch_call *d, cs_account account)
{
	if (account != d->conn->account) {
		d->conn->pending = false;
		dispatch_refuse(d, CS_ERRNO_NOT_LOGGED_IN, dispatch_log_in);
		return CS_ENOENT;
	}
	if (dispatch_is_draining(d->conn)) {
		d->conn->pending = false;
		dispatch_refuse(d, CS_ERRNO_GOING_AWAY, dispatch_going_away);
		return CS_ECANCELED;
	}
	return 0;
}

int dispatch_resume(struct conn *c, const struct cs_self *self, int verdict)
{
	struct dispatch_call d = {c,
	                          {.request = c->pending_request,
	                           .conn = c->handle,
	                           .account = 0,
	                           .name = "",
	                           .bytes = nullptr,
	                           .size = 0,
	                           .fields = nullptr},
	                          nullptr};

	if (!c->held || c->held->self != self || c->held->resumed)
		return CS_ENOENT;
	if (verdict != CS_PASS && verdict != CS_REJECT)
		return CS_EINVAL;
	d.frame.size = c->held->bytes.size();
	/* A request that the hook has refused is not refused again. */
	const int result = verdict == CS_REJECT && c->pending_answered ? 0 : dispatch_refuse_held(&d, c->held->account);

	if (result == 0 && verdict == CS_PASS) {
		c->held->resumed = true;
	} else {
		if (result == 0)
			dispatch_reject(&d);
		c->held.reset();
	}
	conn_resume(c);
	return result;
}

/* The index of the first hook behind the one that held the frame. */
static size_t dispatch_find_next(const struct dispatch_entry *entry, const struct conn_held *held)
{
	const auto passed = [held](const struct dispatch_hook &h) {
		return std::tie(h.hook->order, h.plugin, h.nth) <= std::tie(held->order, held->plugin, held->nth);
	};

	return static_cast<size_t>(std::partition_point(entry->hooks.begin(), entry->hooks.end(), passed) -
	                           entry->hooks.begin());
}

void dispatch_go_on(struct conn *c)
{
	struct dispatch_call d = {};
	struct cs_error e;
	struct frame_parser parser;
	struct frame_fields fields;
	const auto held = std::move(c->held);

	/* The frame was accepted when it came, so it is accepted again. */
	(void)frame_parse(&parser, held->bytes.data(), held->bytes.size());
	fields.parser = &parser;
	(void)dispatch_begin(&d, c, held->bytes, &fields, &e);
	d.frame.request.since = c->pending_request.since;
	if (dispatch_refuse_held(&d, held->account) != 0)
		return;
	/* A reload may have changed its route meanwhile. */
	c->pending = false;
	if (dispatch_may_call(&d) && dispatch_pass_hooks(&d, dispatch_find_next(d.entry, held.get())))
		dispatch_call_handler(&d);
}

void dispatch_abandon_held(struct conn *c)
{
	struct dispatch_call d = {c,
	                          {.request = c->pending_request,
	                           .conn = c->handle,
	                           .account = 0,
	                           .name = "",
	                           .bytes = nullptr,
	                           .size = c->held->bytes.size(),
	                           .fields = nullptr},
	                          nullptr};

	if (!c->pending_answered)
		(void)dispatch_refuse_held(&d, c->held->account);
	c->pending = false;
	c->held.reset();
	conn_resume(c);
}

/* ---- requests that stay pending */

/* At the third look a request has been pending for at least a minute. */
static constexpr uint8_t dispatch_most_looks = 3;

struct dispatch_forgotten {
	const struct conn *example;
	unsigned count;
};

static const struct cs_self *dispatch_pending_at(const struct conn *c)
{
	return c->held ? c->held->self : c->pending_handler;
}

void dispatch_look_pending(struct worker *w)
{
	std::unordered_map<const struct cs_self *, struct dispatch_forgotten> forgotten;

	for (const auto &c : w->conns->slots) {
		if (!c || c->dead || !c->pending || !dispatch_pending_at(c.get()) ||
		    c->pending_looks == dispatch_most_looks)
			continue;
		if (++c->pending_looks != dispatch_most_looks)
			continue;
		struct dispatch_forgotten *f = &forgotten[dispatch_pending_at(c.get())];

		f->example = c.get();
		f->count++;
	}
	for (const auto &[self, f] : forgotten)
		log_warning(
			"plugin=%s leaves requests pending for more than 60 s requests=%u worker=%u call=%s msgid=%u "
			"conn=%llx",
			self->plugin->name.c_str(), f.count, w->index, f.example->held ? "hook" : "handler",
			f.example->pending_request.msgid, static_cast<unsigned long long>(f.example->handle));
}
