/* SPDX-License-Identifier: MIT
 * What the database adapters share: a cache of prepared statements, and an instance that does nothing. */
#ifndef PLUGINS_SHARED_ADAPTER_H
#define PLUGINS_SHARED_ADAPTER_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <chatserverd/db.h>

/* The instance of a worker does nothing: the store calls the driver on its own threads. */
static inline int adapter_start(const cs_host *, cs_self *, const void *, void **state_r, cs_error *)
{
	*state_r = nullptr;
	return 0;
}

static inline void adapter_stop(void *) {}

/* A cached prepared statement. Handle owns it. running: its rows are being read, so it cannot be used again at the same
 * time. */
template <class Handle> struct adapter_statement {
	Handle handle;
	std::string text;
	size_t hash = 0;
	uint64_t used = 0;
	bool running = false;
};

/* The cached statements of one connection. */
template <class Handle> struct adapter_cache {
	std::vector<adapter_statement<Handle>> kept;
	uint64_t clock = 0; /* counts uses, to find the one not used for longest */
};

/* This is more than the model has texts. A caller that writes values into its texts only loses speed. MySQL also has a
 * limit: max_prepared_stmt_count (16382), for all connections together. */
static constexpr size_t adapter_cache_most = 256;

/* An entry for a new statement: a new one, or the one that was not used for longest. Null if all are running. */
template <class Handle> adapter_statement<Handle> *adapter_cache_slot(adapter_cache<Handle> *cache)
{
	if (cache->kept.empty())
		cache->kept.reserve(adapter_cache_most); /* no entry may move while its rows are read */
	if (cache->kept.size() < adapter_cache_most)
		return &cache->kept.emplace_back();
	const auto oldest = std::min_element(cache->kept.begin(), cache->kept.end(), [](const auto &a, const auto &b) {
		return a.running != b.running ? b.running : a.used < b.used;
	});
	return oldest->running ? nullptr : &*oldest;
}

/* Finds the statement, or makes it with prepare(text, &handle) and answers its failure. If the cache has no room, spare
 * holds the statement. */
template <class Handle, class Prepare>
[[nodiscard]] int adapter_cache_take(adapter_cache<Handle> *cache, std::string_view text, Prepare prepare,
                                     adapter_statement<Handle> *spare, adapter_statement<Handle> **found_r)
{
	const size_t hash = std::hash<std::string_view>()(text);
	const auto found = std::find_if(cache->kept.begin(), cache->kept.end(), [&](const auto &kept) {
		return kept.hash == hash && !kept.running && kept.text == text;
	});

	*found_r = found == cache->kept.end() ? nullptr : &*found;
	if (!*found_r) {
		Handle handle;
		const int result = prepare(text, &handle);

		if (result)
			return result;
		adapter_statement<Handle> *slot = adapter_cache_slot(cache);
		*found_r = slot ? slot : spare;
		**found_r = {std::move(handle), std::string(text), hash, 0, false};
	}
	(*found_r)->used = ++cache->clock;
	return CS_DB_OK;
}

#endif
