/* SPDX-License-Identifier: MIT
 * A run with pages of history: each account reads its conversation, from the newest message to the first.
 *
 * The accounts come in pairs. The first of a pair sends the messages, the second is never online. The conversation is
 * new, so message N has seq N, and its text begins with N in ten decimal digits. */
#include "history.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include <chatserverd/msgid.h>

/* Number of accounts that register at the same time. */
static const size_t history_at_once = 16;
/* The time in which an answer must come. */
static const timeval history_patience = {10, 0};
static const int64_t history_messages = 500; /* of a pair, without -n */
/* Of a page. The server makes it shorter if the next message would make it longer than this. */
static const size_t history_bytes_most = 256 * 1024;

/* What an account has sent, and where it reads. */
struct history_reader {
	int64_t sent = 0;
	int64_t acknowledged = 0;
	int64_t req = 0; /* of the last page */
	int64_t before = 0; /* the page ends below this seq */
};

enum history_phase { HISTORY_COMES_IN, HISTORY_SENDS, HISTORY_READS, HISTORY_ENDS };

struct history {
	run *r = nullptr;
	history_phase phase = HISTORY_COMES_IN;
	int64_t messages = 0; /* of a pair */
	std::string padding; /* the end of a text */
	std::vector<history_reader> readers;
	size_t full = 0; /* conversations that have all messages */
	size_t busy = 0; /* accounts that read */
	uint64_t pages = 0;
	uint64_t read = 0; /* messages in all pages */
	int64_t began = 0; /* clock, ns */
	int64_t last = 0; /* time of the last page, ns */
	histogram times;
	pace rate;
	event_ptr end;
};

static std::string history_tell_progress(void *arg)
{
	const history *const h = static_cast<const history *>(arg);
	const double seconds = static_cast<double>(process_clock() - h->began) / 1e9;
	char text[160];

	if (h->phase == HISTORY_COMES_IN)
		(void)snprintf(text, sizeof text, "%zu of %zu accounts are registered", h->r->ready,
		               h->r->members.size());
	else if (h->phase == HISTORY_SENDS)
		(void)snprintf(text, sizeof text, "%zu of %zu conversations are full", h->full, h->readers.size());
	else
		(void)snprintf(text, sizeof text, "%.0f of %" PRId64 " s, %" PRIu64 " pages, %.0f/s", seconds,
		               h->r->opts->seconds, h->pages, static_cast<double>(h->pages) / std::max(seconds, 1e-3));
	return text;
}

static uint64_t history_peer(const history *h, const member *mb)
{
	return h->r->members[h->readers.size() + mb->number].id;
}

static std::string history_text(const history *h, int64_t number)
{
	char digits[32];

	(void)snprintf(digits, sizeof digits, "%010" PRId64, number);
	return digits + h->padding;
}

/* ---- the messages */

static void history_send(history *h, member *mb)
{
	history_reader *const reader = &h->readers[mb->number];

	while (reader->sent < h->messages && reader->sent - reader->acknowledged < h->r->opts->window) {
		reader->sent++;
		mb->output += "{\"msgid\":6,\"req\":" + std::to_string(reader->sent) +
		              ",\"id\":" + std::to_string(mb->id) + ",\"name\":\"" + mb->name +
		              "\",\"toid\":" + std::to_string(history_peer(h, mb)) +
		              ",\"time\":\"2000-01-01 00:00:00\",\"msg\":\"" + history_text(h, reader->sent) + "\"}\n";
	}
	member_flush(mb);
}

/* ---- the pages */

/* Asks for the newest page, or for the one below before. */
static void history_ask(history *h, member *mb)
{
	history_reader *const reader = &h->readers[mb->number];

	mb->asked = process_clock();
	mb->output += "{\"msgid\":105,\"req\":" + std::to_string(++reader->req) + ",\"id\":" + std::to_string(mb->id) +
	              ",\"peer\":" + std::to_string(history_peer(h, mb)) +
	              ",\"limit\":" + std::to_string(h->r->opts->limit);
	if (reader->before <= h->messages)
		mb->output += ",\"before\":" + std::to_string(reader->before);
	mb->output += "}\n";
	member_flush(mb);
}

/* Begins at the newest message. When the time is over, the account has read everything and rests. */
static void history_begin_walk(history *h, member *mb)
{
	if (h->phase == HISTORY_READS) {
		h->readers[mb->number].before = h->messages + 1;
		history_ask(h, mb);
	} else if (--h->busy == 0) {
		run_stop(h->r);
	}
}

static void history_begin(history *h)
{
	const timeval time = {static_cast<time_t>(h->r->opts->seconds), 0};

	run_expect_no_answer(h->r);
	run_cpu_begin(h->r);
	h->phase = HISTORY_READS;
	h->began = h->last = h->rate.began = process_clock();
	h->busy = h->readers.size();
	(void)event_add(h->end.get(), &time);
	for (size_t i = 0; i < h->readers.size() && h->r->status == RUN_OK; i++)
		history_begin_walk(h, &h->r->members[i]);
}

static const char *history_find_message_fault(const history *h, const member *mb, std::string_view message,
                                              int64_t expected)
{
	const std::string text = ",\"msg\":\"" + history_text(h, expected) + "\",";
	const size_t at = message.find(",\"msg\":\"");

	if (member_find_integer(message, "\"msgid\":") != CS_MSGID_CHAT)
		return "of another kind than was sent";
	if (member_find_integer(message, "\"id\":") != static_cast<int64_t>(mb->id))
		return "of another account";
	if (member_find_integer(message, "\"toid\":") != static_cast<int64_t>(history_peer(h, mb)))
		return "for another account";
	if (member_find_integer(message, "\"seq\":") != expected)
		return "with a seq that does not follow the last";
	if (at == std::string_view::npos || !message.substr(at).starts_with(text))
		return "with another text than was sent";
	return nullptr;
}

/* What a page must say after its messages. first: the seq of its first message. */
static const char *history_find_end_fault(const history *h, std::string_view end, int64_t first)
{
	const bool has_more = end.find(",\"more\":true") != std::string_view::npos;

	if (member_find_integer(end, "\"first\":") != 1 || member_find_integer(end, "\"last\":") != h->messages)
		return "with a wrong first or last";
	if (has_more != (first > 1))
		return has_more ? "with more before the first message" : "without more";
	if (has_more && member_find_integer(end, "\"next\":") != first)
		return "with a wrong next";
	return nullptr;
}

/* Our frames have no brackets inside, so a page can be split at them. *first_r: the seq of the first message. */
static const char *history_find_page_fault(const history *h, const member *mb, std::string_view frame, int64_t *first_r)
{
	static const std::string_view key = ",\"messages\":[";
	const int64_t before = h->readers[mb->number].before, limit = h->r->opts->limit;
	const size_t at = frame.find(key), end = frame.find("],\"first\":");

	if (at == std::string_view::npos || end == std::string_view::npos || end < at + key.size())
		return "without messages";
	const std::string_view list = frame.substr(at + key.size(), end - at - key.size());
	const int64_t count = std::count(list.begin(), list.end(), '{');
	if (count < 1 || count > std::min(limit, before - 1))
		return count < 1 ? "without messages" : "with too many messages";
	const size_t with_next = list.size() + 2 * list.size() / static_cast<size_t>(count);
	if (count < std::min(limit, before - 1) && with_next < history_bytes_most)
		return "with too few messages";
	*first_r = before - count;
	int64_t seq = *first_r;
	for (size_t begin = list.find('{'); begin != std::string_view::npos; begin = list.find('{', begin + 1), seq++) {
		const std::string_view message = list.substr(begin, list.find('}', begin) - begin);
		const char *const fault = history_find_message_fault(h, mb, message, seq);
		if (fault)
			return fault;
	}
	return history_find_end_fault(h, frame.substr(end), *first_r);
}

static void history_take_page(history *h, member *mb, std::string_view frame)
{
	history_reader *const reader = &h->readers[mb->number];
	int64_t first = 0;

	h->last = process_clock();
	const char *const fault = history_find_page_fault(h, mb, frame, &first);
	if (fault) {
		run_fail(h->r, RUN_WRONG, "account %zu (%" PRIu64 ") got a page before %" PRId64 " %s: %.*s",
		         mb->number, mb->id, reader->before, fault, static_cast<int>(frame.size()), frame.data());
		return;
	}
	h->pages++;
	h->read += static_cast<uint64_t>(reader->before - first);
	histogram_add(&h->times, h->last - mb->asked);
	pace_add(&h->rate, h->last);
	if (h->phase == HISTORY_ENDS)
		(void)event_add(h->end.get(), &history_patience);
	reader->before = first;
	if (first > 1)
		history_ask(h, mb);
	else
		history_begin_walk(h, mb);
}

/* ---- what the members tell */

static void history_on_ready(void *arg, member *mb, std::string_view)
{
	history *const h = static_cast<history *>(arg);
	run *const r = h->r;

	if (mb->role == MEMBER_IDLE)
		member_close(mb);
	if (++r->ready < r->members.size()) {
		run_start_more(r);
		return;
	}
	h->phase = HISTORY_SENDS;
	run_expect_answer(r);
	for (size_t i = 0; i < h->readers.size() && r->status == RUN_OK; i++)
		history_send(h, &r->members[i]);
}

static void history_take_ack(history *h, const member *mb)
{
	history_reader *const reader = &h->readers[mb->number];

	run_expect_answer(h->r);
	if (++reader->acknowledged == h->messages && ++h->full == h->readers.size())
		history_begin(h);
}

static void history_on_frame(void *arg, member *mb, std::string_view frame)
{
	history *const h = static_cast<history *>(arg);
	const history_reader *const reader = &h->readers[mb->number];
	const bool reads = h->phase == HISTORY_READS || h->phase == HISTORY_ENDS;

	if (member_find_integer(frame, "\"msgid\":") != CS_MSGID_ACK ||
	    member_find_integer(frame, "\"req\":") != (reads ? reader->req : reader->acknowledged + 1) ||
	    member_find_integer(frame, "\"errno\":") != CS_ERRNO_OK)
		run_fail(h->r, RUN_WRONG, "account %zu got an answer that it does not wait for: %.*s", mb->number,
		         static_cast<int>(frame.size()), frame.data());
	else if (reads)
		history_take_page(h, mb, frame);
	else
		history_take_ack(h, mb);
}

static void history_on_read_all(void *arg, member *mb)
{
	history *const h = static_cast<history *>(arg);

	if (h->phase == HISTORY_SENDS)
		history_send(h, mb);
}

static void history_on_left(void *, member *) {}

static void history_on_refused(void *arg, member *mb, std::string_view answer)
{
	run_fail_refused(static_cast<history *>(arg)->r, mb, answer);
}

static void history_on_failed(void *arg, member *mb, const char *why)
{
	run_fail_connection(static_cast<history *>(arg)->r, mb, why);
}

static void history_on_end(evutil_socket_t, short, void *arg)
{
	history *const h = static_cast<history *>(arg);

	if (h->phase == HISTORY_ENDS) {
		run_stop(h->r);
		return;
	}
	h->phase = HISTORY_ENDS;
	(void)event_add(h->end.get(), &history_patience);
}

/* ---- the whole */

static void history_report(history *h)
{
	run *const r = h->r;
	const double seconds = static_cast<double>(h->last - h->began) / 1e9;

	report_add(&r->figures, "accounts", static_cast<double>(r->members.size()));
	report_add(&r->figures, "seconds", seconds, 2);
	report_add_rate(&r->figures, "pages", h->pages, seconds);
	report_add_rate(&r->figures, "read", h->read, seconds);
	report_add_times(&r->figures, "history", &h->times);
	run_cpu_end(r);
	run_cpu_report(r, "page", h->pages);
	r->drawing.title = "Pages of history";
	r->drawing.subtitle = std::to_string(h->readers.size()) + " accounts, " + std::to_string(r->opts->limit) +
	                      " messages a page, " + std::to_string(r->opts->size) + " bytes of text";
	r->drawing.curves.push_back({"pages", h->times, h->rate});
	if (h->busy > 0)
		run_fail(r, RUN_WRONG, "%zu pages got no answer", h->busy);
}

static void history_make_members(history *h)
{
	static const member_calls table = {history_on_ready, history_on_frame,   history_on_read_all,
	                                   history_on_left,  history_on_refused, history_on_failed};

	run_make_members(h->r, 2 * h->readers.size(), &table, h);
	for (member &mb : h->r->members) {
		mb.role = mb.number < h->readers.size() ? MEMBER_SENDER : MEMBER_IDLE;
		mb.only_registers = mb.role == MEMBER_IDLE;
	}
	h->r->at_once = history_at_once;
}

void history_run(run *r)
{
	history h;

	h.r = r;
	h.messages = r->opts->count > 0 ? r->opts->count : history_messages;
	h.padding = std::string(static_cast<size_t>(r->opts->size) - 10, 'x');
	h.readers.resize(static_cast<size_t>(r->opts->senders));
	h.end.reset(event_new(r->base, -1, 0, history_on_end, &h));
	if (!h.end) {
		run_fail(r, RUN_SPOILT, "no memory");
		return;
	}
	history_make_members(&h);
	progress_begin(&r->line, r->base, history_tell_progress, &h);
	run_start_more(r);
	if (r->status == RUN_OK)
		(void)event_base_dispatch(r->base);
	progress_end(&r->line);
	if (h.began > 0)
		history_report(&h);
}
