/* SPDX-License-Identifier: MIT
 * The table of functions that plugins get. */
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string_view>

#include "core/base/gauge.h"
#include "core/base/log.h"
#include "core/base/shared.h"
#include "core/base/worker.h"
#include "core/net/ban.h"
#include "core/net/conn.h"
#include "core/net/frame.h"
#include "core/net/guess.h"
#include "core/plugin/dispatch.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"
#include "core/session/route.h"
#include "core/session/session.h"
#include "core/session/session_bus.h"
#include "core/store/store.h"

static constexpr size_t host_most_text = 512;

static struct conn *host_own_find(struct cs_self *self, cs_conn conn)
{
	return conn_find(self->worker, conn);
}

/* Cuts a text to the size without leaving half a character, which no client could parse. */
static void host_cut_text(char *text, size_t size)
{
	if (size < host_most_text)
		return;
	size_t end = host_most_text - 1;

	while (end > 0 && (static_cast<unsigned char>(text[end - 1]) & 0xc0) == 0x80)
		end--;
	if (end > 0 && static_cast<unsigned char>(text[end - 1]) >= 0xc0)
		end--;
	text[end] = '\0';
}

/* ---- log and frames */

static void host_log(struct cs_self *self, enum cs_log_level level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vwrite_plugin(level, self->plugin->name.c_str(), self->worker->index, format, arguments);
	va_end(arguments);
}

static void host_audit(struct cs_self *self, const char *event, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vaudit_plugin(event, self->plugin->name.c_str(), self->worker->index, format, arguments);
	va_end(arguments);
}

static void host_answer(struct cs_self *self, cs_conn conn, const struct cs_request *request, const char *more)
{
	if (struct conn *c = host_own_find(self, conn))
		conn_answer(c, request, more, self);
}

static void host_refuse_text(struct cs_self *self, cs_conn conn, const struct cs_request *request, uint32_t ack,
                             int wire_errno, const char *more, const char *format, va_list arguments)
{
	char text[host_most_text];
	const int size = vsnprintf(text, sizeof(text), format, arguments);

	host_cut_text(text, size < 0 ? 0 : static_cast<size_t>(size));
	if (struct conn *c = host_own_find(self, conn))
		conn_refuse(c, request, ack, wire_errno, text, self, more);
	else
		worker_count_refusal(self->worker, request->msgid, wire_errno);
}

static int host_refuse(struct cs_self *self, cs_conn conn, const struct cs_request *request, int wire_errno,
                       const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	host_refuse_text(self, conn, request, CS_MSGID_ACK, wire_errno, "", format, arguments);
	va_end(arguments);
	return CS_REJECT;
}

static int host_refuse_as(struct cs_self *self, cs_conn conn, const struct cs_request *request, uint32_t ack,
                          int wire_errno, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	host_refuse_text(self, conn, request, ack, wire_errno, "", format, arguments);
	va_end(arguments);
	return CS_REJECT;
}

static int host_refuse_more(struct cs_self *self, cs_conn conn, const struct cs_request *request, int wire_errno,
                            const char *more, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	host_refuse_text(self, conn, request, CS_MSGID_ACK, wire_errno, more, format, arguments);
	va_end(arguments);
	return CS_REJECT;
}

static const char *host_result_text(struct cs_self *self, int result, int *wire_errno_r)
{
	const struct store *store = self->worker->shared->store;

	switch (result) {
	case CS_EBUSY: *wire_errno_r = CS_ERRNO_BUSY; return "this node is busy; try again later";
	case CS_ECANCELED: *wire_errno_r = CS_ERRNO_GOING_AWAY; return "this node is draining; connect again";
	case CS_DB_BAD_VALUE: *wire_errno_r = CS_ERRNO_BAD_FRAME; return "the store cannot hold this value";
	default: *wire_errno_r = CS_ERRNO_UNAVAILABLE;
	}
	if (result == CS_EUNKNOWN)
		return "the store does not answer; whether it was done is unknown";
	return store && store_cannot_write(store) ? "the store cannot write: its disk is full or read-only"
	                                          : "the store does not answer; nothing was changed";
}

static int host_refuse_result(struct cs_self *self, cs_conn conn, const struct cs_request *request, int result)
{
	int wire_errno = 0;
	const char *text = host_result_text(self, result, &wire_errno);

	return host_refuse(self, conn, request, wire_errno, "%s", text);
}

/* ---- connections */

/* Looks only at the ends: parsing each frame would cost as much as all other work on it. */
static bool host_is_object(const char *frame, size_t size, const char *tail)
{
	return size >= 2 && frame[0] == '{' && frame[size - 1] == '}' &&
	       (!tail || std::string_view(tail).ends_with('}'));
}

static int host_send(struct cs_self *self, cs_conn conn, const char *frame, size_t size, const char *tail,
                     uint64_t *position_r)
{
	struct conn *c = host_own_find(self, conn);

	/* The session ended in this turn, and `closed` of this plugin is called at the turn's end: no frame of that
	 * session may be sent behind the answer to LOGOUT. */
	if (!c || (c->ended != 0 && self->plugin->declared.closed))
		return CS_ENOENT;
	if (!host_is_object(frame, size, tail)) {
		if (call_may_tell(&self->frame_told, worker_monotonic_ms()))
			log_warning("plugin=%s sends what is no JSON object: it is left out conn=%llx size=%zu",
			            self->plugin->name.c_str(), (unsigned long long)conn, size);
		return CS_EINVAL;
	}
	conn_note_sender(c, self);
	return conn_send(c, frame, size, tail, position_r);
}

static int host_finish(struct cs_self *self, cs_conn conn)
{
	struct conn *c = host_own_find(self, conn);

	if (!c)
		return CS_ENOENT;
	if (c->pending && !c->pending_handler)
		return CS_EINVAL;
	conn_finish(c);
	return 0;
}

static int host_resume(struct cs_self *self, cs_conn conn, int verdict)
{
	struct conn *c = host_own_find(self, conn);

	return c ? dispatch_resume(c, self, verdict) : CS_ENOENT;
}

static int host_close(struct cs_self *self, cs_conn conn, const char *why)
{
	struct conn *c = host_own_find(self, conn);

	if (!c)
		return CS_ENOENT;
	conn_close_after_output(c, why);
	return 0;
}

static int host_set_silence(struct cs_self *self, cs_conn conn, int64_t ms, int64_t doubt_ms)
{
	struct conn *c = host_own_find(self, conn);

	if (!c)
		return CS_ENOENT;
	if (ms < 0 || doubt_ms < 0)
		return CS_EINVAL;
	conn_set_silence(c, ms, doubt_ms);
	return 0;
}

static int host_charge(struct cs_self *self, cs_conn conn, uint32_t cost)
{
	struct conn *c = host_own_find(self, conn);

	if (!c)
		return CS_ENOENT;
	conn_charge(c, cost);
	return 0;
}

static int host_peer(struct cs_self *self, cs_conn conn, struct cs_peer *peer_r)
{
	const struct conn *c = host_own_find(self, conn);

	if (!c)
		return CS_ENOENT;
	*peer_r = {};
	(void)snprintf(peer_r->text, sizeof(peer_r->text), "%s", c->peer.c_str());
	peer_r->network = c->client;
	return 0;
}

/* ---- guesses */

static int64_t host_guess_wait(struct cs_self *self, uint64_t network, uint64_t subject, int64_t most)
{
	return guess_wait(self->worker->shared->guesses, network, subject, most, worker_monotonic_ms());
}

static void host_guess_note(struct cs_self *self, uint64_t network, uint64_t subject, int64_t most, int right)
{
	guess_note(self->worker->shared->guesses, network, subject, most, right != 0, worker_monotonic_ms());
}

/* ---- sessions */

static int host_logout(struct cs_self *self, cs_conn conn)
{
	struct conn *c = host_own_find(self, conn);

	if (!c)
		return CS_ENOENT;
	if (c->account == 0)
		return CS_EINVAL;
	conn_logout(c);
	return 0;
}

static void host_release(struct cs_self *self, cs_account account, uint64_t device)
{
	session_bus_release(self->worker->shared, {account, device});
}

static const char *const *host_want_words(struct cs_self *self)
{
	return self->worker->shared->want_words;
}

/* ---- store */

static int host_work(struct cs_self *self, cs_conn conn, enum cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done,
                     void *arg)
{
	const struct conn *c = host_own_find(self, conn);

	if (kind == CS_WORK_HASH && conn != 0 && !c)
		return CS_ECANCELED;
	route_bundles_end(self->worker); /* what the store makes others send comes later */
	return store_work(self->worker->shared->store, self, conn, c ? c->client : 0, kind, fn, done, arg);
}

static int host_batch(struct cs_self *self, const struct cs_batch *batch, uint64_t key, void *item, size_t bytes)
{
	if (batch->spare[0] || batch->spare[1])
		return CS_EINVAL;
	route_bundles_end(self->worker);
	return store_batch(self->worker->shared->store, self, batch, key, item, bytes);
}

static int host_outcome_can_be_unknown(struct cs_self *self)
{
	return store_outcome_can_be_unknown(self->worker->shared->store);
}

static int host_store_is_exclusive(struct cs_self *self)
{
	return store_is_exclusive(self->worker->shared->store);
}

/* ---- time */

/* The wall clock may be set back; the `ts` that clients see must not go back with it. */
static int64_t host_now()
{
	static constinit std::atomic<int64_t> latest{0};
	struct timespec time;

	(void)clock_gettime(CLOCK_REALTIME, &time);
	const int64_t now = static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1000000;
	int64_t before = latest.load(std::memory_order_relaxed);

	while (before < now && !latest.compare_exchange_weak(before, now, std::memory_order_relaxed)) {}
	return std::max(before, now);
}

/* ---- services */

static int host_service(struct cs_self *self, const char *name, uint32_t version, const void **table_r,
                        void **context_r)
{
	for (const auto &provider : self->worker->instances) {
		const struct cs_service *s = provider->started ? provider->plugin->declared.provides : nullptr;

		for (; s && s->name; s++) {
			if (strcmp(s->name, name) != 0 || s->version != version)
				continue;
			*table_r = s->table;
			*context_r = provider->state;
			return 0;
		}
	}
	return CS_ENOENT;
}

/* ---- figures */

static void host_gauge(struct cs_self *self, const char *name, const char *help, int64_t value)
{
	struct gauge_table *table = self->worker->shared->gauges;
	const char *fault = gauge_set(table, self->plugin->name, name, help, value);

	/* It may be set each second: the plugin's author needs one line. */
	if (fault && gauge_may_tell(table, self->plugin->name))
		log_error("plugin=%s sets a figure that is left out of /metrics name=\"%s\" why=\"%s\"",
		          self->plugin->name.c_str(), name ? name : "", fault);
}

/* ---- which instance */

/* ---- banned networks */

static int host_read_network(struct cs_self *self, const char *text, struct cs_network *network_r, struct cs_error *e)
{
	return ban_read(text, self->worker->conns->proxy_from, network_r, e);
}

static void host_ban(struct cs_self *self, const struct cs_network *networks, size_t count)
{
	struct worker_shared *shared = self->worker->shared;

	ban_set(shared->bans, {networks, count});
	conn_close_banned(shared);
}

static unsigned host_worker(struct cs_self *self)
{
	return self->worker->index;
}

const struct cs_host host_table = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_host),
	.log = host_log,
	.get_integer = frame_get_integer,
	.get_text = frame_get_text,
	.get_flag = frame_get_flag,
	.has = frame_has,
	.answer = host_answer,
	.refuse = host_refuse,
	.refuse_result = host_refuse_result,
	.send = host_send,
	.finish = host_finish,
	.close = host_close,
	.set_silence = host_set_silence,
	.claim = host_claim,
	.logout = host_logout,
	.release = host_release,
	.presence = host_presence,
	.work = host_work,
	.batch = host_batch,
	.outcome_can_be_unknown = host_outcome_can_be_unknown,
	.store_is_exclusive = host_store_is_exclusive,
	.route = route_to_account,
	.route_all = route_to_all,
	.now = host_now,
	.timer_add = host_timer_add,
	.timer_del = host_timer_del,
	.service = host_service,
	.refuse_as = host_refuse_as,
	.peer = host_peer,
	.guess_wait = host_guess_wait,
	.guess_note = host_guess_note,
	.resume = host_resume,
	.watch = host_watch,
	.unwatch = host_unwatch,
	.post = host_post,
	.tree = frame_get_tree,
	.want_words = host_want_words,
	.monotonic = worker_monotonic_ms,
	.share = shared_make,
	.unshare = shared_drop,
	.subscribe = route_subscribe,
	.unsubscribe = route_unsubscribe,
	.refuse_more = host_refuse_more,
	.charge = host_charge,
	.presence_of = host_presence_of,
	.gauge = host_gauge,
	.worker = host_worker,
	.audit = host_audit,
	.adopt = host_adopt,
	.may_claim = host_may_claim,
	.read_network = host_read_network,
	.ban = host_ban,
	.ask_erase = host_ask_erase,
	.result_text = host_result_text,
};
