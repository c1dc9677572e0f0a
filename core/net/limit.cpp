/* SPDX-License-Identifier: MIT
 * The arithmetic of the token bucket. */
#include "core/net/limit.h"

#include <algorithm>

void limit_init(struct limit_bucket *b, int64_t burst, int64_t now_ms)
{
	b->tokens = burst * 1000;
	b->refilled = now_ms;
}

/* A rate of r per second equals r thousandths per millisecond. */
static void limit_refill(struct limit_bucket *b, int64_t rate, int64_t burst, int64_t now_ms)
{
	const int64_t full = burst * 1000;
	const int64_t missing = full - b->tokens;
	const int64_t elapsed = std::max<int64_t>(now_ms - b->refilled, 0);

	/* Threads that share a bucket may have read the clock in another order. */
	b->refilled = std::max(b->refilled, now_ms);
	if (missing <= 0)
		b->tokens = full; /* the bucket is full; or a reload has lowered the burst */
	else if (elapsed > missing / rate)
		b->tokens = full;
	else
		b->tokens += elapsed * rate;
}

int64_t limit_charge(struct limit_bucket *b, int64_t rate, int64_t burst, int64_t cost, int64_t now_ms)
{
	if (rate <= 0)
		return 0;
	limit_refill(b, rate, burst, now_ms);
	b->tokens -= cost * 1000;
	return b->tokens >= 0 ? 0 : (-b->tokens + rate - 1) / rate;
}

bool limit_is_full(struct limit_bucket *b, int64_t rate, int64_t burst, int64_t now_ms)
{
	return rate <= 0 || (limit_charge(b, rate, burst, 0, now_ms) == 0 && b->tokens == burst * 1000);
}
