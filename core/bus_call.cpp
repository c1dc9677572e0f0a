/* SPDX-License-Identifier: MIT
 * Owns the calls to the bus: from any thread to the bus thread, into the adapter, and the completion back to
 * the loop that was named. It must not know how the adapter talks nor what the data is. */
#include <memory>

#include "bus.h"
#include "bus_internal.h"
#include "bus_parcel.h"
#include "plugin.h"
#include "worker.h"

/* ---- the way of a call */

static void bus_call_free(struct bus_call *call)
{
	call->bus->unfinished.fetch_sub(1, std::memory_order_release);
	std::default_delete<struct bus_call>()(call);
}

/* On the loop that was named. Unfinished until done has run: what it hands in counts elsewhere by then. */
static void bus_call_complete(void *arg)
{
	auto *call = static_cast<struct bus_call *>(arg);

	call->done(call->arg, call->result);
	bus_call_free(call);
}

static void bus_call_finish(struct bus_call *call, int result)
{
	if (call->done == nullptr)
		return bus_call_free(call);
	call->result = result;
	loop_post(call->to, bus_call_complete, call);
}

/* The adapter's completion. */
static void bus_call_answered(void *arg, int result)
{
	auto *call = static_cast<struct bus_call *>(arg);

	call->bus->waiting.erase(call);
	bus_call_finish(call, result);
}

static void bus_call_wait(struct bus_call *call)
{
	call->bus->waiting.insert(call);
}

static void bus_call_arrive(void *arg)
{
	auto *call = static_cast<struct bus_call *>(arg);

	if (call->bus->leaving)
		return bus_call_finish(call, call->away);
	call->run(call);
}

static std::unique_ptr<struct bus_call> bus_call_make(struct bus *b, void (*run)(struct bus_call *call),
                                                      int away)
{
	auto call = std::make_unique<struct bus_call>();

	call->bus = b;
	call->run = run;
	call->away = away;
	return call;
}

/* Once the bus has stopped everything runs on the main thread, and its loop is not run again. */
static void bus_call_post(std::unique_ptr<struct bus_call> owner)
{
	struct bus_call *call = owner.release();
	struct bus *b = call->bus;

	b->unfinished.fetch_add(1, std::memory_order_relaxed);
	if (b->stopped.load(std::memory_order_acquire))
		return bus_call_finish(call, call->away);
	loop_post(&b->loop, bus_call_arrive, call);
}

void bus_abandon(struct bus *b)
{
	while (!b->waiting.empty()) {
		struct bus_call *call = *b->waiting.begin();

		bus_call_answered(call, call->away);
	}
}

/* ---- sessions */

static void bus_run_claim(struct bus_call *call)
{
	bus_call_wait(call);
	call->bus->driver->claim(call->bus->handle, &call->session, call->flags, bus_call_answered, call);
}

void bus_claim(struct bus *b, const struct cs_bus_session *session, unsigned flags, struct loop *to,
               bus_done_fn *done, void *arg)
{
	auto call = bus_call_make(b, bus_run_claim, 0);

	call->session = *session;
	call->flags = flags;
	call->to = to;
	call->done = done;
	call->arg = arg;
	bus_call_post(std::move(call));
}

static void bus_run_ending(struct bus_call *call)
{
	call->bus->driver->ending(call->bus->handle, call->session.account, call->session.conn);
	bus_call_free(call);
}

void bus_ending(struct bus *b, cs_account account, cs_conn conn)
{
	auto call = bus_call_make(b, bus_run_ending, 0);

	call->session = {.account = account, .conn = conn, .generation = 0};
	bus_call_post(std::move(call));
}

static void bus_run_release(struct bus_call *call)
{
	call->bus->driver->release(call->bus->handle, call->session.account, call->session.conn);
	bus_call_free(call);
}

void bus_release(struct bus *b, cs_account account, cs_conn conn)
{
	auto call = bus_call_make(b, bus_run_release, 0);

	call->session = {.account = account, .conn = conn, .generation = 0};
	bus_call_post(std::move(call));
}

static void bus_run_presence(struct bus_call *call)
{
	bus_call_wait(call);
	call->bus->driver->presence(call->bus->handle, call->accounts, call->online, call->count,
	                            bus_call_answered, call);
}

void bus_presence(struct bus *b, const cs_account *accounts, unsigned char *online, size_t count,
                  struct loop *to, bus_done_fn *done, void *arg)
{
	auto call = bus_call_make(b, bus_run_presence, CS_ENOENT);

	call->accounts = accounts;
	call->online = online;
	call->count = count;
	call->to = to;
	call->done = done;
	call->arg = arg;
	bus_call_post(std::move(call));
}

/* ---- data */

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
	b->dropped.fetch_add(1, std::memory_order_relaxed);
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
	const cs_bus_address here = bus_address(b);
	struct bus_parcel parcel{.kind = BUS_PARCEL_ACCOUNT, .account = to,
	                         .data = {static_cast<const char *>(data), size}};

	if (here == 0)
		return bus_drop(b);
	if (flags & CS_ROUTE_RETURN)
		parcel.back = bus_place(here, self->worker->index);
	auto call = bus_pack(b, bus_run_send, self, &parcel);

	call->session.account = to;
	if (flags & CS_ROUTE_RETURN) {
		call->to = &self->worker->loop;
		call->done = bus_return;
		call->arg = call.get();
	}
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
	if (bus_address(b) == 0)
		return bus_drop(b);
	parcel->worker = number - 1;
	auto call = bus_pack(b, bus_run_send_place, self, parcel);

	call->address = to >> 16;
	bus_call_post(std::move(call));
	return 0;
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
