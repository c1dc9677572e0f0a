/* SPDX-License-Identifier: MIT
 * Owns the server as a whole: what it is made of, and the order in which the parts are opened, run, reloaded,
 * drained and stopped. It must not know what any part does inside. Main thread. */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <memory>
#include <string>
#include <vector>

#include "core/admin.h"
#include "core/bus/bus.h"
#include "core/conf/conf.h"
#include "core/base/deadline.h"
#include "core/plugin/dispatch.h"
#include "core/net/conn.h"
#include "core/net/listener.h"
#include "core/base/loop.h"
#include "core/conf/options.h"
#include "core/plugin/plugin.h"
#include "core/net/throttle.h"
#include "core/session/session.h"
#include "core/store/store.h"
#include "core/base/worker.h"

/* What the command line says. */
struct server_request {
	std::string conf_path;
	std::vector<std::string> overrides;   /* section.key=value */
};

/* chat.conf as read at one moment. */
struct configuration {
	struct conf_file file;
	struct conf_struct core, store, bus;
};

struct reload;
struct reload_deleter {
	void operator()(struct reload *r) const;
};

/* How far the draining has come; core/server_drain.cpp. */
struct drain {
	bool begun = false;
	bool closing = false;             /* what was under way is finished; connections are being closed */
	bool forced = false;              /* connections that did not end by themselves were cut */
	int64_t begun_ms = 0;
	int64_t quiet_ms = 0;             /* since when only unread output is left; 0: not yet */
	unsigned asked = 0;               /* workers asked in the present round; 0: none */
	std::atomic<unsigned> answered = 0;
	std::atomic<size_t> busy = 0;     /* connections with a request under way */
	std::atomic<size_t> unsent = 0;   /* connections whose peer has not read everything */
	event_ptr timer;
};

/* In the order of opening: freed in reverse. */
struct server {
	deadline_ptr deadline;            /* of a stop; first, so that it holds to the very end */
	struct server_request request;
	std::unique_ptr<struct configuration> conf;
	struct plugin_set plugins;
	struct dispatch_table dispatch;
	std::vector<struct listen_address> addresses;
	store_ptr store;
	bus_ptr bus;                      /* null: this node is alone */
	struct loop main;
	struct session_table sessions;
	struct throttle throttle;
	struct worker_shared shared;
	admin_ptr admin;
	std::vector<event_ptr> signals;
	struct call_watch watch;
	unsigned looks = 0;               /* of the watch */
	event_ptr watch_timer;
	std::unique_ptr<struct reload, reload_deleter> reload;
	struct drain drain;
	int64_t started_ms = 0;
	int status = 0;                   /* of the process */
};

/* The options of the three sections of the core. */
const struct core_conf *server_core_conf(const struct configuration *conf);
const struct store_conf *server_store_conf(const struct configuration *conf);
const struct bus_conf *server_bus_conf(const struct configuration *conf);

/* Of this node, for people: core.node, or the host's name; letters, digits, '.', '-' and '_'. */
std::string server_node_name(const struct server *s);

/* Reads and checks chat.conf without looking at plugins. 0, or CS_EINVAL with file:line in e. */
[[nodiscard]] int server_read_conf(const struct server_request *request,
                                   std::unique_ptr<struct configuration> *conf_r, struct cs_error *e);
/* Every section must be the core's or a loaded plugin's. 0, or CS_EINVAL with file:line in e. */
[[nodiscard]] int server_check_sections(const struct server *s, const struct configuration *conf,
                                        struct cs_error *e);
/* Reads chat.conf, loads every plugin and checks all of it; nothing is opened or started. */
[[nodiscard]] int server_configure(struct server *s, struct cs_error *e);
/* Asks the plugins whether the paths and the like in their options can be used. After server_configure. 0, or
 * CS_EINVAL with file:line in e. */
[[nodiscard]] int server_check(struct server *s, struct cs_error *e);
/* The effective configuration as chat.conf would say it; secrets as ***. After server_configure. */
std::string server_print_conf(const struct server *s);
/* One line per option of core, store and every plugin file that loads. Needs no chat.conf. */
[[nodiscard]] int server_dump_options(const struct server_request *request, std::string *text_r,
                                      struct cs_error *e);
/* One line per route: msgid, name, plugin. After server_configure. */
std::string server_list_routes(const struct server *s);
/* Opens everything, serves until told to stop, drains, stops. After server_configure. Returns the exit status. */
int server_run(struct server *s);

/* "127.0.0.1:6000", "[::1]:6000". */
std::string server_address_text(const struct listen_address *address);

/* Begins to drain; a second call ends the process at once. */
void server_drain(struct server *s, const char *why);
/* Reads chat.conf again, asks every instance of every plugin, then changes all or none. */
void server_reload(struct server *s);

#endif
