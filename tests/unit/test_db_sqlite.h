/* SPDX-License-Identifier: MIT
 * Helpers of the tests of the adapter and of the model: the plugin loaded from the build folder, its option struct and
 * a temporary folder. */
#ifndef TEST_DB_SQLITE_H
#define TEST_DB_SQLITE_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <dlfcn.h>
#include <ftw.h>
#include <unistd.h>

#include <chatserverd/db.h>

/* An option struct as the server would fill it; texts keeps what it points to. */
struct test_conf {
	std::vector<char> memory; /* allocated, so aligned for anything */
	std::string path, schema;
};

struct test_store {
	const struct cs_plugin *plugin = nullptr;
	const cs_db_driver *driver = nullptr;
	std::string folder; /* temporary, removed by test_store_remove */
	test_conf conf;
};

static inline int test_remove_one(const char *path, const struct stat *, int, struct FTW *)
{
	return remove(path);
}

static inline void test_store_remove(test_store *store)
{
	nftw(store->folder.c_str(), test_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void *test_conf_member(const struct cs_plugin *plugin, test_conf *conf, const char *key)
{
	for (const cs_option *option = plugin->options; option->key; option++)
		if (strcmp(option->key, key) == 0)
			return conf->memory.data() + option->offset;
	fprintf(stderr, "no such option: %s\n", key);
	abort();
}

static inline void test_conf_set_text(const struct cs_plugin *plugin, test_conf *conf, const char *key,
                                      const char *text)
{
	*static_cast<const char **>(test_conf_member(plugin, conf, key)) = text;
}

static inline void test_conf_set_path(test_store *store, const std::string &path)
{
	store->conf.path = path;
	test_conf_set_text(store->plugin, &store->conf, "path", store->conf.path.c_str());
}

static inline void test_conf_set_schema(test_store *store, const std::string &folder)
{
	store->conf.schema = folder;
	test_conf_set_text(store->plugin, &store->conf, "schema", store->conf.schema.c_str());
}

static inline void test_conf_set_busy_timeout(test_store *store, int64_t ms)
{
	*static_cast<int64_t *>(test_conf_member(store->plugin, &store->conf, "busy_timeout")) = ms;
}

/* The plugin of the build folder, which CS_BUILD names (else "build"). It stays loaded. */
static inline const struct cs_plugin *test_plugin_load(void)
{
	const char *build = getenv("CS_BUILD");
	const std::string file = std::string(build ? build : "build") + "/plugins/db_sqlite.so";
	void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		abort();
	}
	return static_cast<const struct cs_plugin *>(dlsym(library, CS_PLUGIN_SYMBOL));
}

/* path: chat.db in a fresh folder; schema: the one that is shipped; a short busy_timeout. */
static inline void test_store_make(test_store *store)
{
	char name[] = "/tmp/chatserverd-test-XXXXXX";

	if (!mkdtemp(name))
		abort();
	store->folder = name;
	store->plugin = test_plugin_load();
	store->driver = static_cast<const cs_db_driver *>(store->plugin->provides[0].table);
	store->conf.memory.resize(store->plugin->conf_size);
	test_conf_set_path(store, store->folder + "/chat.db");
	test_conf_set_schema(store, "conf/schema/sqlite");
	test_conf_set_busy_timeout(store, 2000);
}

/* Migrates and opens; ends the test program with the reason where that fails. A database in memory is opened first,
 * because it lasts only while it is open. */
static inline cs_db *test_store_open(test_store *store)
{
	const bool memory = store->conf.path == ":memory:";
	const void *conf = store->conf.memory.data();
	cs_error e = {};
	cs_db *db = nullptr;

	if ((memory && store->driver->open(conf, &db, &e)) || store->driver->migrate(conf, nullptr, &e) ||
	    (!memory && store->driver->open(conf, &db, &e))) {
		fprintf(stderr, "%s\n", e.text);
		abort();
	}
	return db;
}

static inline int test_query(cs_db *db, const char *sql)
{
	return db->driver->query(db, sql, nullptr, 0, nullptr, nullptr);
}

static inline int test_take_number(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

/* The first column of the first row, or -1. */
static inline int64_t test_number(cs_db *db, const char *sql)
{
	int64_t number = -1;

	if (db->driver->query(db, sql, nullptr, 0, test_take_number, &number))
		fprintf(stderr, "%s: %s\n", sql, db->driver->message(db));
	return number;
}

#endif
