/* SPDX-License-Identifier: MIT
 * A load run: brings the accounts in, keeps the window of each sender full for the given time, and counts the messages
 * that arrive. */
#ifndef CHATBENCH_LOAD_H
#define CHATBENCH_LOAD_H

#include <string>
#include <vector>

#include "measure.h"
#include "member.h"
#include "options.h"

/* The messages of a sender on their way: for each slot the time when it was sent, 0 for a free slot. */
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
	std::string name; /* prefix of the names of this run's accounts */
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
	int64_t last = 0; /* time of the last acknowledgement or delivery, ns */
	std::vector<double> cpu_before; /* CPU time of opts->pids at the start, s */
	double own_cpu_before = 0;
	event_ptr end_of_sending;
	event_ptr end_of_waiting;
	measures result;
};

/* Runs everything. 0: result is filled. -1: the run failed; the reason is on standard error. */
[[nodiscard]] int load_run(load *ld);

#endif
