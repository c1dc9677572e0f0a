/* SPDX-License-Identifier: MIT
 * What operators may look at: the state of the server, its workers, plugins, routes and limits. */
#include <algorithm>
#include <map>

#include <unistd.h>

#include "core/base/log.h"
#include "core/control_internal.h"

/* ---- status */

const char *control_log_level(void)
{
	static const char *const names[] = {"error", "warning", "info", "debug"};
	int level = CS_LOG_DEBUG;

	while (level > CS_LOG_ERROR && !log_enabled(static_cast<enum cs_log_level>(level)))
		level--;
	return names[level];
}

std::string control_reload_json(const struct reload_result *result)
{
	std::string json = "{", list = "[";

	if (result->ended_ms == 0)
		return "null";
	for (const std::string &option : result->restart)
		list += (list.size() > 1 ? ",\"" : "\"") + option + "\"";
	control_add_flag(&json, "done", result->done);
	control_add_number(&json, "ended", result->ended_ms);
	if (!result->done)
		control_add_text(&json, "why", result->why);
	control_add_json(&json, "restart", list + "]");
	return json + "}";
}

/* A connection may be accepted and end between two reads: what has ended is read first. */
static int64_t control_count_open(const struct server *s, unsigned index)
{
	uint64_t ended = 0, accepted = 0;

	for (const auto &w : s->shared.workers)
		ended += w->conns->traffic[index].ended.load(std::memory_order_relaxed);
	for (const auto &w : s->shared.workers)
		accepted += w->conns->traffic[index].accepted.load(std::memory_order_relaxed);
	return static_cast<int64_t>(accepted - ended);
}

static std::string control_connections_json(const struct server *s)
{
	std::string json = "{";

	for (const auto &l : s->listens)
		control_add_number(&json, l->transport.label.c_str(), control_count_open(s, l->transport.index));
	return json + "}";
}

static std::string control_store_json(const struct server *s)
{
	const struct store_figures f = store_figures_read(s->store.get());
	const char *driver = server_store_conf(s->conf.get())->driver;
	std::string json = "{";

	control_add_text(&json, "driver", driver);
	control_add_text(&json, "state", !*driver ? "none" : f.away ? "away" : f.degraded ? "degraded" : "ready");
	if (*driver && f.degraded && !f.away)
		control_add_text(&json, "why", "disk full or read-only");
	control_add_number(&json, "waiting_reads", static_cast<int64_t>(f.waiting_read));
	control_add_number(&json, "waiting_writes", static_cast<int64_t>(f.waiting_write));
	control_add_number(&json, "waiting_hashes", static_cast<int64_t>(f.waiting_hash));
	control_add_number(&json, "failures", static_cast<int64_t>(f.failures));
	return json + "}";
}

static std::string control_bus_json(const struct server *s)
{
	std::string json = "{";

	control_add_text(&json, "driver", server_bus_conf(s->conf.get())->driver);
	if (!s->bus) {
		control_add_text(&json, "state", "alone");
		return json + "}";
	}
	control_add_text(&json, "state", bus_count(s->bus.get()).away ? "away" : "joined");
	control_add_number(&json, "unfinished", static_cast<int64_t>(bus_unfinished(s->bus.get())));
	return json + "}";
}

void control_run_status(struct control_request *r)
{
	const struct server *s = r->server;
	const auto guests = s->shared.guests.load(std::memory_order_relaxed);
	std::string more;

	control_add_text(&more, "version", CS_VERSION);
	control_add_text(&more, "node", server_node_name(s));
	control_add_number(&more, "pid", getpid());
	control_add_text(&more, "conf", s->request.conf_path);
	control_add_number(&more, "uptime_ms", worker_monotonic_ms() - s->started_ms);
	control_add_text(&more, "state", s->drain.begun ? "draining" : s->reload ? "reloading" : "serving");
	control_add_text(&more, "log_level", control_log_level());
	control_add_number(&more, "workers", static_cast<int64_t>(s->shared.workers.size()));
	control_add_number(&more, "plugins", static_cast<int64_t>(s->plugins.plugins.size()));
	control_add_json(&more, "connections", control_connections_json(s));
	control_add_number(&more, "without_login", std::max<int64_t>(guests, 0));
	control_add_number(&more, "sessions", static_cast<int64_t>(session_count(r->server->shared.sessions)));
	control_add_json(&more, "store", control_store_json(s));
	control_add_json(&more, "bus", control_bus_json(s));
	control_add_json(&more, "reload", control_reload_json(&s->reload_result));
	control_answer(r, "," + more);
}

/* ---- workers */

void control_run_workers(struct control_request *r)
{
	control_ask(r, 0, static_cast<unsigned>(r->server->shared.workers.size()), control_ask_figures);
}

static std::string control_worker_json(const struct worker *w, const struct control_question *q)
{
	std::string json = "{";

	control_add_number(&json, "worker", w->index);
	control_add_flag(&json, "answers", q != nullptr);
	if (!q) {
		const struct cs_plugin *plugin = w->call.plugin.load(std::memory_order_acquire);

		control_add_text(&json, "plugin", plugin ? plugin->name : "");
		return json + "}";
	}
	control_add_number(&json, "connections", static_cast<int64_t>(q->count - q->operators));
	control_add_number(&json, "sessions", static_cast<int64_t>(q->sessions));
	control_add_number(&json, "without_login", static_cast<int64_t>(q->guests));
	control_add_number(&json, "operators", static_cast<int64_t>(q->operators));
	control_add_number(&json, "unsent", static_cast<int64_t>(q->unsent));
	control_add_number(&json, "lag_us", q->lag_us);
	control_add_number(&json, "turns", static_cast<int64_t>(q->turns));
	control_add_number(&json, "cpu_ms", q->cpu_ms);
	return json + "}";
}

void control_finish_workers(struct control_request *r)
{
	const auto &workers = r->server->shared.workers;
	std::string list = "[", more;

	for (size_t i = 0; i < workers.size(); i++)
		list += (i > 0 ? "," : "") + control_worker_json(workers[i].get(), r->answers[i].get());
	control_add_json(&more, "workers", list + "]");
	control_answer(r, "," + more);
}

/* ---- plugins */

static std::string control_services_json(const struct plugin *p)
{
	std::string list = "{";

	for (const struct cs_service *service = p->declared.provides; service && service->name; service++)
		control_add_number(&list, service->name, service->version);
	return list + "}";
}

static int64_t control_count_routes(const struct plugin *p)
{
	int64_t count = 0;

	for (const struct cs_route *route = p->declared.routes; route && route->handler; route++)
		count++;
	return count;
}

static int64_t control_count_hooks(const struct plugin *p)
{
	int64_t count = 0;

	for (const struct cs_hook *hook = p->declared.hooks; hook && hook->before; hook++)
		count++;
	return count;
}

void control_run_plugins(struct control_request *r)
{
	std::string list = "[", more;

	for (const auto &p : r->server->plugins.plugins) {
		std::string item = "{";

		control_add_text(&item, "plugin", p->name);
		control_add_text(&item, "version", p->declared.version);
		control_add_number(&item, "routes", control_count_routes(p.get()));
		control_add_number(&item, "hooks", control_count_hooks(p.get()));
		control_add_json(&item, "provides", control_services_json(p.get()));
		control_add_text(&item, "path", p->path);
		list += (list.size() > 1 ? "," : "") + item + "}";
	}
	control_add_json(&more, "plugins", list + "]");
	control_answer(r, "," + more);
}

/* ---- routes */

/* Of all workers. */
struct control_route {
	uint64_t calls = 0, bytes = 0, refused = 0;
	std::map<size_t, uint64_t> errnos; /* refusals */
};

static void control_add_counters(struct control_route *route, const struct route_counters *counters)
{
	route->calls += counters->calls.load(std::memory_order_relaxed);
	route->bytes += counters->bytes.load(std::memory_order_relaxed);
	for (size_t i = 0; i < counters->refused.size(); i++) {
		const uint64_t n = counters->refused[i].load(std::memory_order_relaxed);

		route->refused += n;
		if (n > 0)
			route->errnos[i] += n;
	}
}

static std::string control_route_json(const struct server *s, uint32_t msgid, const struct control_route *route)
{
	const auto entry = s->dispatch->entries.find(msgid);
	const bool is_known = entry != s->dispatch->entries.end();
	std::string json = "{", errnos = "{";

	for (const auto &[number, count] : route->errnos)
		control_add_number(&errnos, std::to_string(number).c_str(), static_cast<int64_t>(count));
	control_add_number(&json, "msgid", msgid);
	control_add_text(&json, "name",
	                 is_known                 ? entry->second.route->name
	                 : msgid == CS_MSGID_PING ? "ping"
	                                          : "unknown");
	control_add_text(&json, "plugin",
	                 !is_known || entry->second.plugin == dispatch_core
	                         ? "core"
	                         : s->plugins.plugins[entry->second.plugin]->name.c_str());
	control_add_number(&json, "calls", static_cast<int64_t>(route->calls));
	control_add_number(&json, "bytes", static_cast<int64_t>(route->bytes));
	control_add_number(&json, "refused", static_cast<int64_t>(route->refused));
	control_add_json(&json, "errnos", errnos + "}");
	return json + "}";
}

void control_run_routes(struct control_request *r)
{
	std::map<uint32_t, struct control_route> sums;
	std::string list = "[", more;

	for (const auto &w : r->server->shared.workers)
		for (const auto &[msgid, counters] : w->counters)
			control_add_counters(&sums[msgid], counters.get());
	for (const auto &[msgid, sum] : sums)
		list += (list.size() > 1 ? "," : "") + control_route_json(r->server, msgid, &sum);
	control_add_json(&more, "routes", list + "]");
	control_answer(r, "," + more);
}

/* ---- limits */

static constexpr int64_t control_no_use = -1; /* it is a limit of each connection or frame */

static void control_add_limit(std::string *list, const char *name, int64_t limit, int64_t used, const char *unit)
{
	std::string item = "{";

	control_add_text(&item, "limit", name);
	control_add_number(&item, "value", limit);
	if (used == control_no_use)
		control_add_json(&item, "used", "null");
	else
		control_add_number(&item, "used", used);
	control_add_text(&item, "unit", unit);
	list->append(list->size() > 1 ? "," : "").append(item).append("}");
}

void control_run_limits(struct control_request *r)
{
	control_run_workers(r);
}

static void control_add_rates(std::string *list, const struct core_conf *core)
{
	const struct {
		const char *name;
		int64_t value;
		const char *unit;
	} rates[] = {
		{"core.rate", core->rate, "cost/s"},
		{"core.burst", core->burst, "cost"},
		{"core.rate_bytes", core->rate_bytes, "bytes/s"},
		{"core.burst_bytes", core->burst_bytes, "bytes"},
		{"core.address_connections", core->address_connections, "connections"},
		{"core.address_guests", core->address_guests, "connections"},
		{"core.address_rate", core->address_rate, "cost/s"},
		{"core.address_burst", core->address_burst, "cost"},
		{"core.address_rate_bytes", core->address_rate_bytes, "bytes/s"},
		{"core.address_burst_bytes", core->address_burst_bytes, "bytes"},
	};

	for (const auto &rate : rates)
		control_add_limit(list, rate.name, rate.value, control_no_use, rate.unit);
}

static void control_add_core_limits(std::string *list, const struct server *s, int64_t most_unsent)
{
	const struct core_conf *core = server_core_conf(s->conf.get());
	const int64_t guests = core->login_connections ? core->login_connections : (core->max_connections + 1) / 2;

	control_add_limit(list, "core.max_connections", core->max_connections, s->shared.connections.load(),
	                  "connections");
	control_add_limit(list, "core.login_connections", guests, std::max<int64_t>(s->shared.guests.load(), 0),
	                  "connections");
	control_add_limit(list, "core.login_memory", core->login_memory, s->shared.guest_bytes.load(), "bytes");
	control_add_limit(list, "core.output_soft", core->output_soft, most_unsent, "bytes");
	control_add_limit(list, "core.output_hard", core->output_hard, most_unsent, "bytes");
	control_add_limit(list, "core.output_memory", core->output_memory, s->shared.unsent.load(), "bytes");
	control_add_limit(list, "core.max_frame", core->max_frame, control_no_use, "bytes");
	control_add_rates(list, core);
	control_add_limit(list, "core.frame_timeout", core->frame_timeout, control_no_use, "ms");
	control_add_limit(list, "core.login_timeout", core->login_timeout, control_no_use, "ms");
	control_add_limit(list, "core.idle_timeout", core->idle_timeout, control_no_use, "ms");
	control_add_limit(list, "core.drain_timeout", core->drain_timeout, control_no_use, "ms");
}

static void control_add_store_limits(std::string *list, const struct server *s)
{
	const struct store_conf *store = server_store_conf(s->conf.get());
	const struct store_figures f = store_figures_read(s->store.get());
	const size_t most = std::max({f.waiting_read, f.waiting_write, f.waiting_hash});

	control_add_limit(list, "store.queue", store->queue, static_cast<int64_t>(most), "requests");
	control_add_limit(list, "store.queue_bytes", store->queue_bytes, control_no_use, "bytes");
}

void control_finish_limits(struct control_request *r)
{
	size_t most_unsent = 0;
	std::string list = "[", more;

	for (const auto &q : r->answers)
		most_unsent = std::max(most_unsent, q ? q->most_unsent : 0);
	control_add_core_limits(&list, r->server, static_cast<int64_t>(most_unsent));
	control_add_store_limits(&list, r->server);
	control_add_json(&more, "limits", list + "]");
	control_answer(r, "," + more);
}
