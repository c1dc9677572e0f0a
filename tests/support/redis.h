/* SPDX-License-Identifier: MIT
 * A private Redis for a test: its folder, port, password, process and log.
 *
 * It listens on 127.0.0.1 and keeps nothing on disk: started again, it is empty. What was started dies with
 * the test. */
#ifndef TESTS_SUPPORT_REDIS_H
#define TESTS_SUPPORT_REDIS_H

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <vector>

#include <sys/types.h>

struct redis {
	std::string folder; /* made by mkdtemp, removed by redis_free */
	std::string password; /* requirepass from the next start on; empty: none */
	std::vector<std::string> options; /* further ones, such as "--maxclients", "10"; from the next start on */
	uint16_t port = 0; /* of 127.0.0.1, kept over restarts */
	pid_t pid = -1;
	size_t log_start = 0; /* where the log of the running process begins */
};

/* Makes the folder and takes a free port; nothing runs yet. Release with redis_free. */
redis *redis_new(void);
void redis_free(redis *r);
/* Starts and waits until it accepts connections. */
void redis_start(redis *r, std::source_location at = std::source_location::current());
/* Starts and returns at once. */
void redis_launch(redis *r);
bool redis_is_ready(const redis *r);
void redis_wait_ready(redis *r, std::source_location at = std::source_location::current());
/* SIGKILL, and waits for the end. */
void redis_kill(redis *r);
/* SIGSTOP returns when the server stands still. */
void redis_signal(redis *r, int number);
/* Drops the connections that subscribe, as Redis does with a subscriber that is too slow. */
void redis_drop_subscribers(redis *r);

/* What the running process has logged. */
std::string redis_log(const redis *r);
/* Runs one command, such as {"CLIENT", "KILL", "TYPE", "pubsub"}: what redis-cli prints for it (one line per
 * element of an array, "" for nil), without the last line's end. An error reply fails the test, unless
 * error_r takes it. */
std::string redis_command(const redis *r, const std::vector<std::string> &command, std::string *error_r = nullptr,
                          std::source_location at = std::source_location::current());

#endif
