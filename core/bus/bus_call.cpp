/* SPDX-License-Identifier: MIT
 * The calls to the bus: from any thread to the bus thread, into the adapter, and the completion back to the loop that
 * was given; and the calls about sessions. */
#include <memory>

#include "core/bus/bus.h"
#include "core/bus/bus_internal.h"

/* ---- the way of a call */

void bus_call_free(struct bus_call *call)
{
	call->bus->unfinished.fetch_sub(1, std::memory_order_release);
	std::default_delete<struct bus_call>()(call);
}

/* On the loop that was given. The call counts as unfinished until done has run: work that done hands in is counted
 * elsewhere by then. */
static void bus_call_complete(void *arg)
{
	auto *call = static_cast<struct bus_call *>(arg);

	call->done(call->arg, call->result);
	bus_call_free(call);
}

static void bus_call_finish(struct bus_call *call, int result)
{
	if (!call->done)
		return bus_call_free(call);
	call->result = result;
	loop_post(call->to, bus_call_complete, call);
}

void bus_call_answered(void *arg, int result)
{
	auto *call = static_cast<struct bus_call *>(arg);

	call->bus->waiting.erase(call);
	bus_call_finish(call, result);
}

void bus_call_wait(struct bus_call *call)
{
	call->bus->waiting.insert(call);
}

static void bus_call_arrive(void *arg)
{
	auto *call = static_cast<struct bus_call *>(arg);

	call->bus->waiting_bytes.fetch_sub(call->charge, std::memory_order_relaxed);
	if (call->bus->leaving)
		return bus_call_finish(call, call->away);
	call->run(call);
}

std::unique_ptr<struct bus_call> bus_call_make(struct bus *b, void (*run)(struct bus_call *call), int away)
{
	auto call = std::make_unique<struct bus_call>();

	call->bus = b;
	call->run = run;
	call->away = away;
	return call;
}

void bus_call_expect(struct bus_call *call, struct loop *to, bus_done_fn *done, void *arg)
{
	call->to = to;
	call->done = done;
	call->arg = arg;
}

/* Once the bus has stopped, only the main thread runs, and the bus's loop is not run again: the call is completed at
 * once. */
void bus_call_post(std::unique_ptr<struct bus_call> owner)
{
	struct bus_call *call = owner.release();
	struct bus *b = call->bus;

	b->unfinished.fetch_add(1, std::memory_order_relaxed);
	if (b->stopped.load(std::memory_order_acquire))
		return bus_call_finish(call, call->away);
	b->waiting_bytes.fetch_add(call->charge, std::memory_order_relaxed);
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

void bus_claim(struct bus *b, const struct cs_bus_session *session, unsigned flags, struct loop *to, bus_done_fn *done,
               void *arg)
{
	auto call = bus_call_make(b, bus_run_claim, 0);

	call->session = *session;
	call->flags = flags;
	bus_call_expect(call.get(), to, done, arg);
	bus_call_post(std::move(call));
}

static void bus_run_tell(struct bus_call *call)
{
	call->tell(call->bus->handle, call->session.account, call->session.device, call->session.conn);
	bus_call_free(call);
}

static void bus_tell(struct bus *b, void (*tell)(void *handle, cs_account account, uint64_t device, cs_conn conn),
                     cs_account account, uint64_t device, cs_conn conn)
{
	auto call = bus_call_make(b, bus_run_tell, 0);

	call->tell = tell;
	call->session = {.account = account, .conn = conn, .generation = 0, .device = device};
	bus_call_post(std::move(call));
}

void bus_ending(struct bus *b, cs_account account, uint64_t device, cs_conn conn)
{
	bus_tell(b, b->driver->ending, account, device, conn);
}

void bus_release(struct bus *b, cs_account account, uint64_t device, cs_conn conn)
{
	bus_tell(b, b->driver->release, account, device, conn);
}

static void bus_run_presence(struct bus_call *call)
{
	bus_call_wait(call);
	call->bus->driver->presence(call->bus->handle, call->accounts, call->devices, call->online, call->count,
	                            bus_call_answered, call);
}

void bus_presence(struct bus *b, const cs_account *accounts, const uint64_t *devices, unsigned char *online,
                  size_t count, struct loop *to, bus_done_fn *done, void *arg)
{
	auto call = bus_call_make(b, bus_run_presence, CS_ENOENT);

	call->accounts = accounts;
	call->devices = devices;
	call->online = online;
	call->count = count;
	bus_call_expect(call.get(), to, done, arg);
	bus_call_post(std::move(call));
}
