/* SPDX-License-Identifier: MIT
 * What each address has on this node: how many connections, and how much they send together. An address is an IPv4
 * address or a /64 of IPv6, as network_client numbers them. Any thread. */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <unordered_map>

#include "core/conf/options.h"
#include "core/net/limit.h"

/* Two cache lines of its own: workers write to it with each read of a connection of the address. */
struct alignas(64) address_entry {
	uint64_t key = 0; /* its number, mixed */
	std::mutex mutex; /* guards the buckets */
	struct limit_bucket cost, bytes;
	std::atomic<int64_t> free_at =
		0; /* ms; before it the address is over a rate, as of the last charge; 0: it was not */
	std::atomic<int64_t> guests = 0;
	/* Guarded by the mutex of its part of the table. */
	int64_t connections = 0; /* that were admitted */
	int64_t refused = 0; /* connections that were refused and are not closed yet */
	int64_t refusals = 0; /* connections that were refused in all */
	int64_t told_at = 0; /* ms; when a line about refusals was logged; 0: never */
	struct address_entry *older = nullptr,
			     *newer = nullptr; /* those without connections, in the order of leaving */
};

/* A part of the table: workers seldom meet at the same one. */
struct address_part {
	std::mutex mutex;
	std::unordered_map<uint64_t, std::unique_ptr<struct address_entry>> entries; /* by key */
	struct address_entry *oldest = nullptr, *newest = nullptr; /* of those without connections */
	size_t idle = 0; /* how many those are */
};

/* An address with a connection has an entry that stays where it is, so there are at most max_connections of these. An
 * address without one is remembered while it could gain by being forgotten, because its buckets are not full: at most
 * `most_idle` in each part; then the oldest is forgotten. So an address never loses its debt while it has a connection,
 * and many addresses take no more memory than that. */
struct address_table {
	static constexpr size_t parts_count = 64, most_idle = 256; /* 16,384 idle ones, 4 MiB */

	std::array<struct address_part, parts_count> parts;
	const uint64_t secret = uint64_t{std::random_device{}()} << 32 | std::random_device{}();
	std::atomic<int64_t> count = 0; /* entries */
};

enum address_verdict : uint8_t {
	ADDRESS_ADMITTED,
	ADDRESS_FULL, /* it has core.address_connections */
	ADDRESS_FULL_OF_GUESTS /* it has core.address_guests */
};

/* A connection that came. */
struct address_visit {
	struct address_entry *entry = nullptr; /* never null; to be given to address_leave */
	enum address_verdict verdict = ADDRESS_ADMITTED;
	bool is_log_due = false; /* it is refused, and nothing was logged about the address for a minute */
	int64_t connections = 0; /* of the address */
	int64_t refused = 0; /* of those that are not closed yet, with this one */
	int64_t refusals = 0; /* in all, with this one */
};

/* A guest comes. Where it is admitted it counts as a connection and as a guest. client: of network_client. */
[[nodiscard]] struct address_visit address_enter(struct address_table *t, uint64_t client, const struct core_conf *conf,
                                                 int64_t now_ms);
/* The limits came after the connection: counts it, and never refuses. */
[[nodiscard]] struct address_entry *address_join(struct address_table *t, uint64_t client, const struct core_conf *conf,
                                                 bool is_guest, int64_t now_ms);
/* The connection ends. was_refused: address_enter did not admit it. The entry may be freed. */
void address_leave(struct address_table *t, struct address_entry *entry, const struct core_conf *conf, bool was_refused,
                   int64_t now_ms);
/* A connection becomes a guest, or is none any more. */
void address_count_guest(struct address_entry *entry, bool is_guest);
/* Charges cost and bytes to the address. Returns for how many ms it should send nothing; 0: go on. */
[[nodiscard]] int64_t address_charge(struct address_entry *entry, const struct core_conf *conf, int64_t cost,
                                     int64_t bytes, int64_t now_ms);
/* The same without a charge. Takes no lock while the address is within its rates. */
[[nodiscard]] int64_t address_wait(struct address_entry *entry, const struct core_conf *conf, int64_t now_ms);

#endif
