/* SPDX-License-Identifier: MIT
 * Figures of connections, their bytes and their sessions. */
#include <vector>

#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

/* Where connections come from, and where they are counted. */
struct metrics_kind {
	const char *label;
	unsigned index;
};

static std::vector<struct metrics_kind> metrics_list_kinds(const struct server *s)
{
	std::vector<struct metrics_kind> kinds;

	for (const auto &l : s->listens)
		kinds.push_back({l->transport.label.c_str(), l->transport.index});
	kinds.push_back({transport_adopted_label, transport_adopted});
	return kinds;
}

static uint64_t metrics_sum_traffic(const struct server *s, const struct metrics_kind &kind,
                                    std::atomic<uint64_t> transport_counters::*member)
{
	uint64_t sum = 0;

	for (const auto &worker : s->shared.workers)
		sum += (worker->conns->traffic[kind.index].*member).load(std::memory_order_relaxed);
	return sum;
}

static void metrics_add_traffic(std::string *text, const struct server *s, const char *name, const char *help,
                                std::atomic<uint64_t> transport_counters::*member)
{
	metric_add_head(text, name, "counter", help);
	for (const struct metrics_kind &kind : metrics_list_kinds(s))
		metric_add_value(text, name, {{"transport", kind.label}}, metrics_sum_traffic(s, kind, member));
}

/* A connection may be accepted and end between two reads: what has ended is read first. */
static void metrics_add_open(std::string *text, const struct server *s)
{
	static const char name[] = "chatserverd_connections";

	metric_add_head(text, name, "gauge", "Connections that are open.");
	for (const struct metrics_kind &kind : metrics_list_kinds(s)) {
		const uint64_t ended = metrics_sum_traffic(s, kind, &transport_counters::ended);

		metric_add_value(text, name, {{"transport", kind.label}},
		                 metrics_sum_traffic(s, kind, &transport_counters::accepted) - ended);
	}
	metric_add_gauge(text, "chatserverd_connections_limit", "Most connections at a time: core.max_connections.",
	                 static_cast<uint64_t>(server_core_conf(s->conf.get())->max_connections));
}

static void metrics_add_turned_away(std::string *text, const struct server *s)
{
	static const char name[] = "chatserverd_connections_closed_total";

	metric_add_head(text, name, "counter", "Connections that a deadline or a limit closed.");
	for (const struct metrics_kind &kind : metrics_list_kinds(s)) {
		for (size_t i = 0; i < CONN_TURN_COUNT; i++) {
			uint64_t sum = 0;

			for (const auto &worker : s->shared.workers)
				sum += worker->conns->turned_away[kind.index][i].load(std::memory_order_relaxed);
			metric_add_value(text, name, {{"transport", kind.label}, {"reason", conn_turn_names[i]}}, sum);
		}
	}
}

void metrics_add_connections(std::string *text, const struct server *s)
{
	metrics_add_open(text, s);
	metrics_add_traffic(text, s, "chatserverd_connections_total", "Connections that were accepted.",
	                    &transport_counters::accepted);
	metrics_add_traffic(text, s, "chatserverd_handshakes_failed_total",
	                    "Connections that ended inside a TLS handshake.", &transport_counters::failed);
	metrics_add_traffic(text, s, "chatserverd_received_bytes_total",
	                    "Bytes of clients, without those of TLS itself.", &transport_counters::received);
	metrics_add_traffic(text, s, "chatserverd_sent_bytes_total", "Bytes to clients, without those of TLS itself.",
	                    &transport_counters::sent);
	metric_add_gauge(text, "chatserverd_connections_without_login",
	                 "Connections without a login, nor with one under way.",
	                 static_cast<uint64_t>(s->shared.guests.load(std::memory_order_relaxed)));
	metric_add_gauge(text, "chatserverd_connections_without_login_bytes",
	                 "Bytes that connections without a login hold.",
	                 static_cast<uint64_t>(s->shared.guest_bytes.load(std::memory_order_relaxed)));
	metrics_add_turned_away(text, s);
	metric_add_gauge(text, "chatserverd_sessions", "Accounts that are logged in.",
	                 session_count(s->shared.sessions));
}
