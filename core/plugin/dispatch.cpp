/* SPDX-License-Identifier: MIT
 * Owns the map msgid -> handler and the order of checks before a handler runs. It must not know what any msgid
 * means, but for PING, which it answers itself. */
#include "core/plugin/dispatch.h"

#include "core/net/conn.h"
#include "core/net/frame.h"
#include "core/net/limit.h"
#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "core/base/worker.h"

/* What the core charges for frames that reach no handler. */
static constexpr int64_t dispatch_own_cost = 1;

static bool dispatch_is_core_msgid(uint32_t msgid)
{
	return msgid == CS_MSGID_ACK || msgid == CS_MSGID_PING || msgid == CS_MSGID_PONG;
}

/* ---- building */

static int dispatch_add(struct dispatch_table *table, const struct plugin_set *set,
                        const struct plugin *plugin, const struct cs_route *route, struct cs_error *e)
{
	if (route->msgid == 0 || dispatch_is_core_msgid(route->msgid)) {
		error_set(e, "%s: msgid %u (%s) is the core's own", plugin->path.c_str(), route->msgid,
		          route->name == nullptr ? "" : route->name);
		return CS_EINVAL;
	}
	const auto [place, is_new] = table->entries.try_emplace(route->msgid);

	if (!is_new) {
		error_set(e, "%s: msgid %u (%s) is already handled by %s", plugin->path.c_str(), route->msgid,
		          route->name == nullptr ? "" : route->name,
		          set->plugins[place->second.plugin]->path.c_str());
		return CS_EINVAL;
	}
	place->second = {route, plugin->index};
	return 0;
}

int dispatch_build(struct dispatch_table *table, const struct plugin_set *set, struct cs_error *e)
{
	for (const auto &plugin : set->plugins)
		for (const struct cs_route *route = plugin->declared.routes;
		     route != nullptr && route->handler != nullptr; route++)
			if (const int result = dispatch_add(table, set, plugin.get(), route, e); result != 0)
				return result;
	return 0;
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

	if (counters == nullptr)
		return;
	worker_add(&counters->calls, 1);
	worker_add(&counters->bytes, d->frame.size);
}

/* Requests that no handler sees are settled here and now; to be settled they have to be owed first, lest their
 * answer counts as that of another. */
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

/* Everything but the handler; false: refused. */
static bool dispatch_may_call(struct dispatch_call *d)
{
	const uint32_t flags = d->entry == nullptr ? 0 : d->entry->route->flags;

	if (d->conn->draining || d->conn->worker->draining)
		dispatch_refuse(d, CS_ERRNO_GOING_AWAY, "this node is going away, connect again");
	else if (d->entry == nullptr)
		dispatch_refuse(d, CS_ERRNO_UNKNOWN_MSGID, "no plugin handles this msgid");
	else if ((flags & (CS_ROUTE_NEEDS_LOGIN | CS_ROUTE_OWN_ID)) != 0 && d->frame.account == 0)
		dispatch_refuse(d, CS_ERRNO_NOT_LOGGED_IN, "log in first");
	else
		return (flags & CS_ROUTE_OWN_ID) == 0 || dispatch_is_own_id(d);
	return false;
}

/* The connection counts as pending during the call, so that a handler may finish() before it returns. */
static void dispatch_call_handler(struct dispatch_call *d)
{
	struct conn *c = d->conn;
	const struct cs_self *self = c->worker->instances[d->entry->plugin].get();

	c->pending = true;
	c->pending_answered = false;
	c->pending_request = d->frame.request;
	c->pending_handler = self;
	const int verdict = d->entry->route->handler(self->state, &d->frame);

	if (verdict != CS_PENDING && c->pending) {
		c->pending = false;
		if (verdict == CS_DONE && !c->pending_answered)
			c->owed++;
	}
	dispatch_count(d);
}

static int64_t dispatch_charge(struct dispatch_call *d)
{
	const struct core_conf *conf = d->conn->worker->conf;
	const int64_t cost = d->entry == nullptr ? dispatch_own_cost : d->entry->route->cost;

	if (conf->rate == 0)
		return 0;
	return limit_charge(&d->conn->bucket, conf->rate, conf->burst, cost, worker_monotonic_ms());
}

static const struct dispatch_entry *dispatch_find(const struct conn *c, uint32_t msgid)
{
	const auto &entries = c->worker->shared->dispatch->entries;
	const auto place = entries.find(msgid);

	return place == entries.end() ? nullptr : &place->second;
}

enum dispatch_result dispatch_frame(struct conn *c, std::string_view bytes, int64_t *pause_ms_r)
{
	struct dispatch_call d = {c, {}, nullptr};
	struct cs_error e;
	cjson_ptr fields;
	const int result = frame_parse(bytes, &fields, &d.frame.request, &e);

	d.frame.conn = c->handle;
	d.frame.account = c->account;
	d.frame.name = c->account == 0 ? "" : c->name.c_str();
	d.frame.bytes = bytes.data();
	d.frame.size = bytes.size();
	d.frame.fields = fields.get();
	if (result == 0)
		d.entry = dispatch_find(c, d.frame.request.msgid);
	*pause_ms_r = dispatch_charge(&d);
	if (result != 0)
		dispatch_refuse(&d, CS_ERRNO_BAD_FRAME, e.text);
	else if (d.frame.request.msgid == CS_MSGID_PING)
		dispatch_ping(&d);
	else if (dispatch_may_call(&d))
		dispatch_call_handler(&d);
	return c->pending ? DISPATCH_WAIT : DISPATCH_NEXT;
}
