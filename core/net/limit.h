/* SPDX-License-Identifier: MIT
 * Owns the token bucket. It must not know what is charged. */
#ifndef CORE_LIMIT_H
#define CORE_LIMIT_H

#include <cstdint>

struct limit_bucket {
	int64_t tokens = 0; /* in thousandths */
	int64_t refilled = 0; /* ms, monotonic */
};

/* Fills the bucket. */
void limit_init(struct limit_bucket *b, int64_t burst, int64_t now_ms);
/* Charges cost, even below zero, and returns for how many ms nothing more should be taken; 0: go on. rate is
 * per second; 0: no limit. */
int64_t limit_charge(struct limit_bucket *b, int64_t rate, int64_t burst, int64_t cost, int64_t now_ms);

#endif
