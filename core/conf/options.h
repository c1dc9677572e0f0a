/* SPDX-License-Identifier: MIT
 * The core's own options: their structs and the tables that bind them. */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <cstdint>

#include <chatserverd/plugin.h>

/* Section [core]. Texts live as long as the configuration that they were read from. Sizes in bytes, times in ms. */
struct core_conf {
	const char *listen; /* address:port, one or more; IPv6 in brackets */
	int64_t threads; /* number of workers; 0: one for each processor */
	const char *plugin_dir;
	const char *plugins; /* names; empty: every .so of the folder */
	int64_t max_frame;
	int64_t max_connections; /* of this node */
	int64_t frame_timeout; /* for a frame to become complete; 0: no limit */
	int64_t login_timeout; /* for a connection to log in; 0: no limit */
	int64_t login_connections; /* most connections without a login; 0: half of max_connections */
	int64_t login_memory; /* bytes that all connections without a login together may hold */
	int64_t idle_timeout; /* 0: silence never ends a connection */
	int64_t output_soft;
	int64_t output_hard;
	int64_t output_memory; /* unsent bytes of all connections; 0: no limit */
	int64_t rate; /* cost per second and connection; 0: no limit */
	int64_t burst; /* cost that a quiet connection may save up */
	int64_t rate_bytes; /* bytes per second and connection; 0: no limit */
	int64_t burst_bytes; /* bytes that a quiet connection may save up */
	int64_t address_connections; /* most connections of an address; 0: no limit, as for those below */
	int64_t address_guests; /* most connections of an address without a login */
	int64_t address_rate; /* cost per second and address */
	int64_t address_burst;
	int64_t address_rate_bytes; /* bytes per second and address */
	int64_t address_burst_bytes;
	int64_t keepalive; /* TCP keepalive idle time; 0: off */
	int64_t drain_timeout;
	int64_t drain_grace; /* not ready, but accepting */
	int64_t drain_spread; /* over which GOING_AWAY is sent */
	int64_t drain_delay; /* most that a client is asked to wait before it connects again; 0: it is not asked */
	int log_level; /* enum cs_log_level */
	const char *log; /* where the log goes; see log_check_place */
	int log_format; /* enum log_form */
	const char *audit; /* where the audit log goes; empty: there is none */
	int core_dump = 0; /* a crash may leave a core dump */
	const char *admin; /* address:port of /metrics, /healthz and /readyz; empty: none */
	const char *agent = ""; /* address:port of HAProxy's agent-check; empty: none */
	const char *control = ""; /* path of the socket of operators; empty: none */
	const char *node = ""; /* this node's name for people; empty: the host's name */
	const char *proxy_from = ""; /* addresses and networks that may send a PROXY header */
};

/* Section [store]. */
struct store_conf {
	const char *driver; /* name of the plugin that provides "db" */
	int64_t readers;
	int64_t writers;
	int64_t hashers; /* threads of the hashing pool; 0: one for every two processors */
	int64_t queue; /* tasks that may wait in each queue */
	int64_t queue_bytes; /* bytes of tasks that may wait in each queue */
	int64_t hang_timeout; /* a thread that is so long in one call stands still; 0: never */
};

/* Section [bus]. */
struct bus_conf {
	const char *driver; /* name of the plugin that provides "bus"; empty: this node is alone */
};

extern const struct cs_option core_options[];
extern const struct cs_option store_options[];
extern const struct cs_option bus_options[];

#endif
