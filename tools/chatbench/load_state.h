/* SPDX-License-Identifier: MIT
 * The state of a run with messages. Only for load.cpp and its parts. */
#ifndef CHATBENCH_LOAD_STATE_H
#define CHATBENCH_LOAD_STATE_H

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "run.h"

/* A message on its way. */
struct load_sent {
	int64_t at; /* clock, ns; at a rate: when it should have been sent. 0: answered */
	size_t receiver; /* place among the receivers; of a group: the first of its members */
};

/* A sender numbers its messages 1, 2, 3... */
struct load_sender {
	std::string before, after; /* the parts of its frames before the number and after it */
	std::deque<load_sent> sent; /* from message `first` on */
	uint64_t first = 1;
	uint64_t next = 1;
	uint64_t waiting = 0; /* messages without an answer */
};

/* What a receiver heard last from one sender. */
struct load_heard {
	uint64_t number = 0;
	int64_t seq = 0;
};

struct load_receiver {
	std::vector<load_heard> from; /* by sender with --random, else one */
	uint64_t owed = 0; /* messages that were acknowledged */
	uint64_t got = 0;
};

/* The phases of a run. LEAVES and DRAINS, in which the receivers go and come back, are those of --away.
 * In the last, everything has come, and nothing else may. */
enum load_phase { LOAD_COMES_IN, LOAD_LEAVES, LOAD_SENDS, LOAD_WAITS, LOAD_DRAINS, LOAD_LISTENS };

struct load {
	run *r = nullptr;
	size_t senders_count = 0;
	size_t others = 0; /* receivers of a message */
	std::string padding; /* the end of a frame */
	std::vector<load_sender> senders;
	std::unordered_map<uint64_t, size_t> sender_of; /* by id */
	std::vector<load_receiver> receivers;
	load_phase phase = LOAD_COMES_IN;
	uint64_t random[2] = {}; /* state of the generator */
	event_ptr end_of_phase;
	event_ptr next_due; /* at a rate */
	uint64_t due = 0; /* messages that were due so far, at a rate */
	size_t left = 0; /* receivers that have left */
	uint64_t waiting = 0; /* messages without an answer */

	uint64_t sent = 0;
	uint64_t acknowledged = 0;
	uint64_t refused = 0;
	int64_t first_refusal = 0; /* errno */
	uint64_t expected = 0; /* deliveries that the acknowledged messages should have */
	uint64_t delivered = 0;
	int64_t began = 0; /* clock, ns */
	int64_t last = 0; /* time of the last acknowledgement or delivery, ns */
	int64_t came_back = 0; /* time when the receivers began to come back, ns */
	int64_t latest = 0; /* the longest time by which a message was sent too late, ns */
	histogram ack_times, delivery_times, drain_times;
	pace ack_rate, delivery_rate;
};

/* ---- load_frames.cpp */

/* Prepares the parts of all frames. All members have their ids. */
void load_prepare_frames(load *ld);
/* Sends the next message of a sender. at: the time that counts as that of its sending. */
void load_send(load *ld, member *mb, int64_t at);
/* Takes the answer to a message. */
void load_take_answer(load *ld, const member *mb, std::string_view frame);
/* Takes a message, and fails the run if this member should not get it now. */
void load_take_message(load *ld, const member *mb, std::string_view frame);
/* The same for the messages in a LOGIN_ACK. */
void load_take_kept_messages(load *ld, const member *mb, std::string_view answer);

/* ---- load_report.cpp */

void load_report(load *ld);
std::string load_tell_progress(void *arg);

#endif
