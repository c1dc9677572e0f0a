/* SPDX-License-Identifier: MIT
 * Counts wrong guesses, by client and by subject, and says how long a client must wait for its next guess. */
#ifndef CORE_GUESS_H
#define CORE_GUESS_H

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <random>
#include <vector>

/* Failures of a client with one subject, or with all subjects together (subject 0). */
struct guess_entry {
	uint64_t client = 0, subject = 0;
	int64_t weight = 0; /* of the failures, as of last_ms; 0: the entry is free */
	int64_t last_ms = 0;
};

/* A table of fixed size. Each entry has only a few possible slots, chosen by its numbers and a secret; if all are taken
 * it replaces the entry with the fewest failures. So many clients that fail once each replace only each other, and
 * nobody can choose whose entry is replaced. */
struct guess_table {
	static constexpr size_t ways = 8, sets = 8192; /* 64 Ki entries, 2 MiB */

	std::mutex mutex; /* guards entries */
	std::vector<struct guess_entry> entries = std::vector<struct guess_entry>(ways * sets);
	const uint64_t secret = uint64_t{std::random_device{}()} << 32 | std::random_device{}();
	std::atomic<uint64_t> failed = 0, refused = 0; /* since the start */
};

/* Contracts of cs_host.guess_wait and cs_host.guess_note. client: a number of network_client; now_ms: monotonic. Any
 * thread. */
int64_t guess_wait(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most, int64_t now_ms);
void guess_note(struct guess_table *t, uint64_t client, uint64_t subject, int64_t most, bool right, int64_t now_ms);

#endif
