/* SPDX-License-Identifier: MIT
 * What all kinds of runs share: where to connect, the members that come in, how a run ends, and its figures. */
#include "run.h"

#include <cerrno>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include <event2/util.h>

/* How long the server may take for its next answer while members come in or leave. */
static const timeval run_patience = {60, 0};

void run_choose_name(run *r)
{
	uint32_t random = 0;

	evutil_secure_rng_get_bytes(&random, sizeof random);
	r->name = "bench-" + std::to_string(random);
}

void run_make_members(run *r, size_t count, const member_calls *calls, void *arg)
{
	r->members.resize(count);
	for (size_t i = 0; i < count; i++) {
		member *const mb = &r->members[i];
		mb->calls = calls;
		mb->arg = arg;
		mb->number = i;
		mb->kind = r->kind.get();
		if (r->opts->from > 0)
			mb->id = static_cast<uint64_t>(r->opts->from) + i;
		else
			mb->name = r->name + "-" + std::to_string(i);
	}
}

/* With several addresses the receiver of a pair uses another address than its sender, and a group is spread over all
 * addresses. */
static const run_address *run_address_of(const run *r, const member *mb)
{
	const size_t senders = static_cast<size_t>(r->opts->senders);
	const size_t others = r->opts->group > 0 ? static_cast<size_t>(r->opts->group) : 1;
	size_t place = mb->number;

	if (mb->role == MEMBER_RECEIVER) {
		const size_t receiver = mb->number - senders;
		place = receiver / others + receiver % others + 1;
	}
	return &r->addresses[place % r->addresses.size()];
}

void run_start(run *r, member *mb)
{
	const run_address *const to = run_address_of(r, mb);

	if (member_start(mb, r->base, reinterpret_cast<const sockaddr *>(&to->address), to->size) != 0)
		run_fail_connection(r, mb, strerror(errno));
}

static void run_on_silence(evutil_socket_t, short, void *arg)
{
	run *const r = static_cast<run *>(arg);

	run_fail(r, RUN_SPOILT, "the server gives no answer; %zu accounts are in", r->ready);
}

void run_expect_answer(run *r)
{
	if (!r->silence)
		r->silence.reset(event_new(r->base, -1, 0, run_on_silence, r));
	if (!r->silence || event_add(r->silence.get(), &run_patience) != 0)
		run_fail(r, RUN_SPOILT, "no memory");
}

void run_expect_no_answer(run *r)
{
	r->silence.reset();
}

void run_start_more(run *r)
{
	run_expect_answer(r);
	while (r->status == RUN_OK && r->started < r->members.size() && r->started - r->ready < r->at_once) {
		if (r->started >= r->first && r->ready < r->first)
			return;
		run_start(r, &r->members[r->started++]);
	}
}

void run_stop(run *r)
{
	(void)event_base_loopbreak(r->base);
}

void run_fail(run *r, run_status status, const char *format, ...)
{
	va_list arguments;

	run_stop(r);
	if (r->status != RUN_OK)
		return;
	r->status = status;
	progress_end(&r->line);
	(void)fputs("chatbench: ", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputs("\n", stderr);
}

void run_fail_refused(run *r, const member *mb, std::string_view answer)
{
	run_fail(r, RUN_SPOILT, "account %zu: %.*s", mb->number, static_cast<int>(answer.size()), answer.data());
}

void run_fail_connection(run *r, const member *mb, const char *why)
{
	run_fail(r, RUN_SPOILT, "account %zu: %s", mb->number, why);
}

static std::vector<double> run_cpu_read(const run *r)
{
	std::vector<double> used;

	for (const int64_t pid : r->opts->pids)
		used.push_back(process_cpu(pid));
	used.push_back(process_cpu(getpid()));
	return used;
}

void run_cpu_begin(run *r)
{
	r->cpu_before = run_cpu_read(r);
}

void run_cpu_end(run *r)
{
	r->cpu_after = run_cpu_read(r);
	for (size_t i = 0; i < r->opts->pids.size(); i++)
		if (r->cpu_after[i] < 0)
			run_fail(r, RUN_SPOILT, "process %" PRId64 " has ended", r->opts->pids[i]);
}

void run_cpu_report(run *r, const char *per_count, uint64_t count)
{
	const std::string per = std::string("cpu_us_per_") + per_count;
	const double factor = count > 0 ? 1e6 / static_cast<double>(count) : 0;
	const size_t processes = r->opts->pids.size();
	std::vector<double> used;
	double all = 0;

	for (size_t i = 0; i <= processes; i++)
		used.push_back(r->cpu_after[i] - r->cpu_before[i]);
	for (size_t i = 0; i < processes; i++)
		all += used[i];
	report_add(&r->figures, "client_cpu_seconds", used[processes], 2);
	if (processes == 0)
		return;
	report_add(&r->figures, "server_cpu_seconds", all, 2);
	report_add(&r->figures, "server_" + per, all * factor, 2);
	for (size_t i = 0; i < processes && processes > 1; i++) {
		const int64_t pid = r->opts->pids[i];
		report_add(&r->figures, process_name(pid) + "_" + std::to_string(pid) + "_" + per, used[i] * factor, 2);
	}
}
