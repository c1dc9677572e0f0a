/* SPDX-License-Identifier: MIT
 * Checks UTF-8 that comes in pieces, byte by byte where it is not ASCII. */
#include "utf8.h"

#include <cstring>

/* What may come next. The first three say how many bytes of 80 to BF must come. Behind some first bytes the range of
 * the second is smaller: so there are no overlong forms, no surrogates, and nothing above U+10FFFF. */
enum utf8_state : uint8_t {
	UTF8_WHOLE = utf8_whole,
	UTF8_ONE,
	UTF8_TWO,
	UTF8_THREE,
	UTF8_AFTER_E0,
	UTF8_AFTER_ED,
	UTF8_AFTER_F0,
	UTF8_AFTER_F4,
	UTF8_WRONG
};

static utf8_state utf8_first(uint8_t byte)
{
	if (byte < 0x80)
		return UTF8_WHOLE;
	if (byte < 0xc2 || byte > 0xf4)
		return UTF8_WRONG;
	if (byte < 0xe0)
		return UTF8_ONE;
	if (byte == 0xe0)
		return UTF8_AFTER_E0;
	if (byte == 0xed)
		return UTF8_AFTER_ED;
	if (byte < 0xf0)
		return UTF8_TWO;
	if (byte == 0xf0)
		return UTF8_AFTER_F0;
	return byte == 0xf4 ? UTF8_AFTER_F4 : UTF8_THREE;
}

static utf8_state utf8_next(uint8_t state, uint8_t byte)
{
	uint8_t low = 0x80, high = 0xbf;

	switch (state) {
	case UTF8_WHOLE: return utf8_first(byte);
	case UTF8_AFTER_E0: low = 0xa0; break;
	case UTF8_AFTER_ED: high = 0x9f; break;
	case UTF8_AFTER_F0: low = 0x90; break;
	case UTF8_AFTER_F4: high = 0x8f; break;
	default: break;
	}
	if (byte < low || byte > high)
		return UTF8_WRONG;
	switch (state) {
	case UTF8_ONE: return UTF8_WHOLE;
	case UTF8_THREE:
	case UTF8_AFTER_F0:
	case UTF8_AFTER_F4: return UTF8_TWO;
	default: return UTF8_ONE;
	}
}

/* How many bytes of ASCII the piece begins with, in steps of eight. */
static size_t utf8_ascii(const char *bytes, size_t size)
{
	size_t n = 0;

	for (uint64_t eight; size - n >= sizeof(eight); n += sizeof(eight)) {
		memcpy(&eight, bytes + n, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	return n;
}

size_t utf8_check(uint8_t *state, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size;) {
		if (*state == UTF8_WHOLE && static_cast<uint8_t>(bytes[i]) < 0x80) {
			const size_t n = utf8_ascii(bytes + i, size - i);

			i += n ? n : 1;
			continue;
		}
		const utf8_state next = utf8_next(*state, static_cast<uint8_t>(bytes[i]));

		if (next == UTF8_WRONG)
			return i;
		*state = next;
		i++;
	}
	return size;
}
