/* SPDX-License-Identifier: MIT
 * Spreads of times, and counts over time. */
#include "histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

static constexpr int histogram_bits = 7; /* 2^bits classes for a power of two */
static constexpr int64_t histogram_limit = INT64_C(3600) * 1000000000; /* ns */

/* Below 2^(bits+1) each number is a class of its own. Above, the leading bits+1 bits of a number choose its class. */
static int histogram_shift(uint64_t value)
{
	return std::max(static_cast<int>(std::bit_width(value)) - histogram_bits - 1, 0);
}

static size_t histogram_class(uint64_t value)
{
	const int shift = histogram_shift(value);

	return (static_cast<size_t>(shift) << histogram_bits) + (value >> shift);
}

/* The middle of a class. */
static int64_t histogram_middle(size_t number)
{
	const int shift = std::max(static_cast<int>(number >> histogram_bits) - 1, 0);
	const int64_t least = static_cast<int64_t>(number - (static_cast<size_t>(shift) << histogram_bits)) << shift;

	return least + ((INT64_C(1) << shift) - 1) / 2;
}

void histogram_add(histogram *h, int64_t time)
{
	const int64_t value = std::clamp<int64_t>(time, 0, histogram_limit);

	if (h->classes.empty())
		h->classes.resize(histogram_class(static_cast<uint64_t>(histogram_limit)) + 1);
	h->classes[histogram_class(static_cast<uint64_t>(value))]++;
	h->count++;
	h->most = std::max(h->most, value);
}

int64_t histogram_quantile(const histogram *h, double part)
{
	const double wanted = std::ceil(part * static_cast<double>(h->count));
	uint64_t seen = 0;

	for (size_t i = 0; i < h->classes.size() && part < 1; i++) {
		seen += h->classes[i];
		if (seen > 0 && static_cast<double>(seen) >= wanted)
			return std::min(histogram_middle(i), h->most);
	}
	return h->most;
}

void pace_add(pace *p, int64_t now)
{
	const size_t place = static_cast<size_t>(std::max<int64_t>(now - p->began, 0) / pace_step);

	if (place >= p->counts.size())
		p->counts.resize(place + 1);
	p->counts[place]++;
}
