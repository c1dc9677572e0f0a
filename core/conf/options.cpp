/* SPDX-License-Identifier: MIT
 * The option tables of [core], [store] and [bus]. */
#include "core/conf/options.h"

#include <cstddef>

static constexpr int64_t options_second = 1000;
static constexpr int64_t options_hour = 3600 * options_second;
static constexpr int64_t options_kib = 1024;
static constexpr int64_t options_mib = 1024 * options_kib;
static constexpr int64_t options_gib = 1024 * options_mib;
static constexpr int64_t options_most_text = 4096;

#define CORE(member) offsetof(struct core_conf, member)
#define STORE(member) offsetof(struct store_conf, member)

const struct cs_option core_options[] = {
	{"listen", CS_OPTION_TEXT, CORE(listen), 1, options_most_text, "0.0.0.0:6000", nullptr, 0,
         "addresses to listen on: address:port, several, IPv6 in brackets; port 0 takes a free one"},
	{"threads", CS_OPTION_INTEGER, CORE(threads), 0, 128, "0", nullptr, 0,
         "workers, each with its own event loop; 0: one per processor"},
	{"plugin_dir", CS_OPTION_TEXT, CORE(plugin_dir), 1, options_most_text, CS_PLUGIN_DIR, nullptr, 0,
         "folder of the plugins"},
	{"plugins", CS_OPTION_TEXT, CORE(plugins), 0, options_most_text, "", nullptr, 1,
         "names of the plugins to load, or those to leave out behind `all but`; empty: every .so of the folder"},
	{"max_frame", CS_OPTION_SIZE, CORE(max_frame), 1 * options_kib, 16 * options_mib, "64K", nullptr, 1,
         "longest frame that a client may send"},
	{"max_connections", CS_OPTION_INTEGER, CORE(max_connections), 1, 10000000, "10000", nullptr, 1,
         "connections of this node; more wait in the kernel's queue"},
	{"frame_timeout", CS_OPTION_TIME, CORE(frame_timeout), 0, 24 * options_hour, "30s", nullptr, 1,
         "closes a connection whose frame is not whole so long after its first byte; 0: never"},
	{"login_timeout", CS_OPTION_TIME, CORE(login_timeout), 0, 24 * options_hour, "5m", nullptr, 1,
         "closes a connection that is so long without a login; 0: never"},
	{"login_connections", CS_OPTION_INTEGER, CORE(login_connections), 0, 10000000, "0", nullptr, 1,
         "connections without a login; of more the oldest is closed; 0: half of max_connections"},
	{"login_memory", CS_OPTION_SIZE, CORE(login_memory), 64 * options_kib, 64 * options_gib, "16M", nullptr, 1,
         "bytes that all connections without a login may hold; above it the oldest holder is closed"},
	{"idle_timeout", CS_OPTION_TIME, CORE(idle_timeout), 0, 24 * options_hour, "0", nullptr, 1,
         "closes a connection that says nothing for that long; 0: never"},
	{"output_soft", CS_OPTION_SIZE, CORE(output_soft), 4 * options_kib, 1 * options_gib, "256K", nullptr, 1,
         "unsent output above which a connection is no longer read"},
	{"output_hard", CS_OPTION_SIZE, CORE(output_hard), 64 * options_kib, 1 * options_gib, "4M", nullptr, 1,
         "unsent output above which a connection is closed as a slow reader"},
	{"output_memory", CS_OPTION_SIZE, CORE(output_memory), 0, 1024 * options_gib, "512M", nullptr, 1,
         "unsent output of all connections; from 3/4 on logins are refused, above it slow readers are closed; 0: no limit"},
	{"rate", CS_OPTION_INTEGER, CORE(rate), 0, 1000000, "10000", nullptr, 1,
         "cost of requests per second and connection; above it the connection is read more slowly; 0: no limit"},
	{"burst", CS_OPTION_INTEGER, CORE(burst), 1, 10000000, "20000", nullptr, 1,
         "requests, by their cost, that a quiet connection may send at once before rate applies"},
	{"rate_bytes", CS_OPTION_SIZE, CORE(rate_bytes), 0, 4 * options_gib, "16M", nullptr, 1,
         "bytes per second that a connection may send; above it the connection is read more slowly; 0: no limit"},
	{"burst_bytes", CS_OPTION_SIZE, CORE(burst_bytes), 1 * options_kib, 4 * options_gib, "32M", nullptr, 1,
         "bytes that a quiet connection may send at once before rate_bytes applies"},
	{"address_connections", CS_OPTION_INTEGER, CORE(address_connections), 0, 10000000, "0", nullptr, 1,
         "connections of an address (IPv6: of a /64); more are refused; 0: no limit"},
	{"address_guests", CS_OPTION_INTEGER, CORE(address_guests), 0, 10000000, "0", nullptr, 1,
         "connections of an address without a login; more are refused; 0: no limit"},
	{"address_rate", CS_OPTION_INTEGER, CORE(address_rate), 0, 100000000, "0", nullptr, 1,
         "cost of requests per second and address; above it its connections are read more slowly; 0: no limit"},
	{"address_burst", CS_OPTION_INTEGER, CORE(address_burst), 1, 1000000000, "100000", nullptr, 1,
         "requests, by their cost, that a quiet address may send at once before address_rate applies"},
	{"address_rate_bytes", CS_OPTION_SIZE, CORE(address_rate_bytes), 0, 64 * options_gib, "0", nullptr, 1,
         "bytes per second and address; above it its connections are read more slowly; 0: no limit"},
	{"address_burst_bytes", CS_OPTION_SIZE, CORE(address_burst_bytes), 1 * options_kib, 64 * options_gib, "64M",
         nullptr, 1, "bytes that a quiet address may send at once before address_rate_bytes applies"},
	{"keepalive", CS_OPTION_TIME, CORE(keepalive), 0, 24 * options_hour, "60s", nullptr, 1,
         "silence after which TCP asks whether the peer is alive; 0: never"},
	{"drain_timeout", CS_OPTION_TIME, CORE(drain_timeout), 1 * options_second, 1 * options_hour, "10s", nullptr, 1,
         "time to finish what is under way after SIGTERM, once all clients were told to go"},
	{"drain_grace", CS_OPTION_TIME, CORE(drain_grace), 0, 1 * options_hour, "0", nullptr, 1,
         "time after SIGTERM in which the server is not ready but still takes connections, for balancers to notice"},
	{"drain_spread", CS_OPTION_TIME, CORE(drain_spread), 0, 1 * options_hour, "0", nullptr, 1,
         "time after drain_grace over which clients are told to go; 0: all at once"},
	{"drain_delay", CS_OPTION_TIME, CORE(drain_delay), 0, 1 * options_hour, "1s", nullptr, 1,
         "longest wait for which a client that goes is asked before it connects again; each has its own; 0: none"},
	{"log_level", CS_OPTION_CHOICE, CORE(log_level), 0, 0, "info", "error|warning|info|debug", 1,
         "what is logged: this level and those before it"},
	{"log", CS_OPTION_TEXT, CORE(log), 1, options_most_text, "stderr", nullptr, 1,
         "where the log goes: stderr, syslog, syslog:SOCKET or file:PATH"},
	{"log_format", CS_OPTION_CHOICE, CORE(log_format), 0, 0, "text", "text|json", 1,
         "form of the lines of log and audit: text, or one JSON object each"},
	{"audit", CS_OPTION_TEXT, CORE(audit), 0, options_most_text, "", nullptr, 1,
         "where lines go that tell who came, went and changed what: as log; empty: nowhere"},
	{"core_dump", CS_OPTION_BOOL, CORE(core_dump), 0, 0, "no", nullptr, 0,
         "whether a crash may leave a core dump, which holds messages, keys and passwords of servers"},
	{"admin", CS_OPTION_TEXT, CORE(admin), 0, options_most_text, "", nullptr, 0,
         "address:port of /metrics, /healthz and /readyz, for trusted networks only; empty: none"},
	{"agent", CS_OPTION_TEXT, CORE(agent), 0, options_most_text, "", nullptr, 0,
         "address:port that tells HAProxy (agent-check) when this node drains; empty: none"},
	{"control", CS_OPTION_TEXT, CORE(control), 0, options_most_text, "", nullptr, 0,
         "path of the socket by which chatctl gives orders, for root and the server's user only; empty: none"},
	{"node", CS_OPTION_TEXT, CORE(node), 0, 64, "", nullptr, 0,
         "name of this node in log and /metrics; empty: the host's"},
	{"proxy_from", CS_OPTION_TEXT, CORE(proxy_from), 0, options_most_text, "", nullptr, 1,
         "addresses and networks of proxies that give the address of the client by a PROXY header; empty: none"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

const struct cs_option store_options[] = {
	{"driver", CS_OPTION_TEXT, STORE(driver), 0, 64, "db_sqlite", nullptr, 0,
         "plugin that talks to the database; empty: none"},
	{"readers", CS_OPTION_INTEGER, STORE(readers), 1, 64, "4", nullptr, 0,
         "connections that read, at most what the driver can use"},
	{"writers", CS_OPTION_INTEGER, STORE(writers), 1, 64, "1", nullptr, 0,
         "connections that write, at most what the driver can use"},
	{"hashers", CS_OPTION_INTEGER, STORE(hashers), 0, 64, "0", nullptr, 0,
         "threads that hash passwords; 0: one for every two processors"},
	{"queue", CS_OPTION_INTEGER, STORE(queue), 1, 1000000, "4096", nullptr, 0,
         "requests that may wait per queue; above it clients are told BUSY"},
	{"queue_bytes", CS_OPTION_SIZE, STORE(queue_bytes), 64 * options_kib, 4 * options_gib, "16M", nullptr, 0,
         "bytes of messages that may wait per writer; above it clients are told BUSY"},
	{"hang_timeout", CS_OPTION_TIME, STORE(hang_timeout), 0, 24 * options_hour, "2m", nullptr, 0,
         "the watchdog takes a store thread that is so long in one call for hung; 0: never"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

const struct cs_option bus_options[] = {
	{"driver", CS_OPTION_TEXT, offsetof(struct bus_conf, driver), 0, 64, "", nullptr, 0,
         "plugin that connects this node with the other nodes of a cluster; empty: it is alone"},
	{nullptr, CS_OPTION_BOOL, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};
