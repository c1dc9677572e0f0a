/* SPDX-License-Identifier: MIT
 * Spreads of times, and counts over time.
 *
 * A histogram has 128 classes for each power of two, so a quantile is exact to 0.4 percent, whatever its size. */
#ifndef CHATBENCH_HISTOGRAM_H
#define CHATBENCH_HISTOGRAM_H

#include <cstdint>
#include <vector>

struct histogram {
	std::vector<uint64_t> classes; /* empty until the first time is added */
	uint64_t count = 0;
	int64_t most = 0; /* ns; the longest time, exact */
};

/* Adds a time in nanoseconds. Below 0 counts as 0, above an hour as an hour. */
void histogram_add(histogram *h, int64_t time);
/* The time in nanoseconds that this part (0 to 1) of all times does not exceed. 1 is the longest, exact. 0 if there are
 * none. */
[[nodiscard]] int64_t histogram_quantile(const histogram *h, double part);

/* What was counted in each tenth of a second. */
struct pace {
	int64_t began = 0; /* clock, ns */
	std::vector<uint64_t> counts;
};

static constexpr int64_t pace_step = 100000000; /* ns */

/* Counts one at this time of the clock. A time before began counts as began. */
void pace_add(pace *p, int64_t now);

#endif
