/* SPDX-License-Identifier: MIT
 * A private MariaDB for a test: its folder, port, process and log, and connections to it through the adapter.
 *
 * The data folder is a copy of one that is made once per build folder. The server listens on 127.0.0.1, its
 * account "chat" has the password "se cret" and the databases chat_*; "root" has none and may do everything.
 * What was started dies with the test. */
#ifndef TESTS_SUPPORT_MARIADB_H
#define TESTS_SUPPORT_MARIADB_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include <chatserverd/db.h>

struct mariadb {
	std::string folder; /* made by mkdtemp, removed by mariadb_free */
	std::vector<std::string> options; /* further ones, used from the next start on */
	uint16_t port = 0; /* of 127.0.0.1, kept over restarts */
	pid_t pid = -1;
	size_t log_start = 0; /* where the log of the running process begins */
};

/* Whether the tests of this run are to use MariaDB: CS_DRIVER is db_mysql. */
bool mariadb_wanted(void);
/* Makes the folder; nothing runs yet. Release with mariadb_free. */
mariadb *mariadb_new(void);
void mariadb_free(mariadb *m);
/* Starts and waits until it is ready, crash recovery included. */
void mariadb_start(mariadb *m, std::source_location at = std::source_location::current());
/* Starts and returns at once. */
void mariadb_launch(mariadb *m);
bool mariadb_is_ready(const mariadb *m);
void mariadb_wait_ready(mariadb *m, std::source_location at = std::source_location::current());
/* SIGKILL, and waits for the end. */
void mariadb_kill(mariadb *m);
/* SIGSTOP returns when the server stands still. */
void mariadb_signal(mariadb *m, int number);
/* The server of this test program: started when first asked for, gone with the program. */
mariadb *mariadb_shared(void);
/* A name that no database of this program has had: chat_1, chat_2... */
std::string mariadb_new_database(void);

/* ---- the adapter, as the server would load and configure it */

struct mariadb_access {
	const struct cs_plugin *plugin = nullptr;
	const cs_db_driver *driver = nullptr;
	std::vector<char> conf; /* its option struct */
	std::map<std::string, std::string> texts;
};

/* Options for that server: account chat, this database, short time-outs, the schema that is shipped. */
void mariadb_access_make(mariadb_access *a, const mariadb *m, const std::string &database);
void mariadb_access_set_text(mariadb_access *a, const std::string &key, const std::string &text);
/* Integers, times in ms. */
void mariadb_access_set_number(mariadb_access *a, const std::string &key, int64_t number);
/* The place of a choice among its words. */
void mariadb_access_set_choice(mariadb_access *a, const std::string &key, int place);
/* Opens a connection; ends the test program with the reason where that fails. */
cs_db *mariadb_open(const mariadb_access *a);
/* Migrates first. */
cs_db *mariadb_migrate_and_open(const mariadb_access *a);
/* Runs statements as root, without a database. */
void mariadb_as_root(const mariadb *m, const std::vector<std::string> &statements);

#endif
