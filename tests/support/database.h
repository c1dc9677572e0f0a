/* SPDX-License-Identifier: MIT
 * A database of a test, through its adapter, loaded and configured as the server would do it. */
#ifndef TESTS_SUPPORT_DATABASE_H
#define TESTS_SUPPORT_DATABASE_H

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "tests/support/mariadb.h"

struct test_database {
	const struct cs_plugin *plugin = nullptr;
	const struct cs_db_driver *driver = nullptr;
	std::vector<char> conf; /* the adapter's option struct */
	std::map<std::string, std::string> texts; /* what it points to */
	std::string folder; /* temporary; goes with this */

	~test_database();
};

/* The file chat.db in the folder, the schema that is shipped, 2 s for a lock. */
void database_make_sqlite(test_database *d);
/* A database of that server: account chat, short time-outs, the schema that is shipped. */
void database_make_mysql(test_database *d, const mariadb *m, const std::string &name);
/* A fresh one of the test program's MariaDB if CS_DRIVER asks for it, else of SQLite. */
void database_make(test_database *d);
void database_set_text(test_database *d, const std::string &key, const std::string &text);
/* Integers, times in ms. */
void database_set_number(test_database *d, const std::string &key, int64_t number);
/* The place of a choice among its words. */
void database_set_choice(test_database *d, const std::string &key, int place);

/* What the adapter answers; e is cleared before. */
int database_migrate(const test_database *d, cs_error *e, const char *plugin = nullptr);
int database_try_open(const test_database *d, cs_db **db_r, cs_error *e);
/* These end the test program with the reason where that fails. What is in memory is opened before it is migrated. */
cs_db *database_open(const test_database *d);
cs_db *database_migrate_and_open(const test_database *d);
/* As root of MariaDB, without a database. */
void database_run_as_root(const mariadb *m, const std::vector<std::string> &statements);

/* One statement without parameters. */
int database_run(cs_db *db, const std::string &sql);
/* The first column of the first row, or -1. */
int64_t database_number(cs_db *db, const std::string &sql);
cs_db_value database_text(std::string_view text);

#endif
