/* SPDX-License-Identifier: MIT
 * The page of /metrics: what this node is, then the figures by subject, then those of plugins. */
#include "core/metrics.h"

#include <event2/event.h>

#include "core/base/log.h"
#include "core/base/metric.h"
#include "core/server.h"

#ifdef __clang__
static const char metrics_compiler[] = __VERSION__;
#else
static const char metrics_compiler[] = "gcc " __VERSION__;
#endif

#if defined(__SANITIZE_ADDRESS__)
static const char metrics_sanitizer[] = "address";
#elif defined(__SANITIZE_THREAD__)
static const char metrics_sanitizer[] = "thread";
#else
static const char metrics_sanitizer[] = "none";
#endif

/* Figures that are always 1: their labels can be joined to other figures. */
static void metrics_add_identity(std::string *text, const struct server *s)
{
	metric_add_head(text, "chatserverd_node_info", "gauge", "Name of this node and version of the program.");
	metric_add_value(text, "chatserverd_node_info", {{"node", server_node_name(s)}, {"version", CS_VERSION}}, 1);
	metric_add_head(text, "chatserverd_build_info", "gauge", "How the program was built.");
	metric_add_value(text, "chatserverd_build_info",
	                 {{"version", CS_VERSION},
	                  {"compiler", metrics_compiler},
	                  {"sanitizer", metrics_sanitizer},
	                  {"libevent", event_get_version()}},
	                 1);
	metric_add_head(text, "chatserverd_plugin_info", "gauge", "A plugin that runs, and its version.");
	for (const auto &p : s->plugins.plugins)
		metric_add_value(text, "chatserverd_plugin_info",
		                 {{"plugin", p->name}, {"version", p->declared.version ? p->declared.version : ""}}, 1);
}

std::string metrics_text(struct server *s)
{
	std::string text;

	metrics_add_identity(&text, s);
	metric_add_gauge(&text, "chatserverd_uptime_seconds", "Seconds since the start.",
	                 static_cast<uint64_t>(worker_monotonic_ms() - s->started_ms) / 1000);
	metric_add_gauge(&text, "chatserverd_plugins_leaving", "Plugins that were replaced and have not finished.",
	                 s->plugins.leaving.size());
	metric_add_gauge(&text, "chatserverd_draining", "1 while this node drains.", s->drain.begun);
	metric_add_counter(&text, "chatserverd_log_lines_dropped_total", "Lines of the log that could not be written.",
	                   log_dropped(LOG_LINES));
	metric_add_counter(&text, "chatserverd_audit_lines_dropped_total",
	                   "Lines of the audit log that could not be written.", log_dropped(LOG_AUDIT));
	metrics_add_connections(&text, s);
	metrics_add_limits(&text, s);
	metrics_add_requests(&text, s);
	metrics_add_workers(&text, s);
	metrics_add_store(&text, s);
	metrics_add_bus(&text, s);
	metrics_add_memory(&text, s);
	metrics_add_process(&text, s);
	gauge_print(&s->gauges, &text);
	return text;
}
