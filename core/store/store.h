/* SPDX-License-Identifier: MIT
 * The store's threads, those that talk to the database and those that hash: queues, batches, transactions, retries. */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <array>
#include <memory>
#include <string>

#include <chatserverd/db.h>
#include <chatserverd/plugin.h>

#include "core/base/histogram.h"
#include "core/conf/options.h"

struct store;

struct store_deleter {
	void operator()(struct store *s) const; /* after store_stop */
};
using store_ptr = std::unique_ptr<struct store, store_deleter>;

/* Locks the database for the server of that name (see cs_db_server), migrates the schema, also that of the plugins
 * (a list that ends with NULL), and opens every connection; starts no thread. driver NULL: hashing only, work on the
 * database answers CS_ENOSTORE. 0, or CS_EINVAL with the text in e. Main thread; may block. */
[[nodiscard]] int store_open(store_ptr *store_r, const struct store_conf *conf, const struct cs_db_driver *driver,
                             const void *driver_conf, const char *name, const char *const *plugins, struct cs_error *e);
/* Starts the threads. */
void store_start(struct store *s);

/* Contracts of cs_host.work and cs_host.batch; completions are posted to self's worker. client: the number of the
 * connection's address (network_client), 0 for conn 0. Any thread. */
int store_work(struct store *s, struct cs_self *self, cs_conn conn, uint64_t client, enum cs_work_kind kind,
               cs_work_fn *fn, cs_done_fn *done, void *arg);
int store_batch(struct store *s, struct cs_self *self, const struct cs_batch *batch, uint64_t key, void *item,
                size_t bytes);
/* The connection has ended: completes its hashing work that has not begun with CS_ECANCELED, so that a client that gave
 * up and comes again does not wait behind its own old work. Any thread. */
void store_cancel_hashes(struct store *s, cs_conn conn);
bool store_outcome_can_be_unknown(const struct store *s);
/* Contract of cs_host.store_is_exclusive. */
bool store_is_exclusive(const struct store *s);
/* It answers nobody: requests are refused until one of them finds that it is back. Any thread. */
bool store_is_away(const struct store *s);
/* Its disk is full or read-only: what writes is refused. Any thread. */
bool store_cannot_write(const struct store *s);
/* Works and items handed in whose completion was not posted yet. Any thread. */
size_t store_unfinished(const struct store *s);
/* Lets each thread finish its present task, completes the rest with CS_ECANCELED, and joins the threads. Main
 * thread. */
void store_stop(struct store *s);

/* The names of threads that are longer than store.hang_timeout in one call, with commas between them; "": none is.
 * Raises *longest_ms to the longest of these times. Main thread. */
std::string store_hung_threads(const struct store *s, int64_t now_ms, int64_t *longest_ms);

struct store_figures {
	size_t waiting_read, waiting_write, waiting_hash;
	uint64_t batches, items, retries, failures;
	bool degraded; /* the last write found the disk full or read-only */
	bool away; /* it does not answer */
	size_t most_read, most_write, most_hash; /* so many may wait or run */
	size_t bytes; /* of items that wait or run */
};
/* Any thread. */
struct store_figures store_figures_read(struct store *s);

struct store_histograms {
	std::array<struct histogram_total, 3> waits; /* in the queues, by enum cs_work_kind; items are writes */
	struct histogram_total commit_times, commit_sizes;
};
/* What all threads of the store have measured. Any thread. */
struct store_histograms store_histograms_read(const struct store *s);

#endif
