/* SPDX-License-Identifier: MIT
 * Mixes the bits of a number, for tables whose slots nobody shall choose. */
#ifndef CORE_MIX_H
#define CORE_MIX_H

#include <cstdint>

/* Each bit counts, and two numbers never become the same one. Both factors are those of MurmurHash3. */
static inline uint64_t mix_bits(uint64_t number)
{
	number = (number ^ number >> 33) * 0xff51afd7ed558ccdu;
	number = (number ^ number >> 33) * 0xc4ceb9fe1a85ec53u;
	return number ^ number >> 33;
}

#endif
