/* SPDX-License-Identifier: MIT
 * Figures of the bus between the nodes. */
#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

static void metrics_add_echo(std::string *text, const struct bus_counters *f)
{
	static const char echo[] = "chatserverd_bus_echo_seconds", silence[] = "chatserverd_bus_silent_seconds";

	metric_add_head(text, echo, "gauge", "How long the last sign of life took through the bus and back.");
	metric_add_fraction(text, echo, {}, static_cast<double>(f->echo_ms) / 1e3);
	metric_add_head(text, silence, "gauge",
	                "Since when no sign of life has come back over the bus; 0 while the bus is away.");
	metric_add_fraction(text, silence, {}, static_cast<double>(f->silent_ms) / 1e3);
}

void metrics_add_bus(std::string *text, const struct server *s)
{
	if (!s->bus)
		return;
	const struct bus_counters f = bus_count(s->bus.get());

	metric_add_gauge(text, "chatserverd_bus_away", "1 while the other nodes cannot be reached.", f.away);
	metrics_add_echo(text, &f);
	metric_add_gauge(text, "chatserverd_bus_unfinished", "Calls to the bus that are under way.",
	                 bus_unfinished(s->bus.get()));
	metric_add_counter(text, "chatserverd_bus_epochs_total", "Times that the bus was reached anew.", f.epochs);
	metric_add_counter(text, "chatserverd_bus_sent_total", "Messages to other nodes.", f.sent);
	metric_add_counter(text, "chatserverd_bus_received_total", "Messages of other nodes.", f.received);
	metric_add_counter(text, "chatserverd_bus_dropped_total", "Messages from or to other nodes that were dropped.",
	                   f.dropped);
	metric_add_counter(text, "chatserverd_bus_refused_total",
	                   "Messages and questions to other nodes that were refused: too much waited.", f.refused);
}
