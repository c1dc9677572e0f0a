/* SPDX-License-Identifier: MIT
 * The figures of a run, as lines or as JSON. */
#include "report.h"

#include <cstdio>

void report_add(report *r, const std::string &name, double value, int digits)
{
	r->figures.push_back({name, value, digits});
}

void report_add_rate(report *r, const std::string &name, uint64_t count, double seconds)
{
	report_add(r, name, static_cast<double>(count));
	report_add(r, name + "_per_second", seconds > 0 ? static_cast<double>(count) / seconds : 0);
}

void report_add_times(report *r, const std::string &name, const histogram *times)
{
	static const struct {
		const char *name;
		double part;
	} parts[] = {{"_p50_ms", 0.5}, {"_p90_ms", 0.9}, {"_p99_ms", 0.99}, {"_p999_ms", 0.999}, {"_max_ms", 1}};

	for (const auto &row : parts)
		report_add(r, name + row.name, static_cast<double>(histogram_quantile(times, row.part)) / 1e6, 3);
}

void report_print(const report *r, bool json)
{
	const char *before = json ? "\n  \"" : "";

	if (json)
		(void)printf("{");
	for (const figure &f : r->figures) {
		(void)printf("%s%s%s%.*f%s", before, f.name.c_str(), json ? "\": " : " ", f.digits, f.value,
		             json ? "" : "\n");
		before = json ? ",\n  \"" : "";
	}
	if (json)
		(void)printf("\n}\n");
}
