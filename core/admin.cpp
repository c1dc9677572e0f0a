/* SPDX-License-Identifier: MIT
 * The HTTP pages for monitoring: /healthz for load balancers, /metrics for Prometheus. */
#include "core/admin.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>

#include "core/base/log.h"
#include "core/base/metric.h"
#include "core/net/listener.h"
#include "core/server.h"
#include <base/raii.h>

using http_ptr = std::unique_ptr<evhttp, function_deleter<evhttp_free>>;
using buffer_ptr = std::unique_ptr<evbuffer, function_deleter<evbuffer_free>>;

struct admin {
	struct server *server = nullptr;
	http_ptr http;
};

void admin_deleter::operator()(struct admin *a) const
{
	std::default_delete<struct admin>()(a);
}

struct route_sum {
	const char *name;
	uint64_t calls = 0, bytes = 0;
	std::array<uint64_t, route_most_errnos> refused = {};
};

static void admin_answer(struct evhttp_request *request, int status, const char *reason, const std::string &text)
{
	const buffer_ptr body(evbuffer_new());

	(void)evbuffer_add(body.get(), text.data(), text.size());
	(void)evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
	                        "text/plain; version=0.0.4; charset=utf-8");
	evhttp_send_reply(request, status, reason, body.get());
}

static void admin_on_health(struct evhttp_request *request, void *arg)
{
	if (static_cast<struct admin *>(arg)->server->drain.begun)
		admin_answer(request, 503, "Draining", "draining\n");
	else
		admin_answer(request, HTTP_OK, "OK", "ok\n");
}

static void admin_on_other(struct evhttp_request *request, void *)
{
	admin_answer(request, HTTP_NOTFOUND, "Not Found", "there are /healthz and /metrics\n");
}

static void admin_add_head(std::string *text, const char *name, const char *type, const char *help)
{
	metric_add_head(text, std::string("chatserverd_") + name, type, help);
}

static void admin_add_figure(std::string *text, const char *name, const char *type, const char *help, uint64_t value)
{
	admin_add_head(text, name, type, help);
	text->append("chatserverd_").append(name).append(" ").append(std::to_string(value)).append("\n");
}

/* A figure that is always 1: its labels can be joined to other figures. */
static void admin_add_node(std::string *text, const struct server *s)
{
	admin_add_head(text, "node_info", "gauge", "Name of this node and version of the program.");
	text->append("chatserverd_node_info{");
	metric_add_label(text, "node", server_node_name(s));
	text->append(",");
	metric_add_label(text, "version", CS_VERSION);
	text->append("} 1\n");
}

static void admin_add_store_figures(std::string *text, struct store *store)
{
	const struct store_figures f = store_figures_read(store);

	admin_add_figure(text, "store_waiting_reads", "gauge", "Reads that wait for a store thread.", f.waiting_read);
	admin_add_figure(text, "store_waiting_writes", "gauge", "Writes that wait for a store thread.",
	                 f.waiting_write);
	admin_add_figure(text, "store_waiting_hashes", "gauge", "Password hashes that wait.", f.waiting_hash);
	admin_add_figure(text, "store_degraded", "gauge", "1 while the disk is full or read-only.", f.degraded);
	admin_add_figure(text, "store_batches_total", "counter", "Batches committed.", f.batches);
	admin_add_figure(text, "store_items_total", "counter", "Items of committed batches.", f.items);
	admin_add_figure(text, "store_retries_total", "counter", "Transactions that were run again.", f.retries);
	admin_add_figure(text, "store_failures_total", "counter", "Requests that the store could not do.", f.failures);
}

static void admin_add_bus_figures(std::string *text, const struct bus *bus)
{
	const struct bus_counters f = bus_count(bus);

	admin_add_figure(text, "bus_away", "gauge", "1 while the other nodes cannot be reached.", f.away);
	admin_add_figure(text, "bus_unfinished", "gauge", "Calls to the bus that are under way.", bus_unfinished(bus));
	admin_add_figure(text, "bus_epochs_total", "counter", "Times that the bus was reached anew.", f.epochs);
	admin_add_figure(text, "bus_sent_total", "counter", "Messages to other nodes.", f.sent);
	admin_add_figure(text, "bus_received_total", "counter", "Messages of other nodes.", f.received);
	admin_add_figure(text, "bus_dropped_total", "counter", "Messages from or to other nodes that were dropped.",
	                 f.dropped);
	admin_add_figure(text, "bus_refused_total", "counter",
	                 "Messages and questions to other nodes that were refused: too much waited.", f.refused);
}

static const char *admin_route_name(const struct server *s, uint32_t msgid)
{
	const auto entry = s->dispatch.entries.find(msgid);

	if (entry != s->dispatch.entries.end())
		return entry->second.route->name;
	return msgid == CS_MSGID_PING ? "PING" : "unknown";
}

std::map<uint32_t, struct route_sum> admin_sum_routes(const struct server *s)
{
	std::map<uint32_t, struct route_sum> sums;

	for (const auto &worker : s->shared.workers) {
		for (const auto &[msgid, counters] : worker->counters) {
			struct route_sum &sum = sums[msgid];

			sum.name = admin_route_name(s, msgid);
			sum.calls += counters->calls.load(std::memory_order_relaxed);
			for (size_t i = 0; i < sum.refused.size(); i++)
				sum.refused[i] += counters->refused[i].load(std::memory_order_relaxed);
			sum.bytes += counters->bytes.load(std::memory_order_relaxed);
		}
	}
	return sums;
}

static void admin_add_route_line(std::string *text, const char *name, uint32_t msgid, const struct route_sum &sum,
                                 const std::string &more, uint64_t value)
{
	text->append("chatserverd_").append(name).append("{");
	metric_add_label(text, "msgid", std::to_string(msgid));
	text->append(",");
	metric_add_label(text, "name", sum.name);
	text->append(more).append("} ");
	text->append(std::to_string(value)).append("\n");
}

static void admin_add_route_figure(std::string *text, const std::map<uint32_t, struct route_sum> &sums,
                                   const char *name, const char *help, uint64_t route_sum::*member)
{
	admin_add_head(text, name, "counter", help);
	for (const auto &[msgid, sum] : sums)
		admin_add_route_line(text, name, msgid, sum, "", sum.*member);
}

/* One line for each pair of msgid and errno that has occurred: most pairs never do. */
static void admin_add_refusals(std::string *text, const std::map<uint32_t, struct route_sum> &sums)
{
	static const char name[] = "requests_refused_total";

	admin_add_head(text, name, "counter", "Requests that were refused, by route and errno.");
	for (const auto &[msgid, sum] : sums)
		for (size_t i = 0; i < sum.refused.size(); i++)
			if (sum.refused[i] != 0)
				admin_add_route_line(text, name, msgid, sum, ",errno=\"" + std::to_string(i) + "\"",
				                     sum.refused[i]);
}

static void admin_add_turned_away(std::string *text, const struct server *s)
{
	static const char name[] = "connections_closed_total";

	admin_add_head(text, name, "counter", "Connections that a deadline or a bound before the login closed.");
	for (const auto &l : s->listens) {
		for (size_t i = 0; i < CONN_TURN_COUNT; i++) {
			uint64_t sum = 0;

			for (const auto &worker : s->shared.workers)
				sum += worker->conns->turned_away[l->transport.index][i].load(
					std::memory_order_relaxed);
			text->append("chatserverd_").append(name).append("{");
			metric_add_label(text, "transport", l->transport.label);
			text->append(",");
			metric_add_label(text, "reason", conn_turn_names[i]);
			text->append("} ");
			text->append(std::to_string(sum)).append("\n");
		}
	}
}

static uint64_t admin_sum_traffic(const struct server *s, const struct server_listen *l,
                                  std::atomic<uint64_t> transport_counters::*member)
{
	uint64_t sum = 0;

	for (const auto &worker : s->shared.workers)
		sum += (worker->conns->traffic[l->transport.index].*member).load(std::memory_order_relaxed);
	return sum;
}

static void admin_add_traffic_line(std::string *text, const char *name, const struct server_listen *l, uint64_t value)
{
	text->append("chatserverd_").append(name).append("{");
	metric_add_label(text, "transport", l->transport.label);
	text->append("} ");
	text->append(std::to_string(value)).append("\n");
}

static void admin_add_traffic_figure(std::string *text, const struct server *s, const char *name, const char *help,
                                     std::atomic<uint64_t> transport_counters::*member)
{
	admin_add_head(text, name, "counter", help);
	for (const auto &l : s->listens)
		admin_add_traffic_line(text, name, l.get(), admin_sum_traffic(s, l.get(), member));
}

/* A connection may be accepted and end between two reads: what has ended is read first. */
static void admin_add_connections(std::string *text, const struct server *s)
{
	admin_add_head(text, "connections", "gauge", "Connections that are open.");
	for (const auto &l : s->listens) {
		const uint64_t ended = admin_sum_traffic(s, l.get(), &transport_counters::ended);

		admin_add_traffic_line(text, "connections", l.get(),
		                       admin_sum_traffic(s, l.get(), &transport_counters::accepted) - ended);
	}
}

static void admin_add_traffic(std::string *text, const struct server *s)
{
	admin_add_connections(text, s);
	admin_add_traffic_figure(text, s, "connections_total", "Connections that were accepted.",
	                         &transport_counters::accepted);
	admin_add_traffic_figure(text, s, "handshakes_failed_total", "Connections that ended inside a TLS handshake.",
	                         &transport_counters::failed);
	admin_add_traffic_figure(text, s, "received_bytes_total", "Bytes of clients, without those of TLS itself.",
	                         &transport_counters::received);
	admin_add_traffic_figure(text, s, "sent_bytes_total", "Bytes to clients, without those of TLS itself.",
	                         &transport_counters::sent);
}

static void admin_on_metrics(struct evhttp_request *request, void *arg)
{
	struct server *s = static_cast<struct admin *>(arg)->server;
	const std::map<uint32_t, struct route_sum> sums = admin_sum_routes(s);
	std::string text;

	admin_add_node(&text, s);
	admin_add_figure(&text, "uptime_seconds", "gauge", "Seconds since the start.",
	                 static_cast<uint64_t>(worker_monotonic_ms() - s->started_ms) / 1000);
	admin_add_traffic(&text, s);
	admin_add_figure(&text, "connections_without_login", "gauge",
	                 "Connections without a login, nor with one under way.",
	                 static_cast<uint64_t>(s->shared.guests.load(std::memory_order_relaxed)));
	admin_add_figure(&text, "connections_without_login_bytes", "gauge",
	                 "Bytes that connections without a login hold.",
	                 static_cast<uint64_t>(s->shared.guest_bytes.load(std::memory_order_relaxed)));
	admin_add_turned_away(&text, s);
	admin_add_figure(&text, "sessions", "gauge", "Accounts that are logged in.", session_count(s->shared.sessions));
	admin_add_route_figure(&text, sums, "requests_total", "Requests by route.", &route_sum::calls);
	admin_add_refusals(&text, sums);
	admin_add_route_figure(&text, sums, "request_bytes_total", "Bytes of requests.", &route_sum::bytes);
	admin_add_figure(&text, "guesses_failed_total", "counter", "Wrong passwords.",
	                 s->guesses.failed.load(std::memory_order_relaxed));
	admin_add_figure(&text, "guesses_refused_total", "counter",
	                 "Passwords that were not looked at: too many wrong ones came before.",
	                 s->guesses.refused.load(std::memory_order_relaxed));
	admin_add_store_figures(&text, s->store.get());
	if (s->bus)
		admin_add_bus_figures(&text, s->bus.get());
	gauge_print(&s->gauges, &text);
	admin_answer(request, HTTP_OK, "OK", text);
}

/* Makes a stream that closes its descriptor after its last event. evhttp's own stream closes the descriptor first and
 * then tells the kernel to stop watching it; by then a worker may have accepted a connection with the same number. */
static struct bufferevent *admin_make_stream(struct event_base *base, void *)
{
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

/* After an error the connection stays in the kernel's queue and would wake the loop again at once, for ever; so
 * accepting pauses. */
static constexpr struct timeval accept_pause {
	.tv_sec = 5, .tv_usec = 0
};

static void admin_go_on_accepting(evutil_socket_t, short, void *arg)
{
	(void)evconnlistener_enable(static_cast<struct evconnlistener *>(arg));
}

static void admin_on_accept_failed(struct evconnlistener *listener, void *)
{
	log_warning("admin: accepting pauses why=\"%s\"", strerror(errno));
	(void)evconnlistener_disable(listener);
	(void)event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT, admin_go_on_accepting, listener,
	                      &accept_pause);
}

static int admin_bind_address(struct admin *a, const struct listen_address *address, struct cs_error *e)
{
	const std::string text = server_address_text(address);
	const size_t colon = text.rfind(':');
	std::string host = text.substr(0, colon);

	if (host.front() == '[')
		host = host.substr(1, host.size() - 2);
	struct evhttp_bound_socket *bound = evhttp_bind_socket_with_handle(
		a->http.get(), host.c_str(), static_cast<uint16_t>(std::stoul(text.substr(colon + 1))));

	if (!bound) {
		error_set(e, "core.admin: cannot listen on %s", text.c_str());
		return CS_EINVAL;
	}
	evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), admin_on_accept_failed);
	log_info("admin listening address=%s", text.c_str());
	return 0;
}

int admin_reserve(const struct server *s, std::vector<struct listen_address> *addresses_r, struct cs_error *e)
{
	const char *option = server_core_conf(s->conf.get())->admin;
	struct cs_error text {};

	if (!*option)
		return 0;
	if (const int failed = listener_parse(option, addresses_r, e))
		return failed;
	if (listener_reserve(addresses_r, &text) == 0)
		return 0;
	error_set(e, "core.admin (%s): %s", conf_where(&s->conf->file, "core", "admin").c_str(), text.text);
	return CS_EINVAL;
}

int admin_open(admin_ptr *admin_r, struct server *s, struct cs_error *e)
{
	std::vector<struct listen_address> addresses;
	admin_ptr a;

	if (const int failed = admin_reserve(s, &addresses, e))
		return failed;
	if (addresses.empty())
		return 0;
	a.reset(std::make_unique<struct admin>().release());
	a->server = s;
	a->http.reset(evhttp_new(s->main.base.get()));
	evhttp_set_bevcb(a->http.get(), admin_make_stream, nullptr);
	evhttp_set_allowed_methods(a->http.get(), EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_timeout(a->http.get(), 10);
	evhttp_set_max_body_size(a->http.get(), 1024);
	evhttp_set_max_headers_size(a->http.get(), 8192);
	(void)evhttp_set_cb(a->http.get(), "/healthz", admin_on_health, a.get());
	(void)evhttp_set_cb(a->http.get(), "/metrics", admin_on_metrics, a.get());
	evhttp_set_gencb(a->http.get(), admin_on_other, a.get());
	for (const struct listen_address &address : addresses) {
		if (const int failed = admin_bind_address(a.get(), &address, e))
			return failed;
	}
	*admin_r = std::move(a);
	return 0;
}
