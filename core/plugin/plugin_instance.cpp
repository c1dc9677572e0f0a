/* SPDX-License-Identifier: MIT
 * The instances of plugins on a worker: their start and stop, and how a fresh one takes the place of another while the
 * worker runs. */
#include "core/plugin/plugin.h"

#include <algorithm>

#include "core/base/log.h"
#include "core/base/shared.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/session/route.h"

/* ---- making and starting */

static std::unique_ptr<struct cs_self> plugin_make_instance(struct plugin *p, struct worker *w)
{
	auto self = std::make_unique<struct cs_self>();

	self->declared = &p->declared;
	self->host = &host_table;
	self->index = p->index;
	self->topics = p->replaced << 8 | p->index;
	self->plugin = p;
	self->worker = w;
	self->loop = &w->loop;
	return self;
}

void plugin_publish(struct worker_shared *shared, const struct plugin *p)
{
	struct plugin_slot *slot = &shared->slots[p->index];
	const unsigned count = shared->slot_count.load(std::memory_order_relaxed);

	slot->parcel_version = p->declared.parcel_version;
	slot->topics = p->replaced << 8 | p->index;
	if (p->index < count)
		return;
	slot->name = p->declared.name ? p->declared.name : "";
	shared->slot_count.store(p->index + 1, std::memory_order_release);
}

struct cs_self *plugin_add_instance(struct plugin *p, struct worker *w)
{
	w->instances.push_back(plugin_make_instance(p, w));
	struct cs_self *self = w->instances.back().get();

	if (w->shared) {
		plugin_publish(w->shared, p);
		w->shared->slots[p->index].in_force[w->index] = true;
	}
	if (p->declared.written)
		w->hearers.push_back(self);
	return self;
}

static int plugin_start_one(struct cs_self *self, struct cs_error *e)
{
	struct plugin *p = self->plugin;
	struct cs_error text {};

	const plugin_call call(self, CALL_START);

	if (p->declared.start(&host_table, self, p->conf.memory.get(), &self->state, &text) != 0) {
		error_set(e, "%s: does not start: %s (its options are those of [%s])", p->path.c_str(),
		          *text.text ? text.text : "no reason given", p->name.c_str());
		/* It has no state, so nothing of it may be called. */
		host_timers_free(self);
		host_watches_free(self);
		return CS_EINVAL;
	}
	self->started = true;
	return 0;
}

int plugin_start_all(struct plugin_set *set, struct worker *w, struct cs_error *e)
{
	for (const auto &p : set->plugins) {
		if (const int failed = plugin_start_one(plugin_add_instance(p.get(), w), e))
			return failed;
	}
	return 0;
}

int plugin_start_fresh(std::span<const std::unique_ptr<struct plugin>> fresh, struct worker *w, struct cs_error *e)
{
	for (const auto &p : fresh) {
		w->fresh.push_back(plugin_make_instance(p.get(), w));
		if (const int failed = plugin_start_one(w->fresh.back().get(), e))
			return failed;
	}
	return 0;
}

/* ---- taking the place of another */

/* Returns the instance that was in force. nullptr: the plugin is new. */
static struct cs_self *plugin_put_in_force(struct worker *w, std::unique_ptr<struct cs_self> fresh)
{
	const unsigned index = fresh->index;
	struct plugin_slot *slot = &w->shared->slots[index];
	struct cs_self *before = nullptr;

	slot->every_topic[w->index] = fresh->every_topic;
	slot->in_force[w->index] = true;
	if (index == w->instances.size()) {
		w->instances.push_back(std::move(fresh));
		return nullptr;
	}
	w->instances[index].swap(fresh);
	before = fresh.get();
	w->leaving.push_back(std::move(fresh));
	return before;
}

/* true: the instance knows all sessions by what the other one has saved. */
static bool plugin_restore(struct cs_self *self, const struct cs_self *before)
{
	struct cs_shared *saved = nullptr;

	if (!before || !before->declared->save || !self->declared->restore)
		return false;
	{
		const plugin_call call(before, CALL_SAVE);

		saved = before->declared->save(before->state);
	}
	if (!saved)
		return false;
	const plugin_call call(self, CALL_RESTORE);
	const bool restored = self->declared->restore(self->state, saved) == 0;

	shared_drop(saved);
	if (!restored)
		log_warning("plugin=%s worker=%u cannot read what the one before it has saved",
		            self->plugin->name.c_str(), self->worker->index);
	return restored;
}

/* Whether `opened` was called for the session of the connection, and `closed` was not. */
static bool plugin_is_open(const struct conn *c)
{
	return c && !c->dead && !c->closing && c->account != 0 && c->ended == 0 && !c->opened_due;
}

static void plugin_tell_sessions(struct cs_self *self)
{
	if (!self->declared->opened)
		return;
	for (const auto &c : self->worker->conns->slots) {
		if (!plugin_is_open(c.get()))
			continue;
		const plugin_call call(self, CALL_OPENED);

		self->declared->opened(self->state, c->handle, c->account, c->device, c->want);
	}
}

/* Parcels to its topics did not reach it before. */
static void plugin_tell_cluster(struct cs_self *self)
{
	const struct bus *bus = self->worker->shared->bus;
	const bool away = bus && bus_address(bus) == 0;

	if (!self->declared->cluster)
		return;
	const plugin_call call(self, CALL_CLUSTER);

	self->declared->cluster(self->state, away ? CS_CLUSTER_DEGRADED : CS_CLUSTER_MISSED);
}

void plugin_switch(struct worker *w)
{
	struct taking {
		struct cs_self *self, *before;
	};
	std::vector<struct taking> all;

	for (auto &fresh : w->fresh) {
		struct cs_self *self = fresh.get();

		all.push_back({self, plugin_put_in_force(w, std::move(fresh))});
	}
	w->fresh.clear();
	w->hearers.clear();
	for (const auto &self : w->instances) {
		if (self->declared->written)
			w->hearers.push_back(self.get());
	}
	for (const auto &[self, before] : all) {
		if (!plugin_restore(self, before))
			plugin_tell_sessions(self);
		plugin_tell_cluster(self);
	}
}

void plugin_drop_fresh(struct worker *w)
{
	std::move(w->fresh.begin(), w->fresh.end(), std::back_inserter(w->leaving));
	w->fresh.clear();
}

/* ---- leaving */

static bool plugin_has_pending(const struct cs_self *self)
{
	const auto &slots = self->worker->conns->slots;

	return std::any_of(slots.begin(), slots.end(), [self](const auto &c) {
		return c && c->pending && (c->held ? c->held->self : c->pending_handler) == self;
	});
}

static bool plugin_is_busy(const struct cs_self *self)
{
	const plugin_call call(self, CALL_BUSY);

	return self->declared->busy && self->declared->busy(self->state) != 0;
}

/* Its threads may post until it is told to stop, so posts are refused last. */
static bool plugin_may_stop(struct cs_self *self)
{
	if (self->under_way.load(std::memory_order_acquire) != 0)
		return false;
	if (self->started && (plugin_is_busy(self) || plugin_has_pending(self)))
		return false;
	host_posts_refuse(self);
	return self->under_way.load(std::memory_order_acquire) == 0;
}

static void plugin_end_instance(struct cs_self *self)
{
	if (self->started) {
		const plugin_call call(self, CALL_STOP);

		self->declared->stop(self->state);
	}
	host_timers_free(self);
	host_watches_free(self);
}

void plugin_look_leaving(struct worker *w, std::vector<const struct plugin *> *left_r)
{
	for (size_t i = 0; i < w->leaving.size();) {
		struct cs_self *self = w->leaving[i].get();

		if (plugin_may_stop(self)) {
			plugin_end_instance(self);
			route_forget_topics(self);
			w->leaving.erase(w->leaving.begin() + static_cast<ptrdiff_t>(i));
			continue;
		}
		left_r->push_back(self->plugin);
		i++;
	}
}

/* ---- at the end */

void plugin_end_posts(struct worker *w)
{
	plugin_drop_fresh(w);
	for (const auto *list : {&w->instances, &w->leaving}) {
		for (const auto &self : *list)
			host_posts_refuse(self.get());
	}
}

static void plugin_stop_list(struct worker *w, std::vector<std::unique_ptr<struct cs_self>> *list)
{
	while (!list->empty()) {
		struct cs_self *self = list->back().get();

		host_posts_end(self);
		plugin_end_instance(self);
		std::erase(w->hearers, self);
		list->pop_back();
	}
}

void plugin_stop_all(struct worker *w)
{
	plugin_drop_fresh(w);
	plugin_stop_list(w, &w->leaving); /* first: they may use the services of those in force */
	plugin_stop_list(w, &w->instances);
}
