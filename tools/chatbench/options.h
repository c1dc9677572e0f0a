/* SPDX-License-Identifier: MIT
 * Owns the command line of the load generator and the bounds of a run. It must not know the wire. */
#ifndef CHATBENCH_OPTIONS_H
#define CHATBENCH_OPTIONS_H

#include <cstdint>
#include <vector>

struct options_address {
	const char *host;
	const char *port;
};

struct options {
	std::vector<options_address> addresses; /* one or more */
	int64_t accounts = 0; /* logged in; 0: as many as needed. What is more than needed stays idle. */
	int64_t senders = 8;
	int64_t window = 8; /* messages of a sender that are not acknowledged */
	int64_t seconds = 10;
	int64_t size = 64; /* bytes of text */
	int64_t group = 0; /* receivers of each sender's group; 0: pairs */
	std::vector<int64_t> pids; /* of the server; empty: its CPU time is not measured */
	bool cid = false;
	bool remote = false; /* a server that is not on this machine is allowed */
};

/* 0: *options_r is set. 1: all is done (help, version). -1: a mistake, told on standard error. */
[[nodiscard]] int chatbench_options_read(int argc, char **argv, options *options_r);

#endif
