/* SPDX-License-Identifier: MIT
 * SIGHUP: reads chat.conf into new structs, asks every instance of every plugin, and changes all only if all agree. */
#include "core/server.h"

#include <cstring>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "core/base/log.h"
#include "core/notify.h"

/* A reload under way; used by the main thread. Workers read `conf` and `plugin_confs`, which do not change. */
struct reload {
	struct server *server = nullptr;
	std::unique_ptr<struct configuration> conf;
	std::vector<struct conf_struct> plugin_confs; /* by plugin */
	bool commit = false; /* in the second phase */
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
	bool commit;
	int result;
	struct cs_error error;
};

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

static void server_note_result(struct server *s, const struct reload *r, const std::string &why)
{
	s->reload_result = {host_table.now(), why.empty(), why, r->restart};
}

static void server_finish(struct reload *r, const char *text)
{
	struct server *s = r->server;

	server_note_result(s, r, r->why);
	s->reload.reset();
	log_info("%s", text);
	notify_ready();
	control_reload_ended(s);
}

/* ---- on a worker */

static int server_tell_instance(const struct cs_self *self, const struct reload_question *q, struct cs_error *e)
{
	const struct plugin *p = self->plugin;
	const void *conf = q->reload->plugin_confs[p->index].memory.get();
	struct cs_error text {};

	const plugin_call call(self, CALL_RELOAD);

	if (!server_takes_reload(p) || p->declared.reload(self->state, conf, q->commit, &text) == 0)
		return 0;
	error_set(e, "plugin=%s worker=%u: %s", p->name.c_str(), q->worker->index, text.text);
	return CS_EINVAL;
}

static void server_answer(void *arg);

static void server_tell_worker(void *arg)
{
	auto *q = static_cast<struct reload_question *>(arg);

	for (const auto &self : q->worker->instances) {
		struct cs_error e {};

		if (server_tell_instance(self.get(), q, &e) != 0) {
			q->result = CS_EINVAL;
			q->error = e;
		}
	}
	if (q->commit)
		conn_table_set_conf(q->worker, server_core_conf(q->reload->conf.get()));
	loop_post(&q->reload->server->main, server_answer, q);
}

/* ---- on the main loop */

static void server_reload_ask_all(struct reload *r, bool commit)
{
	r->commit = commit;
	r->missing = static_cast<unsigned>(r->server->shared.workers.size());
	for (const auto &w : r->server->shared.workers) {
		auto q = std::make_unique<struct reload_question>(
			reload_question{.reload = r, .worker = w.get(), .commit = commit, .result = 0, .error = {}});

		loop_post(&w->loop, server_tell_worker, q.release());
	}
}

/* All instances use the new structs now: frees the old ones. */
static void server_replace_conf(struct reload *r)
{
	struct server *s = r->server;
	struct cs_error e {};

	for (const auto &p : s->plugins.plugins) {
		if (server_takes_reload(p.get()))
			p->conf = std::move(r->plugin_confs[p->index]);
	}
	s->conf = std::move(r->conf);
	if (server_open_logs(s->conf.get(), &e) != 0)
		log_error("lines go where they went before: %s", e.text);
}

static void server_answer(void *arg)
{
	const std::unique_ptr<struct reload_question> q(static_cast<struct reload_question *>(arg));
	struct reload *r = q->reload;

	if (q->result != 0) {
		r->refused = true;
		if (r->why.empty())
			r->why = q->error.text;
		log_error("reload refused %s", q->error.text);
	}
	if (--r->missing != 0)
		return;
	if (!r->commit && r->refused)
		return server_finish(r, "configuration kept: a plugin refused the new one");
	if (!r->commit)
		return server_reload_ask_all(r, true);
	server_replace_conf(r);
	server_finish(r, "configuration reloaded");
}

/* Fixed options keep their values in the new structs, so that no reader sees a mixture. */
static int server_bind_plugins(struct reload *r, struct cs_error *e)
{
	for (const auto &p : r->server->plugins.plugins) {
		struct conf_struct bound;

		if (const int failed = conf_bind(&r->conf->file, p->name.c_str(), p->declared.options,
		                                 p->declared.conf_size, &bound, e))
			return failed;
		server_note_fixed(r, p->name.c_str(), p->declared.options, p->conf.memory.get(), bound.memory.get());
		conf_keep_fixed(p->declared.options, p->conf.memory.get(), &bound);
		r->plugin_confs.push_back(std::move(bound));
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

void server_reload(struct server *s)
{
	std::unique_ptr<struct reload, reload_deleter> r(std::make_unique<struct reload>().release());
	struct cs_error e {};

	(void)log_reopen();
	if (s->drain.begun || s->reload) {
		log_warning("reload refused: the server is %s", s->reload ? "reloading already" : "draining");
		return;
	}
	notify_reloading();
	r->server = s;
	if (server_read_conf(&s->request, &r->conf, &e) != 0 || server_check_sections(s, r->conf.get(), &e) != 0 ||
	    server_check_logs(r->conf.get(), &e) != 0 || server_check_bus(s, r->conf.get(), &e) != 0 ||
	    server_bind_plugins(r.get(), &e) != 0) {
		log_error("configuration kept: %s", e.text);
		server_note_result(s, r.get(), e.text);
		notify_ready();
		return;
	}
	server_keep_fixed_core(r.get());
	s->reload = std::move(r);
	server_reload_ask_all(s->reload.get(), false);
}
