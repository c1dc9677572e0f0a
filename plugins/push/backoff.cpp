/* SPDX-License-Identifier: MIT
 * How long to wait before a receiver that failed is asked again, and for how long it has failed. */
#include "backoff.h"

#include <algorithm>

/* More doublings than any bounds hold. */
static constexpr unsigned backoff_doublings_most = 40;
static constexpr int64_t backoff_day_ms = INT64_C(24) * 3600 * 1000;

int64_t backoff_wait(const backoff_bounds &bounds, unsigned failures, int64_t retry_after, uint32_t random)
{
	if (retry_after >= 0)
		return std::clamp(retry_after, bounds.least, bounds.most);
	int64_t wait = bounds.least;

	for (unsigned i = 1; i < std::min(failures, backoff_doublings_most) && wait < bounds.most; i++)
		wait *= 2;
	wait = std::min(wait, bounds.most);
	wait += wait / 2 * static_cast<int64_t>(random % 1024) / 1024 - wait / 4;
	return std::clamp(wait, bounds.least, bounds.most);
}

int64_t backoff_failing_since(const backoff_bounds &bounds, int64_t first, int64_t last, int64_t now)
{
	const int64_t pause = std::max(backoff_day_ms, 2 * bounds.most);

	return first && now - last <= pause ? std::min(first, now) : now;
}

backoff_blame backoff_blame_for_silence(int64_t answered, int64_t started, int64_t give_up, int64_t now)
{
	const int64_t lately = std::min(backoff_day_ms, give_up / 2);

	if (answered && now - answered <= lately)
		return BACKOFF_RECEIVER;
	return now - started <= lately ? BACKOFF_UNKNOWN : BACKOFF_NODE;
}
