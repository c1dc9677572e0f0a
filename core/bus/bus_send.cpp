/* SPDX-License-Identifier: MIT
 * Owns sending plugins' data to other nodes: packing it, what waits for the bus thread at most, what goes back to its
 * sender. It must not know how the adapter talks nor what the data is. */
#include <memory>

#include "core/bus/bus.h"
#include "core/bus/bus_internal.h"
#include "core/bus/bus_parcel.h"
#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "core/base/worker.h"

static void bus_flush(void *arg)
{
	auto *b = static_cast<struct bus *>(arg);

	b->flush_due = false;
	if (!b->leaving)
		b->driver->flush(b->handle);
}

static void bus_note_sent(struct bus *b)
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

/* ---- the bound on what waits for the bus thread. What somebody is told about finds another way, so it is refused
 * first; hints are made good, answers to other nodes are not. */

enum bus_share { bus_share_returned = 4, bus_share_hints = 6, bus_share_answers = 7 }; /* eighths */

static bool bus_has_room(const struct bus *b, size_t size, enum bus_share share)
{
	return b->waiting_bytes.load(std::memory_order_relaxed) + size <= bus_most_waiting / 8 * share;
}

/* Behind all that waited when there was no room. Whoever finds none from now on has it said again. */
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

static int bus_drop_hint(struct bus *b)
{
	if (!b->missed.exchange(true))
		bus_call_post(bus_call_make(b, bus_run_missed, 0));
	return bus_drop(b);
}

static int bus_refuse(struct bus *b)
{
	bus_on_refused(b, 1);
	return CS_ENOENT;
}

static std::unique_ptr<struct bus_call> bus_pack(struct bus *b, void (*run)(struct bus_call *call),
                                                 const struct cs_self *self, struct bus_parcel *parcel)
{
	auto call = bus_call_make(b, run, CS_ENOENT);

	parcel->plugin = self->plugin->name;
	call->self = self;
	call->bytes = bus_parcel_encode(parcel);
	call->data_size = parcel->data.size();
	call->charge = sizeof *call + call->bytes.size();
	return call;
}

/* On the worker of the instance that sent it. */
static void bus_return(void *arg, int)
{
	const auto *call = static_cast<const struct bus_call *>(arg);
	const struct cs_self *self = call->self;

	if (self->started && self->plugin->declared.returned != nullptr)
		self->plugin->declared.returned(self->state, call->session.account,
		                                call->bytes.data() + call->bytes.size() - call->data_size,
		                                call->data_size);
}

/* Only what nobody has goes back to the worker. */
static void bus_send_answered(void *arg, int result)
{
	auto *call = static_cast<struct bus_call *>(arg);

	if (result == 0)
		call->done = nullptr;
	bus_call_answered(call, result);
}

static void bus_run_send(struct bus_call *call)
{
	struct bus *b = call->bus;
	const bool wants_return = call->done != nullptr;

	bus_note_sent(b);
	if (wants_return)
		bus_call_wait(call);
	b->driver->send(b->handle, call->session.account, call->bytes.data(), call->bytes.size(),
	                wants_return ? bus_send_answered : nullptr, wants_return ? call : nullptr);
	if (!wants_return)
		bus_call_free(call);
}

int bus_send(struct bus *b, struct cs_self *self, cs_account to, const void *data, size_t size,
             unsigned flags)
{
	const bool wants_return = flags & CS_ROUTE_RETURN;
	const cs_bus_address here = bus_address(b);
	struct bus_parcel parcel{.kind = BUS_PARCEL_ACCOUNT, .account = to,
	                         .data = {static_cast<const char *>(data), size}};

	if (here == 0)
		return bus_drop(b);
	if (wants_return && !bus_has_room(b, size, bus_share_returned))
		return bus_refuse(b);
	if (!bus_has_room(b, size, bus_share_hints))
		return bus_drop_hint(b);
	if (wants_return)
		parcel.back = bus_place(here, self->worker->index);
	auto call = bus_pack(b, bus_run_send, self, &parcel);

	call->session.account = to;
	if (wants_return)
		bus_call_expect(call.get(), &self->worker->loop, bus_return, call.get());
	bus_call_post(std::move(call));
	return 0;
}

static void bus_run_send_all(struct bus_call *call)
{
	struct bus *b = call->bus;

	bus_note_sent(b);
	b->driver->send_all(b->handle, call->bytes.data(), call->bytes.size());
	bus_call_free(call);
}

void bus_send_all(struct bus *b, struct cs_self *self, const void *data, size_t size)
{
	struct bus_parcel parcel{.kind = BUS_PARCEL_ALL, .data = {static_cast<const char *>(data), size}};

	if (bus_address(b) == 0)
		(void)bus_drop(b);
	else if (!bus_has_room(b, size, bus_share_hints))
		(void)bus_drop_hint(b);
	else
		bus_call_post(bus_pack(b, bus_run_send_all, self, &parcel));
}

static void bus_run_send_place(struct bus_call *call)
{
	struct bus *b = call->bus;

	bus_note_sent(b);
	b->driver->send_to(b->handle, call->address, call->bytes.data(), call->bytes.size());
	bus_call_free(call);
}

/* To the worker of a place. */
static int bus_send_parcel(struct bus *b, const struct cs_self *self, cs_place to, struct bus_parcel *parcel)
{
	const auto number = static_cast<unsigned>(to & 0xffff);

	if (to >> 16 == 0 || number == 0)
		return CS_ENOENT;
	if (bus_address(b) == 0 || !bus_has_room(b, parcel->data.size(), bus_share_answers))
		return bus_drop(b);
	parcel->worker = number - 1;
	auto call = bus_pack(b, bus_run_send_place, self, parcel);

	call->address = to >> 16;
	bus_call_post(std::move(call));
	return 0;
}

void bus_send_proof(struct bus *b, cs_bus_address to, cs_account account)
{
	const struct bus_parcel parcel{.kind = BUS_PARCEL_PROOF, .account = account};
	auto call = bus_call_make(b, bus_run_send_place, 0);

	call->address = to;
	call->bytes = bus_parcel_encode(&parcel);
	bus_call_post(std::move(call));
}

int bus_send_place(struct bus *b, struct cs_self *self, cs_place to, const void *data, size_t size)
{
	struct bus_parcel parcel{.kind = BUS_PARCEL_PLACE, .data = {static_cast<const char *>(data), size}};

	return bus_send_parcel(b, self, to, &parcel);
}

void bus_send_back(struct bus *b, const struct cs_self *self, cs_place to, cs_account account, const void *data,
                   size_t size)
{
	struct bus_parcel parcel{.kind = BUS_PARCEL_RETURN, .account = account,
	                         .data = {static_cast<const char *>(data), size}};

	(void)bus_send_parcel(b, self, to, &parcel);
}
