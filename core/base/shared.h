/* SPDX-License-Identifier: MIT
 * Bytes with a count of their keepers. Any thread. */
#ifndef CORE_SHARED_H
#define CORE_SHARED_H

#include <chatserverd/plugin.h>

/* Contracts in plugin.h (share, unshare). */
struct cs_shared *shared_make(const void *bytes, size_t size);
void shared_drop(struct cs_shared *shared);
/* One keeper more. null: nothing. */
void shared_keep(struct cs_shared *shared);

#endif
