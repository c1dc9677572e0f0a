/* SPDX-License-Identifier: MIT
 * Figures of memory: what the server knows of its own use. */
#include "core/base/metric.h"
#include "core/metrics.h"
#include "core/server.h"

static uint64_t metrics_connection_bytes(const struct server *s)
{
	const auto open = static_cast<uint64_t>(s->shared.connections.load(std::memory_order_relaxed));

	return open * sizeof(struct conn);
}

static uint64_t metrics_parcel_bytes(const struct server *s)
{
	uint64_t sum = 0;

	for (const auto &worker : s->shared.workers)
		for (const auto &bytes : worker->routed_bytes)
			sum += bytes.load(std::memory_order_relaxed);
	return sum;
}

/* mallinfo2() would tell more. But it looks at each free piece while it holds malloc's lock, so the workers would wait:
 * 77 ms with 200,000 pieces. */
void metrics_add_memory(std::string *text, struct server *s)
{
	static const char name[] = "chatserverd_memory_bytes";

	metric_add_head(text, name, "gauge",
	                "Bytes by use: of connections without their input and output, of parcels that wait for a "
	                "worker, of what the store's queues hold, of parcels that wait for the bus.");
	metric_add_value(text, name, {{"use", "connections"}}, metrics_connection_bytes(s));
	metric_add_value(text, name, {{"use", "parcels"}}, metrics_parcel_bytes(s));
	metric_add_value(text, name, {{"use", "store"}}, store_figures_read(s->store.get()).bytes);
	metric_add_value(text, name, {{"use", "bus"}}, s->bus ? bus_count(s->bus.get()).waiting_bytes : 0);
}
