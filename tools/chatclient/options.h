/* SPDX-License-Identifier: MIT
 * The command line of chatclient. */
#ifndef CHATCLIENT_OPTIONS_H
#define CHATCLIENT_OPTIONS_H

#include <cstdint>
#include <string>

#include "address.h"

struct options {
	address to;
	std::string ca; /* a file of certificates that are trusted, too */
	std::string invite; /* the code of an invitation to register; empty: none */
	bool forget = false; /* forget the logins that are kept, and leave */
	int64_t patience = 30; /* s without progress before the client gives up, if input is no terminal */
	bool plain = false; /* plain lines even on a terminal */
};

/* The exit statuses. */
enum status {
	STATUS_OK = 0, /* everything was acknowledged */
	STATUS_REFUSED = 1, /* the server refused something, or a line was no command */
	STATUS_USAGE = 2, /* the command line is wrong */
	STATUS_UNACKNOWLEDGED = 3,
	STATUS_DISCONNECTED = 4,
	STATUS_UNEXPECTED = 5, /* a wait ended before its messages came */
	STATUS_STREAM = 6, /* standard input could not be read, or standard output not written */
};

/* 0: *options_r is set. 1: nothing more to do (help, version). -1: a mistake, explained on standard error. */
[[nodiscard]] int options_read(int argc, char **argv, options *options_r);

#endif
