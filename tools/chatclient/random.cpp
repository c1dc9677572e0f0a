/* SPDX-License-Identifier: MIT
 * Random names for messages, and random pauses. */
#include "random.h"

#include <algorithm>

#include <event2/util.h>

std::string random_name(void)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[16];
	std::string name;

	evutil_secure_rng_get_bytes(bytes, sizeof bytes);
	for (const unsigned char byte : bytes) {
		name += digits[byte >> 4];
		name += digits[byte & 15];
	}
	return name;
}

int64_t random_pause(int64_t first, unsigned times, int64_t limit)
{
	const int64_t whole = std::min(limit, first << std::min(times, 20u));
	uint32_t number = 0;

	evutil_secure_rng_get_bytes(&number, sizeof number);
	return whole / 2 + static_cast<int64_t>(number) % (whole / 2 + 1);
}
