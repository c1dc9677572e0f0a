/* SPDX-License-Identifier: MIT
 * What a run with messages tells: the line of progress, the figures, and the verdict. */
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "load_state.h"

std::string load_tell_progress(void *arg)
{
	const load *const ld = static_cast<const load *>(arg);
	const double seconds = static_cast<double>(process_clock() - ld->began) / 1e9;
	char text[160];

	switch (ld->phase) {
	case LOAD_COMES_IN:
		(void)snprintf(text, sizeof text, "%zu of %zu accounts are in", ld->r->ready, ld->r->members.size());
		break;
	case LOAD_LEAVES:
		(void)snprintf(text, sizeof text, "%zu of %zu receivers have left", ld->left, ld->receivers.size());
		break;
	case LOAD_SENDS:
		(void)snprintf(text, sizeof text,
		               "%.0f of %" PRId64 " s, %" PRIu64 " sent, %" PRIu64 " delivered, %.0f/s acknowledged",
		               seconds, ld->r->opts->seconds, ld->sent, ld->delivered,
		               static_cast<double>(ld->acknowledged) / std::max(seconds, 1e-3));
		break;
	default:
		(void)snprintf(text, sizeof text, "waiting for %" PRIu64 " answers, %" PRIu64 " messages", ld->waiting,
		               ld->expected - std::min(ld->expected, ld->delivered));
		break;
	}
	return text;
}

/* Tells why a run that came to its end is not good. */
static void load_judge(load *ld)
{
	if (ld->refused > 0)
		run_fail(ld->r, RUN_WRONG, "%" PRIu64 " messages were refused, the first with errno %" PRId64,
		         ld->refused, ld->first_refusal);
	else if (ld->waiting > 0)
		run_fail(ld->r, RUN_WRONG, "%" PRIu64 " messages got no answer", ld->waiting);
	else if (ld->delivered < ld->expected)
		run_fail(ld->r, RUN_WRONG, "%" PRIu64 " messages did not arrive", ld->expected - ld->delivered);
}

static void load_draw(const load *ld)
{
	const options *const opts = ld->r->opts;
	plot *const drawing = &ld->r->drawing;
	char text[200];

	drawing->title = opts->subject == SUBJECT_AWAY ? "Messages to people who were away"
	                 : opts->signal                ? "Signals"
	                                               : "Messages";
	if (opts->rate > 0)
		(void)snprintf(text, sizeof text,
		               "%" PRId64 " senders, %" PRId64 " messages a second, %" PRId64 " bytes of text",
		               opts->senders, opts->rate, opts->size);
	else
		(void)snprintf(text, sizeof text, "%" PRId64 " senders, window %" PRId64 ", %" PRId64 " bytes of text",
		               opts->senders, opts->window, opts->size);
	drawing->subtitle = text;
	if (opts->group > 0)
		drawing->subtitle += ", groups of " + std::to_string(opts->group + 1);
	drawing->curves.push_back({"acknowledged", ld->ack_times, ld->ack_rate});
	if (opts->subject == SUBJECT_AWAY)
		drawing->curves.push_back({"drained", ld->drain_times, ld->delivery_rate});
	else
		drawing->curves.push_back({"delivered", ld->delivery_times, ld->delivery_rate});
}

static void load_report_drain(load *ld)
{
	const double seconds = static_cast<double>(std::max(ld->last - ld->came_back, INT64_C(0))) / 1e9;

	report_add(&ld->r->figures, "drain_seconds", ld->came_back > 0 ? seconds : 0, 3);
	report_add_rate(&ld->r->figures, "delivered", ld->delivered, seconds);
	report_add_times(&ld->r->figures, "drain", &ld->drain_times);
}

void load_report(load *ld)
{
	report *const figures = &ld->r->figures;
	const bool away = ld->r->opts->subject == SUBJECT_AWAY;
	const int64_t sending_ended = away && ld->came_back > 0 ? ld->came_back : ld->last;
	const double seconds = static_cast<double>(sending_ended - ld->began) / 1e9;

	report_add(figures, "accounts", static_cast<double>(ld->r->members.size()));
	report_add(figures, "seconds", seconds, 2);
	report_add(figures, "sent", static_cast<double>(ld->sent));
	report_add_rate(figures, "acknowledged", ld->acknowledged, seconds);
	report_add_times(figures, "ack", &ld->ack_times);
	if (away) {
		load_report_drain(ld);
	} else {
		report_add_rate(figures, "delivered", ld->delivered, seconds);
		report_add_times(figures, "delivery", &ld->delivery_times);
	}
	report_add(figures, "refused", static_cast<double>(ld->refused));
	report_add(figures, "undelivered", static_cast<double>(ld->expected - std::min(ld->expected, ld->delivered)));
	if (ld->r->opts->rate > 0)
		report_add(figures, "late_max_ms", static_cast<double>(ld->latest) / 1e6, 3);
	if (ld->phase != LOAD_LISTENS)
		run_cpu_end(ld->r);
	run_cpu_report(ld->r, "delivered", ld->delivered);
	load_draw(ld);
	load_judge(ld);
}
