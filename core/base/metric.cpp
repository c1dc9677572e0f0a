/* SPDX-License-Identifier: MIT
 * Labels and heads of metrics, in the text format 0.0.4 of Prometheus. */
#include "core/base/metric.h"

static void metric_add_escaped(std::string *text, std::string_view value, bool escapes_quotes)
{
	for (const char c : value) {
		if (c == '\n')
			text->append("\\n");
		else if (c == '\\' || (c == '"' && escapes_quotes))
			text->append(1, '\\').append(1, c);
		else
			text->append(1, c);
	}
}

void metric_add_label(std::string *text, std::string_view key, std::string_view value)
{
	text->append(key).append("=\"");
	metric_add_escaped(text, value, true);
	text->append("\"");
}

void metric_add_head(std::string *text, std::string_view name, std::string_view type, std::string_view help)
{
	text->append("# HELP ").append(name).append(" ");
	metric_add_escaped(text, help, false);
	text->append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}
