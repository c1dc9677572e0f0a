/* SPDX-License-Identifier: MIT
 * Heads, labels and values of metrics, in the text format 0.0.4 of Prometheus. */
#include "core/base/metric.h"

#include <cstdio>

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

/* The name with its labels: name{a="b",c="d"} and a blank. */
static void metric_add_series(std::string *text, std::string_view name, metric_labels labels)
{
	char before = '{';

	text->append(name);
	for (const struct metric_label &label : labels) {
		text->append(1, before);
		metric_add_label(text, label.key, label.value);
		before = ',';
	}
	text->append(labels.size() == 0 ? " " : "} ");
}

void metric_add_value(std::string *text, std::string_view name, metric_labels labels, uint64_t value)
{
	metric_add_series(text, name, labels);
	text->append(std::to_string(value)).append("\n");
}

static std::string metric_print_fraction(double value)
{
	char digits[64];

	(void)snprintf(digits, sizeof digits, "%.6f", value);
	return digits;
}

void metric_add_fraction(std::string *text, std::string_view name, metric_labels labels, double value)
{
	metric_add_series(text, name, labels);
	text->append(metric_print_fraction(value)).append("\n");
}

/* Without zeros at the end: 0.0001, 2.5, 10. */
static std::string metric_print_bound(const struct histogram_scale *scale, uint64_t bound)
{
	std::string text = metric_print_fraction(static_cast<double>(bound) / static_cast<double>(scale->unit));

	text.erase(text.find_last_not_of('0') + 1);
	if (text.back() == '.')
		text.pop_back();
	return text;
}

static void metric_add_bucket(std::string *text, std::string_view name, metric_labels labels, const std::string &bound,
                              uint64_t value)
{
	text->append(name).append("_bucket{");
	for (const struct metric_label &label : labels) {
		metric_add_label(text, label.key, label.value);
		text->append(",");
	}
	metric_add_label(text, "le", bound);
	text->append("} ").append(std::to_string(value)).append("\n");
}

/* A bucket of Prometheus holds what is in those before it, too. */
void metric_add_histogram(std::string *text, std::string_view name, metric_labels labels,
                          const struct histogram_scale *scale, const struct histogram_total *total)
{
	const std::string of = std::string(name);
	uint64_t count = 0;

	for (size_t i = 0; i < scale->count; i++) {
		count += total->counts[i];
		metric_add_bucket(text, name, labels, metric_print_bound(scale, scale->bounds[i]), count);
	}
	count += total->counts[histogram_most_bounds];
	metric_add_bucket(text, name, labels, "+Inf", count);
	if (scale->unit == 1)
		metric_add_value(text, of + "_sum", labels, total->sum);
	else
		metric_add_fraction(text, of + "_sum", labels,
		                    static_cast<double>(total->sum) / static_cast<double>(scale->unit));
	metric_add_value(text, of + "_count", labels, count);
}

void metric_add_gauge(std::string *text, std::string_view name, std::string_view help, uint64_t value)
{
	metric_add_head(text, name, "gauge", help);
	metric_add_value(text, name, {}, value);
}

void metric_add_counter(std::string *text, std::string_view name, std::string_view help, uint64_t value)
{
	metric_add_head(text, name, "counter", help);
	metric_add_value(text, name, {}, value);
}
