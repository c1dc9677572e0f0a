/* SPDX-License-Identifier: MIT
 * Opens, runs and stops the parts of the server in order, and handles its signals. */
#include "core/server.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <thread>

#include <netdb.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chatserverd/db.h>

#include "core/base/log.h"
#include "core/notify.h"
#include "core/plugin/conn_calls.h"
#include "core/plugin/host.h"
#include "core/session/session_bus.h"

static constexpr rlim_t server_spare_descriptors = 256; /* for the store, the bus, the loops, the log */
static constexpr int64_t server_goodbye_ms = 1000; /* for a bus that does not answer */

/* ---- opening, in the order of use */

static int server_open_log(struct server *s, struct cs_error *e)
{
	return server_open_logs(s->conf.get(), e);
}

/* Connections need descriptors: raises the limit as far as the system allows, and warns if that is too little. */
static int server_open_limits(struct server *s, struct cs_error *)
{
	const int64_t wanted =
		server_core_conf(s->conf.get())->max_connections + static_cast<int64_t>(server_spare_descriptors);
	struct rlimit limit {};

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur != RLIM_INFINITY && static_cast<int64_t>(limit.rlim_cur) < wanted)
		log_warning("too few file descriptors for core.max_connections allowed=%lld wanted=%lld",
		            (long long)limit.rlim_cur, (long long)wanted);
	return 0;
}

/* main() has forbidden core dumps. RLIMIT_CORE alone would not: a pipe in core_pattern takes a dump whatever it
 * says. */
static int server_allow_core_dump(struct server *s, struct cs_error *)
{
	struct rlimit limit {};

	if (!server_core_conf(s->conf.get())->core_dump)
		return 0;
	(void)prctl(PR_SET_DUMPABLE, 1);
	if (getrlimit(RLIMIT_CORE, &limit) == -1)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_CORE, &limit);
	log_info("a crash may leave a core dump, which holds messages, keys and passwords: see core.core_dump "
	         "most_bytes=%lld",
	         limit.rlim_max == RLIM_INFINITY ? -1LL : static_cast<long long>(limit.rlim_max));
	return 0;
}

/* The name by which a second server refers to this one. */
std::string server_process_name(const struct server *s)
{
	char *real = realpath(s->request.conf_path.c_str(), nullptr);
	const std::string conf = real ? real : s->request.conf_path;

	free(real);
	return "pid=" + std::to_string(getpid()) + " node=" + server_node_name(s) + " conf=" + conf.substr(0, 256);
}

/* Up to the last member of ABI 1.0. */
static constexpr size_t server_least_db = offsetof(struct cs_db_driver, check) + sizeof(cs_db_driver::check);
static constexpr size_t server_least_bus = offsetof(struct cs_bus_driver, longest) + sizeof(cs_bus_driver::longest);

static int server_check_driver(const struct plugin *p, const char *what, uint32_t abi, uint32_t size, size_t least,
                               struct cs_error *e)
{
	if (abi >> 16 == CS_ABI_MAJOR && size >= least)
		return 0;
	if (abi >> 16 != CS_ABI_MAJOR)
		error_set(e, "%s: its %s table is of another ABI; build it again", p->path.c_str(), what);
	else
		error_set(e, "%s: its %s table has %u bytes, plugin ABI %u.%u has %zu; build it again", p->path.c_str(),
		          what, size, CS_ABI_MAJOR, CS_ABI_MINOR, least);
	return CS_EINVAL;
}

/* nullptr: there is no database. */
static const struct plugin *server_find_db(struct server *s, const struct cs_db_driver **driver_r)
{
	const void *table = nullptr;
	const struct plugin *p = plugin_find_service(&s->plugins, CS_DB_SERVICE, CS_DB_VERSION, &table);

	*driver_r = static_cast<const struct cs_db_driver *>(table);
	return p;
}

/* Ends with null. */
static std::vector<const char *> server_plugin_names(const struct server *s)
{
	std::vector<const char *> names;

	for (const auto &p : s->plugins.plugins)
		names.push_back(p->name.c_str());
	names.push_back(nullptr);
	return names;
}

/* An adapter that was built before looks at nothing. */
static bool server_has_schema_last(const struct cs_db_driver *driver)
{
	return driver->size >= offsetof(struct cs_db_driver, schema_last) + sizeof(driver->schema_last) &&
	       driver->schema_last;
}

int server_find_schema(struct server *s, const char *plugin, int *version_r, struct cs_error *e)
{
	const struct cs_db_driver *driver = nullptr;
	const struct plugin *p = server_find_db(s, &driver);

	*version_r = 0;
	if (!p || !server_has_schema_last(driver))
		return 0;
	return driver->schema_last(p->conf.memory.get(), plugin, version_r, e);
}

/* Without the schema files that this program was built with, statements would name tables that are not there. The
 * names of these files end with three digits; in front of them is the plugin's name with a dash, or nothing. */
static int server_check_schema_files(struct server *s, const char *plugin, struct cs_error *e)
{
	const std::string_view files = CS_SCHEMA_FILES;
	const std::string before = *plugin ? std::string(plugin) + "-" : "";
	int version = 0, needed = 0;

	for (size_t at = 0; at < files.size(); at = std::min(files.find(' ', at), files.size()) + 1) {
		const std::string_view name = files.substr(at, files.find(' ', at) - at);

		if (name.size() == before.size() + 3 && name.starts_with(before))
			needed = std::max(needed, atoi(name.data() + before.size()));
	}
	if (const int failed = server_find_schema(s, plugin, &version, e))
		return failed;
	if (version >= needed)
		return 0;
	error_set(e, "there is no %s%03d.sql, which this chatserverd needs", before.c_str(), needed);
	return CS_EINVAL;
}

static int server_check_schema_folder(struct server *s, const struct cs_db_driver *driver, struct cs_error *e)
{
	if (!server_has_schema_last(driver))
		return 0;
	if (const int failed = server_check_schema_files(s, "", e))
		return failed;
	for (const auto &p : s->plugins.plugins) {
		if (const int failed = server_check_schema_files(s, p->name.c_str(), e))
			return failed;
	}
	return 0;
}

int server_check_db(struct server *s, struct cs_error *e)
{
	const struct cs_db_driver *driver = nullptr;
	const struct plugin *p = server_find_db(s, &driver);
	const char *key = "schema";
	struct cs_error text {};

	if (!p)
		return 0;
	if (const int failed = server_check_driver(p, "database", driver->abi, driver->size, server_least_db, e))
		return failed;
	if ((!driver->check || driver->check(p->conf.memory.get(), server_plugin_names(s).data(), &key, &text) == 0) &&
	    server_check_schema_folder(s, driver, &text) == 0)
		return 0;
	error_set(e, "%s: %s.%s: %s", conf_where(&s->conf->file, p->name.c_str(), key).c_str(), p->name.c_str(), key,
	          text.text);
	return CS_EINVAL;
}

/* Before the schema is migrated: what comes later is not run, and seen as a change by a reload. */
static int server_note_schema(struct server *s, struct cs_error *e)
{
	int failed = server_find_schema(s, "", &s->plugins.schema, e);

	for (const auto &p : s->plugins.plugins) {
		if (!failed)
			failed = server_find_schema(s, p->name.c_str(), &p->schema, e);
	}
	return failed;
}

static int server_open_store(struct server *s, struct cs_error *e)
{
	const struct cs_db_driver *driver = nullptr;
	const struct plugin *p = server_find_db(s, &driver);
	struct cs_error text {};
	const server_wait_ptr wait = server_wait_start();

	if (server_note_schema(s, &text) != 0 ||
	    store_open(&s->store, server_store_conf(s->conf.get()), driver, p ? p->conf.memory.get() : nullptr,
	               server_process_name(s).c_str(), server_plugin_names(s).data(), &text) != 0) {
		error_set(e, "the store cannot be opened: %s (its options are those of [%s]; store.driver, %s)",
		          text.text, p ? p->name.c_str() : "store",
		          conf_where(&s->conf->file, "store", "driver").c_str());
		return CS_EINVAL;
	}
	s->shared.store = s->store.get();
	return 0;
}

int server_restore(struct server *s, struct cs_error *e)
{
	const struct cs_db_driver *driver = nullptr;
	const struct plugin *p = server_find_db(s, &driver);
	const std::string name = server_process_name(s);
	const struct cs_db_server server = {.name = name.c_str(), .log = log_write};

	if (!p || !CS_DB_HAS(driver, restore)) {
		error_set(e,
		          "a store of %s is not restored by chatserverd; see \"Backup and restore\" in chatserverd(8)",
		          p ? p->name.c_str() : "no database");
		return CS_EINVAL;
	}
	if (const int failed = server_check_db(s, e))
		return failed;
	return driver->restore(p->conf.memory.get(), server_plugin_names(s).data(), s->request.restore_path.c_str(),
	                       &server, e);
}

/* nullptr: this node is alone. */
static const struct plugin *server_find_bus(struct server *s, const struct cs_bus_driver **driver_r)
{
	const void *table = nullptr;
	const struct plugin *p = plugin_find_service(&s->plugins, CS_BUS_SERVICE, CS_BUS_VERSION, &table);

	*driver_r = static_cast<const struct cs_bus_driver *>(table);
	return p;
}

int server_check_bus(struct server *s, const struct configuration *conf, struct cs_error *e)
{
	const struct cs_bus_driver *driver = nullptr;
	const struct plugin *p = server_find_bus(s, &driver);

	if (!p)
		return 0;
	if (const int failed = server_check_driver(p, "bus", driver->abi, driver->size, server_least_bus, e))
		return failed;
	const size_t longest = bus_longest_frame(driver, p->conf.memory.get());

	if (static_cast<size_t>(server_core_conf(conf)->max_frame) <= longest)
		return 0;
	const bool by_driver = longest < bus_longest_frame(nullptr, nullptr);

	error_set(e,
	          "%s: core.max_frame can be at most %zuK, or the longest signals would never go to other nodes; lower "
	          "it%s%s%s",
	          conf_where(&conf->file, "core", "max_frame").c_str(), longest / 1024,
	          by_driver ? ", or see the options of [" : "", by_driver ? p->name.c_str() : "", by_driver ? "]" : "");
	return CS_EINVAL;
}

static int server_open_bus(struct server *s, struct cs_error *e)
{
	const struct cs_bus_driver *driver = nullptr;
	const struct plugin *p = server_find_bus(s, &driver);
	struct cs_error text {};

	if (!p)
		return 0;
	if (bus_open(&s->bus, &s->shared, driver, p->conf.memory.get(), &text) != 0) {
		error_set(e, "the bus cannot be opened: %s (its options are those of [%s]; bus.driver, %s)", text.text,
		          p->name.c_str(), conf_where(&s->conf->file, "bus", "driver").c_str());
		return CS_EINVAL;
	}
	s->shared.bus = s->bus.get();
	return 0;
}

static int server_open_workers(struct server *s, struct cs_error *e)
{
	const struct core_conf *core = server_core_conf(s->conf.get());
	const unsigned threads = core->threads ? static_cast<unsigned>(core->threads)
	                                       : std::clamp(std::thread::hardware_concurrency(), 1u, 128u);

	for (unsigned i = 0; i < threads; i++) {
		s->shared.workers.push_back(std::make_unique<struct worker>());
		struct worker *w = s->shared.workers.back().get();

		conn_table_open(w, core);
		if (const int failed = worker_open(w, i, &s->shared, e))
			return failed;
		dispatch_open(w);
	}
	return 0;
}

static int server_start_plugins(struct server *s, struct cs_error *e)
{
	for (const auto &w : s->shared.workers) {
		call_mark_thread(&w->call);
		const int result = plugin_start_all(&s->plugins, w.get(), e);
		call_mark_thread(nullptr);
		if (result)
			return result;
	}
	return 0;
}

/* Checks the addresses before the store is opened, which takes time. */
static int server_check_addresses(struct server *s, struct cs_error *e)
{
	std::vector<struct listen_address> admin, agent;

	if (const int failed = server_reserve_listens(s, e))
		return failed;
	if (const int failed = admin_reserve(s, &admin, e))
		return failed;
	if (const int failed = agent_reserve(s, &agent, e))
		return failed;
	return control_reserve(s, e);
}

static void server_on_stop_signal(evutil_socket_t number, short, void *arg)
{
	server_drain_by_signal(static_cast<struct server *>(arg), number == SIGINT ? "SIGINT" : "SIGTERM");
}

static void server_on_reload_signal(evutil_socket_t, short, void *arg)
{
	server_reload(static_cast<struct server *>(arg));
}

static void server_on_other_signal(evutil_socket_t number, short, void *)
{
	server_on_log_signal(static_cast<int>(number));
}

/* The default action would end or stop the process: for a closed peer or a size limit, which write(2) reports anyway;
 * for output to a terminal; or for signals that nobody here asked for. */
static void server_ignore_signals()
{
	for (const int number : {SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGIO, SIGPWR, SIGVTALRM, SIGSTKFLT})
		(void)signal(number, SIG_IGN);
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		(void)signal(number, SIG_IGN);
}

static int server_watch_signal(struct server *s, int number, event_callback_fn fn, struct cs_error *e)
{
	event_ptr event(evsignal_new(s->main.base.get(), number, fn, s));

	if (!event || event_add(event.get(), nullptr) == -1) {
		error_set(e, "cannot watch signal %d", number);
		return CS_EINVAL;
	}
	s->signals.push_back(std::move(event));
	return 0;
}

static int server_open_signals(struct server *s, struct cs_error *e)
{
	constexpr struct {
		int number;
		event_callback_fn fn;
	} watched[] = {{SIGTERM, server_on_stop_signal},  {SIGINT, server_on_stop_signal},
	               {SIGHUP, server_on_reload_signal}, {SIGUSR1, server_on_other_signal},
	               {SIGUSR2, server_on_other_signal}, {SIGALRM, server_on_other_signal}};

	server_ignore_signals();
	for (const auto &[number, fn] : watched) {
		if (const int failed = server_watch_signal(s, number, fn, e))
			return failed;
	}
	return 0;
}

/* The parts that are there from the beginning. */
static int server_open_shared(struct server *s, struct cs_error *)
{
	s->shared.sessions = &s->sessions;
	s->shared.topics = &s->topics;
	s->shared.guesses = &s->guesses;
	s->shared.addresses = &s->addresses;
	s->shared.bans = &s->bans;
	s->shared.gauges = &s->gauges;
	s->shared.conn_calls = &plugin_conn_calls;
	s->shared.bus_calls = &session_bus_calls;
	s->shared.dispatch = s->dispatch.get();
	s->shared.want_words = s->plugins.want_words;
	return 0;
}

static int server_open_main_loop(struct server *s, struct cs_error *e)
{
	return loop_open(&s->main, e);
}

static void server_look_pending(void *arg)
{
	dispatch_look_pending(static_cast<struct worker *>(arg));
}

/* A plugin that never returns cannot report itself, so the main thread watches the workers. */
static void server_on_watch(evutil_socket_t, short, void *arg)
{
	auto *s = static_cast<struct server *>(arg);

	call_watch_look(&s->watch, &s->shared, worker_monotonic_ms());
	for (const auto &w : s->shared.workers)
		worker_probe_lag(w.get());
	if (++s->looks % (dispatch_look_ms / call_look_ms) != 0)
		return;
	for (const auto &w : s->shared.workers)
		loop_post(&w->loop, server_look_pending, w.get());
}

static int server_open_watch(struct server *s, struct cs_error *e)
{
	const struct timeval time {
		.tv_sec = 0, .tv_usec = call_look_ms * 1000
	};

	call_catch_crashes();
	s->watch_timer.reset(event_new(s->main.base.get(), -1, EV_PERSIST, server_on_watch, s));
	if (!s->watch_timer || event_add(s->watch_timer.get(), &time) == -1) {
		error_set(e, "cannot make a timer");
		return CS_EINVAL;
	}
	return 0;
}

static int server_open_watchdog(struct server *s, struct cs_error *e)
{
	return watchdog_open(&s->watchdog, &s->main, &s->shared, e);
}

static int server_open_admin(struct server *s, struct cs_error *e)
{
	return admin_open(&s->admin, s, e);
}

static int server_open_agent(struct server *s, struct cs_error *e)
{
	return agent_open(&s->agent, s, e);
}

static int server_open_control(struct server *s, struct cs_error *e)
{
	return control_open(s, e);
}

static int server_open_all(struct server *s, struct cs_error *e)
{
	for (const auto step :
	     {server_open_shared, server_inherit_listens, server_open_log, server_open_limits, server_allow_core_dump,
	      server_check, server_check_addresses, server_open_main_loop, server_open_signals, server_open_watch,
	      server_open_store, server_open_bus, server_open_workers, server_open_watchdog, server_start_plugins,
	      server_open_listeners, server_open_admin, server_open_agent, server_open_control}) {
		if (const int failed = step(s, e))
			return failed;
	}
	return 0;
}

/* ---- running */

static void server_serve(struct server *s)
{
	store_start(s->store.get());
	if (s->bus)
		bus_start(s->bus.get());
	for (const auto &w : s->shared.workers)
		worker_start(w.get());
	s->started_ms = worker_monotonic_ms();
	s->started_at = time(nullptr);
	log_info("ready node=%s workers=%zu plugins=%zu version=" CS_VERSION " conf=%s", server_node_name(s).c_str(),
	         s->shared.workers.size(), s->plugins.plugins.size(), s->request.conf_path.c_str());
	notify_ready();
	loop_run(&s->main);
}

/* ---- stopping, in reverse order. A completion may still queue output or hand in work, so each part is stopped before
 * the parts that it needs. */

static void server_drain_loops(struct server *s)
{
	for (const auto &w : s->shared.workers) {
		call_mark_thread(&w->call);
		loop_drain(&w->loop);
	}
	call_mark_thread(nullptr);
}

static void server_stop_all(struct server *s)
{
	control_close(s);
	for (const auto &w : s->shared.workers) {
		worker_stop(w.get());
		plugin_end_posts(w.get());
	}
	if (s->store)
		store_stop(s->store.get());
	server_drain_loops(s);
	for (const auto &w : s->shared.workers) {
		listener_close_all(w.get());
		for (const auto &c : w->conns->slots) {
			if (c)
				conn_close(c.get(), "server stops");
		}
	}
	server_drain_loops(s);
	/* Sessions have given up all places; now the bus can tell the other nodes. */
	if (s->bus)
		bus_stop(s->bus.get(), server_goodbye_ms);
	server_drain_loops(s);
	host_claim_cancel_all(&s->shared);
	server_drain_loops(s);
	for (const auto &w : s->shared.workers) {
		call_mark_thread(&w->call);
		plugin_stop_all(w.get());
	}
	server_drain_loops(s);
	if (s->main.base)
		loop_drain(&s->main);
}

std::string server_address_text(const struct listen_address *address)
{
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";

	(void)getnameinfo(reinterpret_cast<const sockaddr *>(&address->address), address->size, host, sizeof(host),
	                  port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	if (address->address.ss_family == AF_INET6)
		return "[" + std::string(host) + "]:" + port;
	return std::string(host) + ":" + port;
}

int server_run(struct server *s)
{
	const call_stack stack;
	struct cs_error e {};

	if (server_open_all(s, &e) == 0) {
		server_serve(s);
	} else {
		log_error("%s", e.text);
		if (!log_is_stderr()) /* who starts it looks there */
			(void)fprintf(stderr, "%s\n", e.text);
		s->status = 1;
	}
	server_stop_all(s);
	if (s->drain.begun)
		log_info("stopped status=%d", s->status);
	log_close();
	return s->status;
}
