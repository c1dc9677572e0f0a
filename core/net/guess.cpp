/* SPDX-License-Identifier: MIT
 * Counts wrong guesses, by client and by subject, and says how long a client must wait for its next guess. */
#include "core/net/guess.h"

#include <algorithm>

#include "core/base/mix.h"

/* The weight of one failure: a limit of n failures a minute takes n off the weight each ms. */
static constexpr int64_t guess_failure = 60000;
/* Failures with one subject before the first pause. */
static constexpr int64_t guess_free = 5;
static constexpr int64_t guess_first_pause_ms = 1000, guess_longest_pause_ms = 300000;
/* Failures with one subject are forgotten after so long a time without one. */
static constexpr int64_t guess_memory_ms = 900000;

/* The slots in which an entry may be. */
static struct guess_entry *guess_set_of(struct guess_table *t, uint64_t client, uint64_t subject)
{
	const uint64_t number = mix_bits(mix_bits(client ^ t->secret) ^ subject);

	return &t->entries[number % guess_table::sets * guess_table::ways];
}

/* The present weight of the failures. */
static int64_t guess_weigh(const struct guess_entry *entry, int64_t most, int64_t now_ms)
{
	const int64_t elapsed = now_ms - entry->last_ms;

	if (entry->subject != 0)
		return elapsed < guess_memory_ms ? entry->weight : 0;
	return most > 0 ? std::max<int64_t>(entry->weight - elapsed * most, 0) : 0;
}

static struct guess_entry *guess_find(struct guess_table *t, uint64_t client, uint64_t subject)
{
	struct guess_entry *set = guess_set_of(t, client, subject);

	for (size_t i = 0; i < guess_table::ways; i++)
		if (set[i].weight > 0 && set[i].client == client && set[i].subject == subject)
			return &set[i];
	return nullptr;
}

static struct guess_entry *guess_take(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most,
                                      int64_t now_ms)
{
	struct guess_entry *set = guess_set_of(t, client, subject);
	struct guess_entry *lightest =
		std::min_element(set, set + guess_table::ways, [most, now_ms](const auto &a, const auto &b) {
			const int64_t one = guess_weigh(&a, most, now_ms), other = guess_weigh(&b, most, now_ms);

			return one != other ? one < other : a.last_ms < b.last_ms;
		});

	*lightest = {client, subject, 0, now_ms};
	return lightest;
}

static void guess_add(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most, int64_t now_ms)
{
	struct guess_entry *entry = guess_find(t, client, subject);

	if (!entry)
		entry = guess_take(t, client, subject, most, now_ms);
	entry->weight = guess_weigh(entry, most, now_ms) + guess_failure;
	entry->last_ms = now_ms;
}

/* The pause doubles with each failure. */
static int64_t guess_pause(int64_t weight)
{
	const int64_t doubled = weight / guess_failure - guess_free;

	if (doubled < 0)
		return 0;
	return std::min(guess_longest_pause_ms, guess_first_pause_ms << std::min<int64_t>(doubled, 20));
}

static int64_t guess_wait_locked(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most, int64_t now_ms)
{
	const struct guess_entry *pair = guess_find(t, client, subject);
	const struct guess_entry *all = most > 0 ? guess_find(t, client, 0) : nullptr;
	int64_t wait = 0;

	if (pair)
		wait = std::max(wait, pair->last_ms + guess_pause(guess_weigh(pair, most, now_ms)) - now_ms);
	if (all) {
		const int64_t above = guess_weigh(all, most, now_ms) - (most - 1) * guess_failure;

		wait = std::max(wait, (above + most - 1) / most);
	}
	return wait;
}

int64_t guess_wait(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most, int64_t now_ms)
{
	const std::scoped_lock lock(t->mutex);
	const int64_t wait = guess_wait_locked(t, client, subject, most, now_ms);

	if (wait > 0)
		t->refused.fetch_add(1, std::memory_order_relaxed);
	return wait;
}

void guess_note(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most, bool right, int64_t now_ms)
{
	const std::scoped_lock lock(t->mutex);

	if (right) {
		if (struct guess_entry *entry = guess_find(t, client, subject))
			entry->weight = 0;
		return;
	}
	t->failed.fetch_add(1, std::memory_order_relaxed);
	guess_add(t, client, subject, most, now_ms);
	if (most > 0)
		guess_add(t, client, 0, most, now_ms);
}
