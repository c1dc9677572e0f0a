/* SPDX-License-Identifier: MIT
 * Counts values by range. */
#include "core/base/histogram.h"

static void histogram_increase(std::atomic<uint64_t> *number, uint64_t by)
{
	number->store(number->load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

void histogram_count(struct histogram *h, const struct histogram_scale *scale, uint64_t value)
{
	size_t i = 0;

	while (i < scale->count && value > scale->bounds[i])
		i++;
	histogram_increase(&h->counts[i < scale->count ? i : histogram_most_bounds], 1);
	histogram_increase(&h->sum, value);
}

void histogram_read(const struct histogram *h, struct histogram_total *total)
{
	for (size_t i = 0; i < total->counts.size(); i++)
		total->counts[i] += h->counts[i].load(std::memory_order_relaxed);
	total->sum += h->sum.load(std::memory_order_relaxed);
}
