/* SPDX-License-Identifier: MIT
 * A real chatserverd for a test: its folder, configuration, process, log and port.
 *
 * The program is $CS_BUILD/chatserverd (default: build), run from the source tree. What was started dies with
 * the test. A mistake or a time-out fails the running test and prints the log's end. */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <sys/types.h>

#include "tests/support/transport.h"

struct mariadb;
struct test_client;

struct test_server {
	std::string folder; /* made by mkdtemp, removed by test_server_free */
	std::map<std::string, std::string> options; /* "section.key" -> value, written at each start */
	std::vector<std::string> environment; /* NAME=value, added for the process */
	std::vector<int> sockets; /* given to the process as systemd does (LISTEN_FDS) */
	rlim_t most_files = 0; /* RLIMIT_NOFILE; 0: as the test's own */
	int network = -1; /* the network namespace that it runs in; -1: the test's own */
	std::string address = "127.0.0.1"; /* where clients connect */
	transport_kind transport = TRANSPORT_PLAIN; /* of its clients */
	uint16_t port = 0; /* of that transport; kept over restarts */
	uint16_t plain_port = 0; /* of core.listen */
	uint64_t opened = 0; /* clients, in all */
	bool is_slow = false; /* the last client waited in vain for its handshakes */
	pid_t pid = -1;
	size_t log_start = 0; /* where the log of the running process begins */
	const struct mariadb *database = nullptr; /* null: SQLite */
	std::vector<std::unique_ptr<test_client>> clients;
};

/* A port of 127.0.0.1 that nobody listens on. */
uint16_t test_free_port(void);
/* Makes the folder, a free port and options for a test: two workers, a cheap password cost, no rate limit,
 * and no sweep, which would hide a lost hint. The store is SQLite, or a new database of the program's MariaDB
 * where CS_DRIVER=db_mysql says so. Clients connect by the transport that CS_TRANSPORT says. Nothing runs yet.
 * Release with test_server_free. */
test_server *test_server_new(void);
/* Another transport than CS_TRANSPORT says: sets the options that it needs. */
void test_server_set_transport(test_server *s, transport_kind kind);
/* Stores in a new database of that MariaDB. */
void test_server_use_mariadb(test_server *s, const struct mariadb *m);
/* Sets "section.key"; an empty value leaves the key out of the file. Used from the next start on. */
void test_server_set(test_server *s, std::string_view key, std::string_view value);
/* Writes folder/chat.conf. */
void test_server_write_conf(const test_server *s);

/* Starts and waits for `ready` in the log. */
void test_server_start(test_server *s, std::source_location at = std::source_location::current());
/* Starts and returns at once. */
void test_server_launch(test_server *s);
/* Whether the log of the running process says that it is ready; fails the test when the process has ended. */
bool test_server_is_ready(test_server *s, std::source_location at = std::source_location::current());
/* SIGTERM; the process must end by itself with the status within 15 s. Clients of a WebSocket answer its close frame
 * and close, too: it waits a second for those that do not. */
void test_server_stop(test_server *s, int status = 0, std::source_location at = std::source_location::current());
/* Waits for the process's end: its exit status, or 128 + the signal. */
int test_server_wait(test_server *s, int timeout_ms, std::source_location at = std::source_location::current());
void test_server_kill(test_server *s);
void test_server_signal(test_server *s, int number);
/* Stops, and starts on the same folder and port. */
void test_server_restart(test_server *s, std::source_location at = std::source_location::current());
/* From now on the running process cannot make a file longer than this (RLIMIT_FSIZE; RLIM_INFINITY lifts it). */
void test_server_limit_files(const test_server *s, rlim_t size);
/* Whether no log of any of its processes has the report of a sanitizer; prints it otherwise. */
bool test_server_is_sound(const test_server *s);
/* Kills what runs, closes the clients, removes the folder. */
void test_server_free(test_server *s);

/* What the running process has written to standard error. */
std::string test_server_log(const test_server *s);
void test_server_print_log(const test_server *s);
/* Waits until the log has the text. */
void test_server_wait_log(test_server *s, std::string_view text,
                          std::source_location at = std::source_location::current());
/* The path of the database, SQLite only. */
std::string test_server_database(const test_server *s);

/* Runs the program to its end with these arguments (more than 20 s fail the test). */
struct test_run {
	int status = -1; /* exit status, or 128 + the signal */
	std::string out, err;
};
test_run test_server_run(const test_server *s, const std::vector<std::string> &arguments,
                         std::source_location at = std::source_location::current());

/* Figures of the running process, from /proc. */
int64_t test_server_resident_kib(const test_server *s);
int64_t test_server_cpu_ms(const test_server *s);
size_t test_server_open_files(const test_server *s);

/* Group fixtures of CMocka: one server with the usual options for all tests of a binary, its clients closed
 * after each test. */
int test_server_group_setup(void **state);
int test_server_group_teardown(void **state);
int test_server_close_clients(void **state);
/* Fixtures of one test: a server of its own, not started. */
int test_server_setup(void **state);
int test_server_teardown(void **state);

#endif
