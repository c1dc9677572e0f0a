/* SPDX-License-Identifier: MIT
 * All plugins together: which are wanted, which needs which, the order of start and stop, their options, and what a
 * reload changes in them. */
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
	std::vector<std::string> restart; /* see plugin_change */
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

static int plugin_check_count(const struct plugin_set *set, struct cs_error *e)
{
	if (set->plugins.size() <= worker_most_plugins)
		return 0;
	error_set(e, "there are more than %u plugins", worker_most_plugins);
	return CS_EINVAL;
}

static bool plugin_is_idle(const struct loading *l, const struct plugin *p)
{
	for (const struct plugin_adapter &a : l->adapters) {
		if (plugin_find_provided(p, a.service) && p->name != a.name)
			return true;
	}
	return false;
}

/* Adds the plugin to the set, unless it is an adapter that was not chosen. */
static int plugin_load_name(struct loading *l, const std::string &name, struct cs_error *e)
{
	const struct plugin *running = l->set->running ? plugin_find(l->set->running, name) : nullptr;
	auto p = std::make_unique<struct plugin>();
	struct cs_error text {};

	if (plugin_load(p.get(), l->folder, name.c_str(), running, &text) != 0) {
		error_set(e, "%s (see %s)", text.text, plugin_where_name(l, name).c_str());
		return CS_EINVAL;
	}
	if (plugin_is_idle(l, p.get())) {
		l->set->idle_drivers.push_back(name);
		return 0;
	}
	l->set->plugins.push_back(std::move(p));
	return plugin_check_count(l->set, e);
}

static int plugin_load_each(struct loading *l, struct cs_error *e)
{
	for (const std::string &name : l->names) {
		if (const int failed = plugin_load_name(l, name, e))
			return failed;
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

/* Those of plugins that have none yet. */
static int plugin_bind_options(const struct loading *l, struct cs_error *e)
{
	for (const auto &p : l->set->plugins) {
		if (p->conf.texts)
			continue;
		if (const int failed = conf_bind(l->file, p->name.c_str(), p->declared.options, p->declared.conf_size,
		                                 &p->conf, e))
			return failed;
	}
	return 0;
}

/* A session carries the words as bits of one 64-bit number. */
static constexpr size_t plugin_most_want_words = 64;

/* Those that have no number yet. */
static int plugin_collect_want_words(const struct plugin_set *set, std::vector<std::string> *new_r, struct cs_error *e)
{
	const auto has = [](const auto &list, const char *word) {
		return std::find(list.begin(), list.end(), word) != list.end();
	};

	for (const auto &p : set->plugins) {
		for (const char *const *word = p->declared.want; word && *word; word++) {
			if (has(set->own_want_words, *word)) {
				error_set(e, "%s: the word \"%s\" of LOGIN's want is the server's own", p->path.c_str(),
				          *word);
				return CS_EINVAL;
			}
			if (!has(set->want_texts, *word) && !has(*new_r, *word))
				new_r->emplace_back(*word);
		}
		if (set->want_texts.size() + new_r->size() > plugin_most_want_words) {
			error_set(e, "%s: there are more than %zu words that a LOGIN can want", p->path.c_str(),
			          plugin_most_want_words);
			return CS_EINVAL;
		}
	}
	return 0;
}

static void plugin_list_want_words(struct plugin_set *set)
{
	std::vector<const char *> *list = &set->want_lists.emplace_back();

	for (const std::string &text : set->want_texts)
		list->push_back(text.c_str());
	list->push_back(nullptr);
	set->want_words = list->data();
}

int plugin_number_want_words(struct plugin_set *set, struct cs_error *e)
{
	std::vector<std::string> added;

	if (const int failed = plugin_collect_want_words(set, &added, e))
		return failed;
	if (added.empty() && set->want_words)
		return 0;
	set->want_texts.insert(set->want_texts.end(), added.begin(), added.end());
	plugin_list_want_words(set);
	return 0;
}

int plugin_add_want_word(struct plugin_set *set, const char *word, struct cs_error *e)
{
	if (std::find(set->want_texts.begin(), set->want_texts.end(), word) != set->want_texts.end()) {
		error_set(e, "a plugin gives the word \"%s\" of LOGIN's want, which is the server's own", word);
		return CS_EINVAL;
	}
	if (set->want_texts.size() == plugin_most_want_words) {
		error_set(e, "there are more than %zu words that a LOGIN can want", plugin_most_want_words);
		return CS_EINVAL;
	}
	set->own_want_words.emplace_back(word);
	set->want_texts.emplace_back(word);
	plugin_list_want_words(set);
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

/* Asks the plugin's own check. */
static int plugin_check_one(const struct plugin *p, const struct conf_file *file, std::vector<std::string> *warnings_r,
                            struct cs_error *e)
{
	const char *key = "";
	struct cs_error text {};

	if (!p->declared.check)
		return 0;
	const int failed = p->declared.check(p->conf.memory.get(), &key, &text);

	if (failed == 0 && *text.text == '\0')
		return 0;
	const std::string where = conf_where(file, p->name.c_str(), key) + ": " + p->name + "." + key + ": ";

	if (failed != 0) {
		error_set(e, "%s%s", where.c_str(), text.text);
		return CS_EINVAL;
	}
	warnings_r->push_back(where + text.text);
	return 0;
}

int plugin_check_all(const struct plugin_set *set, const struct conf_file *file, std::vector<std::string> *warnings_r,
                     struct cs_error *e)
{
	for (const auto &p : set->plugins) {
		if (const int failed = plugin_check_one(p.get(), file, warnings_r, e))
			return failed;
	}
	return 0;
}

/* ---- what a reload changes */

struct plugin *plugin_find(const struct plugin_set *set, const std::string &name)
{
	const auto found = std::find_if(set->plugins.begin(), set->plugins.end(),
	                                [&name](const auto &p) { return p->name == name; });

	return found == set->plugins.end() ? nullptr : found->get();
}

static bool plugin_provides(const struct plugin *p)
{
	return p->declared.provides && p->declared.provides->name;
}

static bool plugin_takes_services(const struct plugin *p)
{
	return (p->declared.needs && *p->declared.needs) || (p->declared.uses && *p->declared.uses);
}

/* Why the plugin cannot be loaded, or take the place of another, while the server runs; nullptr: it can. before may be
 * nullptr. Others have pointers to what a provider gave them, and providers to what others gave them: also one that was
 * only started, because the reload may be refused. */
static const char *plugin_find_obstacle(const struct plugin *before, const struct plugin *p)
{
	if (plugin_provides(p) || (before && plugin_provides(before)))
		return "it provides a service";
	if (plugin_takes_services(p) && !p->declared.busy)
		return "it uses services and cannot say when it has finished (no `busy`)";
	if (before && plugin_takes_services(before) && !before->declared.busy)
		return "the one that runs uses services and cannot say when it has finished (no `busy`)";
	return nullptr;
}

static void plugin_note_put_off(std::vector<std::string> *restart, const struct plugin *before, const std::string &name,
                                const char *why)
{
	log_warning("plugin %s, which needs a restart plugin=%s why=\"%s\"", before ? "changed" : "added", name.c_str(),
	            why);
	restart->push_back("plugin " + name);
}

static void plugin_note_removed(struct loading *l, const std::string &name)
{
	log_warning("plugin removed, which needs a restart plugin=%s", name.c_str());
	l->restart.push_back("plugin " + name);
}

/* Loads one that has changed or is new; leaves it out of found if it needs a restart. */
static int plugin_find_one(struct loading *l, const struct plugin_set *set, const std::string &name, struct cs_error *e)
{
	const struct plugin *before = plugin_find(set, name);
	auto *found = &l->set->plugins;
	const size_t count = found->size();

	if (before && !plugin_is_there(before)) {
		plugin_note_removed(l, name);
		return 0;
	}
	if (before && !plugin_is_changed(before))
		return 0;
	if (const int failed = plugin_load_name(l, name, e))
		return failed;
	if (found->size() == count)
		return 0;
	if (const char *why = plugin_find_obstacle(before, found->back().get())) {
		plugin_note_put_off(&l->restart, before, name, why);
		found->pop_back();
		return 0;
	}
	found->back()->is_fresh = true;
	return 0;
}

/* An adapter that was not chosen at the start is not chosen later. */
static bool plugin_is_known_idle(const struct plugin_set *set, const std::string &name)
{
	return std::find(set->idle_drivers.begin(), set->idle_drivers.end(), name) != set->idle_drivers.end();
}

static void plugin_number_fresh(struct plugin_set *set, struct plugin_change *change)
{
	auto next = static_cast<unsigned>(set->plugins.size());

	for (const auto &p : change->fresh) {
		const struct plugin *before = plugin_find(set, p->name);

		p->index = before ? before->index : next++;
		p->replaced = ++set->fresh_count;
	}
}

int plugin_find_change(struct plugin_set *set, struct plugin_change *change_r, const char *folder, const char *names,
                       std::span<const struct plugin_adapter> adapters, const struct conf_file *file,
                       struct cs_error *e)
{
	struct plugin_set found;
	struct loading l {
		.set = &found, .folder = folder, .adapters = adapters, .file = file, .names = {}, .without = {}
	};

	if (const int failed = plugin_check_dir(&l, e))
		return failed;
	if (const int failed = plugin_collect_names(&l, names, e))
		return failed;
	for (const std::string &name : l.names) {
		if (plugin_is_known_idle(set, name))
			found.idle_drivers.push_back(name);
		else if (const int failed = plugin_find_one(&l, set, name, e))
			return failed;
	}
	for (const auto &p : set->plugins) {
		if (std::find(l.names.begin(), l.names.end(), p->name) == l.names.end())
			plugin_note_removed(&l, p->name);
	}
	*change_r = {std::move(found.plugins), std::move(found.idle_drivers), std::move(found.left_out),
	             std::move(l.restart)};
	plugin_number_fresh(set, change_r);
	return 0;
}

void plugin_put_off(struct plugin_set *set, struct plugin_change *change, size_t i, const char *why)
{
	const std::string name = change->fresh[i]->name;

	plugin_note_put_off(&change->restart, plugin_find(set, name), name, why);
	change->fresh.erase(change->fresh.begin() + static_cast<ptrdiff_t>(i));
	plugin_number_fresh(set, change);
}

void plugin_apply_change(struct plugin_set *set, struct plugin_change *change)
{
	for (auto &p : change->fresh) {
		if (p->index < set->plugins.size())
			set->plugins[p->index].swap(p);
		else
			set->plugins.push_back(std::move(p));
	}
	set->idle_drivers.swap(change->idle_drivers);
	set->left_out.swap(change->left_out);
}

void plugin_undo_change(struct plugin_set *set, struct plugin_change *change)
{
	for (size_t i = change->fresh.size(); i-- > 0;) {
		auto &p = change->fresh[i];

		if (p) {
			set->plugins[p->index].swap(p);
			continue;
		}
		p = std::move(set->plugins.back());
		set->plugins.pop_back();
	}
	set->idle_drivers.swap(change->idle_drivers);
	set->left_out.swap(change->left_out);
}

/* The order of start is also that of the end: who uses a service must come behind the provider. */
static int plugin_check_order(const struct plugin_set *set, const struct plugin *p, const char *const *services,
                              struct cs_error *e)
{
	for (; services && *services; services++) {
		const struct plugin *provider = plugin_find_provider(set, *services);

		if (!provider || provider->index < p->index)
			continue;
		error_set(e, "%s: uses the service %s of %s, which was started later; that needs a restart",
		          p->path.c_str(), *services, provider->path.c_str());
		return CS_EINVAL;
	}
	return 0;
}

int plugin_check_change(struct plugin_set *set, const char *folder, const struct conf_file *file,
                        std::vector<std::string> *warnings_r, struct cs_error *e)
{
	struct loading l {
		.set = set, .folder = folder, .adapters = {}, .file = file, .names = {}, .without = {}
	};
	std::vector<std::string> words;

	for (const auto check : {plugin_check_provided_once, plugin_check_needs, plugin_bind_options}) {
		if (const int failed = check(&l, e))
			return failed;
	}
	for (const auto &p : set->plugins) {
		if (!p->is_fresh)
			continue;
		for (const char *const *services : {p->declared.needs, p->declared.uses}) {
			if (const int failed = plugin_check_order(set, p.get(), services, e))
				return failed;
		}
		if (const int failed = plugin_check_one(p.get(), file, warnings_r, e))
			return failed;
	}
	if (const int failed = plugin_check_count(set, e))
		return failed;
	return plugin_collect_want_words(set, &words, e);
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
