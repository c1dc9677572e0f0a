/* SPDX-License-Identifier: MIT
 * A run with accounts that are there and say nothing: what each of them costs.
 *
 * The first fifth of the accounts warms up the server. What is measured is the difference between then and the time
 * when all are there. */
#include "idle.h"

#include <cinttypes>
#include <cstdio>

static const size_t idle_at_once = 16;

struct idle {
	run *r = nullptr;
	size_t warm = 0; /* accounts */
	std::vector<int64_t> before; /* by process */
	kernel_memory kernel_before;
	int64_t is_complete_since = 0; /* clock, ns */
	event_ptr end;
};

static std::string idle_tell_progress(void *arg)
{
	const idle *const state = static_cast<const idle *>(arg);
	char text[160];

	if (state->is_complete_since == 0)
		(void)snprintf(text, sizeof text, "%zu of %zu accounts are in", state->r->ready,
		               state->r->members.size());
	else
		(void)snprintf(text, sizeof text, "%zu accounts say nothing for %" PRId64 " s", state->r->ready,
		               state->r->opts->seconds);
	return text;
}

static void idle_note_before(idle *state)
{
	state->before.clear();
	for (const int64_t pid : state->r->opts->pids)
		state->before.push_back(process_resident(pid));
	state->kernel_before = process_kernel_memory();
}

static void idle_add_difference(idle *state, const char *name, int64_t before, int64_t after)
{
	const size_t count = state->r->members.size() - state->warm;

	if (before >= 0 && after >= 0)
		report_add(&state->r->figures, name, static_cast<double>(after - before) / static_cast<double>(count));
}

/* Adds what the memory of the processes and of the kernel grew by. */
static void idle_report_memory(idle *state)
{
	const kernel_memory kernel = process_kernel_memory();
	int64_t before = 0, after = 0;

	report_add(&state->r->figures, "accounts", static_cast<double>(state->r->members.size()));
	for (size_t i = 0; i < state->before.size(); i++) {
		before += state->before[i];
		after += process_resident(state->r->opts->pids[i]);
	}
	if (!state->before.empty())
		idle_add_difference(state, "server_bytes_per_connection", before, after);
	idle_add_difference(state, "kernel_slab_bytes_per_connection", state->kernel_before.slab, kernel.slab);
	idle_add_difference(state, "kernel_tcp_bytes_per_connection", state->kernel_before.tcp, kernel.tcp);
}

static void idle_on_ready(void *arg, member *, std::string_view)
{
	idle *const state = static_cast<idle *>(arg);
	const timeval time = {static_cast<time_t>(state->r->opts->seconds), 0};

	if (++state->r->ready == state->warm)
		idle_note_before(state);
	run_start_more(state->r);
	if (state->r->ready < state->r->members.size())
		return;
	run_expect_no_answer(state->r);
	idle_report_memory(state);
	run_cpu_begin(state->r);
	state->is_complete_since = process_clock();
	(void)event_add(state->end.get(), &time);
}

static void idle_on_end(evutil_socket_t, short, void *arg)
{
	const idle *const state = static_cast<const idle *>(arg);
	const int64_t now = process_clock();

	report_add(&state->r->figures, "seconds", static_cast<double>(now - state->is_complete_since) / 1e9, 2);
	run_cpu_end(state->r);
	run_cpu_report(state->r, "connection", state->r->members.size());
	run_stop(state->r);
}

static void idle_on_frame(void *arg, member *mb, std::string_view frame)
{
	run_fail(static_cast<idle *>(arg)->r, RUN_WRONG, "account %zu got a frame that is not for it: %.*s", mb->number,
	         static_cast<int>(frame.size()), frame.data());
}

static void idle_on_read_all(void *, member *) {}

static void idle_on_left(void *, member *) {}

static void idle_on_refused(void *arg, member *mb, std::string_view answer)
{
	run_fail_refused(static_cast<idle *>(arg)->r, mb, answer);
}

static void idle_on_failed(void *arg, member *mb, const char *why)
{
	run_fail_connection(static_cast<idle *>(arg)->r, mb, why);
}

void idle_run(run *r)
{
	static const member_calls table = {idle_on_ready, idle_on_frame,   idle_on_read_all,
	                                   idle_on_left,  idle_on_refused, idle_on_failed};
	idle state;

	state.r = r;
	state.end.reset(event_new(r->base, -1, 0, idle_on_end, &state));
	if (!state.end) {
		run_fail(r, RUN_SPOILT, "no memory");
		return;
	}
	run_make_members(r, static_cast<size_t>(r->opts->accounts), &table, &state);
	state.warm = r->members.size() / 5 + 1;
	r->at_once = idle_at_once;
	r->first = state.warm;
	progress_begin(&r->line, r->base, idle_tell_progress, &state);
	run_start_more(r);
	if (r->status == RUN_OK)
		(void)event_base_dispatch(r->base);
	progress_end(&r->line);
}
