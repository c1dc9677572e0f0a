/* SPDX-License-Identifier: MIT
 * Plugins as files: loading, checking and replacing them, the order of start and stop, their options and instances.
 * Main thread, unless a function says otherwise. */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include <deque>
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
struct worker_shared;

using dl_ptr = std::unique_ptr<void, function_deleter<dlclose>>;

/* A loaded file. declared is a copy of what the file exports, with zeroes behind the file's own size. The lists below
 * hold copies of its lists' rows, extended in the same way. */
struct plugin {
	std::string path;
	std::string name;
	/* Of the file, in memory. Open while it is loaded: no other file gets its path, debuggers open it by that
	 * path, and a reload compares the file with it. */
	unique_fd copy;
	dl_ptr handle;
	struct cs_plugin declared {};
	std::vector<struct cs_route> routes;
	std::vector<struct cs_hook> hooks;
	std::vector<struct cs_option> options;
	std::vector<struct cs_service> services;
	conf_struct conf; /* its section, bound */
	unsigned index = 0; /* index in the order of start */
	unsigned replaced = 0; /* 0: loaded at the start; else a number that no other plugin had in this process */
	int schema = 0; /* number of its last schema file when it was loaded; 0: none */
	bool is_fresh = false; /* a reload has found it, and is not over; workers may read it meanwhile */
	/* Of one that was replaced or refused: */
	int64_t left_ms = 0; /* when it left */
	uint64_t left_look = 0; /* the number of the last look before */
	bool left_told = false; /* that it takes long was logged */
};

struct plugin_set {
	std::vector<std::unique_ptr<struct plugin>> plugins; /* in order of start: providers first */
	std::vector<std::string> idle_drivers; /* names of adapters that were found but not chosen */
	std::vector<std::string> left_out; /* names left out by `all but` */
	const char *const *want_words =
		nullptr; /* all words of `want`; ends with null; made by plugin_number_want_words */
	std::vector<std::string> own_want_words; /* those that the server itself gives */
	std::deque<std::string> want_texts; /* of them: a plugin that gives a word may leave */
	std::deque<std::vector<const char *>> want_lists; /* of them, and earlier ones: plugins may have these */
	int schema = 0; /* number of the last schema file of the server at the start */
	unsigned fresh_count = 0; /* plugins that were loaded by reloads */
	/* Whose plugins are opened again, not loaded anew, where the files are the same; nullptr: none. */
	const struct plugin_set *running = nullptr;
	/* Replaced or refused; some of their instances may still have something under way. */
	std::vector<std::unique_ptr<struct plugin>> leaving;
};

/* What a reload changes in a set. */
struct plugin_change {
	/* Found, loaded and checked. The index is that of the plugin which it replaces, or behind all of the set. While
	 * the change is applied: the plugins that were replaced; null where there was none. */
	std::vector<std::unique_ptr<struct plugin>> fresh;
	std::vector<std::string> idle_drivers, left_out; /* as in the set */
	std::vector<std::string> restart; /* "plugin NAME": what has changed, but needs a restart */
};

/* A kind of adapter. The option SECTION.driver chooses one. */
struct plugin_adapter {
	const char *section, *service;
	const char *kind; /* for messages: "database" */
	const char *name; /* the chosen adapter; "": none */
};

/* Loads one file and checks its form: owner and mode (also of its folder), ABI, size, name, tables. Opens running again
 * if that is the same file; it may be nullptr. 0, or CS_EINVAL with the file and both versions in e. Only the file's
 * constructors run. */
[[nodiscard]] int plugin_load(struct plugin *loaded_r, const char *folder, const char *name,
                              const struct plugin *running, struct cs_error *e);
/* Whether the file of a loaded plugin has other contents by now. A file that cannot be read counts as changed if it is
 * there. */
bool plugin_is_changed(const struct plugin *p);
/* Whether the file of a loaded plugin is there. */
bool plugin_is_there(const struct plugin *p);
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
/* Finds what has changed since the set was loaded: new files, and files with other contents; loads these. What needs a
 * restart is logged and left out. Arguments and errors as for plugin_load_all. */
[[nodiscard]] int plugin_find_change(struct plugin_set *set, struct plugin_change *change_r, const char *folder,
                                     const char *names, std::span<const struct plugin_adapter> adapters,
                                     const struct conf_file *file, struct cs_error *e);
/* Takes a plugin out of the change, because it needs a restart; why is for the log. The change is not applied. */
void plugin_put_off(struct plugin_set *set, struct plugin_change *change, size_t i, const char *why);
/* The plugin of that name; nullptr: none. */
struct plugin *plugin_find(const struct plugin_set *set, const std::string &name);
/* Puts the change into the set, or takes it out again. */
void plugin_apply_change(struct plugin_set *set, struct plugin_change *change);
void plugin_undo_change(struct plugin_set *set, struct plugin_change *change);
/* Checks the set, to which the change is applied, as plugin_load_all does; binds the options of the fresh plugins. */
[[nodiscard]] int plugin_check_change(struct plugin_set *set, const char *folder, const struct conf_file *file,
                                      std::vector<std::string> *warnings_r, struct cs_error *e);
/* Collects the words of `want` of all plugins, behind those that have a number. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int plugin_number_want_words(struct plugin_set *set, struct cs_error *e);
/* Adds a word that the server itself gives. Before any instance starts. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int plugin_add_want_word(struct plugin_set *set, const char *word, struct cs_error *e);
/* Asks each plugin whether the files and folders that its options name can be used. 0, or CS_EINVAL with file:line and
 * option in e. Warnings are added to *warnings_r in the same form. */
[[nodiscard]] int plugin_check_all(const struct plugin_set *set, const struct conf_file *file,
                                   std::vector<std::string> *warnings_r, struct cs_error *e);

/* ---- instances */

/* Starts one instance of each plugin on the worker, in order, until one fails. Those that were started stay for
 * plugin_stop_all: work that they handed in still names them. The worker does not run. */
[[nodiscard]] int plugin_start_all(struct plugin_set *set, struct worker *w, struct cs_error *e);
/* Refuses the posts that come from now on. The worker does not run. */
void plugin_end_posts(struct worker *w);
/* Stops the instances in reverse order. The worker does not run. */
void plugin_stop_all(struct worker *w);

/* Starts an instance of each fresh plugin, in order, until one fails. They are not in force. Worker thread. */
[[nodiscard]] int plugin_start_fresh(std::span<const std::unique_ptr<struct plugin>> fresh, struct worker *w,
                                     struct cs_error *e);
/* Puts the worker's fresh instances into force; they hear of what is there. Those whose plugins they replace leave.
 * Worker thread. */
void plugin_switch(struct worker *w);
/* The worker's fresh instances leave without having been in force. Worker thread. */
void plugin_drop_fresh(struct worker *w);
/* Stops and frees the leaving instances that have nothing under way; *left_r: the plugins of those that stay. Worker
 * thread. */
void plugin_look_leaving(struct worker *w, std::vector<const struct plugin *> *left_r);
/* Notes for all threads which plugin is in force. */
void plugin_publish(struct worker_shared *shared, const struct plugin *p);
/* The plugin that provides the service; nullptr: none. */
struct plugin *plugin_find_service(struct plugin_set *set, const char *service, uint32_t version, const void **table_r);

/* Makes an instance of the plugin on the worker, behind the existing ones, without starting it. The worker does not
 * run. */
struct cs_self *plugin_add_instance(struct plugin *p, struct worker *w);

/* The table that every plugin gets; in core/plugin/host.cpp. */
extern const struct cs_host host_table;
/* Frees the timers that an instance still has. Worker thread, but not from a call of the instance. */
void host_timers_free(struct cs_self *self);
/* Frees the watches that an instance still has. As above. */
void host_watches_free(struct cs_self *self);
/* Refuses posts from now on. Any thread. */
void host_posts_refuse(struct cs_self *self);
/* Refuses posts from now on and runs those that were accepted. Its worker does not run. */
void host_posts_end(struct cs_self *self);

#endif
