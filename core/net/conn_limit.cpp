/* SPDX-License-Identifier: MIT
 * Limits how much is read of a connection per second, by cost and by bytes. Above a rate reading pauses: what comes
 * waits in the kernel, and nothing is dropped. */
#include "core/net/conn.h"

#include <algorithm>
#include <utility>

#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* One read takes at most the bytes of this part of a second, so that the pause behind it is short, but never fewer than
 * conn_least_read_size: at a low rate many small reads would cost more than they are worth. */
static constexpr int64_t conn_reads_per_second = 64;
static constexpr int64_t conn_least_read_size = 4096;

/* The shortest request, a PING. */
static constexpr int64_t conn_least_request = 13;

const char *const conn_pause_names[CONN_PAUSE_COUNT] = {"rate", "rate_bytes", "address"};

size_t conn_choose_read_size(const struct core_conf *conf)
{
	int64_t size = conn_scratch_size;

	for (const int64_t rate : {conf->rate_bytes, conf->address_rate_bytes, conf->address_rate * conn_least_request})
		if (rate != 0)
			size = std::min(size, std::max(rate / conn_reads_per_second, conn_least_read_size));
	return static_cast<size_t>(size);
}

void conn_pause(struct conn *c, enum conn_pause_reason why, int64_t ms)
{
	if (ms <= 0 || c->closing || c->dead)
		return;
	if (c->paused_until == 0)
		worker_add(&c->worker->conns->pauses[why], 1);
	c->paused_until = std::max(c->paused_until, worker_monotonic_ms() + ms);
	conn_arm(c);
}

void conn_charge(struct conn *c, int64_t cost)
{
	const struct core_conf *conf = c->worker->conf;
	const int64_t now = worker_monotonic_ms();

	if (c->is_operator)
		return;
	conn_pause(c, CONN_PAUSE_RATE, limit_charge(&c->bucket, conf->rate, conf->burst, cost, now));
	conn_charge_address(c, cost, 0, now);
}

void conn_charge_input(struct conn *c, size_t bytes, int64_t now_ms)
{
	const struct core_conf *conf = c->worker->conf;
	const auto size = static_cast<int64_t>(bytes);

	if (conf->rate_bytes != 0 && !c->is_operator)
		conn_pause(c, CONN_PAUSE_RATE_BYTES,
		           limit_charge(&c->byte_bucket, conf->rate_bytes, conf->burst_bytes, size, now_ms));
	conn_charge_address(c, std::exchange(c->cost_due, 0), size, now_ms);
	c->has_waited = false;
}
