/* SPDX-License-Identifier: MIT
 * The figures that plugins set for /metrics. */
#ifndef CORE_GAUGE_H
#define CORE_GAUGE_H

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

/* A value, what it counts, and whose it is. */
struct gauge {
	std::string plugin, help;
	int64_t value = 0;
};

struct gauge_table {
	std::mutex mutex; /* guards the members below */
	std::map<std::string, struct gauge> gauges; /* by full name */
	std::set<std::string, std::less<>> told; /* plugins of which a refused figure was logged */
};

/* Why a plugin may not set a figure with that name and help; nullptr: it may. */
[[nodiscard]] const char *gauge_find_fault(const char *name, const char *help);
/* Sets chatserverd_PLUGIN_NAME, and returns nullptr; or returns why that figure is left out: a fault, or another
 * plugin has a figure of the same whole name. Any thread. */
[[nodiscard]] const char *gauge_set(struct gauge_table *table, std::string_view plugin, const char *name,
                                    const char *help, int64_t value);
/* Whether to log that a figure of the plugin is left out: true at the first call. Any thread. */
bool gauge_may_tell(struct gauge_table *table, std::string_view plugin);
/* Appends all figures in the form of /metrics. One whose whole name is there already is left out, and an error is
 * logged, once for each plugin. Any thread. */
void gauge_print(struct gauge_table *table, std::string *text);

#endif
