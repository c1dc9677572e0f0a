/* SPDX-License-Identifier: MIT
 * The description of the plugin and its options. */
#include "db_sqlite.h"

static const struct cs_service db_sqlite_services[] = {
	{CS_DB_SERVICE, CS_DB_VERSION, &sqlite_driver},
	{nullptr, 0, nullptr},
};

static const struct cs_option db_sqlite_options[] = {
	{"path", CS_OPTION_TEXT, offsetof(sqlite_conf, path), 1, 4096, CS_SQLITE_PATH, nullptr, 0,
         "file of the database, made when missing; :memory: keeps all in memory and loses it at the end"},
	{"synchronous", CS_OPTION_CHOICE, offsetof(sqlite_conf, synchronous), 0, 0, "full", "full|normal", 0,
         "full: a commit survives a power cut; normal: the last ones may be lost then, not in a crash"},
	{"busy_timeout", CS_OPTION_TIME, offsetof(sqlite_conf, busy_timeout), 0, 60000, "5s", nullptr, 0,
         "how long to wait for another process that writes to the file"},
	{"schema", CS_OPTION_TEXT, offsetof(sqlite_conf, schema), 1, 4096, CS_SQLITE_SCHEMA, nullptr, 0,
         "folder of the schema files NNN.sql and PLUGIN-NNN.sql"},
	{nullptr, CS_OPTION_TEXT, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "db_sqlite",
	.version = CS_VERSION,
	.needs = nullptr,
	.provides = db_sqlite_services,
	.routes = nullptr,
	.options = db_sqlite_options,
	.conf_size = sizeof(sqlite_conf),
	.start = adapter_start,
	.reload = nullptr,
	.closed = nullptr,
	.written = nullptr,
	.routed = nullptr,
	.stop = adapter_stop,
	.check = sqlite_check,
};
