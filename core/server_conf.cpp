/* SPDX-License-Identifier: MIT
 * chat.conf before anything is opened: reading it, checks across options, printing. */
#include "core/server.h"

#include <algorithm>

#include <unistd.h>

#include <chatserverd/db.h>

#include "core/base/log.h"

static bool server_is_plain_name(std::string_view name)
{
	return std::all_of(name.begin(), name.end(), [](char c) {
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
		       c == '-' || c == '_';
	});
}

static int server_check_names(const struct configuration *conf, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(conf);
	std::vector<struct network> networks;
	struct cs_error text {};

	if (!server_is_plain_name(core->node)) {
		error_set(e, "%s: core.node: letters, digits, '.', '-' and '_' only",
		          conf_where(&conf->file, "core", "node").c_str());
		return CS_EINVAL;
	}
	if (network_parse(core->proxy_from, &networks, &text) != 0) {
		error_set(e, "%s: core.proxy_from: %s", conf_where(&conf->file, "core", "proxy_from").c_str(),
		          text.text);
		return CS_EINVAL;
	}
	return 0;
}

static int server_check_core(const struct configuration *conf, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(conf);
	const auto where = [conf](const char *key) {
		return conf_where(&conf->file, "core", key);
	};

	if (core->output_soft >= core->output_hard) {
		error_set(e, "core.output_soft (%s) must be below core.output_hard (%s)", where("output_soft").c_str(),
		          where("output_hard").c_str());
		return CS_EINVAL;
	}
	if (core->max_frame >= core->output_hard) {
		error_set(e, "core.max_frame (%s) must be below core.output_hard (%s), or no client could be sent it",
		          where("max_frame").c_str(), where("output_hard").c_str());
		return CS_EINVAL;
	}
	if (const int failed = server_check_places(conf, e))
		return failed;
	return server_check_names(conf, e);
}

/* The addresses of core.admin, or of core.agent, must not be those of a listener. */
static int server_check_page(const struct server *s, const char *key, const char *option,
                             std::vector<struct listen_address> *addresses_r, struct cs_error *e)
{
	const std::string where = conf_where(&s->conf->file, "core", key);
	struct cs_error text {};

	if (!*option)
		return 0;
	if (listener_parse(option, addresses_r, &text) != 0) {
		error_set(e, "%s: core.%s: %s", where.c_str(), key, text.text);
		return CS_EINVAL;
	}
	for (const struct listen_address &a : *addresses_r) {
		for (const auto &l : s->listens) {
			if (!listener_find(l->addresses, &a))
				continue;
			error_set(e, "%s: core.%s: %s is an address of %s.%s (%s) as well", where.c_str(), key,
			          a.text.c_str(), l->section.c_str(), l->key.c_str(),
			          conf_where(&s->conf->file, l->section.c_str(), l->key.c_str()).c_str());
			return CS_EINVAL;
		}
	}
	return 0;
}

static int server_check_pages(const struct server *s, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(s->conf.get());
	std::vector<struct listen_address> admin, agent;

	if (const int failed = server_check_page(s, "admin", core->admin, &admin, e))
		return failed;
	if (const int failed = server_check_page(s, "agent", core->agent, &agent, e))
		return failed;
	for (const struct listen_address &a : agent) {
		if (!listener_find(admin, &a))
			continue;
		error_set(e, "%s: core.agent: %s is an address of core.admin (%s) as well",
		          conf_where(&s->conf->file, "core", "agent").c_str(), a.text.c_str(),
		          conf_where(&s->conf->file, "core", "admin").c_str());
		return CS_EINVAL;
	}
	return 0;
}

static bool server_is_unused_driver(const struct plugin_set *set, const std::vector<std::string> &files,
                                    const std::string &name)
{
	const auto has = [&name](const std::vector<std::string> &names) {
		return std::find(names.begin(), names.end(), name) != names.end();
	};

	return has(set->idle_drivers) || ((name.starts_with("db_") || name.starts_with("bus_")) && has(files));
}

std::array<struct plugin_adapter, 2> server_adapters(const struct configuration *conf)
{
	return {{
		{"store", CS_DB_SERVICE, "database", server_store_conf(conf)->driver},
		{"bus", CS_BUS_SERVICE, "bus", server_bus_conf(conf)->driver},
	}};
}

int server_build_dispatch(const struct server *s, const struct configuration *conf,
                          std::unique_ptr<struct dispatch_table> *table_r, struct cs_error *e)
{
	auto table = std::make_unique<struct dispatch_table>();
	struct cs_error text {};

	if (dispatch_build(table.get(), &s->plugins, &text) != 0) {
		error_set(e, "%s (see core.plugins, %s, and core.plugin_dir, %s)", text.text,
		          conf_where(&conf->file, "core", "plugins").c_str(),
		          conf_where(&conf->file, "core", "plugin_dir").c_str());
		return CS_EINVAL;
	}
	/* Without a socket for operators there are no verbs. */
	if (*server_core_conf(s->conf.get())->control)
		dispatch_add_verbs(table.get(), control_verbs);
	*table_r = std::move(table);
	return 0;
}

static int server_load_plugins(struct server *s, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(s->conf.get());
	const auto adapters = server_adapters(s->conf.get());

	if (const int failed =
	            plugin_load_all(&s->plugins, core->plugin_dir, core->plugins, adapters, &s->conf->file, e))
		return failed;
	if (const int failed = server_build_dispatch(s, s->conf.get(), &s->dispatch, e))
		return failed;
	return *core->control ? control_add_want_word(&s->plugins, e) : 0;
}

/* A file that is no plugin has no options and is skipped. */
static void server_dump_plugins(const char *folder, std::string *text_r)
{
	std::vector<std::string> names;
	struct cs_error e {};

	if (plugin_list(folder, &names, &e) != 0)
		log_warning("%s", e.text);
	for (const std::string &name : names) {
		struct plugin p;

		if (plugin_load(&p, folder, name.c_str(), nullptr, &e) == 0)
			conf_dump(name.c_str(), p.declared.options, text_r);
		else
			log_warning("%s", e.text);
	}
}

const struct core_conf *server_core_conf(const struct configuration *conf)
{
	return static_cast<const struct core_conf *>((const void *)conf->core.memory.get());
}

const struct store_conf *server_store_conf(const struct configuration *conf)
{
	return static_cast<const struct store_conf *>((const void *)conf->store.memory.get());
}

const struct bus_conf *server_bus_conf(const struct configuration *conf)
{
	return static_cast<const struct bus_conf *>((const void *)conf->bus.memory.get());
}

std::string server_node_name(const struct server *s)
{
	const char *node = server_core_conf(s->conf.get())->node;
	char host[256] = "";

	if (*node)
		return node;
	return gethostname(host, sizeof(host) - 1) == 0 && *host && server_is_plain_name(host) ? host : "unnamed";
}

int server_read_conf(const struct server_request *request, std::unique_ptr<struct configuration> *conf_r,
                     struct cs_error *e)
{
	auto conf = std::make_unique<struct configuration>();

	if (!request->conf_path.empty()) {
		if (const int failed = conf_read(&conf->file, request->conf_path.c_str(), e))
			return failed;
	}
	for (const std::string &text : request->overrides) {
		if (const int failed = conf_override(&conf->file, text, e))
			return failed;
	}
	if (const int failed = conf_bind(&conf->file, "core", core_options, sizeof(struct core_conf), &conf->core, e))
		return failed;
	if (const int failed =
	            conf_bind(&conf->file, "store", store_options, sizeof(struct store_conf), &conf->store, e))
		return failed;
	if (const int failed = conf_bind(&conf->file, "bus", bus_options, sizeof(struct bus_conf), &conf->bus, e))
		return failed;
	if (const int failed = server_check_core(conf.get(), e))
		return failed;
	*conf_r = std::move(conf);
	return 0;
}

/* The section of an adapter that is installed but not chosen is allowed. */
int server_check_sections(const struct server *s, const struct configuration *conf, struct cs_error *e)
{
	std::vector<std::string> known{"core", "store", "bus"};
	std::vector<std::string> files;

	if (const int failed = plugin_list(server_core_conf(conf)->plugin_dir, &files, e))
		return failed;
	for (const auto &p : s->plugins.plugins)
		known.push_back(p->name);
	known.insert(known.end(), s->plugins.left_out.begin(), s->plugins.left_out.end());
	for (const struct conf_line &line : conf->file.lines) {
		if (server_is_unused_driver(&s->plugins, files, line.section))
			known.push_back(line.section);
	}
	return conf_check_sections(&conf->file, known, files, e);
}

int server_configure(struct server *s, struct cs_error *e)
{
	if (const int failed = server_read_conf(&s->request, &s->conf, e))
		return failed;
	if (const int failed = server_load_plugins(s, e))
		return failed;
	if (const int failed = server_find_listens(s, e))
		return failed;
	if (const int failed = server_check_pages(s, e))
		return failed;
	return server_check_sections(s, s->conf.get(), e);
}

int server_check(struct server *s, struct cs_error *e)
{
	if (const int failed = server_check_logs(s->conf.get(), e))
		return failed;
	if (const int failed = server_check_bus(s, s->conf.get(), e))
		return failed;
	if (const int failed = plugin_check_all(&s->plugins, &s->conf->file, &s->warnings, e))
		return failed;
	if (const int failed = server_check_listens(s, e))
		return failed;
	if (const int failed = control_check(s, e))
		return failed;
	return server_check_db(s, e);
}

int server_check_next(const struct server *s, struct cs_error *e)
{
	struct server next;

	next.request = s->request;
	next.plugins.running = &s->plugins;
	if (const int failed = server_configure(&next, e))
		return failed;
	return server_check(&next, e);
}

std::string server_print_conf(const struct server *s)
{
	std::string text = "[core]\n";

	conf_print(core_options, &s->conf->core, &text);
	text += "\n[store]\n";
	conf_print(store_options, &s->conf->store, &text);
	text += "\n[bus]\n";
	conf_print(bus_options, &s->conf->bus, &text);
	for (const auto &p : s->plugins.plugins) {
		if (!p->declared.options || !p->declared.options->key)
			continue;
		text += "\n[" + p->name + "]\n";
		conf_print(p->declared.options, &p->conf, &text);
	}
	return text;
}

int server_dump_options(const struct server_request *request, std::string *text_r, struct cs_error *e)
{
	std::unique_ptr<struct configuration> conf;

	if (const int failed = server_read_conf(request, &conf, e))
		return failed;
	conf_dump("core", core_options, text_r);
	conf_dump("store", store_options, text_r);
	conf_dump("bus", bus_options, text_r);
	server_dump_plugins(server_core_conf(conf.get())->plugin_dir, text_r);
	return 0;
}

/* The plugins whose hooks see the msgid before its handler, in their order. */
static std::string server_hooks_of(const struct server *s, uint32_t msgid)
{
	std::string text;

	for (const struct dispatch_hook &hook : s->dispatch->entries.at(msgid).hooks)
		text += (text.empty() ? "\t" : " ") + s->plugins.plugins[hook.plugin]->name;
	return text;
}

std::string server_list_routes(const struct server *s)
{
	std::string text;

	for (const auto &p : s->plugins.plugins) {
		for (const struct cs_route *r = p->declared.routes; r && r->handler; r++)
			text += std::to_string(r->msgid) + "\t" + r->name + "\t" + p->name +
			        server_hooks_of(s, r->msgid) + "\n";
	}
	return text;
}
