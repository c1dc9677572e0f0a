/* SPDX-License-Identifier: MIT
 * Data and events that the adapter of the bus brings: counts them, decodes parcels, and gives their contents to the
 * rooms above. Bus thread. */
#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/bus/bus_internal.h"
#include "core/bus/bus_order.h"
#include "core/bus/bus_parcel.h"

void bus_on_address(void *core, cs_bus_address address)
{
	auto *b = static_cast<struct bus *>(core);

	if (address != 0)
		b->epochs.fetch_add(1, std::memory_order_relaxed);
	b->echoed_at.store(address == 0 ? 0 : worker_monotonic_ms(), std::memory_order_relaxed);
	b->address.store(address, std::memory_order_release);
}

void bus_on_dropped(void *core, size_t count)
{
	static_cast<struct bus *>(core)->dropped.fetch_add(count, std::memory_order_relaxed);
}

void bus_on_refused(void *core, size_t count)
{
	static_cast<struct bus *>(core)->refused.fetch_add(count, std::memory_order_relaxed);
}

void bus_on_echoed(void *core, int64_t ms)
{
	auto *b = static_cast<struct bus *>(core);

	b->echo_ms.store(ms, std::memory_order_relaxed);
	b->echoed_at.store(worker_monotonic_ms(), std::memory_order_relaxed);
}

/* ---- parcels */

/* Logs once only: the same mistake comes with every message of that node. */
static void bus_log_oddity(struct bus *b, const char *why, size_t size)
{
	if (!b->oddity_logged)
		log_warning("a message from the bus is dropped reason=\"%s\" size=%zu", why, size);
	b->oddity_logged = true;
}

static void bus_log_stranger(struct bus *b, std::string_view name)
{
	if (!b->stranger_logged)
		log_warning("another node has a plugin that this one has not, or not in this version; what it sends "
		            "is dropped plugin=%.*s",
		            static_cast<int>(name.size()), name.data());
	b->stranger_logged = true;
}

static void bus_log_worker(struct bus *b)
{
	if (!b->worker_logged)
		log_warning("too much waits for a worker: what other nodes send it is dropped; further times are not "
		            "logged");
	b->worker_logged = true;
}

static bool bus_take_data(struct bus *b, const struct bus_parcel *p)
{
	const int result = b->shared->bus_calls->arrived(b->shared, p);

	if (result == CS_EINVAL)
		bus_log_stranger(b, p->plugin);
	if (result == CS_EAGAIN)
		bus_log_worker(b);
	return result == 0;
}

static bool bus_take_proof(const struct bus *b, cs_account account, uint64_t device)
{
	b->shared->bus_calls->proved(b->shared, account, device);
	return true;
}

static bool bus_take_order(const struct bus *b, const struct bus_parcel *p)
{
	const struct bus_orders *orders = b->shared->orders;
	struct bus_order order;

	if (!orders || bus_order_read(p, &order) != 0)
		return false;
	orders->ordered(orders->arg, &order);
	return true;
}

static bool bus_take_report(const struct bus *b, const struct bus_parcel *p)
{
	const struct bus_orders *orders = b->shared->orders;
	struct bus_report report;

	if (!orders || bus_report_read(p, &report) != 0)
		return false;
	orders->reported(orders->arg, &report);
	return true;
}

void bus_on_arrived(void *core, const void *data, size_t size)
{
	auto *b = static_cast<struct bus *>(core);
	struct bus_parcel parcel;
	const char *why;
	bool good = false;

	if (bus_parcel_decode({static_cast<const char *>(data), size}, &parcel, &why))
		bus_log_oddity(b, why, size);
	else if (parcel.kind == BUS_PARCEL_PROOF)
		good = bus_take_proof(b, parcel.to, parcel.device);
	else if (parcel.kind == BUS_PARCEL_ORDER)
		good = bus_take_order(b, &parcel);
	else if (parcel.kind == BUS_PARCEL_REPORT)
		good = bus_take_report(b, &parcel);
	else
		good = bus_take_data(b, &parcel);
	(good ? &b->received : &b->dropped)->fetch_add(1, std::memory_order_relaxed);
}

/* ---- events */

void bus_on_close_session(void *core, cs_account account, uint64_t device, cs_conn conn)
{
	struct worker_shared *shared = static_cast<struct bus *>(core)->shared;

	shared->bus_calls->close_session(shared, account, device, conn);
}

void bus_on_probe_session(void *core, cs_account account, uint64_t device, cs_conn conn, cs_bus_address asker)
{
	struct worker_shared *shared = static_cast<struct bus *>(core)->shared;

	shared->bus_calls->probe_session(shared, account, device, conn, asker);
}

void bus_on_alone(void *core, cs_account account, uint64_t device, cs_conn conn, int alone)
{
	struct worker_shared *shared = static_cast<struct bus *>(core)->shared;

	shared->bus_calls->alone(shared, account, device, conn, alone != 0);
}

void bus_on_changed(void *core, enum cs_cluster_event event)
{
	struct worker_shared *shared = static_cast<struct bus *>(core)->shared;

	shared->bus_calls->changed(shared, event);
}
