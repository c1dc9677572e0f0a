/* SPDX-License-Identifier: MIT
 * Which workers have subscribed to which topic of a plugin, so that a parcel goes to no other worker. Any thread: the
 * table is split into shards, a shard's lock is held for a look-up only. */
#ifndef CORE_TOPIC_H
#define CORE_TOPIC_H

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

inline constexpr size_t topic_most_workers = 128; /* as core.threads allows */

using topic_workers = std::bitset<topic_most_workers>; /* by index */

struct topic_key {
	unsigned plugin; /* the number of its topics, see plugin_slot; the low 8 bits are its index */
	uint64_t topic;

	bool operator==(const topic_key &) const = default;
};

struct topic_hash {
	size_t operator()(const struct topic_key &key) const;
};

struct topic_shard {
	std::mutex mutex;
	std::unordered_map<struct topic_key, topic_workers, topic_hash> entries;
};

struct topic_table {
	std::array<struct topic_shard, 64> shards;
};

/* Contracts in plugin.h; topics above 0 only. */
void topic_subscribe(struct topic_table *t, const struct topic_key &key, unsigned worker);
void topic_unsubscribe(struct topic_table *t, const struct topic_key &key, unsigned worker);
/* Ends all subscriptions of the worker to topics of that number. */
void topic_forget(struct topic_table *t, unsigned plugin, unsigned worker);
topic_workers topic_find(struct topic_table *t, const struct topic_key &key);

#endif
