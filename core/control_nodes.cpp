/* SPDX-License-Identifier: MIT
 * Orders that all nodes carry out: kick and notice. The node that was asked sends the order over the bus and carries it
 * out itself; the others do so, too, and report what they have done. Nobody knows how many others there are, so the
 * node that was asked waits a fixed time for their reports, and names those that it got. */
#include <algorithm>
#include <cstdio>
#include <memory>

#include "core/base/log.h"
#include "core/bus/bus.h"
#include "core/control_internal.h"

/* How long reports of other nodes are waited for. */
static constexpr int64_t control_nodes_patience_ms = 1000;

/* ---- the node that was asked */

void control_tell_nodes(struct control_request *r)
{
	struct server *s = r->server;
	const struct bus_order order = {0, r->id, r->account, r->device, r->text};

	if (r->from != 0 || !s->bus)
		return;
	r->nodes_until = worker_monotonic_ms() + control_nodes_patience_ms;
	r->was_sent = bus_send_order(s->bus.get(), &order);
}

bool control_awaits_nodes(struct control_request *r)
{
	if (!r->was_sent || r->awaits_nodes)
		return false;
	r->awaits_nodes = true;
	r->is_late = false;
	control_set_deadline(r, std::max<int64_t>(r->nodes_until - worker_monotonic_ms(), 1));
	return true;
}

void control_add_nodes(std::string *json, const struct control_request *r, const char *done_key)
{
	std::string list = "[";

	for (const struct control_node &n : r->nodes) {
		std::string item = "{";

		control_add_text(&item, "node", n.name);
		control_add_number(&item, done_key, static_cast<int64_t>(n.done));
		control_add_number(&item, "sessions", static_cast<int64_t>(n.sessions));
		if (n.is_partial)
			control_add_flag(&item, "partial", true);
		list += (list.size() > 1 ? "," : "") + item + "}";
	}
	control_add_json(json, "nodes", list + "]");
	control_add_text(json, "bus", !r->server->bus ? "alone" : r->was_sent ? "joined" : "away");
}

/* A report on its way to the main loop. */
struct control_reported {
	struct server *server;
	uint64_t id;
	struct control_node node;
};

static void control_take_report(void *arg)
{
	const std::unique_ptr<struct control_reported> report(static_cast<struct control_reported *>(arg));
	const auto &requests = report->server->control->requests;
	const auto found = requests.find(report->id);

	if (found != requests.end() && found->second->was_sent)
		found->second->nodes.push_back(report->node);
}

static void control_on_report(void *arg, const struct bus_report *report)
{
	auto *c = static_cast<struct control *>(arg);
	auto taken = std::make_unique<struct control_reported>();

	taken->server = c->server;
	taken->id = report->id;
	taken->node = {std::string(report->node), report->done, report->sessions, report->is_partial};
	loop_post(&c->server->main, control_take_report, taken.release());
}

/* ---- the others */

static void control_on_order(void *arg, const struct bus_order *order)
{
	auto *c = static_cast<struct control *>(arg);
	auto r = std::make_unique<struct control_request>();
	char peer[32];

	(void)snprintf(peer, sizeof peer, "node:%llx", static_cast<unsigned long long>(order->from));
	r->server = c->server;
	r->verb = control_find_verb(order->account != 0 ? CS_MSGID_KICK : CS_MSGID_NOTIFY);
	r->peer = peer;
	r->from = order->from;
	r->id_there = order->id;
	r->account = order->account;
	r->device = order->device;
	r->text = order->text;
	control_post(std::move(r));
}

bool control_report_to_node(struct control_request *r, size_t done, size_t sessions)
{
	struct server *s = r->server;
	const std::string name = server_node_name(s);
	const struct bus_report report = {r->id_there, done, sessions, r->missing != 0, name};

	if (r->from == 0)
		return false;
	bus_send_report(s->bus.get(), r->from, &report);
	s->control->requests.erase(r->id);
	return true;
}

void control_open_nodes(struct control *c)
{
	c->orders = {c, control_on_order, control_on_report};
	c->server->shared.orders = &c->orders;
}
