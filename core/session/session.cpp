/* SPDX-License-Identifier: MIT
 * The rules of the table (account, device) -> connection: one holder, which ends before the place is free; each waiter
 * is woken once. */
#include "core/session/session.h"

#include <memory>
#include <utility>

#include "core/base/loop.h"

static struct session_shard *session_shard_of(struct session_table *t, cs_account account)
{
	/* Accounts are numbered in sequence, so the low bits spread them evenly. */
	return &t->shards[account % t->shards.size()];
}

/* The shard is locked. */
static std::unordered_multimap<cs_account, struct session_entry>::iterator session_find(struct session_shard *shard,
                                                                                        const struct session_key &key)
{
	auto [at, end] = shard->entries.equal_range(key.account);

	while (at != end && at->second.device != key.device)
		++at;
	return at == end ? shard->entries.end() : at;
}

static bool session_is_live(const struct session_entry &entry)
{
	return !entry.ending && !entry.reserved;
}

static void session_add_waiter(struct session_entry *entry, const struct session_waiter *waiter)
{
	if (!entry->waiters)
		entry->waiters = std::make_unique<session_waiters>();
	entry->waiters->push_back(*waiter);
}

/* The shard is locked. */
static enum session_claim_result session_add(struct session_shard *shard, const struct session_key &key, cs_conn conn,
                                             uint64_t generation, bool reserves)
{
	struct session_entry entry;

	if (shard->entries.count(key.account) >= session_most)
		return SESSION_FULL;
	entry.conn = conn;
	entry.generation = generation;
	entry.device = static_cast<uint32_t>(key.device);
	entry.reserved = reserves;
	shard->entries.emplace(key.account, std::move(entry));
	return SESSION_GRANTED;
}

static enum session_claim_result session_take(struct session_table *t, const struct session_key &key, cs_conn conn,
                                              uint64_t generation, bool reserves, const struct session_waiter *waiter,
                                              struct session_entry *other_r)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	if (found == shard->entries.end())
		return session_add(shard, key, conn, generation, reserves);
	struct session_entry &entry = found->second;

	if (entry.ending || entry.reserved) {
		session_add_waiter(&entry, waiter);
		return SESSION_WAIT;
	}
	other_r->conn = entry.conn;
	other_r->generation = entry.generation;
	other_r->proved_ms = entry.proved_ms;
	return SESSION_TAKEN;
}

enum session_claim_result session_claim(struct session_table *t, const struct session_key &key, cs_conn conn,
                                        uint64_t generation, const struct session_waiter *waiter,
                                        struct session_entry *other_r)
{
	return session_take(t, key, conn, generation, false, waiter, other_r);
}

enum session_claim_result session_reserve(struct session_table *t, const struct session_key &key, cs_conn conn,
                                          uint64_t generation, const struct session_waiter *waiter,
                                          struct session_entry *other_r)
{
	return session_take(t, key, conn, generation, true, waiter, other_r);
}

/* null: there are none. */
static void session_wake(const std::unique_ptr<session_waiters> &waiters)
{
	if (!waiters)
		return;
	for (const struct session_waiter &waiter : *waiters)
		loop_post(waiter.loop, waiter.fn, waiter.arg);
}

void session_end_reservation(struct session_table *t, const struct session_key &key)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::unique_ptr<session_waiters> waiters;

	{
		std::scoped_lock lock(shard->mutex);
		const auto found = session_find(shard, key);

		if (found == shard->entries.end())
			return;
		found->second.reserved = false;
		waiters = std::move(found->second.waiters);
	}
	session_wake(waiters);
}

bool session_wait(struct session_table *t, const struct session_key &key, uint64_t generation,
                  const struct session_waiter *waiter, cs_conn *conn_r)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	if (found == shard->entries.end() || found->second.generation != generation)
		return false;
	session_add_waiter(&found->second, waiter);
	*conn_r = session_is_live(found->second) ? found->second.conn : 0;
	return true;
}

/* proved_ms 0: wakes only. */
static void session_tell_waiters(struct session_table *t, const struct session_key &key, int64_t proved_ms)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::unique_ptr<session_waiters> waiters;

	{
		std::scoped_lock lock(shard->mutex);
		const auto found = session_find(shard, key);

		if (found == shard->entries.end())
			return;
		if (proved_ms != 0)
			found->second.proved_ms = proved_ms;
		if (!found->second.reserved && !found->second.ending)
			waiters = std::move(found->second.waiters);
	}
	session_wake(waiters);
}

void session_prove(struct session_table *t, const struct session_key &key, int64_t now_ms)
{
	session_tell_waiters(t, key, now_ms);
}

void session_rouse(struct session_table *t, const struct session_key &key)
{
	session_tell_waiters(t, key, 0);
}

int64_t session_proved_ms(struct session_table *t, const struct session_key &key)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	return found == shard->entries.end() ? 0 : found->second.proved_ms;
}

void session_end(struct session_table *t, const struct session_key &key)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	if (found == shard->entries.end() || found->second.ending)
		return;
	found->second.ending = true;
	found->second.holds++;
}

void session_hold(struct session_table *t, const struct session_key &key)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	if (found != shard->entries.end())
		found->second.holds++;
}

bool session_drop(struct session_table *t, const struct session_key &key, cs_conn *conn_r)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	if (found == shard->entries.end() || found->second.holds == 0 || --found->second.holds != 0)
		return false;
	*conn_r = found->second.conn;
	return true;
}

/* Removes the entry and returns its waiters. */
static std::unique_ptr<session_waiters> session_take_waiters(struct session_table *t, const struct session_key &key)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);
	std::unique_ptr<session_waiters> waiters;

	if (found == shard->entries.end() || found->second.holds != 0 ||
	    (!found->second.ending && !found->second.reserved))
		return waiters;
	waiters = std::move(found->second.waiters);
	shard->entries.erase(found);
	return waiters;
}

void session_free(struct session_table *t, const struct session_key &key)
{
	session_wake(session_take_waiters(t, key));
}

void session_release(struct session_table *t, const struct session_key &key)
{
	cs_conn conn;

	if (session_drop(t, key, &conn))
		session_free(t, key);
}

bool session_locate(struct session_table *t, const struct session_key &key, cs_conn *conn_r)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	if (found == shard->entries.end() || !session_is_live(found->second))
		return false;
	*conn_r = found->second.conn;
	return true;
}

bool session_is_claimed(struct session_table *t, const struct session_key &key)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);

	return found != shard->entries.end() && (!found->second.ending || found->second.waiters);
}

bool session_locate_all(struct session_table *t, cs_account account, uint64_t device, struct session_places *places_r)
{
	struct session_shard *shard = session_shard_of(t, account);
	std::scoped_lock lock(shard->mutex);
	auto [at, end] = shard->entries.equal_range(account);

	places_r->count = 0;
	places_r->alone = true;
	for (; at != end; ++at) {
		const struct session_entry &entry = at->second;

		if (!session_is_live(entry) || (device != CS_EVERY_DEVICE && device != entry.device))
			continue;
		places_r->alone = places_r->alone && entry.alone;
		places_r->list[places_r->count++] = {entry.conn, entry.device};
	}
	return places_r->count > 0;
}

bool session_set_alone(struct session_table *t, const struct session_key &key, cs_conn conn, bool alone)
{
	struct session_shard *shard = session_shard_of(t, key.account);
	std::scoped_lock lock(shard->mutex);
	const auto found = session_find(shard, key);
	bool was_alone = false;

	if (found == shard->entries.end() || found->second.conn != conn)
		return false;
	if (alone) {
		found->second.alone = true;
		return false;
	}
	for (auto [at, end] = shard->entries.equal_range(key.account); at != end; ++at) {
		was_alone = was_alone || (at->second.alone && !at->second.reserved);
		at->second.alone = false;
	}
	return was_alone;
}

void session_forget_waiters(struct session_table *t)
{
	for (struct session_shard &shard : t->shards) {
		std::scoped_lock lock(shard.mutex);
		for (auto &[account, entry] : shard.entries)
			entry.waiters.reset();
	}
}

size_t session_count(struct session_table *t)
{
	size_t count = 0;

	for (struct session_shard &shard : t->shards) {
		std::scoped_lock lock(shard.mutex);
		count += shard.entries.size();
	}
	return count;
}
