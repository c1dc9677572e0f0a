/* SPDX-License-Identifier: MIT
 * Owns the table of host functions that instances of the mailbox's world see. It must not know the mailbox. */
#include "mailbox_world_host.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

/* now() is told nothing of who asks. */
static world *the_world;

static world_worker *worker_of(cs_self *self)
{
	return reinterpret_cast<world_worker *>(self);
}

cs_self *world_host_self(world_worker *worker)
{
	return reinterpret_cast<cs_self *>(worker);
}

static void host_log(cs_self *, cs_log_level, const char *, ...)
{
}

/* ---- answers */

static void host_answer(cs_self *self, cs_conn conn, const cs_request *request, const char *more)
{
	worker_of(self)->w->answers.push_back({conn, request->req, 0, more});
}

static int host_refuse(cs_self *self, cs_conn conn, const cs_request *request, int wire_errno, const char *format,
                       ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	worker_of(self)->w->answers.push_back({conn, request->req, wire_errno, text});
	return CS_REJECT;
}

static int host_refuse_result(cs_self *self, cs_conn conn, const cs_request *request, int result)
{
	const int wire_errno = result == CS_EBUSY ? CS_ERRNO_BUSY
	                     : result == CS_ECANCELED ? CS_ERRNO_GOING_AWAY : CS_ERRNO_UNAVAILABLE;

	return host_refuse(self, conn, request, wire_errno, "%s", result == CS_EUNKNOWN ? "unknown" : "unchanged");
}

/* ---- connections */

static world_conn *live_conn(cs_self *self, cs_conn conn)
{
	world_conn *c = world_conn_of(worker_of(self)->w, conn);

	return c && !c->ended && c->worker == worker_of(self)->index ? c : nullptr;
}

static int host_send(cs_self *self, cs_conn conn, const char *frame, size_t size, const char *tail,
                     uint64_t *position_r)
{
	world_conn *c = live_conn(self, conn);
	std::string text(frame, size);

	if (!c)
		return CS_ENOENT;
	if (tail) {
		text.pop_back();
		text += tail;
	}
	c->queued += text.size() + 1;
	c->output.push_back({c->queued, c->login, {text}});
	c->most_unsent = std::max(c->most_unsent, world_unsent(c));
	if (position_r)
		*position_r = c->queued;
	return world_unsent(c) > worker_of(self)->w->soft_mark ? CS_EAGAIN : 0;
}

static int host_finish(cs_self *self, cs_conn conn)
{
	world_conn *c = live_conn(self, conn);

	if (!c)
		return CS_ENOENT;
	if (!c->pending)
		abort();
	c->pending = false;
	return 0;
}

/* ---- the session table */

void world_host_claim(world *w, cs_conn conn, cs_account account, cs_done_fn *done, void *arg)
{
	world_place *place = &w->places[account];
	world_conn *c = world_conn_of(w, conn);

	if (place->held || place->closing) {
		place->waiting.push_back([=] { world_host_claim(w, conn, account, done, arg); });
		return;
	}
	const int result = place->conn ? CS_EEXIST : c->ended ? CS_ENOENT : 0;
	if (!result) {
		place->conn = conn;
		c->account = account;
		c->login++;
	}
	w->workers[c->worker]->posts.push_back([=] { done(nullptr, conn, result, arg); });
}

void world_host_place_free(world *w, cs_account account)
{
	world_place *place = &w->places[account];

	while (!place->held && !place->closing && !place->waiting.empty()) {
		const std::function<void()> claim = std::move(place->waiting.front());

		place->waiting.pop_front();
		claim();
	}
}

static void host_release(cs_self *self, cs_account account)
{
	world *w = worker_of(self)->w;

	if (!w->places[account].held)
		abort();
	w->places[account].held = false;
	world_host_place_free(w, account);
}

/* ---- the store */

static int host_work(cs_self *self, cs_conn conn, cs_work_kind, cs_work_fn *fn, cs_done_fn *done, void *arg)
{
	world *w = worker_of(self)->w;

	if (w->jobs.size() >= w->most_jobs)
		return CS_EBUSY;
	w->jobs.push_back({worker_of(self), conn, fn, done, arg});
	return 0;
}

static int host_batch(cs_self *self, const cs_batch *batch, uint64_t key, void *item, size_t)
{
	world *w = worker_of(self)->w;

	if (w->items.size() >= w->most_items)
		return CS_EBUSY;
	w->items.push_back({worker_of(self), batch, key, item});
	return 0;
}

static int host_outcome_can_be_unknown(cs_self *self)
{
	return worker_of(self)->w->unknown_outcomes;
}

/* ---- routes */

static void post_data(world_worker *worker, cs_conn conn, cs_account account, const void *data, size_t size)
{
	world *w = worker->w;

	if (w->routed_drops) {
		w->routed_drops--;
		return;
	}
	worker->posts.push_back([=, bytes = std::string(static_cast<const char *>(data), size)] {
		const world_conn *c = conn ? world_conn_of(w, conn) : nullptr;

		if (!conn || (c && !c->ended && c->account == account))
			w->plugin->routed(worker->state, conn, account, bytes.data(), bytes.size());
	});
}

static int host_route(cs_self *self, cs_account to, const void *data, size_t size, unsigned)
{
	world *w = worker_of(self)->w;
	const auto at = w->places.find(to);

	if (at == w->places.end() || !at->second.conn)
		return CS_ENOENT;
	post_data(w->workers[world_conn_of(w, at->second.conn)->worker].get(), at->second.conn, to, data, size);
	return 0;
}

static void host_route_all(cs_self *self, const void *data, size_t size)
{
	for (const std::unique_ptr<world_worker> &worker : worker_of(self)->w->workers)
		post_data(worker.get(), 0, 0, data, size);
}

static int host_route_place(cs_self *self, cs_place to, const void *data, size_t size)
{
	post_data(worker_of(self)->w->workers[to - 1].get(), 0, 0, data, size);
	return 0;
}

static cs_place host_place(cs_self *self)
{
	return worker_of(self)->index + 1;
}

/* ---- time */

static int64_t host_now(void)
{
	return ++the_world->clock;
}

static cs_timer *host_timer_add(cs_self *self, int64_t ms, int, cs_timer_fn *fn, void *arg)
{
	world *w = worker_of(self)->w;

	w->timers[++w->last_timer] = {worker_of(self), w->clock + ms, fn, arg};
	return reinterpret_cast<cs_timer *>(w->last_timer);
}

static void host_timer_del(cs_self *self, cs_timer *timer)
{
	worker_of(self)->w->timers.erase(reinterpret_cast<uint64_t>(timer));
}

static cs_host host_table()
{
	cs_host host = {};

	host.abi = CS_ABI;
	host.size = sizeof(host);
	host.log = host_log;
	host.answer = host_answer;
	host.refuse = host_refuse;
	host.refuse_result = host_refuse_result;
	host.send = host_send;
	host.finish = host_finish;
	host.release = host_release;
	host.work = host_work;
	host.batch = host_batch;
	host.outcome_can_be_unknown = host_outcome_can_be_unknown;
	host.route = host_route;
	host.route_all = host_route_all;
	host.route_place = host_route_place;
	host.place = host_place;
	host.now = host_now;
	host.timer_add = host_timer_add;
	host.timer_del = host_timer_del;
	return host;
}

/* ---- the world as a whole */

void world_open(world *w, const struct cs_plugin *plugin, const void *conf, cs_db *db, unsigned workers)
{
	cs_error e = {};

	the_world = w;
	w->host = host_table();
	w->plugin = plugin;
	w->db = db;
	w->mailbox = static_cast<const cs_mailbox *>(plugin->provides->table);
	for (unsigned i = 0; i < workers; i++) {
		w->workers.push_back(std::make_unique<world_worker>());
		w->workers[i]->w = w;
		w->workers[i]->index = i;
		if (plugin->start(&w->host, world_host_self(w->workers[i].get()), conf, &w->workers[i]->state, &e))
			abort();
	}
}

static void cancel_all(world *w)
{
	for (const world_job &job : w->jobs)
		job.worker->posts.push_back([=] {
			job.done(job.worker->state, job.conn, CS_ECANCELED, job.arg);
		});
	for (const world_item &item : w->items)
		item.worker->posts.push_back([=] {
			item.batch->done(item.worker->state, CS_ECANCELED, item.item);
		});
	w->jobs.clear();
	w->items.clear();
	while (world_step_commit(w) || world_step_read_result(w))
		;
}

static bool run_posts(world *w)
{
	bool moved = false;

	for (size_t i = 0; i < w->workers.size(); i++)
		while (world_step_post(w, static_cast<unsigned>(i)))
			moved = true;
	return moved;
}

void world_close(world *w)
{
	for (cs_conn conn = 1; conn <= w->last_conn; conn++)
		world_kill(w, conn);
	w->on_frame = nullptr;
	do
		cancel_all(w);
	while (run_posts(w) || !w->jobs.empty() || !w->items.empty());
	for (const std::unique_ptr<world_worker> &worker : w->workers)
		w->plugin->stop(worker->state);
	if (!w->timers.empty())
		abort();
	the_world = nullptr;
}
