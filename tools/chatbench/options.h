/* SPDX-License-Identifier: MIT
 * The command line of the load generator, and the limits of a run. */
#ifndef CHATBENCH_OPTIONS_H
#define CHATBENCH_OPTIONS_H

#include <cstdint>
#include <vector>

struct options_address {
	const char *host;
	const char *port;
};

/* What a run measures. */
enum options_subject {
	SUBJECT_MESSAGES,
	SUBJECT_AWAY,
	SUBJECT_HISTORY,
	SUBJECT_LOGINS,
	SUBJECT_REGISTRATIONS,
	SUBJECT_IDLE
};

struct options {
	std::vector<options_address> addresses; /* one or more */
	options_subject subject = SUBJECT_MESSAGES;
	int64_t accounts = 0; /* accounts that log in; 0: as many as the run needs. More accounts stay idle. */
	int64_t from = 0; /* id of the first account; they all exist, without a gap. 0: they are made */
	int64_t senders = 8;
	int64_t window = 8; /* most messages of a sender without an acknowledgement; not with a rate */
	int64_t rate = 0; /* messages a second of all senders; 0: as many as the window allows */
	int64_t count = 0; /* messages, logins or registrations of a sender; 0: no limit */
	int64_t limit = 50; /* messages of a page of history */
	int64_t seconds = 10;
	int64_t size = 64; /* bytes of text */
	int64_t group = 0; /* receivers in the group of each sender; 0: pairs */
	std::vector<int64_t> pids; /* processes of the server; empty: they are not measured */
	const char *plot = nullptr; /* file; nullptr: none */
	bool cid = true;
	bool signal = false; /* SIGNAL, not CHAT */
	bool random = false; /* each message goes to any receiver */
	bool token = false; /* logins by token */
	bool tls = false;
	bool websocket = false;
	bool json = false;
	bool remote = false; /* a server on another machine is allowed */
};

/* 0: *options_r is set. 1: nothing more to do (help, version). -1: a mistake, explained on standard error. */
[[nodiscard]] int chatbench_options_read(int argc, char **argv, options *options_r);

#endif
