/* SPDX-License-Identifier: MIT
 * The figures of a run, as lines or as JSON. */
#ifndef CHATBENCH_REPORT_H
#define CHATBENCH_REPORT_H

#include <string>
#include <vector>

#include "histogram.h"

struct figure {
	std::string name; /* letters, digits and _ */
	double value;
	int digits; /* behind the point */
};

struct report {
	std::vector<figure> figures;
};

void report_add(report *r, const std::string &name, double value, int digits = 0);
/* Adds count as name and as name_per_second. */
void report_add_rate(report *r, const std::string &name, uint64_t count, double seconds);
/* Adds name_p50_ms, p90, p99, p999 and max. */
void report_add_times(report *r, const std::string &name, const histogram *times);
/* Prints on standard output one figure per line, name and number; or all as one JSON object. */
void report_print(const report *r, bool json);

#endif
