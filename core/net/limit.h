/* SPDX-License-Identifier: MIT
 * The token bucket, which limits how much is taken per second. */
#ifndef CORE_LIMIT_H
#define CORE_LIMIT_H

#include <cstdint>

struct limit_bucket {
	int64_t tokens = 0; /* in thousandths of a token */
	int64_t refilled = 0; /* ms, monotonic */
};

/* Fills the bucket. */
void limit_init(struct limit_bucket *b, int64_t burst, int64_t now_ms);
/* Charges cost; the bucket may go below zero. Returns for how many ms nothing more should be taken; 0: go on. rate is
 * per second; 0: no limit. */
int64_t limit_charge(struct limit_bucket *b, int64_t rate, int64_t burst, int64_t cost, int64_t now_ms);
/* Whether nothing is missing in the bucket, so that it is as a new one. */
bool limit_is_full(struct limit_bucket *b, int64_t rate, int64_t burst, int64_t now_ms);

#endif
