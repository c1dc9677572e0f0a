/* SPDX-License-Identifier: MIT
 * Owns the command line. It must not know what the options do. */
#ifndef CHATCLIENT_OPTIONS_H
#define CHATCLIENT_OPTIONS_H

#include <cstdint>
#include <string>

struct options {
	std::string host;
	std::string port;
	int64_t patience =
		30; /* s without an acknowledgement, where input is no terminal, before giving up */
	bool plain = false; /* plain lines even on a terminal */
};

/* The exit statuses. */
enum status {
	STATUS_OK = 0, /* all was acknowledged */
	STATUS_REFUSED = 1, /* the server refused something, or a line was no command */
	STATUS_USAGE = 2, /* the command line is wrong */
	STATUS_UNACKNOWLEDGED = 3,
	STATUS_DISCONNECTED = 4,
	STATUS_UNEXPECTED = 5, /* a wait for messages ended without them */
	STATUS_STREAM = 6, /* standard input could not be read, or standard output not written */
};

/* 0: *options_r is set. 1: all is done (help, version). -1: a mistake, told on standard error. */
[[nodiscard]] int options_read(int argc, char **argv, options *options_r);

#endif
