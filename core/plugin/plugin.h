/* SPDX-License-Identifier: MIT
 * Plugins as files: loading and checking them, the order of start and stop, their options and instances. Main thread,
 * before the workers run and after they stopped. */
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

/* A loaded file. declared is a copy of what the file exports, with zeroes behind the file's own size. The lists below
 * hold copies of its lists' rows, extended in the same way. */
struct plugin {
	std::string path;
	std::string name;
	dl_ptr handle;
	struct cs_plugin declared {};
	std::vector<struct cs_route> routes;
	std::vector<struct cs_hook> hooks;
	std::vector<struct cs_option> options;
	std::vector<struct cs_service> services;
	conf_struct conf; /* its section, bound */
	unsigned index = 0; /* index in the order of start */
};

struct plugin_set {
	std::vector<std::unique_ptr<struct plugin>> plugins; /* in order of start: providers first */
	std::vector<std::string> idle_drivers; /* names of adapters that were found but not chosen */
	std::vector<std::string> left_out; /* names left out by `all but` */
	std::vector<const char *> want_words; /* all words of `want`; ends with null */
};

/* A kind of adapter. The option SECTION.driver chooses one. */
struct plugin_adapter {
	const char *section, *service;
	const char *kind; /* for messages: "database" */
	const char *name; /* the chosen adapter; "": none */
};

/* Loads one file and checks its form: owner and mode (also of its folder), ABI, size, name, tables. 0, or CS_EINVAL
 * with the file and both versions in e. Only the file's constructors run. */
[[nodiscard]] int plugin_load(struct plugin *loaded_r, const char *folder, const char *name, struct cs_error *e);
/* Checks that only root and the server's user can put files there. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int plugin_check_folder(const char *folder, struct cs_error *e);
/* The names of every .so of the folder, sorted. */
[[nodiscard]] int plugin_list(const char *folder, std::vector<std::string> *names_r, struct cs_error *e);

/* Loads names (if names is empty: every .so of the folder) from folder, checks each and all together, and binds their
 * options. A plugin that provides an adapter's service but was not chosen is left out. 0, or CS_EINVAL with a message
 * that names the file, both versions and the line of chat.conf to change. */
[[nodiscard]] int plugin_load_all(struct plugin_set *set, const char *folder, const char *names,
                                  std::span<const struct plugin_adapter> adapters, const struct conf_file *file,
                                  struct cs_error *e);
/* Collects the words of `want` of all plugins. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int plugin_number_want_words(struct plugin_set *set, struct cs_error *e);
/* Asks each plugin whether the files and folders that its options name can be used. 0, or CS_EINVAL with file:line and
 * option in e. Warnings are added to *warnings_r in the same form. */
[[nodiscard]] int plugin_check_all(const struct plugin_set *set, const struct conf_file *file,
                                   std::vector<std::string> *warnings_r, struct cs_error *e);
/* Starts one instance of each plugin on the worker, in order, until one fails. Those that were started stay for
 * plugin_stop_all: work that they handed in still names them. */
[[nodiscard]] int plugin_start_all(struct plugin_set *set, struct worker *w, struct cs_error *e);
/* Refuses the posts that come from now on. The worker does not run. */
void plugin_end_posts(struct worker *w);
/* Stops the instances in reverse order. The worker does not run. */
void plugin_stop_all(struct worker *w);
/* The plugin that provides the service; nullptr: none. */
struct plugin *plugin_find_service(struct plugin_set *set, const char *service, uint32_t version, const void **table_r);

/* Makes an instance of the plugin on the worker, behind the existing ones, without starting it. */
struct cs_self *plugin_add_instance(struct plugin *p, struct worker *w);

/* The table that every plugin gets; in core/plugin/host.cpp. */
extern const struct cs_host host_table;
/* Frees the timers that an instance still has. Its worker does not run. */
void host_timers_free(struct cs_self *self);
/* Frees the watches that an instance still has. Its worker does not run. */
void host_watches_free(struct cs_self *self);
/* Refuses posts from now on. */
void host_posts_refuse(struct cs_self *self);
/* Refuses posts from now on and runs those that were accepted. Its worker does not run. */
void host_posts_end(struct cs_self *self);

#endif
