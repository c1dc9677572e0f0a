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

/* Whose trouble a failure is. */
enum backoff_blame {
	BACKOFF_RECEIVER, /* the receiver's: enough of these, and it is given up */
	BACKOFF_UNKNOWN, /* nobody knows yet: it is not given up for this one */
	BACKOFF_NODE /* perhaps the node's: its failures begin anew */
};

/* Of a receiver that did not answer. answered: when another one did so by 2xx; 0: none did. started: when the node
 * began to ask receivers. give_up: for how long a receiver may fail. All in ms, monotonic. The receiver is to blame
 * while others answer: one within a day, and within half of give_up, so that nobody is given up for an outage of the
 * node. */
[[nodiscard]] backoff_blame backoff_blame_for_silence(int64_t answered, int64_t started, int64_t give_up, int64_t now);

#endif
