/* SPDX-License-Identifier: MIT
 * Owns the core's own options: their structs and the tables that bind them. It must not know how a file is
 * read (conf) nor a plugin's options (its own table). */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <cstdint>

#include <chatserverd/plugin.h>

/* Section [core]. Texts live as long as the configuration that they came from. Sizes in bytes, times in ms. */
struct core_conf {
	const char *listen;       /* address:port, several, IPv6 in brackets */
	int64_t threads;          /* workers; 0: one per core */
	const char *plugin_dir;
	const char *plugins;      /* names; empty: every .so of the folder */
	int64_t max_frame;
	int64_t max_connections;  /* of this node */
	int64_t frame_timeout;    /* of a frame that has begun; 0: none */
	int64_t login_timeout;    /* of a connection without a login; 0: none */
	int64_t login_connections; /* without a login; 0: half of max_connections */
	int64_t login_memory;     /* bytes that all without a login may hold */
	int64_t idle_timeout;     /* 0: silence never ends a connection */
	int64_t output_soft;
	int64_t output_hard;
	int64_t rate;             /* cost per second and connection; 0: no limit */
	int64_t burst;            /* cost that may be saved up */
	int64_t keepalive;        /* TCP keepalive idle time; 0: off */
	int64_t drain_timeout;
	int log_level;            /* enum cs_log_level */
	const char *admin;        /* address:port of /metrics and /healthz; empty: none */
	const char *node = "";    /* its name for people; empty: the host's */
	const char *proxy_from = ""; /* addresses and networks that may send a PROXY header */
};

/* Section [store]. */
struct store_conf {
	const char *driver;       /* name of the plugin that provides "db" */
	int64_t readers;
	int64_t writers;
	int64_t hashers;          /* threads of the hashing pool; 0: one per core */
	int64_t queue;            /* items that may wait per kind of thread */
	int64_t queue_bytes;      /* bytes of batch items that may wait */
};

/* Section [bus]. */
struct bus_conf {
	const char *driver;       /* name of the plugin that provides "bus"; empty: this node is alone */
};

extern const struct cs_option core_options[];
extern const struct cs_option store_options[];
extern const struct cs_option bus_options[];

#endif
