/* SPDX-License-Identifier: MIT
 * Histograms for /metrics: how often a value was in which range. */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

/* A histogram has at most so many bounds. */
inline constexpr size_t histogram_most_bounds = 17;

/* The bounds of a kind of values; a value that is equal to a bound is counted below it. A value above the last bound is
 * counted, too. */
struct histogram_scale {
	size_t count; /* of bounds */
	std::array<uint64_t, histogram_most_bounds> bounds;
	uint64_t unit; /* so many make 1 of what /metrics shows */
};

/* From 100 microseconds to 30 seconds; values are microseconds, /metrics shows seconds. */
inline constexpr struct histogram_scale histogram_times = {17,
                                                           {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000,
                                                            100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
                                                            30000000},
                                                           1000000};
/* From 1 to 256 pieces. */
inline constexpr struct histogram_scale histogram_pieces = {9, {1, 2, 4, 8, 16, 32, 64, 128, 256}, 1};

/* Only one thread adds; every thread may read. */
struct histogram {
	std::array<std::atomic<uint64_t>, histogram_most_bounds + 1> counts = {}; /* the last: above all bounds */
	std::atomic<uint64_t> sum = 0;
};

/* The sum of several histograms of one scale. */
struct histogram_total {
	std::array<uint64_t, histogram_most_bounds + 1> counts = {};
	uint64_t sum = 0;
};

/* Counts a value: as many comparisons as there are bounds up to it, then two additions without a locked instruction.
 * The thread of the histogram. */
void histogram_count(struct histogram *h, const struct histogram_scale *scale, uint64_t value);
/* Adds what was counted so far to the total. Any thread. */
void histogram_read(const struct histogram *h, struct histogram_total *total);

#endif
