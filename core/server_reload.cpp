/* SPDX-License-Identifier: MIT
 * SIGHUP: reads chat.conf into new structs and changed plugins into memory, starts these, asks every instance of every
 * other plugin, and changes all only if all agree. */
#include "core/server.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <chatserverd/db.h>

#include "core/base/log.h"
#include "core/notify.h"

/* Where all workers stand still while the main thread changes what they share. */
struct standstill {
	std::mutex mutex; /* guards what follows */
	std::condition_variable changed;
	unsigned standing = 0;
	bool is_over = false;
	bool has_failed = false; /* a worker did not come in time: nothing was changed */
};

/* So long the workers stand still at most, while one of them is held up. */
static constexpr std::chrono::seconds server_standstill{2};

/* More plugins than these may not be on their way out at a time: each takes memory. */
static constexpr size_t server_most_leaving = 64;

enum reload_phase {
	RELOAD_ASK, /* starts fresh plugins, asks the others */
	RELOAD_COMMIT, /* puts all into force */
	RELOAD_DROP /* refused: the fresh plugins leave */
};

/* A reload under way; used by the main thread. Workers read what does not change in their phase. */
struct reload {
	struct server *server = nullptr;
	std::unique_ptr<struct configuration> conf;
	std::vector<struct conf_struct> plugin_confs; /* by plugin; empty where a plugin is replaced */
	struct plugin_change change;
	std::unique_ptr<struct dispatch_table> dispatch; /* of all plugins with the change */
	struct standstill standstill;
	enum reload_phase phase = RELOAD_ASK;
	bool refused = false;
	std::string why; /* the first refusal */
	std::vector<std::string> restart; /* see reload_result */
	unsigned missing = 0; /* workers that have not answered yet */
};

void reload_deleter::operator()(struct reload *r) const
{
	std::default_delete<struct reload>()(r);
}

/* Goes to one worker and back to the main loop. */
struct reload_question {
	struct reload *reload;
	struct worker *worker;
	enum reload_phase phase;
	int result;
	struct cs_error error;
};

static bool server_has_change(const struct reload *r)
{
	return r->dispatch != nullptr;
}

static void server_note_fixed(struct reload *r, const char *section, const struct cs_option *options,
                              const void *before, const void *after)
{
	for (const std::string &key : conf_changed_fixed(options, before, after)) {
		log_warning("option changed, which needs a restart option=%s.%s", section, key.c_str());
		r->restart.push_back(std::string(section) + "." + key);
	}
}

/* Store and bus use the structs of their adapters for as long as they live, so these are never replaced. */
static bool server_takes_reload(const struct plugin *p)
{
	for (const struct cs_service *s = p->declared.provides; s && s->name; s++) {
		if (strcmp(s->name, CS_DB_SERVICE) == 0 || strcmp(s->name, CS_BUS_SERVICE) == 0)
			return false;
	}
	return p->declared.reload;
}

/* Refuses the reload: all stays as it is. */
static void server_keep(struct reload *r, const char *why)
{
	log_error("configuration kept: %s", why);
	r->why = why;
}

static void server_note_result(struct server *s, const struct reload *r)
{
	s->reload_result = {host_table.now(), r->why.empty(), r->why, r->restart};
}

/* Whether the plugin stays and gets new options. */
static bool server_is_reloaded(const struct reload *r, const struct plugin *p)
{
	return !p->is_fresh && r->plugin_confs[p->index].texts && server_takes_reload(p);
}

/* ---- on a worker */

static int server_tell_instance(const struct cs_self *self, const struct reload_question *q, struct cs_error *e)
{
	const struct plugin *p = self->plugin;
	struct cs_error text {};

	if (!server_is_reloaded(q->reload, p))
		return 0;
	const plugin_call call(self, CALL_RELOAD);

	if (p->declared.reload(self->state, q->reload->plugin_confs[p->index].memory.get(), q->phase == RELOAD_COMMIT,
	                       &text) == 0)
		return 0;
	error_set(e, "plugin=%s worker=%u: %s", p->name.c_str(), q->worker->index, text.text);
	return CS_EINVAL;
}

static void server_tell_instances(struct reload_question *q)
{
	for (const auto &self : q->worker->instances) {
		struct cs_error e {};

		if (server_tell_instance(self.get(), q, &e) != 0) {
			q->result = CS_EINVAL;
			q->error = e;
		}
	}
}

static void server_ask_worker(struct reload_question *q)
{
	q->result = plugin_start_fresh(q->reload->change.fresh, q->worker, &q->error);
	if (q->result == 0)
		server_tell_instances(q);
}

/* Stands still until the main thread has changed what all share. false: it has not. */
static bool server_stand_still(struct standstill *s)
{
	std::unique_lock lock(s->mutex);

	s->standing++;
	s->changed.notify_all();
	s->changed.wait(lock, [s] { return s->is_over; });
	return !s->has_failed;
}

static void server_commit_worker(struct reload_question *q)
{
	if (server_has_change(q->reload)) {
		if (!server_stand_still(&q->reload->standstill))
			return plugin_drop_fresh(q->worker);
		plugin_switch(q->worker);
	}
	server_tell_instances(q);
	conn_table_set_conf(q->worker, server_core_conf(q->reload->conf.get()));
}

static void server_answer(void *arg);

static void server_tell_worker(void *arg)
{
	auto *q = static_cast<struct reload_question *>(arg);

	switch (q->phase) {
	case RELOAD_ASK: server_ask_worker(q); break;
	case RELOAD_COMMIT: server_commit_worker(q); break;
	case RELOAD_DROP: plugin_drop_fresh(q->worker); break;
	}
	loop_post(&q->reload->server->main, server_answer, q);
}

/* ---- on the main loop */

static void server_reload_tell_all(struct reload *r, enum reload_phase phase)
{
	r->phase = phase;
	r->missing = static_cast<unsigned>(r->server->shared.workers.size());
	for (const auto &w : r->server->shared.workers) {
		auto q = std::make_unique<struct reload_question>(
			reload_question{.reload = r, .worker = w.get(), .phase = phase, .result = 0, .error = {}});

		loop_post(&w->loop, server_tell_worker, q.release());
	}
}

/* Every worker stands still. */
static void server_change_shared(struct reload *r)
{
	struct server *s = r->server;

	plugin_apply_change(&s->plugins, &r->change);
	s->dispatch.swap(r->dispatch);
	s->shared.dispatch = s->dispatch.get();
	for (const auto &w : s->shared.workers)
		dispatch_open(w.get());
	for (const auto &p : s->plugins.plugins) {
		if (p->is_fresh)
			plugin_publish(&s->shared, p.get());
	}
}

static void server_commit(struct reload *r)
{
	struct standstill *s = &r->standstill;

	server_reload_tell_all(r, RELOAD_COMMIT);
	if (!server_has_change(r))
		return;
	std::unique_lock lock(s->mutex);

	s->has_failed = !s->changed.wait_for(lock, server_standstill, [r, s] { return s->standing == r->missing; });
	if (s->has_failed)
		server_keep(r, "a worker was held up, so the plugins could not be replaced");
	else
		server_change_shared(r);
	s->is_over = true;
	s->changed.notify_all();
}

static void server_log_change(const struct reload *r)
{
	const auto &plugins = r->server->plugins.plugins;

	for (const auto &p : plugins) {
		if (!p->is_fresh)
			continue;
		const auto before = std::find_if(r->change.fresh.begin(), r->change.fresh.end(),
		                                 [&p](const auto &old) { return old && old->index == p->index; });

		if (before == r->change.fresh.end())
			log_info("plugin loaded plugin=%s version=%s", p->name.c_str(), p->declared.version);
		else
			log_info("plugin replaced plugin=%s version=%s before=%s", p->name.c_str(), p->declared.version,
			         (*before)->declared.version);
	}
}

/* All instances use the new structs now: frees the old ones. */
static void server_replace_conf(struct reload *r)
{
	struct server *s = r->server;
	struct cs_error e {};

	for (const auto &p : s->plugins.plugins) {
		if (server_is_reloaded(r, p.get()))
			p->conf = std::move(r->plugin_confs[p->index]);
	}
	for (const auto &p : s->plugins.plugins)
		p->is_fresh = false;
	s->conf = std::move(r->conf);
	if (server_open_logs(s->conf.get(), &e) != 0)
		log_error("lines go where they went before: %s", e.text);
}

/* The plugins that are out of force, or never were in it. */
static void server_let_leave(struct reload *r)
{
	for (auto &p : r->change.fresh) {
		if (p)
			r->server->plugins.leaving.push_back(std::move(p));
	}
	server_watch_leaving(r->server);
}

static void server_finish(struct reload *r)
{
	struct server *s = r->server;

	server_note_result(s, r);
	server_let_leave(r);
	s->reload.reset();
	if (!s->drain.begun) /* it has told the service manager that it stops */
		notify_ready();
	control_reload_ended(s);
	if (std::exchange(s->reload_again, false))
		server_reload(s);
}

static void server_finish_commit(struct reload *r)
{
	if (!r->standstill.has_failed) {
		server_log_change(r);
		server_replace_conf(r);
		log_info("configuration reloaded");
	}
	server_finish(r);
}

/* The same on each worker, so the first one is logged. */
static void server_note_failure(struct reload *r, const char *text)
{
	if (r->phase == RELOAD_COMMIT) {
		log_error("a plugin has refused options that it accepted before %s", text);
		return;
	}
	if (!r->refused)
		server_keep(r, text);
	r->refused = true;
}

static void server_answer(void *arg)
{
	const std::unique_ptr<struct reload_question> q(static_cast<struct reload_question *>(arg));
	struct reload *r = q->reload;

	if (q->result != 0)
		server_note_failure(r, q->error.text);
	/* At the end of the server nothing is begun any more. */
	if (--r->missing != 0 || !loop_runs_here(&r->server->main))
		return;
	switch (r->phase) {
	case RELOAD_ASK:
		if (r->refused)
			return server_reload_tell_all(r, RELOAD_DROP);
		return server_commit(r);
	case RELOAD_COMMIT: return server_finish_commit(r);
	case RELOAD_DROP: return server_finish(r);
	}
}

/* ---- its beginning */

/* Fixed options keep their values in the new structs, so that no reader sees a mixture. A plugin that is replaced
 * starts anew, with all of its options. */
static int server_bind_plugins(struct reload *r, struct cs_error *e)
{
	std::vector<struct plugin *> plugins;

	for (const auto &p : r->server->plugins.plugins)
		plugins.push_back(p.get());
	r->plugin_confs.resize(plugins.size());
	for (const auto &p : r->change.fresh) {
		if (p->index < plugins.size())
			plugins[p->index] = nullptr;
	}
	for (const struct plugin *p : plugins) {
		struct conf_struct bound;

		if (!p)
			continue;
		if (const int failed = conf_bind(&r->conf->file, p->name.c_str(), p->declared.options,
		                                 p->declared.conf_size, &bound, e))
			return failed;
		server_note_fixed(r, p->name.c_str(), p->declared.options, p->conf.memory.get(), bound.memory.get());
		conf_keep_fixed(p->declared.options, p->conf.memory.get(), &bound);
		r->plugin_confs[p->index] = std::move(bound);
	}
	return 0;
}

static void server_keep_fixed_core(struct reload *r)
{
	const struct server *s = r->server;
	const struct configuration *conf = r->conf.get();
	const void *core = s->conf->core.memory.get();
	const void *store = s->conf->store.memory.get();
	const void *bus = s->conf->bus.memory.get();

	server_note_fixed(r, "core", core_options, core, conf->core.memory.get());
	server_note_fixed(r, "store", store_options, store, conf->store.memory.get());
	server_note_fixed(r, "bus", bus_options, bus, conf->bus.memory.get());
	conf_keep_fixed(core_options, core, &conf->core);
	conf_keep_fixed(store_options, store, &conf->store);
	conf_keep_fixed(bus_options, bus, &conf->bus);
}

/* The change is applied: checks all together. */
static int server_check_applied(struct reload *r, struct cs_error *e)
{
	struct server *s = r->server;
	std::vector<std::string> warnings;

	if (const int failed = server_check_sections(s, r->conf.get(), e))
		return failed;
	if (const int failed = plugin_check_change(&s->plugins, server_core_conf(r->conf.get())->plugin_dir,
	                                           &r->conf->file, &warnings, e))
		return failed;
	for (const std::string &warning : warnings)
		log_warning("%s", warning.c_str());
	if (r->change.fresh.empty())
		return 0;
	return server_build_dispatch(s, r->conf.get(), &r->dispatch, e);
}

/* Whether the fresh plugin comes with the schema files that were there at the start. Others are not run beside those
 * who write: a change of a table cannot be undone if the reload is refused (MariaDB commits it at once), the plugin
 * that runs here and on other nodes may not fit it, and everybody's messages would wait until it is done. */
static int server_check_schema(struct reload *r, struct plugin *p, bool *fits_r, struct cs_error *e)
{
	struct server *s = r->server;
	const struct plugin *before = plugin_find(&s->plugins, p->name);
	int version = 0;

	if (const int failed = server_find_schema(s, "", &version, e))
		return failed;
	*fits_r = version == s->plugins.schema;
	if (const int failed = server_find_schema(s, p->name.c_str(), &p->schema, e))
		return failed;
	*fits_r &= p->schema == (before ? before->schema : 0);
	return 0;
}

static int server_put_off_schemas(struct reload *r, struct cs_error *e)
{
	for (size_t i = r->change.fresh.size(); i-- > 0;) {
		bool fits = false;

		if (const int failed = server_check_schema(r, r->change.fresh[i].get(), &fits, e))
			return failed;
		if (!fits)
			plugin_put_off(&r->server->plugins, &r->change, i, "there are other schema files");
	}
	return 0;
}

static int server_find_change(struct reload *r, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(r->conf.get());
	struct server *s = r->server;

	if (const int failed = plugin_find_change(&s->plugins, &r->change, core->plugin_dir, core->plugins,
	                                          server_adapters(r->conf.get()), &r->conf->file, e))
		return failed;
	if (const int failed = server_put_off_schemas(r, e))
		return failed;
	r->restart.insert(r->restart.end(), r->change.restart.begin(), r->change.restart.end());
	plugin_apply_change(&s->plugins, &r->change);
	int failed = server_check_applied(r, e);

	/* Instances look for their words when they start. A word that nobody gives in the end does no harm. */
	if (!failed)
		failed = plugin_number_want_words(&s->plugins, e);
	s->shared.want_words = s->plugins.want_words;
	plugin_undo_change(&s->plugins, &r->change);
	return failed;
}

static int server_prepare_reload(struct reload *r, struct cs_error *e)
{
	struct server *s = r->server;

	if (const int failed = server_read_conf(&s->request, &r->conf, e))
		return failed;
	server_keep_fixed_core(r);
	if (const int failed = server_check_logs(r->conf.get(), e))
		return failed;
	if (const int failed = server_check_bus(s, r->conf.get(), e))
		return failed;
	if (const int failed = server_find_change(r, e))
		return failed;
	if (const int failed = server_bind_plugins(r, e))
		return failed;
	/* What waits for a restart must not hinder it. */
	return r->restart.empty() ? 0 : server_check_next(s, e);
}

static const char *server_find_hindrance(const struct server *s)
{
	if (s->drain.begun)
		return "the server is draining";
	if (s->plugins.leaving.size() >= server_most_leaving)
		return "too many plugins that were replaced have not finished";
	return nullptr;
}

void server_reload(struct server *s)
{
	std::unique_ptr<struct reload, reload_deleter> r(std::make_unique<struct reload>().release());
	struct cs_error e {};

	(void)log_reopen();
	/* What has changed since the one under way began is not lost. */
	s->reload_again = s->reload != nullptr;
	if (s->reload_again)
		return;
	if (const char *why = server_find_hindrance(s)) {
		server_keep(r.get(), why);
		server_note_result(s, r.get());
		return;
	}
	notify_reloading();
	r->server = s;
	if (server_prepare_reload(r.get(), &e) != 0) {
		server_keep(r.get(), e.text);
		server_note_result(s, r.get());
		notify_ready();
		return;
	}
	s->reload = std::move(r);
	server_reload_tell_all(s->reload.get(), RELOAD_ASK);
}
