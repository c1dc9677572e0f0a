/* SPDX-License-Identifier: MIT
 * The functions that connections call: dispatch, opening and closing in the plugins, the session table, the store and
 * the bus. */
#include "core/plugin/conn_calls.h"

#include "core/base/call.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/plugin/dispatch.h"
#include "core/session/session.h"
#include "core/session/session_bus.h"
#include "core/store/store.h"

static void conn_calls_frame(struct conn *c, std::string_view bytes, const struct frame_parser *parsed,
                             int64_t *pause_ms_r)
{
	dispatch_frame(c, bytes, parsed, pause_ms_r);
}

static void conn_calls_resumed(struct conn *c)
{
	if (c->held->resumed)
		dispatch_go_on(c);
}

static void conn_calls_opened(struct conn *c)
{
	for (const auto &self : c->worker->instances) {
		const struct cs_plugin *p = self->declared;

		if (self->started && p->opened && c->account != 0) {
			const plugin_call call(self.get(), CALL_OPENED);

			p->opened(self->state, c->handle, c->account, c->device, c->want);
		}
	}
}

static void conn_calls_leaving(struct conn *c)
{
	session_bus_end(c->worker->shared, {c->account, c->device}, c->handle);
}

/* In reverse order of the plugins' start. A plugin that holds the place has its hold before the next one is called. */
static void conn_calls_closed(struct conn *c, cs_account account, uint64_t device)
{
	struct worker_shared *shared = c->worker->shared;
	const auto &instances = c->worker->instances;

	for (size_t i = instances.size(); i-- > 0;) {
		struct cs_self *self = instances[i].get();
		const struct cs_plugin *p = self->declared;
		const plugin_call call(self, CALL_CLOSED);

		if (self->started && p->closed &&
		    p->closed(self->state, c->handle, account, device, c->written) == CS_PENDING && account != 0)
			session_hold(shared->sessions, {account, device});
	}
	if (c->held && !c->closing && !c->dead)
		dispatch_abandon_held(c);
	if (account != 0)
		session_bus_release(shared, {account, device});
}

static void conn_calls_written(struct conn *c)
{
	for (const struct cs_self *self : c->worker->hearers)
		if (self->started && c->account != 0) {
			const plugin_call call(self, CALL_WRITTEN);

			self->declared->written(self->state, c->handle, c->written, conn_unsent(c));
		}
}

static void conn_calls_abandoned(struct conn *c)
{
	struct store *store = c->worker->shared->store;

	if (store)
		store_cancel_hashes(store, c->handle);
}

static void conn_calls_proved(struct conn *c, const std::vector<cs_bus_address> &askers, int64_t now_ms)
{
	struct worker_shared *shared = c->worker->shared;

	for (const cs_bus_address asker : askers)
		bus_send_proof(shared->bus, asker, c->account, c->device);
	session_prove(shared->sessions, {c->account, c->device}, now_ms);
}

/* On a draining node every waiting claim is refused, whether or not the peer is there. */
static void conn_calls_probe_waits(struct conn *c)
{
	session_rouse(c->worker->shared->sessions, {c->account, c->device});
}

const struct conn_calls plugin_conn_calls = {
	.frame = conn_calls_frame,
	.resumed = conn_calls_resumed,
	.opened = conn_calls_opened,
	.leaving = conn_calls_leaving,
	.closed = conn_calls_closed,
	.written = conn_calls_written,
	.abandoned = conn_calls_abandoned,
	.proved = conn_calls_proved,
	.probe_waits = conn_calls_probe_waits,
};
