/* SPDX-License-Identifier: MIT
 * All plugins together: which are wanted, which needs which, the order of start and stop, their options and
 * instances. */
#include "core/plugin/plugin.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "core/base/log.h"
#include "core/base/worker.h"

/* The state of loading, passed down instead of five arguments. */
struct loading {
	struct plugin_set *set;
	const char *folder;
	std::span<const struct plugin_adapter> adapters;
	const struct conf_file *file;
	std::vector<std::string> names;
	bool is_all = false; /* names is what the folder holds */
	std::vector<std::string> without; /* without these */
};

static const struct cs_service *plugin_find_provided(const struct plugin *p, const char *service)
{
	for (const struct cs_service *s = p->declared.provides; s && s->name; s++) {
		if (strcmp(s->name, service) == 0)
			return s;
	}
	return nullptr;
}

/* The line of chat.conf to change when a plugin is too many or missing. */
std::string plugin_where_plugins(const struct loading *l)
{
	const std::string where = conf_where(l->file, "core", "plugins");

	if (where != "default")
		return "core.plugins at " + where;
	const std::string folder = conf_where(l->file, "core", "plugin_dir");

	return "core.plugins: not set, so all of core.plugin_dir is loaded, " + folder;
}

/* The same for a plugin found in the folder: how to leave it out. */
std::string plugin_where_found(const struct loading *l, const std::string &name)
{
	if (l->without.empty())
		return plugin_where_plugins(l) + "; `plugins = all but " + name + "` leaves it out";
	return plugin_where_plugins(l) + "; its `all but` may leave out " + name + ", too";
}

/* The line of chat.conf to change when a plugin cannot be loaded. */
std::string plugin_where_name(const struct loading *l, const std::string &name)
{
	for (const struct plugin_adapter &a : l->adapters) {
		if (name == a.name)
			return std::string(a.section) + ".driver at " + conf_where(l->file, a.section, "driver");
	}
	return l->is_all ? plugin_where_found(l, name) : plugin_where_plugins(l);
}

std::vector<std::string> plugin_split_names(std::string_view text)
{
	std::vector<std::string> names;

	while (!text.empty()) {
		const size_t end = std::min(text.find_first_of(" ,\t"), text.size());

		if (end > 0 && std::find(names.begin(), names.end(), text.substr(0, end)) == names.end())
			names.emplace_back(text.substr(0, end));
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	return names;
}

static int plugin_check_dir(const struct loading *l, struct cs_error *e)
{
	struct cs_error text {};

	if (plugin_check_folder(l->folder, &text) == 0)
		return 0;
	error_set(e, "core.plugin_dir (%s): %s", conf_where(l->file, "core", "plugin_dir").c_str(), text.text);
	return CS_EINVAL;
}

/* "" and "all but a, b": the plugins of the folder. An excluded name that is not in the folder is only logged: the
 * operator may have removed that file. */
static int plugin_collect_all(struct loading *l, struct cs_error *e)
{
	struct cs_error text {};

	l->is_all = true;
	l->names.clear();
	if (plugin_list(l->folder, &l->names, &text) != 0) {
		error_set(e, "core.plugin_dir (%s): %s", conf_where(l->file, "core", "plugin_dir").c_str(), text.text);
		return CS_EINVAL;
	}
	for (const std::string &name : l->without) {
		if (std::erase(l->names, name) == 0)
			log_warning("plugin=%s is left out by %s, but the folder has no such plugin", name.c_str(),
			            plugin_where_plugins(l).c_str());
	}
	return 0;
}

/* Chosen adapters are loaded even if `plugins` does not list them. */
static int plugin_collect_names(struct loading *l, const char *names, struct cs_error *e)
{
	l->names = plugin_split_names(names);
	if (l->names.size() > 2 && l->names[0] == "all" && l->names[1] == "but")
		l->set->left_out = l->without = {l->names.begin() + 2, l->names.end()};
	if (l->names.empty() || !l->without.empty()) {
		if (const int result = plugin_collect_all(l, e))
			return result;
	}
	for (const struct plugin_adapter &a : l->adapters) {
		if (*a.name && std::find(l->names.begin(), l->names.end(), a.name) == l->names.end())
			l->names.emplace_back(a.name);
	}
	return 0;
}

static bool plugin_is_idle(const struct loading *l, const struct plugin *p)
{
	for (const struct plugin_adapter &a : l->adapters) {
		if (plugin_find_provided(p, a.service) && p->name != a.name)
			return true;
	}
	return false;
}

static int plugin_load_each(struct loading *l, struct cs_error *e)
{
	for (const std::string &name : l->names) {
		auto p = std::make_unique<struct plugin>();
		struct cs_error text {};

		if (plugin_load(p.get(), l->folder, name.c_str(), &text) != 0) {
			error_set(e, "%s (see %s)", text.text, plugin_where_name(l, name).c_str());
			return CS_EINVAL;
		}
		if (plugin_is_idle(l, p.get()))
			l->set->idle_drivers.push_back(name);
		else
			l->set->plugins.push_back(std::move(p));
	}
	return 0;
}

static int plugin_check_adapter(const struct loading *l, const struct plugin_adapter *a, struct cs_error *e)
{
	const auto is_chosen = [a](const auto &p) {
		return p->name == a->name && plugin_find_provided(p.get(), a->service);
	};

	if (!*a->name || std::any_of(l->set->plugins.begin(), l->set->plugins.end(), is_chosen))
		return 0;
	error_set(e, "%s.driver is %s (%s), but %s/%s.so is no %s adapter", a->section, a->name,
	          conf_where(l->file, a->section, "driver").c_str(), l->folder, a->name, a->kind);
	return CS_EINVAL;
}

static int plugin_check_adapters(const struct loading *l, struct cs_error *e)
{
	for (const struct plugin_adapter &a : l->adapters) {
		if (const int failed = plugin_check_adapter(l, &a, e))
			return failed;
	}
	return 0;
}

static int plugin_check_provided_once(const struct loading *l, struct cs_error *e)
{
	for (const auto &a : l->set->plugins) {
		for (const auto &b : l->set->plugins) {
			if (a == b)
				break;
			for (const struct cs_service *s = a->declared.provides; s && s->name; s++) {
				if (!plugin_find_provided(b.get(), s->name))
					continue;
				error_set(e, "%s and %s both provide the service %s; leave one out (see %s)",
				          b->path.c_str(), a->path.c_str(), s->name, plugin_where_plugins(l).c_str());
				return CS_EINVAL;
			}
		}
	}
	return 0;
}

static struct plugin *plugin_find_provider(const struct plugin_set *set, const char *service)
{
	for (const auto &p : set->plugins) {
		if (plugin_find_provided(p.get(), service))
			return p.get();
	}
	return nullptr;
}

static int plugin_check_needs(const struct loading *l, struct cs_error *e)
{
	for (const auto &p : l->set->plugins) {
		for (const char *const *need = p->declared.needs; need && *need; need++) {
			if (plugin_find_provider(l->set, *need))
				continue;
			error_set(
				e,
				"%s: needs the service %s, which no loaded plugin provides; add the one that does to %s",
				p->path.c_str(), *need, plugin_where_plugins(l).c_str());
			return CS_EINVAL;
		}
	}
	return 0;
}

/* A service that the plugin waits for: it needs it, or uses it and another plugin in `left` provides it. NULL:
 * none. */
static const char *plugin_waits_for(const struct plugin_set *sorted, const struct plugin_set *left,
                                    const struct plugin *p)
{
	for (const char *const *need = p->declared.needs; need && *need; need++) {
		if (!plugin_find_provider(sorted, *need))
			return *need;
	}
	for (const char *const *use = p->declared.uses; use && *use; use++) {
		if (plugin_find_provider(left, *use) && plugin_find_provider(left, *use) != p)
			return *use;
	}
	return nullptr;
}

/* Providers first, otherwise in the order in which they were loaded. */
static int plugin_sort_by_needs(struct plugin_set *set, struct cs_error *e)
{
	struct plugin_set sorted;
	auto &left = set->plugins;

	while (!left.empty()) {
		const auto next = std::find_if(left.begin(), left.end(), [&sorted, set](const auto &p) {
			return !plugin_waits_for(&sorted, set, p.get());
		});

		if (next == left.end()) {
			error_set(e, "%s: needs the service %s of a plugin that in turn needs this one",
			          left.front()->path.c_str(), plugin_waits_for(&sorted, set, left.front().get()));
			return CS_EINVAL;
		}
		(*next)->index = static_cast<unsigned>(sorted.plugins.size());
		sorted.plugins.push_back(std::move(*next));
		left.erase(next);
	}
	set->plugins = std::move(sorted.plugins);
	return 0;
}

static int plugin_bind_options(const struct loading *l, struct cs_error *e)
{
	for (const auto &p : l->set->plugins) {
		if (const int failed = conf_bind(l->file, p->name.c_str(), p->declared.options, p->declared.conf_size,
		                                 &p->conf, e))
			return failed;
	}
	return 0;
}

/* A session carries the words as bits of one 64-bit number. */
static constexpr size_t plugin_most_want_words = 64;

int plugin_number_want_words(struct plugin_set *set, struct cs_error *e)
{
	std::vector<const char *> *words = &set->want_words;

	for (const auto &p : set->plugins) {
		for (const char *const *word = p->declared.want; word && *word; word++) {
			const auto is_word = [word](const char *other) {
				return strcmp(other, *word) == 0;
			};

			if (std::none_of(words->begin(), words->end(), is_word))
				words->push_back(*word);
		}
		if (words->size() > plugin_most_want_words) {
			error_set(e, "%s: there are more than %zu words that a LOGIN can want", p->path.c_str(),
			          plugin_most_want_words);
			return CS_EINVAL;
		}
	}
	words->push_back(nullptr);
	return 0;
}

static int plugin_start_one(struct plugin *p, struct worker *w, struct cs_error *e)
{
	struct cs_self *started = plugin_add_instance(p, w);
	struct cs_error text {};

	const plugin_call call(started, CALL_START);

	if (p->declared.start(&host_table, started, p->conf.memory.get(), &started->state, &text) != 0) {
		error_set(e, "%s: does not start: %s (its options are those of [%s])", p->path.c_str(),
		          *text.text ? text.text : "no reason given", p->name.c_str());
		return CS_EINVAL;
	}
	started->started = true;
	return 0;
}

int plugin_load_all(struct plugin_set *set, const char *folder, const char *names,
                    std::span<const struct plugin_adapter> adapters, const struct conf_file *file, struct cs_error *e)
{
	struct loading l {
		.set = set, .folder = folder, .adapters = adapters, .file = file, .names = {}, .without = {}
	};

	if (const int failed = plugin_check_dir(&l, e))
		return failed;
	if (const int failed = plugin_collect_names(&l, names, e))
		return failed;
	if (const int failed = plugin_load_each(&l, e))
		return failed;
	for (const auto check : {plugin_check_adapters, plugin_check_provided_once, plugin_check_needs}) {
		if (const int failed = check(&l, e))
			return failed;
	}
	if (const int failed = plugin_sort_by_needs(set, e))
		return failed;
	if (const int failed = plugin_number_want_words(set, e))
		return failed;
	return plugin_bind_options(&l, e);
}

int plugin_check_all(const struct plugin_set *set, const struct conf_file *file, std::vector<std::string> *warnings_r,
                     struct cs_error *e)
{
	for (const auto &p : set->plugins) {
		const char *key = "";
		struct cs_error text {};

		if (!p->declared.check)
			continue;
		const int failed = p->declared.check(p->conf.memory.get(), &key, &text);

		if (failed == 0 && *text.text == '\0')
			continue;
		const std::string where = conf_where(file, p->name.c_str(), key) + ": " + p->name + "." + key + ": ";

		if (failed != 0) {
			error_set(e, "%s%s", where.c_str(), text.text);
			return CS_EINVAL;
		}
		warnings_r->push_back(where + text.text);
	}
	return 0;
}

int plugin_start_all(struct plugin_set *set, struct worker *w, struct cs_error *e)
{
	for (const auto &p : set->plugins) {
		if (const int failed = plugin_start_one(p.get(), w, e))
			return failed;
	}
	return 0;
}

void plugin_end_posts(struct worker *w)
{
	for (const auto &self : w->instances)
		host_posts_refuse(self.get());
}

void plugin_stop_all(struct worker *w)
{
	while (!w->instances.empty()) {
		struct cs_self *self = w->instances.back().get();

		host_posts_end(self);
		if (self->started) {
			const plugin_call call(self, CALL_STOP);

			self->plugin->declared.stop(self->state);
		}
		host_timers_free(self);
		host_watches_free(self);
		std::erase(w->hearers, self);
		w->instances.pop_back();
	}
}

struct plugin *plugin_find_service(struct plugin_set *set, const char *service, uint32_t version, const void **table_r)
{
	for (const auto &p : set->plugins) {
		const struct cs_service *s = plugin_find_provided(p.get(), service);

		if (s && s->version == version) {
			*table_r = s->table;
			return p.get();
		}
	}
	return nullptr;
}

struct cs_self *plugin_add_instance(struct plugin *p, struct worker *w)
{
	auto self = std::make_unique<struct cs_self>();

	self->declared = &p->declared;
	self->host = &host_table;
	self->index = p->index;
	self->plugin = p;
	self->worker = w;
	self->loop = &w->loop;
	if (p->declared.written)
		w->hearers.push_back(self.get());
	w->instances.push_back(std::move(self));
	return w->instances.back().get();
}
