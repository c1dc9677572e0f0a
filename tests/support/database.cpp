/* SPDX-License-Identifier: MIT
 * A database of a test, through its adapter, loaded and configured as the server would do it. */
#include "tests/support/database.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <dlfcn.h>

#include "tests/support/folder.h"

[[noreturn]] static void give_up(const std::string &what, const char *why)
{
	fprintf(stderr, "%s: %s\n", what.c_str(), why);
	abort();
}

test_database::~test_database()
{
	if (!folder.empty())
		folder_remove(folder);
}

/* The build that this program is of, which need not be that of the server: one that is instrumented cannot be loaded by
 * a program that is not. */
static std::string build_of_program(void)
{
	std::error_code none;
	const std::string program = std::filesystem::read_symlink("/proc/self/exe", none).string();
	const size_t end = program.rfind("/tests/");
	const char *build = getenv("CS_BUILD");

	return end != std::string::npos ? program.substr(0, end) : build ? build : "build";
}

/* The plugin stays loaded. */
static void load(test_database *d, const char *name)
{
	const std::string file = build_of_program() + "/plugins/" + name + ".so";
	void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);

	if (!library)
		give_up(file, dlerror());
	d->plugin = static_cast<const struct cs_plugin *>(dlsym(library, CS_PLUGIN_SYMBOL));
	d->driver = static_cast<const cs_db_driver *>(d->plugin->provides[0].table);
	d->conf.assign(d->plugin->conf_size, 0);
	d->folder = folder_make();
}

static void *member(test_database *d, const std::string &key)
{
	for (const cs_option *option = d->plugin->options; option->key; option++)
		if (key == option->key)
			return d->conf.data() + option->offset;
	give_up(key, "no such option");
}

void database_set_text(test_database *d, const std::string &key, const std::string &text)
{
	std::string &kept = d->texts[key];

	kept = text;
	*static_cast<const char **>(member(d, key)) = kept.c_str();
}

void database_set_number(test_database *d, const std::string &key, int64_t number)
{
	*static_cast<int64_t *>(member(d, key)) = number;
}

void database_set_choice(test_database *d, const std::string &key, int place)
{
	*static_cast<int *>(member(d, key)) = place;
}

void database_make_sqlite(test_database *d)
{
	load(d, "db_sqlite");
	database_set_text(d, "path", d->folder + "/chat.db");
	database_set_text(d, "schema", "conf/schema/sqlite");
	database_set_number(d, "busy_timeout", 2000);
}

void database_make_mysql(test_database *d, const mariadb *m, const std::string &name)
{
	load(d, "db_mysql");
	database_set_text(d, "host", "127.0.0.1");
	database_set_number(d, "port", m->port);
	database_set_text(d, "socket", "");
	database_set_text(d, "user", "chat");
	database_set_text(d, "password", "se cret");
	database_set_text(d, "database", name);
	database_set_number(d, "connect_timeout", 2000);
	database_set_number(d, "read_timeout", 4000);
	database_set_number(d, "write_timeout", 4000);
	database_set_text(d, "tls_ca", "");
	database_set_text(d, "schema", "conf/schema/mysql");
}

void database_make(test_database *d)
{
	if (mariadb_wanted())
		database_make_mysql(d, mariadb_shared(), mariadb_new_database());
	else
		database_make_sqlite(d);
}

int database_migrate(const test_database *d, cs_error *e, const char *plugin)
{
	const char *const plugins[] = {plugin, nullptr};

	*e = {};
	return d->driver->migrate(d->conf.data(), plugins, e);
}

int database_try_open(const test_database *d, cs_db **db_r, cs_error *e)
{
	*e = {};
	return d->driver->open(d->conf.data(), db_r, e);
}

cs_db *database_open(const test_database *d)
{
	cs_error e;
	cs_db *db = nullptr;

	if (database_try_open(d, &db, &e))
		give_up("cannot open", e.text);
	return db;
}

cs_db *database_migrate_and_open(const test_database *d)
{
	const auto path = d->texts.find("path");
	cs_db *db = path != d->texts.end() && path->second == ":memory:" ? database_open(d) : nullptr;
	cs_error e;

	if (database_migrate(d, &e))
		give_up("cannot migrate", e.text);
	return db ? db : database_open(d);
}

void database_run_as_root(const mariadb *m, const std::vector<std::string> &statements)
{
	test_database d;

	database_make_mysql(&d, m, "mysql");
	database_set_text(&d, "user", "root");
	database_set_text(&d, "password", "");
	cs_db *db = database_open(&d);
	for (const std::string &statement : statements)
		if (database_run(db, statement))
			give_up(statement, d.driver->message(db));
	d.driver->close(db);
}

int database_run(cs_db *db, const std::string &sql)
{
	return db->driver->query(db, sql.c_str(), nullptr, 0, nullptr, nullptr);
}

static int take_number(void *arg, const cs_db_value *columns, size_t)
{
	*static_cast<int64_t *>(arg) = columns[0].integer;
	return 1;
}

int64_t database_number(cs_db *db, const std::string &sql)
{
	int64_t number = -1;

	if (db->driver->query(db, sql.c_str(), nullptr, 0, take_number, &number))
		fprintf(stderr, "%s: %s\n", sql.c_str(), db->driver->message(db));
	return number;
}

cs_db_value database_text(std::string_view text)
{
	return {CS_DB_TEXT, 0, text.data(), text.size()};
}
