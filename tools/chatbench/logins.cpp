/* SPDX-License-Identifier: MIT
 * A run with logins or registrations: as many as the server does.
 *
 * A login is a connection, LOGIN with its answer, and LOGOUT with its answer; then the account begins anew. By token,
 * each account has logged in once before, by password. A registration is REGISTER with its answer, on a connection that
 * stays. */
#include "logins.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

/* Number of accounts that register at the same time, before the run. */
static const size_t logins_at_once = 16;
/* The time that the last answers have to arrive. */
static const timeval logins_wait = {10, 0};

struct logins {
	run *r = nullptr;
	bool registers = false; /* registrations, not logins */
	bool is_running = false;
	std::vector<uint64_t> done_by; /* by member: how many it has done */
	size_t busy = 0; /* members that wait for an answer */
	uint64_t done = 0;
	uint64_t refused = 0;
	int64_t began = 0; /* clock, ns */
	int64_t last = 0; /* time of the last answer, ns */
	histogram times;
	pace rate;
	event_ptr end;
};

static std::string logins_tell_progress(void *arg)
{
	const logins *const lg = static_cast<const logins *>(arg);
	const double seconds = static_cast<double>(process_clock() - lg->began) / 1e9;
	char text[160];

	if (lg->began == 0)
		(void)snprintf(text, sizeof text, "%zu of %zu accounts are there", lg->r->ready, lg->r->members.size());
	else
		(void)snprintf(text, sizeof text, "%.0f of %" PRId64 " s, %" PRIu64 " %s, %.0f/s", seconds,
		               lg->r->opts->seconds, lg->done, lg->registers ? "registrations" : "logins",
		               static_cast<double>(lg->done) / std::max(seconds, 1e-3));
	return text;
}

/* Begins the next one, or lets the member rest. */
static void logins_next(logins *lg, member *mb)
{
	const uint64_t most = static_cast<uint64_t>(lg->r->opts->count);
	uint64_t *const number = &lg->done_by[mb->number];

	if (!lg->is_running || (most > 0 && *number >= most)) {
		if (--lg->busy == 0)
			run_stop(lg->r);
		return;
	}
	++*number;
	if (lg->registers)
		mb->name = lg->r->name + "-" + std::to_string(mb->number) + "-" + std::to_string(*number);
	if (mb->step == MEMBER_AWAY)
		run_start(lg->r, mb);
	else
		member_register(mb);
}

static void logins_begin(logins *lg)
{
	const timeval time = {static_cast<time_t>(lg->r->opts->seconds), 0};

	run_expect_no_answer(lg->r);
	run_cpu_begin(lg->r);
	lg->is_running = true;
	lg->began = lg->last = lg->rate.began = process_clock();
	lg->busy = lg->r->members.size();
	(void)event_add(lg->end.get(), &time);
	for (member &mb : lg->r->members)
		if (lg->r->status == RUN_OK)
			logins_next(lg, &mb);
}

static void logins_count(logins *lg, const member *mb)
{
	lg->last = process_clock();
	lg->done++;
	histogram_add(&lg->times, lg->last - mb->asked);
	pace_add(&lg->rate, lg->last);
}

/* One more of the members. */
static void logins_is_prepared(logins *lg)
{
	if (++lg->r->ready < lg->r->members.size())
		run_start_more(lg->r);
	else
		logins_begin(lg);
}

static void logins_on_ready(void *arg, member *mb, std::string_view)
{
	logins *const lg = static_cast<logins *>(arg);

	if (lg->began > 0) {
		logins_count(lg, mb);
		if (lg->registers)
			logins_next(lg, mb);
		else
			member_leave(mb);
		return;
	}
	/* The accounts for the logins are being made, or get their tokens. */
	mb->only_registers = false;
	if (mb->wants_token) {
		member_leave(mb);
		return;
	}
	member_close(mb);
	logins_is_prepared(lg);
}

static void logins_on_left(void *arg, member *mb)
{
	logins *const lg = static_cast<logins *>(arg);

	if (lg->began > 0)
		logins_next(lg, mb);
	else
		logins_is_prepared(lg);
}

static void logins_on_refused(void *arg, member *mb, std::string_view answer)
{
	logins *const lg = static_cast<logins *>(arg);

	if (lg->began == 0) {
		run_fail_refused(lg->r, mb, answer);
		return;
	}
	lg->refused++;
	lg->last = process_clock();
	member_close(mb);
	mb->id = lg->registers ? 0 : mb->id;
	logins_next(lg, mb);
}

static void logins_on_failed(void *arg, member *mb, const char *why)
{
	run_fail_connection(static_cast<logins *>(arg)->r, mb, why);
}

static void logins_on_frame(void *arg, member *mb, std::string_view frame)
{
	run_fail(static_cast<logins *>(arg)->r, RUN_WRONG, "account %zu got a frame that is not for it: %.*s",
	         mb->number, static_cast<int>(frame.size()), frame.data());
}

static void logins_on_read_all(void *, member *) {}

static void logins_on_end(evutil_socket_t, short, void *arg)
{
	logins *const lg = static_cast<logins *>(arg);

	if (!lg->is_running) {
		run_stop(lg->r);
		return;
	}
	lg->is_running = false;
	(void)event_add(lg->end.get(), &logins_wait);
}

static void logins_report(logins *lg)
{
	run *const r = lg->r;
	const double seconds = static_cast<double>(lg->last - lg->began) / 1e9;
	const char *const what = lg->registers ? "registrations" : "logins";
	const char *const one = lg->registers ? "registration" : "login";

	report_add(&r->figures, "accounts", static_cast<double>(r->members.size()));
	report_add(&r->figures, "seconds", seconds, 2);
	report_add_rate(&r->figures, what, lg->done, seconds);
	report_add_times(&r->figures, one, &lg->times);
	report_add(&r->figures, "refused", static_cast<double>(lg->refused));
	run_cpu_end(r);
	run_cpu_report(r, one, lg->done);
	r->drawing.title = lg->registers ? "Registrations" : "Logins";
	r->drawing.subtitle = std::to_string(r->members.size()) + " at a time";
	r->drawing.curves.push_back({what, lg->times, lg->rate});
	if (lg->refused > 0)
		run_fail(r, RUN_WRONG, "%" PRIu64 " %s were refused", lg->refused, what);
	else if (lg->busy > 0)
		run_fail(r, RUN_WRONG, "%zu %s got no answer", lg->busy, what);
}

void logins_run(run *r)
{
	static const member_calls table = {logins_on_ready, logins_on_frame,   logins_on_read_all,
	                                   logins_on_left,  logins_on_refused, logins_on_failed};
	logins lg;

	lg.r = r;
	lg.registers = r->opts->subject == SUBJECT_REGISTRATIONS;
	lg.end.reset(event_new(r->base, -1, 0, logins_on_end, &lg));
	if (!lg.end) {
		run_fail(r, RUN_SPOILT, "no memory");
		return;
	}
	run_make_members(r, static_cast<size_t>(r->opts->accounts), &table, &lg);
	lg.done_by.resize(r->members.size());
	for (member &mb : r->members) {
		mb.wants_token = r->opts->token;
		mb.only_registers = r->opts->from == 0 && !mb.wants_token;
	}
	r->at_once = logins_at_once;
	progress_begin(&r->line, r->base, logins_tell_progress, &lg);
	if (lg.registers || (r->opts->from > 0 && !r->opts->token))
		logins_begin(&lg);
	else
		run_start_more(r);
	if (r->status == RUN_OK)
		(void)event_base_dispatch(r->base);
	progress_end(&r->line);
	if (lg.began > 0)
		logins_report(&lg);
}
