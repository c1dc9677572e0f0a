/* SPDX-License-Identifier: MIT
 * The text format 0.0.4 of Prometheus, in which /metrics is written. */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include <string>
#include <string_view>

/* Appends key="value", with the value escaped. */
void metric_add_label(std::string *text, std::string_view key, std::string_view value);
/* Appends the lines that come before the values of a metric. The help is escaped. */
void metric_add_head(std::string *text, std::string_view name, std::string_view type, std::string_view help);

#endif
