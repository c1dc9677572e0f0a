/* SPDX-License-Identifier: MIT
 * Figures of the limits of connections and addresses. */
#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

static void metrics_add_pauses(std::string *text, const struct server *s)
{
	static const char name[] = "chatserverd_pauses_total";

	metric_add_head(text, name, "counter", "Times that a connection was not read for a while, by limit.");
	for (size_t i = 0; i < CONN_PAUSE_COUNT; i++) {
		uint64_t sum = 0;

		for (const auto &worker : s->shared.workers)
			sum += worker->conns->pauses[i].load(std::memory_order_relaxed);
		metric_add_value(text, name, {{"limit", conn_pause_names[i]}}, sum);
	}
}

void metrics_add_limits(std::string *text, const struct server *s)
{
	metrics_add_pauses(text, s);
	metric_add_gauge(text, "chatserverd_addresses", "Addresses that are counted, with those that left lately.",
	                 static_cast<uint64_t>(s->addresses.count.load(std::memory_order_relaxed)));
	metric_add_gauge(text, "chatserverd_bans", "Networks whose connections are refused.",
	                 s->bans.count.load(std::memory_order_relaxed));
	metric_add_gauge(text, "chatserverd_unsent_bytes", "Output that clients have not taken yet.",
	                 static_cast<uint64_t>(s->shared.unsent.load(std::memory_order_relaxed)));
	metric_add_counter(text, "chatserverd_logins_refused_total",
	                   "Logins that were refused because too much output was unsent.",
	                   s->shared.logins_refused.load(std::memory_order_relaxed));
}
