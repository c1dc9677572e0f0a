/* SPDX-License-Identifier: MIT
 * The table topic -> workers. A topic without a worker has no entry. */
#include "core/session/topic.h"

#include <iterator>

size_t topic_hash::operator()(const struct topic_key &key) const
{
	return static_cast<size_t>(
		(key.topic ^ static_cast<uint64_t>(key.plugin) << 56) * UINT64_C(0x9e3779b97f4a7c15) >> 7);
}

static struct topic_shard *topic_shard_of(struct topic_table *t, const struct topic_key &key)
{
	return &t->shards[key.topic % t->shards.size()];
}

void topic_subscribe(struct topic_table *t, const struct topic_key &key, unsigned worker)
{
	struct topic_shard *shard = topic_shard_of(t, key);
	std::scoped_lock lock(shard->mutex);

	shard->entries[key].set(worker);
}

void topic_unsubscribe(struct topic_table *t, const struct topic_key &key, unsigned worker)
{
	struct topic_shard *shard = topic_shard_of(t, key);
	std::scoped_lock lock(shard->mutex);
	const auto found = shard->entries.find(key);

	if (found == shard->entries.end())
		return;
	found->second.reset(worker);
	if (found->second.none())
		shard->entries.erase(found);
}

void topic_forget(struct topic_table *t, unsigned plugin, unsigned worker)
{
	for (struct topic_shard &shard : t->shards) {
		std::scoped_lock lock(shard.mutex);

		for (auto at = shard.entries.begin(); at != shard.entries.end();) {
			if (at->first.plugin == plugin)
				at->second.reset(worker);
			at = at->second.none() ? shard.entries.erase(at) : std::next(at);
		}
	}
}

topic_workers topic_find(struct topic_table *t, const struct topic_key &key)
{
	struct topic_shard *shard = topic_shard_of(t, key);
	std::scoped_lock lock(shard->mutex);
	const auto found = shard->entries.find(key);

	return found == shard->entries.end() ? topic_workers() : found->second;
}
