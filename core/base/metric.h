/* SPDX-License-Identifier: MIT
 * The text format 0.0.4 of Prometheus, in which /metrics is written. */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/base/histogram.h"

struct metric_label {
	std::string_view key, value;
};
using metric_labels = std::initializer_list<struct metric_label>;

/* Appends key="value", with the value escaped. */
void metric_add_label(std::string *text, std::string_view key, std::string_view value);
/* Appends the lines that come before the values of a metric. The help is escaped. */
void metric_add_head(std::string *text, std::string_view name, std::string_view type, std::string_view help);
/* Appends a value of a metric; labels may be empty. */
void metric_add_value(std::string *text, std::string_view name, metric_labels labels, uint64_t value);
/* The same for a value with a fraction, of which 6 digits are shown. */
void metric_add_fraction(std::string *text, std::string_view name, metric_labels labels, double value);
/* Appends the values of a histogram. */
void metric_add_histogram(std::string *text, std::string_view name, metric_labels labels,
                          const struct histogram_scale *scale, const struct histogram_total *total);
/* Appends the head and the value of a metric that has one value and no label. */
void metric_add_gauge(std::string *text, std::string_view name, std::string_view help, uint64_t value);
void metric_add_counter(std::string *text, std::string_view name, std::string_view help, uint64_t value);

#endif
