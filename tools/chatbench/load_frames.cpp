/* SPDX-License-Identifier: MIT
 * The messages of a run: writes them, and checks those that arrive.
 *
 * The text of a message begins with "TTTTTTTTTTTT.NNNNNNNNNN": the time of its sending in nanoseconds since the start
 * of the run, and its number among those of its sender, both in hexadecimal digits. */
#include <algorithm>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include <chatserverd/msgid.h>

#include "load_state.h"

static const size_t load_stamp_size = 23;

static int load_msgid(const load *ld)
{
	if (ld->r->opts->signal)
		return CS_MSGID_SIGNAL;
	return ld->others > 1 || ld->r->opts->group > 0 ? CS_MSGID_GROUP_CHAT : CS_MSGID_CHAT;
}

void load_prepare_frames(load *ld)
{
	for (size_t i = 0; i < ld->senders_count; i++) {
		const member *const mb = &ld->r->members[i];
		ld->sender_of[mb->id] = i;
		ld->senders[i].before = "{\"msgid\":" + std::to_string(load_msgid(ld)) + ",\"req\":";
		ld->senders[i].after = ",\"id\":" + std::to_string(mb->id) + ",\"name\":\"" + mb->name +
		                       (ld->r->opts->group > 0 ? "\",\"groupid\":" : "\",\"toid\":");
	}
	ld->padding = std::string(static_cast<size_t>(ld->r->opts->size) - load_stamp_size, 'x') + "\"}\n";
}

/* xorshift128+: quick, and good enough to choose receivers and cids. */
static uint64_t load_random(load *ld)
{
	uint64_t x = ld->random[0];
	const uint64_t y = ld->random[1];

	ld->random[0] = y;
	x ^= x << 23;
	ld->random[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
	return ld->random[1] + y;
}

static void load_add_cid(load *ld, std::string *output)
{
	char text[64];
	const uint64_t high = load_random(ld), low = load_random(ld);

	output->append(text, static_cast<size_t>(snprintf(text, sizeof text,
	                                                  ",\"cid\":\"%016" PRIx64 "%016" PRIx64 "\"", high, low)));
}

static size_t load_choose_receiver(load *ld, const member *mb)
{
	return ld->r->opts->random ? load_random(ld) % ld->receivers.size() : mb->number * ld->others;
}

void load_send(load *ld, member *mb, int64_t at)
{
	load_sender *const sender = &ld->senders[mb->number];
	const size_t receiver = load_choose_receiver(ld, mb);
	const uint64_t to = ld->r->opts->group > 0 ? mb->group : ld->r->members[ld->senders_count + receiver].id;
	char stamp[32];

	mb->output.append(sender->before).append(std::to_string(sender->next)).append(sender->after);
	mb->output.append(std::to_string(to));
	if (ld->r->opts->signal)
		mb->output.append(",\"kind\":\"bench\"");
	else if (ld->r->opts->cid)
		load_add_cid(ld, &mb->output);
	(void)snprintf(stamp, sizeof stamp, "%012" PRIx64 ".%010" PRIx64, static_cast<uint64_t>(at - ld->began),
	               sender->next);
	mb->output.append(",\"time\":\"2000-01-01 00:00:00\",\"msg\":\"").append(stamp).append(ld->padding);
	sender->sent.push_back({at, receiver});
	sender->next++;
	sender->waiting++;
	ld->waiting++;
	ld->sent++;
}

/* ---- answers */

static void load_acknowledge(load *ld, const load_sent *message, int64_t now)
{
	ld->acknowledged++;
	ld->expected += ld->others;
	for (size_t i = 0; i < ld->others; i++)
		ld->receivers[message->receiver + i].owed++;
	histogram_add(&ld->ack_times, now - message->at);
	pace_add(&ld->ack_rate, now);
}

static void load_refuse(load *ld, int64_t error)
{
	if (ld->refused == 0)
		ld->first_refusal = error;
	ld->refused++;
}

void load_take_answer(load *ld, const member *mb, std::string_view frame)
{
	const int64_t req = member_find_integer(frame, "\"req\":");
	load_sender *const sender = mb->role == MEMBER_SENDER ? &ld->senders[mb->number] : nullptr;
	const uint64_t place = sender ? static_cast<uint64_t>(req) - sender->first : 0;

	if (!sender || req < 0 || place >= sender->sent.size() || sender->sent[place].at == 0) {
		run_fail(ld->r, RUN_WRONG, "account %zu got an answer that it does not wait for: %.*s", mb->number,
		         static_cast<int>(frame.size()), frame.data());
		return;
	}
	const int64_t error = member_find_integer(frame, "\"errno\":");
	ld->last = process_clock();
	if (error == CS_ERRNO_OK)
		load_acknowledge(ld, &sender->sent[place], ld->last);
	else
		load_refuse(ld, error);
	sender->sent[place].at = 0;
	for (; !sender->sent.empty() && sender->sent.front().at == 0; sender->first++)
		sender->sent.pop_front();
	sender->waiting--;
	ld->waiting--;
}

/* ---- messages */

struct load_message {
	int64_t msgid, from, to, seq;
	uint64_t at, number;
	bool is_whole; /* its text is what was sent */
};

static int load_read_message(const load *ld, std::string_view frame, load_message *message_r)
{
	static const std::string_view key = "\"msg\":\"";
	const char *const end = frame.data() + frame.size();
	const char *const at = static_cast<const char *>(memmem(frame.data(), frame.size(), key.data(), key.size()));

	if (!at || static_cast<size_t>(end - at) < key.size() + load_stamp_size)
		return -1;
	const char *const stamp = at + key.size();
	message_r->msgid = member_find_integer(frame, "\"msgid\":");
	message_r->from = member_find_integer(frame, "\"id\":");
	message_r->to = member_find_integer(frame, ld->r->opts->group > 0 ? "\"groupid\":" : "\"toid\":");
	const std::string_view rest(stamp + load_stamp_size, static_cast<size_t>(end - stamp) - load_stamp_size);
	message_r->seq = member_find_integer(rest, "\"seq\":");
	message_r->is_whole = rest.starts_with(std::string_view(ld->padding).substr(0, ld->padding.size() - 2));
	const bool is_good =
		std::from_chars(stamp, stamp + 12, message_r->at, 16).ptr == stamp + 12 && stamp[12] == '.' &&
		std::from_chars(stamp + 13, stamp + 23, message_r->number, 16).ptr == stamp + load_stamp_size;
	return is_good ? 0 : -1;
}

/* The sender whose message this receiver may get; npos: none. */
static size_t load_find_sender(const load *ld, const member *mb, const load_message *m)
{
	const size_t receiver = mb->number - ld->senders_count;

	if (!ld->r->opts->random)
		return receiver / ld->others;
	const auto at = ld->sender_of.find(static_cast<uint64_t>(m->from));
	return at == ld->sender_of.end() ? std::string::npos : at->second;
}

static const char *load_find_fault(const load *ld, const member *mb, size_t sender, const load_message *m,
                                   const load_heard *heard)
{
	const bool group = ld->r->opts->group > 0;

	if (m->msgid != load_msgid(ld))
		return "of another kind than was sent";
	if (!m->is_whole)
		return "with another text than was sent";
	if (sender == std::string::npos || m->from != static_cast<int64_t>(ld->r->members[sender].id))
		return "of an account that does not write to it";
	if (m->to != static_cast<int64_t>(group ? mb->group : mb->id))
		return "for another account";
	if (m->number == heard->number)
		return "twice";
	if (m->number < heard->number)
		return "after a later one";
	if (m->number >= ld->senders[sender].next)
		return "that was not sent";
	if (ld->r->opts->signal ? m->seq != -1 : m->seq < 1)
		return ld->r->opts->signal ? "with a seq, which signals do not have" : "without a seq";
	/* A conversation of accounts that were not made by this run, or of a group, may have begun before. */
	const bool is_followed = heard->number > 0 || (ld->r->opts->from == 0 && !group);
	if (!ld->r->opts->signal && is_followed && m->seq != heard->seq + 1)
		return "with a seq that does not follow the last";
	return nullptr;
}

void load_take_message(load *ld, const member *mb, std::string_view frame)
{
	load_message m = {};

	if (mb->role != MEMBER_RECEIVER || load_read_message(ld, frame, &m) != 0) {
		run_fail(ld->r, RUN_WRONG, "account %zu got a frame that is not for it: %.*s", mb->number,
		         static_cast<int>(frame.size()), frame.data());
		return;
	}
	load_receiver *const receiver = &ld->receivers[mb->number - ld->senders_count];
	const size_t sender = load_find_sender(ld, mb, &m);
	load_heard *const heard = &receiver->from[ld->r->opts->random && sender != std::string::npos ? sender : 0];
	const char *const fault = load_find_fault(ld, mb, sender, &m, heard);
	if (fault) {
		run_fail(ld->r, RUN_WRONG,
		         "account %zu (%" PRIu64 ") got message %" PRIu64 " of %" PRId64 " %s; the last was %" PRIu64,
		         mb->number, mb->id, m.number, m.from, fault, heard->number);
		return;
	}
	heard->number = m.number;
	heard->seq = m.seq;
	receiver->got++;
	ld->delivered++;
	ld->last = process_clock();
	histogram_add(&ld->delivery_times, ld->last - ld->began - static_cast<int64_t>(m.at));
	pace_add(&ld->delivery_rate, ld->last);
	if (ld->phase == LOAD_DRAINS && receiver->got == receiver->owed)
		histogram_add(&ld->drain_times, ld->last - mb->asked);
}

/* Each kept message is a frame in a JSON text. Our frames have nothing in them that is escaped but quotes. */
void load_take_kept_messages(load *ld, const member *mb, std::string_view answer)
{
	static const std::string_view key = "\"offlinemsg\":[";
	const size_t at = answer.find(key);
	bool is_inside = false;
	std::string frame;

	for (size_t i = at + key.size(); at != std::string_view::npos && i < answer.size(); i++) {
		if (answer[i] == '\\' && i + 1 < answer.size()) {
			frame += answer[++i];
		} else if (answer[i] != '"') {
			if (is_inside)
				frame += answer[i];
			else if (answer[i] == ']')
				return;
		} else {
			if (is_inside)
				load_take_message(ld, mb, frame);
			frame.clear();
			is_inside = !is_inside;
		}
	}
}
