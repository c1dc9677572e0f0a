/* SPDX-License-Identifier: MIT
 * Figures of the store: its queues, its commits, its troubles. */
#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

static constexpr const char *metrics_work_kinds[] = {"read", "write", "hash"};

static void metrics_add_queues(std::string *text, const struct store_figures *f)
{
	static const char limit[] = "chatserverd_store_queue_limit";
	const size_t most[] = {f->most_read, f->most_write, f->most_hash};

	metric_add_gauge(text, "chatserverd_store_waiting_reads", "Reads that wait for a store thread.",
	                 f->waiting_read);
	metric_add_gauge(text, "chatserverd_store_waiting_writes", "Writes that wait for a store thread.",
	                 f->waiting_write);
	metric_add_gauge(text, "chatserverd_store_waiting_hashes", "Password hashes that wait.", f->waiting_hash);
	metric_add_head(text, limit, "gauge",
	                "So many may wait or run, by kind of work; what comes above that is answered BUSY.");
	for (size_t i = 0; i < std::size(most); i++)
		metric_add_value(text, limit, {{"kind", metrics_work_kinds[i]}}, most[i]);
}

static void metrics_add_commits(std::string *text, const struct store_histograms *h)
{
	static const char waits[] = "chatserverd_store_wait_seconds", times[] = "chatserverd_store_commit_seconds",
			  sizes[] = "chatserverd_store_commit_items";

	metric_add_head(text, waits, "histogram", "How long works and items waited for a store thread, by kind.");
	for (size_t i = 0; i < h->waits.size(); i++)
		metric_add_histogram(text, waits, {{"kind", metrics_work_kinds[i]}}, &histogram_times, &h->waits[i]);
	metric_add_head(text, times, "histogram",
	                "How long the database took to commit a transaction, without its statements.");
	metric_add_histogram(text, times, {}, &histogram_times, &h->commit_times);
	metric_add_head(text, sizes, "histogram", "Works and items of a transaction that was committed.");
	metric_add_histogram(text, sizes, {}, &histogram_pieces, &h->commit_sizes);
}

void metrics_add_store(std::string *text, struct server *s)
{
	const struct store_figures f = store_figures_read(s->store.get());
	const struct store_histograms h = store_histograms_read(s->store.get());

	metrics_add_queues(text, &f);
	metrics_add_commits(text, &h);
	metric_add_gauge(text, "chatserverd_store_degraded", "1 while the disk is full or read-only.", f.degraded);
	metric_add_gauge(text, "chatserverd_store_away", "1 while the database does not answer.", f.away);
	metric_add_counter(text, "chatserverd_store_batches_total", "Batches committed.", f.batches);
	metric_add_counter(text, "chatserverd_store_items_total", "Items of committed batches.", f.items);
	metric_add_counter(text, "chatserverd_store_retries_total", "Transactions that were run again.", f.retries);
	metric_add_counter(text, "chatserverd_store_failures_total", "Requests that the store could not do.",
	                   f.failures);
}
