/* SPDX-License-Identifier: MIT
 * Owns plugins as files: loading, every refusal, the order of start and stop, their options and instances. It
 * must not know what a plugin does. Main thread, before the workers run and after they stopped. */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dlfcn.h>

#include <chatserverd/plugin.h>

#include "core/base/instance.h"
#include "core/conf/conf.h"
#include <base/raii.h>

struct worker;

using dl_ptr = std::unique_ptr<void, function_deleter<dlclose>>;

/* A loaded file. declared is a copy of what the file exports, zero beyond its own size, and so is each row of its lists,
 * which are those below. */
struct plugin {
	std::string path;
	std::string name;
	dl_ptr handle;
	struct cs_plugin declared{};
	std::vector<struct cs_route> routes;
	std::vector<struct cs_hook> hooks;
	std::vector<struct cs_option> options;
	std::vector<struct cs_service> services;
	conf_struct conf;              /* its section, bound */
	unsigned index = 0;            /* place in the order of start */
};

struct plugin_set {
	std::vector<std::unique_ptr<struct plugin>> plugins;   /* in order of start: providers first */
	std::vector<std::string> idle_drivers;                 /* adapters that are there but not used */
	std::vector<std::string> left_out;                     /* by `all but` */
	std::vector<const char *> want_words;                  /* that the plugins give; ends with null */
};

/* A kind of adapter, of which the option SECTION.driver chooses one. */
struct plugin_adapter {
	const char *section, *service;
	const char *kind;   /* for messages: "database" */
	const char *name;   /* the chosen one; "": none */
};

/* Loads one file and checks its form: owner and mode (of its folder, too), ABI, size, name, tables. 0, or CS_EINVAL with the file and
 * both versions in e. Nothing of the file runs but its constructors. */
[[nodiscard]] int plugin_load(struct plugin *loaded_r, const char *folder, const char *name, struct cs_error *e);
/* The names of every .so of the folder, sorted. */
[[nodiscard]] int plugin_list(const char *folder, std::vector<std::string> *names_r, struct cs_error *e);

/* Loads names (or every .so of the folder when names is empty) from folder, checks each and all together, and
 * binds their options. A plugin that provides an adapter's service and was not chosen is left out. 0, or
 * CS_EINVAL with a message that names the file, both versions and the line of the file to change. */
[[nodiscard]] int plugin_load_all(struct plugin_set *set, const char *folder, const char *names,
                                  std::span<const struct plugin_adapter> adapters,
                                  const struct conf_file *file, struct cs_error *e);
/* Asks each whether what its options name can be used. 0, or CS_EINVAL with file:line and option in e. */
[[nodiscard]] int plugin_check_all(const struct plugin_set *set, const struct conf_file *file, struct cs_error *e);
/* Starts one instance of each on the worker, in order; on failure those already started are stopped. */
[[nodiscard]] int plugin_start_all(struct plugin_set *set, struct worker *w, struct cs_error *e);
/* Stops them in reverse. Worker not running. */
void plugin_stop_all(struct worker *w);
/* The plugin that provides the service; nullptr: none. */
struct plugin *plugin_find_service(struct plugin_set *set, const char *service, uint32_t version,
                                   const void **table_r);

/* Makes an instance of the plugin on the worker, behind those that are there. It is not started. */
struct cs_self *plugin_add_instance(struct plugin *p, struct worker *w);

/* The table that every plugin gets; core/plugin/host.cpp. */
extern const struct cs_host host_table;
/* Frees what timers an instance still has. Its worker is not running. */
void host_timers_free(struct cs_self *self);
/* Frees what watches an instance still has. Its worker is not running. */
void host_watches_free(struct cs_self *self);
/* Refuses posts from now on and runs those that were taken. Its worker is not running. */
void host_posts_end(struct cs_self *self);

#endif
