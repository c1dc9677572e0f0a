/* SPDX-License-Identifier: MIT
 * The course of a run with messages: who comes in, who sends when, and when it ends. */
#include "load.h"

#include <algorithm>

#include <event2/util.h>

#include <chatserverd/msgid.h>

#include "load_state.h"

/* Number of accounts that register at the same time. Hashing their passwords takes the time. */
static const size_t load_at_once = 16;
/* The time that messages on their way have to arrive after the sending has ended. */
static const timeval load_wait = {10, 0};
/* The time in which receivers who were away must have everything. */
static const timeval load_drain = {120, 0};
/* The time in which a message that comes twice would show at the end. */
static const timeval load_listen = {0, 200000};

static bool load_goes_away(const load *ld)
{
	return ld->r->opts->subject == SUBJECT_AWAY;
}

/* ---- the phases */

static void load_listen_on(load *ld)
{
	ld->phase = LOAD_LISTENS;
	run_cpu_end(ld->r);
	(void)event_add(ld->end_of_phase.get(), &load_listen);
}

static void load_come_back(load *ld)
{
	ld->phase = LOAD_DRAINS;
	ld->came_back = process_clock();
	(void)event_add(ld->end_of_phase.get(), &load_drain);
	for (size_t i = 0; i < ld->receivers.size() && ld->r->status == RUN_OK; i++)
		run_start(ld->r, &ld->r->members[ld->senders_count + i]);
}

/* Goes on if nothing is missing any more in this phase. */
static void load_go_on(load *ld)
{
	if (ld->phase == LOAD_WAITS && ld->waiting == 0 && load_goes_away(ld))
		load_come_back(ld);
	if (ld->waiting == 0 && ld->delivered >= ld->expected &&
	    (ld->phase == LOAD_DRAINS || (ld->phase == LOAD_WAITS && !load_goes_away(ld))))
		load_listen_on(ld);
}

static void load_stop_sending(load *ld)
{
	ld->phase = LOAD_WAITS;
	ld->next_due.reset();
	(void)event_add(ld->end_of_phase.get(), &load_wait);
	load_go_on(ld);
}

static void load_on_end_of_phase(evutil_socket_t, short, void *arg)
{
	load *const ld = static_cast<load *>(arg);

	if (ld->phase == LOAD_SENDS)
		load_stop_sending(ld);
	else
		run_stop(ld->r);
}

/* ---- sending */

static bool load_may_send(const load *ld, const load_sender *sender)
{
	const uint64_t most = static_cast<uint64_t>(ld->r->opts->count);

	return ld->phase == LOAD_SENDS && (most == 0 || sender->next <= most);
}

/* By the window: each answer makes room for the next message. */
static void load_fill(load *ld, member *mb)
{
	load_sender *const sender = &ld->senders[mb->number];
	const int64_t now = process_clock();

	while (sender->waiting < static_cast<uint64_t>(ld->r->opts->window) && load_may_send(ld, sender))
		load_send(ld, mb, now);
	member_flush(mb);
}

/* At a rate: message k is due at k / rate. Its time counts from then, even if this program or the connection has no
 * time for it: who waits in a queue waits. */
static int64_t load_due_time(const load *ld)
{
	return ld->began +
	       static_cast<int64_t>(1e9 * static_cast<double>(ld->due) / static_cast<double>(ld->r->opts->rate));
}

static void load_on_due(evutil_socket_t, short, void *arg)
{
	load *const ld = static_cast<load *>(arg);
	int64_t now = process_clock(), due;

	for (; ld->phase == LOAD_SENDS && (due = load_due_time(ld)) <= now; ld->due++) {
		member *const mb = &ld->r->members[ld->due % ld->senders_count];
		if (!load_may_send(ld, &ld->senders[mb->number]))
			return;
		ld->latest = std::max(ld->latest, process_clock() - due);
		load_send(ld, mb, due);
		member_flush(mb);
	}
	now = process_clock();
	const int64_t pause = std::max<int64_t>((load_due_time(ld) - now) / 1000, 0);
	const timeval time = {pause / 1000000, pause % 1000000};
	if (ld->next_due)
		(void)event_add(ld->next_due.get(), &time);
}

static bool load_has_sent_all(const load *ld)
{
	return std::none_of(ld->senders.begin(), ld->senders.end(),
	                    [ld](const load_sender &sender) { return load_may_send(ld, &sender); });
}

static void load_begin(load *ld)
{
	const timeval time = {static_cast<time_t>(ld->r->opts->seconds), 0};

	run_expect_no_answer(ld->r);
	load_prepare_frames(ld);
	run_cpu_begin(ld->r);
	ld->phase = LOAD_SENDS;
	ld->began = ld->last = ld->ack_rate.began = ld->delivery_rate.began = process_clock();
	(void)event_add(ld->end_of_phase.get(), &time);
	if (ld->r->opts->rate > 0)
		load_on_due(-1, 0, ld);
	for (size_t i = 0; i < ld->senders_count && ld->r->opts->rate == 0; i++)
		load_fill(ld, &ld->r->members[i]);
}

/* ---- what the members tell */

static void load_on_ready(void *arg, member *mb, std::string_view answer)
{
	load *const ld = static_cast<load *>(arg);
	run *const r = ld->r;

	if (ld->phase == LOAD_DRAINS) {
		load_take_kept_messages(ld, mb, answer);
		return;
	}
	if (mb->role == MEMBER_SENDER && r->opts->group > 0)
		for (size_t i = 0; i < ld->others; i++)
			r->members[ld->senders_count + mb->number * ld->others + i].group = mb->group;
	if (++r->ready < r->members.size()) {
		run_start_more(r);
	} else if (load_goes_away(ld)) {
		ld->phase = LOAD_LEAVES;
		run_expect_answer(r);
		for (size_t i = 0; i < ld->receivers.size(); i++)
			member_leave(&r->members[ld->senders_count + i]);
	} else {
		load_begin(ld);
	}
}

static void load_on_left(void *arg, member *)
{
	load *const ld = static_cast<load *>(arg);

	run_expect_answer(ld->r);
	if (++ld->left == ld->receivers.size())
		load_begin(ld);
}

static void load_on_frame(void *arg, member *mb, std::string_view frame)
{
	load *const ld = static_cast<load *>(arg);

	switch (member_find_integer(frame, "\"msgid\":")) {
	case CS_MSGID_ACK: load_take_answer(ld, mb, frame); break;
	case CS_MSGID_CHAT:
	case CS_MSGID_GROUP_CHAT:
	case CS_MSGID_SIGNAL: load_take_message(ld, mb, frame); break;
	default: break;
	}
}

static void load_on_read_all(void *arg, member *mb)
{
	load *const ld = static_cast<load *>(arg);

	if (ld->phase == LOAD_SENDS && mb->role == MEMBER_SENDER) {
		if (ld->r->opts->rate == 0)
			load_fill(ld, mb);
		if (ld->waiting == 0 && load_has_sent_all(ld))
			load_stop_sending(ld);
	}
	load_go_on(ld);
}

static void load_on_refused(void *arg, member *mb, std::string_view answer)
{
	run_fail_refused(static_cast<load *>(arg)->r, mb, answer);
}

static void load_on_failed(void *arg, member *mb, const char *why)
{
	run_fail_connection(static_cast<load *>(arg)->r, mb, why);
}

/* ---- the whole */

static void load_make_members(load *ld)
{
	static const member_calls table = {load_on_ready, load_on_frame,   load_on_read_all,
	                                   load_on_left,  load_on_refused, load_on_failed};
	const size_t talking = ld->senders_count * (1 + ld->others);
	const options *const opts = ld->r->opts;

	run_make_members(ld->r, static_cast<size_t>(opts->accounts), &table, ld);
	for (member &mb : ld->r->members) {
		mb.role = mb.number < ld->senders_count ? MEMBER_SENDER
		          : mb.number < talking         ? MEMBER_RECEIVER
		                                        : MEMBER_IDLE;
		mb.wants_group = opts->group > 0 && mb.role != MEMBER_IDLE;
		mb.wants_signals = opts->signal && mb.role == MEMBER_RECEIVER;
	}
	ld->senders.resize(ld->senders_count);
	ld->receivers.resize(talking - ld->senders_count);
	for (load_receiver &receiver : ld->receivers)
		receiver.from.resize(opts->random ? ld->senders_count : 1);
	/* The senders make their groups first, because the receivers join them. */
	ld->r->at_once = load_at_once;
	ld->r->first = ld->senders_count;
}

static int load_prepare(load *ld)
{
	const options *const opts = ld->r->opts;

	ld->senders_count = static_cast<size_t>(opts->senders);
	ld->others = opts->group > 0 ? static_cast<size_t>(opts->group) : 1;
	evutil_secure_rng_get_bytes(ld->random, sizeof ld->random);
	ld->end_of_phase.reset(event_new(ld->r->base, -1, 0, load_on_end_of_phase, ld));
	ld->next_due.reset(event_new(ld->r->base, -1, 0, load_on_due, ld));
	return ld->end_of_phase && ld->next_due ? 0 : -1;
}

void load_run(run *r)
{
	load ld;

	ld.r = r;
	if (load_prepare(&ld) != 0) {
		run_fail(r, RUN_SPOILT, "no memory");
		return;
	}
	load_make_members(&ld);
	progress_begin(&r->line, r->base, load_tell_progress, &ld);
	run_start_more(r);
	if (r->status == RUN_OK)
		(void)event_base_dispatch(r->base);
	progress_end(&r->line);
	if (ld.began > 0)
		load_report(&ld);
}
