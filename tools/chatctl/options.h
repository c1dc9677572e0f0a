/* SPDX-License-Identifier: MIT
 * The command line of chatctl. */
#ifndef CHATCTL_OPTIONS_H
#define CHATCTL_OPTIONS_H

#include <cstdint>
#include <string>
#include <vector>

struct chatctl_options {
	std::string socket;
	bool json = false;
	bool colour = false;
	int64_t timeout_s = 0; /* for the connection and each answer; 0: as long as is usual */
	bool is_for_server = false; /* an option is there that says how to talk with a server */
	std::vector<std::string> words; /* the verb and what follows it */
};

/* The exit statuses. */
enum chatctl_status {
	CHATCTL_DONE = 0,
	CHATCTL_REFUSED = 1, /* or the output could not be written */
	CHATCTL_USAGE = 2,
	CHATCTL_UNREACHED = 3 /* no server, or no answer in time */
};

/* 0: *options_r is set. 1: nothing more to do (help, version). -1: a mistake, explained on standard error. */
[[nodiscard]] int chatctl_read_options(int argc, char **argv, struct chatctl_options *options_r);

#endif
