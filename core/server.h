/* SPDX-License-Identifier: MIT
 * The server as a whole: its parts, and the order in which they are opened, run, reloaded, drained and stopped. Main
 * thread. */
#ifndef CORE_SERVER_H
#define CORE_SERVER_H

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/admin.h"
#include "core/agent.h"
#include "core/base/deadline.h"
#include "core/base/gauge.h"
#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/conf/conf.h"
#include "core/conf/options.h"
#include "core/control.h"
#include "core/net/address.h"
#include "core/net/ban.h"
#include "core/net/conn.h"
#include "core/net/guess.h"
#include "core/net/inherit.h"
#include "core/net/listener.h"
#include "core/net/transport.h"
#include "core/plugin/dispatch.h"
#include "core/plugin/plugin.h"
#include "core/session/session.h"
#include "core/session/topic.h"
#include "core/store/store.h"
#include "core/watchdog.h"

/* The options of the command line. */
struct server_request {
	std::string conf_path;
	std::vector<std::string> overrides; /* section.key=value */
	std::string restore_path; /* of the copy for server_restore */
};

/* chat.conf as it was at one moment. */
struct configuration {
	struct conf_file file;
	struct conf_struct core, store, bus;
};

struct reload;
struct reload_deleter {
	void operator()(struct reload *r) const;
};

/* It waits for balancers to notice; it tells clients to go, some at a time; it finishes. */
enum drain_phase { DRAIN_GRACE, DRAIN_TELLS, DRAIN_FINISHES };

/* Looks at plugins that were replaced; core/server_leaving.cpp. */
struct leaving {
	uint64_t look = 0; /* number of the last look */
	unsigned missing = 0; /* workers that have not answered yet */
	std::vector<const struct plugin *> left; /* those that a worker still has */
	event_ptr timer; /* for one look */
	int64_t pause_ms = 0; /* until the next but one at most */
};

/* How far draining has come; core/server_drain.cpp. */
struct drain {
	bool begun = false;
	enum drain_phase phase = DRAIN_GRACE;
	bool closing = false; /* it took too long: connections are closed, whatever they wait for */
	bool forced = false; /* connections that did not end by themselves are being cut */
	int64_t begun_ms = 0;
	int64_t signal_ms = 0; /* when the first signal to stop came; 0: none did */
	int64_t tell_ms = 0; /* when clients begin to be told */
	int64_t told_ms = 0; /* when all are told: drain_timeout counts from then */
	int64_t timeout = 0; /* core.drain_timeout */
	unsigned asked = 0; /* workers asked in this round; 0: no round runs */
	std::atomic<unsigned> answered = 0;
	std::atomic<size_t> busy = 0; /* connections with a request under way */
	bool is_idle = false; /* in the last round nothing was under way */
	event_ptr timer;
};

/* An option that names addresses, and what connections to them have between socket and frames. */
struct server_listen {
	std::string section, key;
	struct transport transport;
	std::vector<struct listen_address> addresses;
};

/* How the last reload went, for operators; core/server_reload.cpp. */
struct reload_result {
	int64_t ended_ms = 0; /* since 1970; 0: there was none */
	bool done = false; /* false: the configuration was kept */
	std::string why; /* it was kept */
	std::vector<std::string> restart; /* what has changed and needs a restart: section.key, or "plugin NAME" */
};

/* Members are in the order of opening; they are freed in reverse order. */
struct server {
	deadline_ptr deadline; /* of a stop; the first member, so that it is freed last */
	struct server_request request;
	std::unique_ptr<struct configuration> conf;
	struct plugin_set plugins;
	std::unique_ptr<struct dispatch_table> dispatch; /* of the plugins in force */
	std::vector<std::string> warnings; /* of server_check: file:line, option and text */
	std::vector<std::unique_ptr<struct server_listen>> listens; /* the first is that of core.listen */
	std::vector<struct inherit_socket> inherited;
	store_ptr store;
	bus_ptr bus; /* null: this node is alone */
	struct loop main;
	struct session_table sessions;
	struct topic_table topics;
	struct guess_table guesses;
	struct address_table addresses;
	struct ban_table bans;
	struct gauge_table gauges;
	watchdog_ptr watchdog; /* null: nobody watches */
	struct worker_shared shared;
	admin_ptr admin;
	agent_ptr agent;
	control_ptr control; /* null: no socket for operators */
	std::vector<event_ptr> signals;
	struct call_watch watch;
	unsigned looks = 0; /* number of looks of the watch */
	event_ptr watch_timer;
	std::unique_ptr<struct reload, reload_deleter> reload;
	struct reload_result reload_result;
	bool reload_again = false; /* one more was asked for meanwhile */
	struct leaving leaving;
	struct drain drain;
	int64_t started_ms = 0, started_at = 0; /* when it was ready: monotonic, and seconds since 1970 */
	int status = 0; /* exit status of the process */
};

/* The options of the sections [core], [store] and [bus]. */
const struct core_conf *server_core_conf(const struct configuration *conf);
const struct store_conf *server_store_conf(const struct configuration *conf);
const struct bus_conf *server_bus_conf(const struct configuration *conf);

/* This node's name for people: core.node, or the host's name; letters, digits, '.', '-' and '_'. */
std::string server_node_name(const struct server *s);

/* Reads and checks chat.conf without looking at plugins. 0, or CS_EINVAL with file:line in e. */
[[nodiscard]] int server_read_conf(const struct server_request *request, std::unique_ptr<struct configuration> *conf_r,
                                   struct cs_error *e);
/* The adapters that the options choose. */
std::array<struct plugin_adapter, 2> server_adapters(const struct configuration *conf);
/* Makes the table of all routes and hooks of s->plugins. 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int server_build_dispatch(const struct server *s, const struct configuration *conf,
                                        std::unique_ptr<struct dispatch_table> *table_r, struct cs_error *e);
/* Checks that every section is the core's or a loaded plugin's. 0, or CS_EINVAL with file:line in e. */
[[nodiscard]] int server_check_sections(const struct server *s, const struct configuration *conf, struct cs_error *e);
/* Reads chat.conf, loads every plugin and checks everything; opens and starts nothing. */
[[nodiscard]] int server_configure(struct server *s, struct cs_error *e);
/* Asks the plugins whether the files and folders that their options name can be used. After server_configure. 0, or
 * CS_EINVAL with file:line in e. What is no reason to refuse is added to s->warnings. */
[[nodiscard]] int server_check(struct server *s, struct cs_error *e);
/* Checks all of that for another server, which would start now with the same command line. 0, or CS_EINVAL with the
 * text in e. */
[[nodiscard]] int server_check_next(const struct server *s, struct cs_error *e);
/* Asks the database adapter whether its files can be used, also those of plugins. 0, or CS_EINVAL with file:line in
 * e. */
[[nodiscard]] int server_check_db(struct server *s, struct cs_error *e);
/* The number of the last schema file of the plugin ("": of the server), as the database adapter finds it; 0: none.
 * Returns 0, or CS_EINVAL with the text in e. */
[[nodiscard]] int server_find_schema(struct server *s, const char *plugin, int *version_r, struct cs_error *e);
/* Checks that the longest frame that conf allows fits the bus that is loaded. 0, or CS_EINVAL with file:line in e. */
[[nodiscard]] int server_check_bus(struct server *s, const struct configuration *conf, struct cs_error *e);
/* core/server_listen.cpp */
/* Collects the addresses of core.listen and of the plugins' transports. After the plugins were loaded. 0, or CS_EINVAL
 * with file:line in e; so do those below. */
[[nodiscard]] int server_find_listens(struct server *s, struct cs_error *e);
/* Asks each stream that is used whether its options allow that. */
[[nodiscard]] int server_check_listens(const struct server *s, struct cs_error *e);
/* Takes the sockets of the service manager and finds the address of each. */
[[nodiscard]] int server_inherit_listens(struct server *s, struct cs_error *e);
/* See listener_reserve. */
[[nodiscard]] int server_reserve_listens(struct server *s, struct cs_error *e);
/* Opens the listening sockets of every worker. */
[[nodiscard]] int server_open_listeners(struct server *s, struct cs_error *e);
/* core/server_log.cpp */
/* Checks where log and audit log go. CS_EINVAL with file:line in e. */
[[nodiscard]] int server_check_places(const struct configuration *conf, struct cs_error *e);
/* The same, and whether the files and sockets can be opened; makes nothing. */
[[nodiscard]] int server_check_logs(const struct configuration *conf, struct cs_error *e);
/* From now on lines go where conf says, in the form that it says. On an error some of it is as before. */
[[nodiscard]] int server_open_logs(const struct configuration *conf, struct cs_error *e);
/* For files to get their last lines, before the process ends at once. */
inline constexpr int64_t server_log_ms = 1000;
/* Signals that ask other daemons to open their log file again. */
void server_on_log_signal(int number);
/* The configuration in force, in the form of chat.conf; secrets as ***. After server_configure. */
std::string server_print_conf(const struct server *s);
/* One line for each option of the core, the store and every plugin file that loads. Needs no chat.conf. */
[[nodiscard]] int server_dump_options(const struct server_request *request, std::string *text_r, struct cs_error *e);
/* One line for each route: msgid, name, plugin. After server_configure. */
std::string server_list_routes(const struct server *s);
/* Puts the copy request.restore_path in the place of the store, which no server may use. After server_configure. 0, or
 * CS_EINVAL with the text in e. */
[[nodiscard]] int server_restore(struct server *s, struct cs_error *e);
/* Opens everything, serves until it is told to stop, drains, stops. After server_configure. Returns the exit status. */
int server_run(struct server *s);

/* "127.0.0.1:6000", "[::1]:6000". */
std::string server_address_text(const struct listen_address *address);

struct server_wait;
struct server_wait_deleter {
	void operator()(struct server_wait *w) const; /* ends it */
};
using server_wait_ptr = std::unique_ptr<struct server_wait, server_wait_deleter>;
/* While it lives: says each 5 s, in the log and to the service manager, that the store takes long to open. SIGTERM and
 * SIGINT end the process at once. */
[[nodiscard]] server_wait_ptr server_wait_start(void);

/* Begins to drain; why is for the log. Does nothing if the server drains already. */
void server_drain(struct server *s, const char *why);
/* A signal to stop: the first one begins to drain; a second ends the process at once, unless it comes within 1 s of the
 * first. */
void server_drain_by_signal(struct server *s, const char *signal);
/* Reads chat.conf again, and plugins that have changed; starts these, asks every instance of every other plugin, then
 * changes all or nothing. */
void server_reload(struct server *s);
/* Stops and unloads the plugins of s->plugins.leaving when they have finished. */
void server_watch_leaving(struct server *s);

#endif
