/* SPDX-License-Identifier: MIT
 * Bytes with a count of their keepers: one allocation, freed by the last keeper. */
#include "core/base/shared.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

/* The bytes follow. */
struct shared_counted {
	struct cs_shared view; /* first: plugins know its address */
	std::atomic<unsigned> keepers;
};

static struct shared_counted *shared_counted_of(struct cs_shared *shared)
{
	return reinterpret_cast<struct shared_counted *>(shared);
}

struct cs_shared *shared_make(const void *bytes, size_t size)
{
	void *memory = malloc(sizeof(struct shared_counted) + size);

	if (!memory)
		abort();
	auto *s = new (memory) shared_counted{{}, 1};

	if (size > 0)
		memcpy(static_cast<void *>(s + 1), bytes, size);
	s->view = {reinterpret_cast<const char *>(s + 1), size};
	return &s->view;
}

void shared_keep(struct cs_shared *shared)
{
	if (shared)
		shared_counted_of(shared)->keepers.fetch_add(1, std::memory_order_relaxed);
}

void shared_drop(struct cs_shared *shared)
{
	if (shared && shared_counted_of(shared)->keepers.fetch_sub(1, std::memory_order_acq_rel) == 1)
		free(shared);
}
