/* SPDX-License-Identifier: MIT
 * Owns the client's randomness: names for messages, and jitter for pauses. It must not know their use. */
#ifndef CHATCLIENT_RANDOM_H
#define CHATCLIENT_RANDOM_H

#include <cstdint>
#include <string>

/* 128 random bits as 32 hexadecimal digits. */
[[nodiscard]] std::string random_name(void);
/* A pause in ms: first * 2^times, at most limit, then somewhere between half and all of that, so that
 * clients that were cut off together do not come back together. */
[[nodiscard]] int64_t random_pause(int64_t first, unsigned times, int64_t limit);

#endif
