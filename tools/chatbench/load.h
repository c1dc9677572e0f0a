/* SPDX-License-Identifier: MIT
 * Owns a run: bringing the accounts in, keeping each sender's window full for its time, and counting what
 * arrives. It must not know sockets. */
#ifndef CHATBENCH_LOAD_H
#define CHATBENCH_LOAD_H

#include <string>
#include <vector>

#include "measure.h"
#include "member.h"
#include "options.h"

/* A sender's messages on their way: slot -> when it was sent, 0 for a free one. */
struct load_window {
	std::vector<int64_t> sent_at;
	uint64_t used = 0;
};

struct load_address {
	sockaddr_storage address;
	socklen_t size;
};

struct load {
	const options *opts = nullptr;
	event_base *base = nullptr;
	std::vector<load_address> addresses; /* one or more */
	std::string name; /* that the names of this run's accounts begin with */
	std::string padding;
	std::vector<member> members; /* senders, their receivers, then idle ones */
	std::vector<load_window> windows; /* of the senders */
	size_t started = 0;
	size_t ready = 0;
	bool sending = false;
	bool running = false;
	bool failed = false;
	uint64_t messages = 0;
	int64_t began = 0; /* clock, ns */
	int64_t last = 0; /* when the last acknowledgement or delivery came */
	std::vector<double> cpu_before; /* of opts->pids */
	double own_cpu_before = 0;
	event_ptr end_of_sending;
	event_ptr end_of_waiting;
	measures result;
};

/* Runs it all. 0: result is filled. -1: the run is spoilt, told on standard error. */
[[nodiscard]] int load_run(load *ld);

#endif
