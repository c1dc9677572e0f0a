/* SPDX-License-Identifier: MIT
 * How long to wait before a receiver that failed is asked again, and for how long it has failed. Pure. */
#ifndef PUSH_BACKOFF_H
#define PUSH_BACKOFF_H

#include <cstdint>

/* Bounds in ms, least <= most. */
struct backoff_bounds {
	int64_t least = 1000;
	int64_t most = 600000;
};

/* The wait in ms after so many failures in a row (1 and up): it doubles from the least to the most, and up to a quarter
 * is added or taken away, as random says (any number). retry_after: ms that the receiver asked for, -1 if it did not;
 * it is obeyed as far as the bounds go. */
[[nodiscard]] int64_t backoff_wait(const backoff_bounds &bounds, unsigned failures, int64_t retry_after,
                                   uint32_t random);

/* Since when a receiver that fails now has been failing without a break. first, last: when it failed before; 0: it did
 * not. All in ms. When nothing was tried for more than a day, and more than twice the longest wait, nobody knows
 * whether it was there, and the failures begin now. */
[[nodiscard]] int64_t backoff_failing_since(const backoff_bounds &bounds, int64_t first, int64_t last, int64_t now);

#endif
