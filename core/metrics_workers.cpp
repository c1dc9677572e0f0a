/* SPDX-License-Identifier: MIT
 * Figures of the workers: how late their loops are. */
#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

void metrics_add_workers(std::string *text, const struct server *s)
{
	static const char lag[] = "chatserverd_worker_lag_seconds", stuck[] = "chatserverd_worker_waiting_seconds";

	metric_add_head(text, lag, "histogram",
	                "How late a worker runs a call that the main thread posts to it twice a second.");
	for (const auto &worker : s->shared.workers) {
		struct histogram_total total;

		histogram_read(&worker->lag, &total);
		metric_add_histogram(text, lag, {{"worker", std::to_string(worker->index)}}, &histogram_times, &total);
	}
	metric_add_head(text, stuck, "gauge",
	                "For how long such a call has waited for the worker; much above 0: the worker is stuck.");
	for (const auto &worker : s->shared.workers)
		metric_add_fraction(text, stuck, {{"worker", std::to_string(worker->index)}},
		                    static_cast<double>(worker_waiting_us(worker.get())) / 1e6);
}
