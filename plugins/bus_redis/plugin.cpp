/* SPDX-License-Identifier: MIT
 * Owns what this file exports: the plugin's description and its options. It must not know how Redis is
 * talked to. */
#include "bus_redis.h"

/* Instances of workers have nothing to do: the server calls the driver on the bus's own thread. */
static int start(const struct cs_host *, struct cs_self *, const void *, void **state_r, struct cs_error *)
{
	*state_r = nullptr;
	return 0;
}

static void stop(void *) {}

static const struct cs_service services[] = {
	{CS_BUS_SERVICE, CS_BUS_VERSION, &rbus_driver},
	{nullptr, 0, nullptr},
};

static const struct cs_option options[] = {
	{"host", CS_OPTION_TEXT, offsetof(rbus_conf, host), 1, 255, "127.0.0.1", nullptr, 0,
         "name or address of the Redis server"},
	{"port", CS_OPTION_INTEGER, offsetof(rbus_conf, port), 1, 65535, "6379", nullptr, 0, "its TCP port"},
	{"socket", CS_OPTION_TEXT, offsetof(rbus_conf, socket), 0, 107, "", nullptr, 0,
         "path of its Unix socket, instead of host and port; empty: TCP"},
	{"user", CS_OPTION_TEXT, offsetof(rbus_conf, user), 0, 128, "", nullptr, 0,
         "the account to authenticate as; empty: the default one"},
	{"password", CS_OPTION_SECRET, offsetof(rbus_conf, password), 0, 512, "", nullptr, 0,
         "its password; empty: do not authenticate"},
	{"database", CS_OPTION_INTEGER, offsetof(rbus_conf, database), 0, 65535, "0", nullptr, 0,
         "number of the database"},
	{"prefix", CS_OPTION_TEXT, offsetof(rbus_conf, prefix), 1, 64, "chatserverd", nullptr, 0,
         "what names of keys and channels begin with; the same on all nodes of a cluster"},
	{"lease", CS_OPTION_TIME, offsetof(rbus_conf, lease), 1000, 300000, "10s", nullptr, 0,
         "how long a silent node counts as alive"},
	{"connect_timeout", CS_OPTION_TIME, offsetof(rbus_conf, connect_timeout), 100, 60000, "2s", nullptr,
         0, "how long connecting and authenticating may take"},
	{"watchdog", CS_OPTION_TIME, offsetof(rbus_conf, watchdog), 300, 60000, "3s", nullptr, 0,
         "how long Redis may be silent before it counts as gone"},
	{"queue", CS_OPTION_SIZE, offsetof(rbus_conf, queue), 1 << 20, INT64_C(1) << 30, "16M", nullptr, 0,
         "bytes that may wait to be sent before Redis counts as gone"},
	{nullptr, CS_OPTION_TEXT, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "bus_redis",
	.version = CS_VERSION,
	.needs = nullptr,
	.provides = services,
	.routes = nullptr,
	.options = options,
	.conf_size = sizeof(rbus_conf),
	.start = start,
	.reload = nullptr,
	.closed = nullptr,
	.written = nullptr,
	.routed = nullptr,
	.cluster = nullptr,
	.stop = stop,
};
