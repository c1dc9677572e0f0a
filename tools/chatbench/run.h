/* SPDX-License-Identifier: MIT
 * What all kinds of runs share: where to connect, the members that come in, how a run ends, and its figures. */
#ifndef CHATBENCH_RUN_H
#define CHATBENCH_RUN_H

#include <string>
#include <vector>

#include "member.h"
#include "options.h"
#include "plot.h"
#include "process.h"
#include "progress.h"
#include "report.h"

struct run_address {
	sockaddr_storage address;
	socklen_t size;
};

enum run_status { RUN_OK = 0, RUN_WRONG = 1, RUN_USAGE = 2, RUN_SPOILT = 3 };

struct run {
	const options *opts = nullptr;
	event_base *base = nullptr;
	std::vector<run_address> addresses; /* one or more */
	std::string name; /* prefix of the names of this run's accounts */
	run_status status = RUN_OK;
	progress line;
	report figures;
	wire_kind_ptr kind; /* null: frames go over the sockets as they are */
	plot drawing;

	/* The members that come in, in the order of their numbers, a few at a time. */
	std::vector<member> members;
	size_t at_once = 0; /* so many at a time */
	size_t first = 0; /* so many come in alone, before all others */
	size_t started = 0;
	size_t ready = 0;

	event_ptr silence; /* ends the run if the server does not answer while members come in or leave */

	std::vector<double> cpu_before, cpu_after; /* CPU time of opts->pids, then our own, s */
};

/* Chooses the name of the run. */
void run_choose_name(run *r);
/* Makes so many members. Fill in roles and wishes before run_start_more. */
void run_make_members(run *r, size_t count, const member_calls *calls, void *arg);
/* Connects one member. A failure spoils the run. */
void run_start(run *r, member *mb);
/* Connects those that may come in now. */
void run_start_more(run *r);
/* Members come in or leave: from now on an answer must come within a minute. run_start_more calls it, too. */
void run_expect_answer(run *r);
/* Everyone is there. */
void run_expect_no_answer(run *r);
/* Ends the loop: everything is done. */
void run_stop(run *r);
/* Ends the loop and says why on standard error, in one line; only the first call counts. */
void run_fail(run *r, run_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* These fail the run; for member_calls of a run in which nothing may go wrong. arg is not used. */
void run_fail_refused(run *r, const member *mb, std::string_view answer);
void run_fail_connection(run *r, const member *mb, const char *why);

void run_cpu_begin(run *r);
/* Fails the run if a process has ended. */
void run_cpu_end(run *r);
/* Adds the CPU time between run_cpu_begin and run_cpu_end to the figures; per_count names what the time is divided by,
 * e.g. delivered. */
void run_cpu_report(run *r, const char *per_count, uint64_t count);

#endif
