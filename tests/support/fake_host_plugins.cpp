/* SPDX-License-Identifier: MIT
 * Plugins in the fake host: loading, options, instances. */
#include "fake_host_internal.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

/* ---- options */

static int64_t option_number(const cs_option *option, const char *text)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {
		{"", 1},     {"K", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30},  {"ms", 1},
		{"s", 1000}, {"m", 60000},   {"h", 3600000}, {"d", 86400000},
	};
	char *end = nullptr;

	if (strcmp(text, "forever") == 0)
		return 0;
	const int64_t number = strtoll(text, &end, 10);

	for (const auto &unit : units)
		if (strcmp(end, unit.unit) == 0)
			return number * unit.factor;
	fake_fail("bad option value", option->key);
	return 0;
}

static int option_choice(const cs_option *option, std::string_view text)
{
	std::string_view rest = option->choices;

	for (int place = 0; !rest.empty(); place++) {
		const size_t bar = rest.find('|');
		if (rest.substr(0, bar) == text)
			return place;
		rest = bar == rest.npos ? std::string_view() : rest.substr(bar + 1);
	}
	fake_fail("bad choice", option->key);
	return 0;
}

static void option_bind(const cs_option *option, const char *text, char *conf)
{
	char *member = conf + option->offset;
	int flag = 0;
	int64_t number = 0;

	switch (option->type) {
	case CS_OPTION_BOOL:
		flag = strchr("yYtT1", text[0]) != nullptr || strcmp(text, "on") == 0;
		memcpy(member, &flag, sizeof flag);
		break;
	case CS_OPTION_CHOICE:
		flag = option_choice(option, text);
		memcpy(member, &flag, sizeof flag);
		break;
	case CS_OPTION_TEXT:
	case CS_OPTION_SECRET: memcpy(member, &text, sizeof text); break;
	default: number = option_number(option, text); memcpy(member, &number, sizeof number);
	}
}

static void self_bind_options(fake_self *self)
{
	self->conf.resize(self->plugin->conf_size);
	for (const cs_option *o = self->plugin->options; o && o->key; o++) {
		const std::string key = std::string(self->plugin->name) + "." + o->key;
		const auto set = self->host->options.find(key);
		self->texts.push_back(set != self->host->options.end() ? set->second : o->default_text);
		option_bind(o, self->texts.back().c_str(), self->conf.data());
	}
}

/* ---- plugins */

static const struct cs_plugin *plugin_open(const char *name, library_ptr *library_r)
{
	const char *build = getenv("CS_BUILD");
	const std::string path = strchr(name, '/') != nullptr
	                                 ? name
	                                 : std::string(build != nullptr ? build : "build") + "/plugins/" + name + ".so";

	/* NODELETE: sanitizers report at the process's end and need the names then. */
	library_r->reset(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE));
	if (!*library_r)
		fake_fail("dlopen", dlerror());
	const void *symbol = dlsym(library_r->get(), CS_PLUGIN_SYMBOL);
	if (!symbol)
		fake_fail("no symbol " CS_PLUGIN_SYMBOL, path.c_str());
	return static_cast<const struct cs_plugin *>(symbol);
}

/* Plugins keep the list, so it never moves. */
static void self_add_words(const fake_self *self)
{
	static constexpr size_t most = 64;
	std::vector<const char *> *words = &self->host->want_words;

	words->reserve(most + 1);
	for (const char *const *word = self->plugin->want; word && *word; word++) {
		const auto is_word = [word](const char *other) {
			return other && strcmp(other, *word) == 0;
		};

		if (std::any_of(words->begin(), words->end(), is_word))
			continue;
		if (words->size() > most)
			fake_fail("there are more than 64 words of want", *word);
		words->insert(words->end() - 1, *word);
	}
}

static int self_start(std::unique_ptr<fake_self> self, cs_error *e)
{
	fake_host *host = self->host;

	self_bind_options(self.get());
	self_add_words(self.get());
	if (self->plugin->start) {
		const int rc = self->plugin->start(&host->table, fake_self_handle(self.get()), self->conf.data(),
		                                   &self->state, e);
		if (rc != 0) {
			fake_posts_drop(self.get());
			return rc;
		}
	}
	host->selves.push_back(self.release());
	return 0;
}

int fake_host_try_add(fake_host *host, const struct cs_plugin *plugin, unsigned worker, cs_error *e)
{
	auto self = std::make_unique<fake_self>();

	self->host = host;
	self->plugin = plugin;
	self->worker = worker;
	return self_start(std::move(self), e);
}

fake_self *fake_host_add(fake_host *host, const struct cs_plugin *plugin, unsigned worker)
{
	cs_error e = {};

	if (fake_host_try_add(host, plugin, worker, &e) != 0)
		fake_fail(plugin->name, e.text);
	return host->selves.back();
}

int fake_host_try_load(fake_host *host, const char *name, unsigned worker, cs_error *e)
{
	auto self = std::make_unique<fake_self>();

	self->host = host;
	self->plugin = plugin_open(name, &self->library);
	self->worker = worker;
	return self_start(std::move(self), e);
}

fake_self *fake_host_load(fake_host *host, const char *name, unsigned worker)
{
	cs_error e = {};

	if (fake_host_try_load(host, name, worker, &e) != 0)
		fake_fail(name, e.text);
	return host->selves.back();
}

void fake_host_stop(fake_host *host, fake_self *self)
{
	const std::unique_ptr<fake_self> owner(self);

	{
		std::scoped_lock lock(host->mutex);
		self->stopping = true;
	}
	(void)fake_posts_run(host);
	if (self->plugin->stop)
		self->plugin->stop(self->state);
	std::erase_if(host->timers, [self](const fake_timer_entry &timer) { return timer.self == self; });
	std::erase_if(host->watches, [self](const fake_watch_entry &watch) { return watch.self == self; });
	std::erase(host->selves, self);
}

size_t fake_self_woken(const fake_self *self)
{
	return self->woken;
}

cs_self *fake_self_handle(fake_self *self)
{
	return reinterpret_cast<cs_self *>(self);
}

const struct cs_plugin *fake_self_plugin(const fake_self *self)
{
	return self->plugin;
}

void *fake_self_state(const fake_self *self)
{
	return self->state;
}

void fake_host_set(fake_host *host, const char *key, const char *value)
{
	host->options[key] = value;
}

void fake_host_offer(fake_host *host, const char *name, uint32_t version, const void *table, void *context)
{
	host->services.push_back({name, version, table, context});
}
