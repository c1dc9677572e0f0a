/* SPDX-License-Identifier: MIT
 * Random names for messages, and random pauses. */
#ifndef CHATCLIENT_RANDOM_H
#define CHATCLIENT_RANDOM_H

#include <cstdint>
#include <string>

/* 128 random bits as 32 hexadecimal digits. */
[[nodiscard]] std::string random_name(void);
/* A pause in ms: first * 2^times, at most limit; of that, a random part between half and all. So clients that lost the
 * server together do not come back together. */
[[nodiscard]] int64_t random_pause(int64_t first, unsigned times, int64_t limit);

#endif
