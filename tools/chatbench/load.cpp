/* SPDX-License-Identifier: MIT
 * A load run: brings the accounts in, keeps the window of each sender full for the given time, and counts the messages
 * that arrive. */
#include "load.h"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <unistd.h>

#include <event2/util.h>

#include <chatserverd/msgid.h>

/* Number of accounts that register at the same time. Hashing their passwords takes the time. */
static const size_t load_starting = 16;
/* Slots of a window, coded in req: a power of two, larger than every window. */
static const uint64_t load_slots = 1024;
/* The time that messages on their way have to arrive after the sending has ended. */
static const timeval load_wait = {10, 0};

static size_t load_senders(const load *ld)
{
	return static_cast<size_t>(ld->opts->senders);
}

static size_t load_others(const load *ld)
{
	return ld->opts->group > 0 ? static_cast<size_t>(ld->opts->group) : 1;
}

static void load_send(load *ld, member *mb, size_t slot, int64_t now)
{
	const bool group = ld->opts->group > 0;
	const uint64_t target = group ? mb->group : ld->members[load_senders(ld) + mb->number].id;
	char frame[512], cid[64] = "";

	ld->messages++;
	if (ld->opts->cid)
		(void)snprintf(cid, sizeof cid, ",\"cid\":\"%s-%" PRIu64 "\"", ld->name.c_str(), ld->messages);
	(void)snprintf(frame, sizeof frame,
	               "{\"msgid\":%d,\"req\":%" PRIu64 ",\"id\":%" PRIu64 ",\"name\":\"%s\",\"%s\":%" PRIu64
	               "%s,\"time\":\"2000-01-01 00:00:00\",\"msg\":\"%020" PRId64,
	               group ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT, ld->messages * load_slots + slot, mb->id,
	               mb->name.c_str(), group ? "groupid" : "toid", target, cid, now);
	member_add(mb, frame);
	member_add(mb, ld->padding);
	ld->windows[mb->number].sent_at[slot] = now;
	ld->windows[mb->number].used++;
	ld->result.sent++;
}

static void load_fill(load *ld, member *mb)
{
	load_window *const window = &ld->windows[mb->number];
	const int64_t now = measure_clock();

	for (size_t slot = 0; ld->sending && slot < window->sent_at.size(); slot++)
		if (window->sent_at[slot] == 0)
			load_send(ld, mb, slot, now);
	member_flush(mb);
}

static void load_stop(load *ld)
{
	(void)event_base_loopbreak(ld->base);
}

static bool load_is_complete(const load *ld)
{
	return !ld->sending && ld->result.delivered >= ld->result.expected &&
	       std::all_of(ld->windows.begin(), ld->windows.end(),
	                   [](const load_window &window) { return window.used == 0; });
}

static void load_take_answer(load *ld, member *mb, std::string_view frame)
{
	const int64_t req = member_find_integer(frame, "\"req\":");
	const int64_t now = measure_clock();

	if (mb->role != MEMBER_SENDER || req < 0)
		return;
	load_window *const window = &ld->windows[mb->number];
	const size_t slot = static_cast<uint64_t>(req) % load_slots;
	if (slot >= window->sent_at.size() || window->sent_at[slot] == 0)
		return;
	if (member_find_integer(frame, "\"errno\":") == CS_ERRNO_OK) {
		ld->result.acknowledged++;
		ld->result.expected += load_others(ld);
		spread_add(&ld->result.ack, (now - window->sent_at[slot]) / 1000);
	} else {
		ld->result.refused++;
	}
	window->sent_at[slot] = 0;
	window->used--;
	ld->last = now;
}

static void load_take_message(load *ld, std::string_view frame)
{
	const int64_t now = measure_clock();
	const size_t at = frame.find("\"msg\":\"");

	if (at == std::string_view::npos || frame.size() < at + 27)
		return;
	ld->result.delivered++;
	ld->last = now;
	spread_add(&ld->result.delivery, (now - strtoll(frame.data() + at + 7, nullptr, 10)) / 1000);
}

static void load_on_frame(void *arg, member *mb, std::string_view frame)
{
	load *const ld = static_cast<load *>(arg);

	switch (member_find_integer(frame, "\"msgid\":")) {
	case CS_MSGID_ACK: load_take_answer(ld, mb, frame); break;
	case CS_MSGID_CHAT:
	case CS_MSGID_GROUP_CHAT: load_take_message(ld, frame); break;
	default: break;
	}
}

static void load_on_read_all(void *arg, member *mb)
{
	load *const ld = static_cast<load *>(arg);

	if (ld->running && mb->role == MEMBER_SENDER)
		load_fill(ld, mb);
	if (ld->running && load_is_complete(ld))
		load_stop(ld);
}

static void load_on_failed(void *arg, member *mb, const char *why)
{
	load *const ld = static_cast<load *>(arg);

	if (!ld->failed)
		(void)fprintf(stderr, "chatbench: account %zu: %s\n", mb->number, why);
	ld->failed = true;
	load_stop(ld);
}

static void load_begin(load *ld)
{
	const timeval time = {static_cast<time_t>(ld->opts->seconds), 0};

	ld->began = ld->last = measure_clock();
	for (const int64_t pid : ld->opts->pids)
		ld->cpu_before.push_back(measure_cpu(pid));
	ld->own_cpu_before = measure_cpu(getpid());
	ld->running = ld->sending = true;
	(void)event_add(ld->end_of_sending.get(), &time);
	for (size_t i = 0; i < load_senders(ld); i++)
		load_fill(ld, &ld->members[i]);
}

/* With several addresses the receiver of a pair uses another address than its sender, and a group is spread over all
 * addresses. */
static const load_address *load_address_of(const load *ld, const member *mb)
{
	size_t place = mb->number;

	if (mb->role == MEMBER_RECEIVER) {
		const size_t receiver = mb->number - load_senders(ld);
		place = receiver / load_others(ld) + receiver % load_others(ld) + 1;
	}
	return &ld->addresses[place % ld->addresses.size()];
}

/* The senders make their groups first, because the receivers join them. */
static void load_start_more(load *ld)
{
	while (!ld->failed && ld->started < ld->members.size() && ld->started - ld->ready < load_starting) {
		member *const mb = &ld->members[ld->started];
		if (mb->role != MEMBER_SENDER && ld->ready < load_senders(ld))
			return;
		if (mb->role == MEMBER_RECEIVER)
			mb->group = ld->members[(mb->number - load_senders(ld)) / load_others(ld)].group;
		ld->started++;
		const load_address *const to = load_address_of(ld, mb);
		if (member_start(mb, ld->base, reinterpret_cast<const sockaddr *>(&to->address), to->size) != 0)
			load_on_failed(ld, mb, strerror(errno));
	}
}

static void load_on_ready(void *arg, member *)
{
	load *const ld = static_cast<load *>(arg);

	if (++ld->ready == ld->members.size())
		load_begin(ld);
	else
		load_start_more(ld);
}

static void load_on_end_of_sending(evutil_socket_t, short, void *arg)
{
	load *const ld = static_cast<load *>(arg);

	ld->sending = false;
	(void)event_add(ld->end_of_waiting.get(), &load_wait);
	if (load_is_complete(ld))
		load_stop(ld);
}

static void load_on_end_of_waiting(evutil_socket_t, short, void *arg)
{
	load_stop(static_cast<load *>(arg));
}

static void load_make_members(load *ld)
{
	static const member_calls table = {load_on_ready, load_on_frame, load_on_read_all, load_on_failed};
	const size_t talking = load_senders(ld) * (1 + load_others(ld));

	ld->members.resize(static_cast<size_t>(ld->opts->accounts));
	for (size_t i = 0; i < ld->members.size(); i++) {
		member *const mb = &ld->members[i];
		mb->calls = &table;
		mb->arg = ld;
		mb->number = i;
		mb->role = i < load_senders(ld) ? MEMBER_SENDER : i < talking ? MEMBER_RECEIVER : MEMBER_IDLE;
		mb->wants_group = ld->opts->group > 0 && mb->role != MEMBER_IDLE;
		mb->name = ld->name + "-" + std::to_string(i);
	}
	ld->windows.resize(load_senders(ld));
	for (load_window &window : ld->windows)
		window.sent_at.resize(static_cast<size_t>(ld->opts->window));
}

static void load_conclude(load *ld)
{
	measures *const ms = &ld->result;

	ms->accounts = ld->members.size();
	ms->seconds = static_cast<double>(ld->last - ld->began) / 1e9;
	ms->own_cpu = measure_cpu(getpid()) - ld->own_cpu_before;
	for (size_t i = 0; i < ld->cpu_before.size(); i++) {
		const int64_t pid = ld->opts->pids[i];
		ms->processes.push_back({pid, measure_name(pid), measure_cpu(pid) - ld->cpu_before[i]});
	}
}

int load_run(load *ld)
{
	uint32_t random = 0;

	evutil_secure_rng_get_bytes(&random, sizeof random);
	ld->name = "bench-" + std::to_string(random);
	ld->padding.assign(static_cast<size_t>(std::max<int64_t>(ld->opts->size - 20, 0)), 'x');
	ld->padding += "\"}\n";
	ld->end_of_sending.reset(event_new(ld->base, -1, 0, load_on_end_of_sending, ld));
	ld->end_of_waiting.reset(event_new(ld->base, -1, 0, load_on_end_of_waiting, ld));
	if (!ld->end_of_sending || !ld->end_of_waiting)
		return -1;
	load_make_members(ld);
	load_start_more(ld);
	if (!ld->failed)
		(void)event_base_dispatch(ld->base);
	if (ld->running)
		load_conclude(ld);
	return ld->failed || !ld->running ? -1 : 0;
}
