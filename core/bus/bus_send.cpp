/* SPDX-License-Identifier: MIT
 * Sends plugins' parcels to other nodes: packs them, and limits how much waits for the bus thread. */
#include <algorithm>
#include <memory>

#include "core/base/instance.h"
#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/bus/bus_internal.h"
#include "core/bus/bus_parcel.h"

static void bus_flush(void *arg)
{
	auto *b = static_cast<struct bus *>(arg);

	b->flush_due = false;
	if (!b->leaving)
		b->driver->flush(b->handle);
}

void bus_note_sent(struct bus *b)
{
	b->sent.fetch_add(1, std::memory_order_relaxed);
	if (!b->flush_due)
		loop_at_end_of_turn(&b->loop, bus_flush, b);
	b->flush_due = true;
}

static int bus_drop(struct bus *b)
{
	bus_on_dropped(b, 1);
	return CS_ENOENT;
}

/* ---- the limit on what waits for the bus thread */

static constexpr size_t bus_most_casual = bus_most_waiting / 2;
/* What is sent with a frame: the envelope, the plugin's name, the head, and what the plugin adds to the body. */
static constexpr size_t bus_most_added = 8 * 1024;

size_t bus_longest_frame(const struct cs_bus_driver *driver, const void *conf)
{
	const size_t piece = std::min(driver && driver->longest ? driver->longest(conf) : SIZE_MAX, bus_most_casual);

	return piece - std::min(piece, bus_most_added);
}

static bool bus_has_room(const struct bus *b, size_t size, unsigned flags)
{
	const size_t most = flags & CS_ROUTE_CASUAL ? bus_most_casual : bus_most_waiting;

	return b->waiting_bytes.load(std::memory_order_relaxed) + size <= most;
}

/* Runs behind all calls that waited when there was no room. A send that finds no room from now on posts it again. */
static void bus_run_missed(struct bus_call *call)
{
	struct bus *b = call->bus;

	if (!b->full_logged)
		log_warning("too much waits for the bus: what other nodes are sent is dropped, they look at the "
		            "store instead; further times are not logged");
	b->full_logged = true;
	b->missed.store(false);
	b->driver->missed(b->handle);
	bus_call_free(call);
}

static int bus_drop_full(struct bus *b, unsigned flags)
{
	if (!(flags & CS_ROUTE_CASUAL) && !b->missed.exchange(true))
		bus_call_post(bus_call_make(b, bus_run_missed, 0));
	return bus_drop(b);
}

static void bus_run_send(struct bus_call *call)
{
	struct bus *b = call->bus;

	bus_note_sent(b);
	if (call->session.account != 0)
		b->driver->send(b->handle, call->session.account, call->session.device, call->bytes.data(),
		                call->bytes.size(), call->flags);
	else
		b->driver->send_all(b->handle, call->bytes.data(), call->bytes.size(), call->flags);
	bus_call_free(call);
}

/* to: account or topic. */
static int bus_send_parcel(struct bus *b, const struct cs_self *self, enum bus_parcel_kind kind, uint64_t to,
                           uint64_t device, const struct cs_parcel *parcel, unsigned flags)
{
	const struct bus_parcel p {
		.kind = kind, .flags = flags, .version = self->declared->parcel_version, .plugin = self->declared->name,
		.to = to, .device = device, .head = {static_cast<const char *>(parcel->head), parcel->head_size},
		.body = parcel->body ? std::string_view(parcel->body->bytes, parcel->body->size) : std::string_view()
	};

	if (bus_address(b) == 0)
		return bus_drop(b);
	if (!bus_has_room(b, p.head.size() + p.body.size(), flags))
		return bus_drop_full(b, flags);
	auto call = bus_call_make(b, bus_run_send, CS_ENOENT);

	call->session.account = kind == BUS_PARCEL_ALL ? 0 : to;
	call->session.device = device;
	call->flags = flags;
	call->bytes = bus_parcel_encode(&p);
	call->charge = sizeof *call + call->bytes.size();
	bus_call_post(std::move(call));
	return 0;
}

int bus_send(struct bus *b, const struct cs_self *self, cs_account to, uint64_t device, const struct cs_parcel *parcel,
             unsigned flags)
{
	const enum bus_parcel_kind kind = device == CS_EVERY_DEVICE ? BUS_PARCEL_ACCOUNT : BUS_PARCEL_DEVICE;

	return bus_send_parcel(b, self, kind, to, device, parcel, flags);
}

void bus_send_all(struct bus *b, const struct cs_self *self, uint64_t topic, const struct cs_parcel *parcel,
                  unsigned flags)
{
	(void)bus_send_parcel(b, self, BUS_PARCEL_ALL, topic, 0, parcel, flags);
}

static void bus_run_send_proof(struct bus_call *call)
{
	struct bus *b = call->bus;

	bus_note_sent(b);
	b->driver->send_to(b->handle, call->address, call->bytes.data(), call->bytes.size());
	bus_call_free(call);
}

void bus_send_proof(struct bus *b, cs_bus_address to, cs_account account, uint64_t device)
{
	const struct bus_parcel parcel {
		.kind = BUS_PARCEL_PROOF, .to = account, .device = device
	};
	auto call = bus_call_make(b, bus_run_send_proof, 0);

	call->address = to;
	call->bytes = bus_parcel_encode(&parcel);
	bus_call_post(std::move(call));
}
