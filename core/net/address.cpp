/* SPDX-License-Identifier: MIT
 * What each address has on this node: how many connections, and how much they send together. */
#include "core/net/address.h"

#include <algorithm>
#include <utility>

#include "core/base/mix.h"

/* A line about the refusals of one address is logged so often at most. */
static constexpr int64_t address_told_every_ms = 60000;

/* The upper bits choose the part, the lower ones the place in it. */
static struct address_part *address_part_of(struct address_table *t, uint64_t key)
{
	return &t->parts[key >> 58];
}

/* ---- entries without connections */

static void address_add_idle(struct address_part *part, struct address_entry *entry)
{
	entry->older = part->newest;
	entry->newer = nullptr;
	(!part->newest ? part->oldest : part->newest->newer) = entry;
	part->newest = entry;
	part->idle++;
}

static void address_remove_idle(struct address_part *part, struct address_entry *entry)
{
	(!entry->older ? part->oldest : entry->older->newer) = entry->newer;
	(!entry->newer ? part->newest : entry->newer->older) = entry->older;
	entry->older = entry->newer = nullptr;
	part->idle--;
}

/* Whether a new entry would be the same. */
static bool address_is_new(struct address_entry *entry, const struct core_conf *conf, int64_t now_ms)
{
	const std::scoped_lock lock(entry->mutex);
	const bool is_told = entry->told_at != 0 && now_ms - entry->told_at < address_told_every_ms;

	return !is_told && limit_is_full(&entry->cost, conf->address_rate, conf->address_burst, now_ms) &&
	       limit_is_full(&entry->bytes, conf->address_rate_bytes, conf->address_burst_bytes, now_ms);
}

static void address_forget(struct address_table *t, struct address_part *part, struct address_entry *entry)
{
	address_remove_idle(part, entry);
	part->entries.erase(entry->key);
	t->count.fetch_sub(1, std::memory_order_relaxed);
}

/* Forgets the oldest ones that have nothing to remember, and the oldest one if there are too many. */
static void address_trim(struct address_table *t, struct address_part *part, const struct core_conf *conf,
                         int64_t now_ms)
{
	while (part->oldest && (part->idle > address_table::most_idle || address_is_new(part->oldest, conf, now_ms)))
		address_forget(t, part, part->oldest);
}

/* ---- coming and going */

/* The part is locked. */
static struct address_entry *address_take(struct address_table *t, struct address_part *part, uint64_t key,
                                          const struct core_conf *conf, int64_t now_ms)
{
	std::unique_ptr<struct address_entry> *place = &part->entries[key];

	if (*place) {
		if ((*place)->connections == 0 && (*place)->refused == 0)
			address_remove_idle(part, place->get());
		return place->get();
	}
	*place = std::make_unique<struct address_entry>();
	(*place)->key = key;
	limit_init(&(*place)->cost, conf->address_burst, now_ms);
	limit_init(&(*place)->bytes, conf->address_burst_bytes, now_ms);
	t->count.fetch_add(1, std::memory_order_relaxed);
	return place->get();
}

static enum address_verdict address_judge(const struct address_entry *entry, const struct core_conf *conf)
{
	if (conf->address_connections != 0 && entry->connections >= conf->address_connections)
		return ADDRESS_FULL;
	if (conf->address_guests != 0 && entry->guests.load(std::memory_order_relaxed) >= conf->address_guests)
		return ADDRESS_FULL_OF_GUESTS;
	return ADDRESS_ADMITTED;
}

static void address_admit(struct address_entry *entry, bool is_guest)
{
	entry->connections++;
	if (is_guest)
		address_count_guest(entry, true);
}

static bool address_note_refusal(struct address_entry *entry, int64_t now_ms)
{
	entry->refused++;
	entry->refusals++;
	if (entry->told_at != 0 && now_ms - entry->told_at < address_told_every_ms)
		return false;
	entry->told_at = now_ms;
	return true;
}

struct address_visit address_enter(struct address_table *t, uint64_t client, const struct core_conf *conf,
                                   int64_t now_ms)
{
	const uint64_t key = mix_bits(client ^ t->secret);
	struct address_part *part = address_part_of(t, key);
	const std::scoped_lock lock(part->mutex);
	struct address_entry *entry = address_take(t, part, key, conf, now_ms);
	struct address_visit visit = {.entry = entry, .verdict = address_judge(entry, conf)};

	if (visit.verdict == ADDRESS_ADMITTED)
		address_admit(entry, true);
	else
		visit.is_log_due = address_note_refusal(entry, now_ms);
	visit.connections = entry->connections;
	visit.refused = entry->refused;
	visit.refusals = entry->refusals;
	return visit;
}

struct address_entry *address_join(struct address_table *t, uint64_t client, const struct core_conf *conf,
                                   bool is_guest, int64_t now_ms)
{
	const uint64_t key = mix_bits(client ^ t->secret);
	struct address_part *part = address_part_of(t, key);
	const std::scoped_lock lock(part->mutex);
	struct address_entry *entry = address_take(t, part, key, conf, now_ms);

	address_admit(entry, is_guest);
	return entry;
}

void address_leave(struct address_table *t, struct address_entry *entry, const struct core_conf *conf, bool was_refused,
                   int64_t now_ms)
{
	struct address_part *part = address_part_of(t, entry->key);
	const std::scoped_lock lock(part->mutex);

	(was_refused ? entry->refused : entry->connections)--;
	if (entry->connections != 0 || entry->refused != 0)
		return;
	address_add_idle(part, entry);
	if (address_is_new(entry, conf, now_ms))
		address_forget(t, part, entry);
	address_trim(t, part, conf, now_ms);
}

void address_count_guest(struct address_entry *entry, bool is_guest)
{
	entry->guests.fetch_add(is_guest ? 1 : -1, std::memory_order_relaxed);
}

/* ---- rates */

int64_t address_charge(struct address_entry *entry, const struct core_conf *conf, int64_t cost, int64_t bytes,
                       int64_t now_ms)
{
	if (conf->address_rate == 0 && conf->address_rate_bytes == 0)
		return 0;
	const std::scoped_lock lock(entry->mutex);
	const int64_t wait = std::max(
		limit_charge(&entry->cost, conf->address_rate, conf->address_burst, cost, now_ms),
		limit_charge(&entry->bytes, conf->address_rate_bytes, conf->address_burst_bytes, bytes, now_ms));

	if (wait > 0)
		entry->free_at.store(now_ms + wait, std::memory_order_relaxed);
	else if (entry->free_at.load(std::memory_order_relaxed) != 0)
		entry->free_at.store(0, std::memory_order_relaxed);
	return wait;
}

int64_t address_wait(struct address_entry *entry, const struct core_conf *conf, int64_t now_ms)
{
	/* A reload may have raised the rate since the last charge. */
	if (now_ms >= entry->free_at.load(std::memory_order_relaxed))
		return 0;
	return address_charge(entry, conf, 0, 0, now_ms);
}
