/* SPDX-License-Identifier: MIT
 * The figures that plugins set for /metrics: kept by name, printed for Prometheus. */
#include "core/base/gauge.h"

#include <algorithm>

#include "core/base/log.h"
#include "core/base/metric.h"

static bool gauge_is_name(std::string_view name)
{
	const auto is_fine = [](char c) {
		return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
	};

	return !name.empty() && std::all_of(name.begin(), name.end(), is_fine);
}

const char *gauge_find_fault(const char *name, const char *help)
{
	if (!name || !gauge_is_name(name))
		return "a name has only a-z, 0-9 and _";
	if (!help)
		return "it has no help";
	return nullptr;
}

const char *gauge_set(struct gauge_table *table, std::string_view plugin, const char *name, const char *help,
                      int64_t value)
{
	if (const char *fault = gauge_find_fault(name, help))
		return fault;
	const std::scoped_lock lock(table->mutex);
	struct gauge *g = &table->gauges["chatserverd_" + std::string(plugin) + "_" + name];

	if (!g->plugin.empty() && g->plugin != plugin)
		return "another plugin has a figure of that name";
	*g = {std::string(plugin), help, value};
	return nullptr;
}

bool gauge_may_tell(struct gauge_table *table, std::string_view plugin)
{
	const std::scoped_lock lock(table->mutex);

	return table->told.emplace(plugin).second;
}

void gauge_print(struct gauge_table *table, std::string *text)
{
	const std::scoped_lock lock(table->mutex);

	for (const auto &[name, gauge] : table->gauges) {
		if (text->find("\n# TYPE " + name + " ") != text->npos) {
			if (table->told.insert(gauge.plugin).second)
				log_error(
					"a figure is left out of /metrics plugin=%s name=%s why=\"the server has one of "
					"that name\"",
					gauge.plugin.c_str(), name.c_str());
			continue;
		}
		metric_add_head(text, name, name.ends_with("_total") ? "counter" : "gauge", gauge.help);
		*text += name + " " + std::to_string(gauge.value) + "\n";
	}
}
