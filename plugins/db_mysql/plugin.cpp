/* SPDX-License-Identifier: MIT
 * The description of the plugin and its options. */
#include "db_mysql.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

/* The database server may start later, so its socket is not checked. */
static int db_mysql_check(const void *conf, const char **key_r, cs_error *e)
{
	const auto *c = static_cast<const mydb_conf *>(conf);
	struct stat status = {};

	*key_r = "tls_ca";
	if (!*c->tls_ca)
		return 0;
	if (access(c->tls_ca, R_OK) == -1 || stat(c->tls_ca, &status) == -1) {
		snprintf(e->text, sizeof(e->text), "%s: %s", c->tls_ca, strerror(errno));
		return CS_EINVAL;
	}
	if (status.st_mode & S_IWOTH) {
		snprintf(e->text, sizeof(e->text), "%s: everybody may write to it; run chmod o-w on it", c->tls_ca);
		return CS_EINVAL;
	}
	return 0;
}

static const struct cs_service db_mysql_services[] = {
	{CS_DB_SERVICE, CS_DB_VERSION, &mydb_driver},
	{nullptr, 0, nullptr},
};

static const struct cs_option db_mysql_options[] = {
	{"host", CS_OPTION_TEXT, offsetof(mydb_conf, host), 1, 255, "127.0.0.1", nullptr, 0,
         "name or address of the database server"},
	{"port", CS_OPTION_INTEGER, offsetof(mydb_conf, port), 1, 65535, "3306", nullptr, 0, "its TCP port"},
	{"socket", CS_OPTION_TEXT, offsetof(mydb_conf, socket), 0, 107, "", nullptr, 0,
         "path of its Unix socket, instead of host and port; empty: TCP"},
	{"user", CS_OPTION_TEXT, offsetof(mydb_conf, user), 0, 128, "chatserverd", nullptr, 0,
         "the account to log in with"},
	{"password", CS_OPTION_SECRET, offsetof(mydb_conf, password), 0, 256, "", nullptr, 0, "its password"},
	{"database", CS_OPTION_TEXT, offsetof(mydb_conf, database), 1, 64, "chatserverd", nullptr, 0,
         "name of the database, made when it is missing if the account has the right to"},
	{"connect_timeout", CS_OPTION_TIME, offsetof(mydb_conf, connect_timeout), 1000, 60000, "3s", nullptr, 0,
         "how long connecting may take"},
	{"read_timeout", CS_OPTION_TIME, offsetof(mydb_conf, read_timeout), 2000, 600000, "5s", nullptr, 0,
         "how long the answer to a statement may take; a row lock is waited for half as long"},
	{"write_timeout", CS_OPTION_TIME, offsetof(mydb_conf, write_timeout), 1000, 600000, "5s", nullptr, 0,
         "how long sending to the server may stand still"},
	{"tls", CS_OPTION_CHOICE, offsetof(mydb_conf, tls), 0, 0, "off", "off|on|verify", 0,
         "on: encrypt; verify: also check the server's certificate and its name"},
	{"tls_ca", CS_OPTION_TEXT, offsetof(mydb_conf, tls_ca), 0, 4096, "", nullptr, 0,
         "file of the authority that signed that certificate; empty: those of the system"},
	{"schema", CS_OPTION_TEXT, offsetof(mydb_conf, schema), 1, 4096, CS_MYSQL_SCHEMA, nullptr, 0,
         "folder of the schema files NNN.sql and PLUGIN-NNN.sql"},
	{nullptr, CS_OPTION_TEXT, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "db_mysql",
	.version = CS_VERSION,
	.needs = nullptr,
	.provides = db_mysql_services,
	.routes = nullptr,
	.options = db_mysql_options,
	.conf_size = sizeof(mydb_conf),
	.start = adapter_start,
	.reload = nullptr,
	.closed = nullptr,
	.written = nullptr,
	.routed = nullptr,
	.stop = adapter_stop,
	.check = db_mysql_check,
};
