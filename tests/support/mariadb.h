/* SPDX-License-Identifier: MIT
 * A private MariaDB for a test: its folder, port, process and log. database.h connects to it.
 *
 * The data folder is a copy of one that is made once per build folder. The server listens on 127.0.0.1, its
 * account "chat" has the password "se cret" and the databases chat_*; "root" has none and may do everything.
 * What was started dies with the test. */
#ifndef TESTS_SUPPORT_MARIADB_H
#define TESTS_SUPPORT_MARIADB_H

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include <sys/types.h>

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

#endif
