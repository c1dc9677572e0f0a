/* SPDX-License-Identifier: MIT
 * A test's connections to its MariaDB, through the adapter, loaded and configured as the server would do it. */
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

#include "tests/support/mariadb.h"

/* The plugin of the build folder. It stays loaded. */
static const struct cs_plugin *plugin_load(void)
{
	const char *build = getenv("CS_BUILD");
	const std::string file = std::string(build ? build : "build") + "/plugins/db_mysql.so";
	void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
	return static_cast<const struct cs_plugin *>(dlsym(library, CS_PLUGIN_SYMBOL));
}

static void *member(mariadb_access *a, const std::string &key)
{
	for (const cs_option *option = a->plugin->options; option->key; option++)
		if (key == option->key)
			return a->conf.data() + option->offset;
	fprintf(stderr, "no such option: %s\n", key.c_str());
	abort();
}

void mariadb_access_set_text(mariadb_access *a, const std::string &key, const std::string &text)
{
	std::string &kept = a->texts[key];

	kept = text;
	*static_cast<const char **>(member(a, key)) = kept.c_str();
}

void mariadb_access_set_number(mariadb_access *a, const std::string &key, int64_t number)
{
	*static_cast<int64_t *>(member(a, key)) = number;
}

void mariadb_access_set_choice(mariadb_access *a, const std::string &key, int place)
{
	*static_cast<int *>(member(a, key)) = place;
}

void mariadb_access_make(mariadb_access *a, const mariadb *m, const std::string &database)
{
	a->plugin = plugin_load();
	a->driver = static_cast<const cs_db_driver *>(a->plugin->provides[0].table);
	a->conf.assign(a->plugin->conf_size, 0);
	mariadb_access_set_text(a, "host", "127.0.0.1");
	mariadb_access_set_number(a, "port", m->port);
	mariadb_access_set_text(a, "socket", "");
	mariadb_access_set_text(a, "user", "chat");
	mariadb_access_set_text(a, "password", "se cret");
	mariadb_access_set_text(a, "database", database);
	mariadb_access_set_number(a, "connect_timeout", 2000);
	mariadb_access_set_number(a, "read_timeout", 4000);
	mariadb_access_set_number(a, "write_timeout", 4000);
	mariadb_access_set_text(a, "tls_ca", "");
	mariadb_access_set_text(a, "schema", "conf/schema/mysql");
}

[[noreturn]] static void give_up(const cs_error &e)
{
	fprintf(stderr, "%s\n", e.text);
	abort();
}

cs_db *mariadb_open(const mariadb_access *a)
{
	cs_error e = {};
	cs_db *db = nullptr;

	if (a->driver->open(a->conf.data(), &db, &e))
		give_up(e);
	return db;
}

cs_db *mariadb_migrate_and_open(const mariadb_access *a)
{
	cs_error e = {};

	if (a->driver->migrate(a->conf.data(), nullptr, &e))
		give_up(e);
	return mariadb_open(a);
}

void mariadb_as_root(const mariadb *m, const std::vector<std::string> &statements)
{
	mariadb_access a;

	mariadb_access_make(&a, m, "mysql");
	mariadb_access_set_text(&a, "user", "root");
	mariadb_access_set_text(&a, "password", "");
	cs_db *db = mariadb_open(&a);
	for (const std::string &statement : statements)
		if (a.driver->query(db, statement.c_str(), nullptr, 0, nullptr, nullptr)) {
			fprintf(stderr, "%s: %s\n", statement.c_str(), a.driver->message(db));
			abort();
		}
	a.driver->close(db);
}
