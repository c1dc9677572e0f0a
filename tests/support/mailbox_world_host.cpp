/* SPDX-License-Identifier: MIT
 * The table of host functions for the instances of the mailbox's world. */
#include "mailbox_world_host.h"
#include "core/base/shared.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <vector>

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

static void host_log(cs_self *, cs_log_level, const char *, ...) {}

/* ---- answers */

static void host_answer(cs_self *self, cs_conn conn, const cs_request *request, const char *more)
{
	if (!worker_of(self)->node->crashed)
		worker_of(self)->w->answers.push_back({conn, request->req, 0, more});
}

static int host_refuse(cs_self *self, cs_conn conn, const cs_request *request, int wire_errno, const char *format, ...)
{
	char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (!worker_of(self)->node->crashed)
		worker_of(self)->w->answers.push_back({conn, request->req, wire_errno, text});
	return CS_REJECT;
}

static int host_refuse_result(cs_self *self, cs_conn conn, const cs_request *request, int result)
{
	const int wire_errno = result == CS_EBUSY       ? CS_ERRNO_BUSY
	                       : result == CS_ECANCELED ? CS_ERRNO_GOING_AWAY
	                                                : CS_ERRNO_UNAVAILABLE;

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

/* ---- the store */

static int host_work(cs_self *self, cs_conn conn, cs_work_kind, cs_work_fn *fn, cs_done_fn *done, void *arg)
{
	world *w = worker_of(self)->w;

	if (worker_of(self)->node->crashed)
		return CS_ECANCELED;
	if (w->jobs.size() >= w->most_jobs)
		return CS_EBUSY;
	w->jobs.push_back({worker_of(self), conn, fn, done, arg});
	return 0;
}

static int host_batch(cs_self *self, const cs_batch *batch, uint64_t key, void *item, size_t)
{
	world *w = worker_of(self)->w;

	if (worker_of(self)->node->crashed)
		return CS_ECANCELED;
	if (w->items.size() >= w->most_items)
		return CS_EBUSY;
	w->items.push_back({worker_of(self), batch, key, item});
	return 0;
}

static int host_outcome_can_be_unknown(cs_self *self)
{
	return worker_of(self)->w->unknown_outcomes;
}

/* ---- time */

static int64_t host_now(void)
{
	return ++the_world->clock;
}

static cs_timer *host_timer_add(cs_self *self, int64_t ms, int, cs_timer_fn *fn, void *arg)
{
	world *w = worker_of(self)->w;

	w->timers[++w->last_timer] = {worker_of(self), w->clock + ms, fn, arg, nullptr};
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
	host.release = world_host_release;
	host.work = host_work;
	host.batch = host_batch;
	host.outcome_can_be_unknown = host_outcome_can_be_unknown;
	host.route = world_host_route;
	host.route_all = world_host_route_all;
	host.share = shared_make;
	host.unshare = shared_drop;
	host.subscribe = world_host_subscribe;
	host.unsubscribe = world_host_unsubscribe;
	host.now = host_now;
	host.monotonic = host_now;
	host.timer_add = host_timer_add;
	host.timer_del = host_timer_del;
	return host;
}

/* ---- the world as a whole */

void world_host_start(world_node *node)
{
	world *w = node->w;
	cs_error e = {};

	for (world_worker *worker : node->workers)
		if (w->plugin->start(&w->host, world_host_self(worker), w->conf, &worker->state, &e))
			abort();
}

static void add_node(world *w, unsigned workers)
{
	auto node = std::make_unique<world_node>();

	node->w = w;
	node->index = static_cast<unsigned>(w->nodes.size());
	for (unsigned i = 0; i < workers; i++) {
		auto worker = std::make_unique<world_worker>();

		worker->w = w;
		worker->node = node.get();
		worker->index = static_cast<unsigned>(w->workers.size());
		node->workers.push_back(worker.get());
		w->workers.push_back(std::move(worker));
	}
	world_host_start(node.get());
	w->nodes.push_back(std::move(node));
}

void world_open_nodes(world *w, const struct cs_plugin *plugin, const void *conf, cs_db *db, unsigned nodes,
                      unsigned workers)
{
	the_world = w;
	w->host = host_table();
	w->plugin = plugin;
	w->conf = conf;
	w->db = db;
	w->mailbox = static_cast<const cs_mailbox *>(plugin->provides->table);
	w->has_bus = nodes > 1;
	for (unsigned i = 0; i < nodes; i++)
		add_node(w, workers);
	for (const std::unique_ptr<world_node> &node : w->nodes) {
		node->bus = w->has_bus ? WORLD_BUS_READY : WORLD_BUS_AWAY;
		node->address = w->has_bus ? ++w->last_address : 0;
	}
}

void world_open(world *w, const struct cs_plugin *plugin, const void *conf, cs_db *db, unsigned workers)
{
	world_open_nodes(w, plugin, conf, db, 1, workers);
}

static void cancel_all(world *w, const world_node *node)
{
	for (const world_job &job : w->jobs)
		if (!node || job.worker->node == node)
			job.worker->posts.push_back(
				[=] { job.done(job.worker->state, job.conn, CS_ECANCELED, job.arg); });
	for (const world_item &item : w->items)
		if (!node || item.worker->node == node)
			item.worker->posts.push_back(
				[=] { item.batch->done(item.worker->state, CS_ECANCELED, item.item); });
	std::erase_if(w->jobs, [=](const world_job &job) { return !node || job.worker->node == node; });
	std::erase_if(w->items, [=](const world_item &item) { return !node || item.worker->node == node; });
}

static bool tell_all(world *w, world_node *node)
{
	bool moved = false;

	for (const std::unique_ptr<world_node> &each : w->nodes)
		if (!node || each.get() == node)
			while (world_step_commit(w, each->index) || world_step_read_result(w, each->index) ||
			       world_step_bus_ask(w, each->index) || world_step_bus_claim(w, each->index))
				moved = true;
	for (const std::unique_ptr<world_worker> &worker : w->workers)
		if (!node || worker->node == node)
			while (world_step_post(w, worker->index))
				moved = true;
	return moved;
}

static bool run_own_timers(world *w, const world_node *node)
{
	std::vector<std::function<void()>> calls;

	for (const auto &[id, timer] : w->timers)
		if (timer.call && (!node || timer.worker->node == node))
			calls.push_back(timer.call);
	std::erase_if(w->timers, [=](const auto &timer) {
		return timer.second.call && (!node || timer.second.worker->node == node);
	});
	for (const std::function<void()> &call : calls)
		call();
	return !calls.empty();
}

void world_host_exhaust(world *w, world_node *node)
{
	do
		cancel_all(w, node);
	while (tell_all(w, node) || run_own_timers(w, node));
}

void world_close(world *w)
{
	for (cs_conn conn = 1; conn <= w->last_conn; conn++)
		world_kill(w, conn);
	w->on_frame = nullptr;
	world_host_exhaust(w, nullptr);
	for (const std::unique_ptr<world_worker> &worker : w->workers)
		if (worker->state)
			w->plugin->stop(worker->state);
	if (!w->timers.empty())
		abort();
	the_world = nullptr;
}
