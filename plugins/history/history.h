/* SPDX-License-Identifier: MIT
 * The instance of the history plugin: its sessions, and what its files offer each other. Worker thread, unless a
 * function says otherwise. */
#ifndef HISTORY_HISTORY_H
#define HISTORY_HISTORY_H

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <unordered_map>

#include <chatserverd/plugin.h>

#include "../model/messages.h"
#include "../shared/field.h"

/* A session that wants something of this plugin's. */
struct history_session {
	cs_account account = 0;
	uint64_t device = 0;
	bool events = false;
	bool reads = false;
	bool paused = false; /* the client is slow: READs for it are dropped */
};

/* Of a conversation as the reader sees it, READs go to the reader's own sessions and to those of the other account. */
struct history_stream {
	cs_account reader = 0;
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t of = 0;
	bool to_other = false;

	auto operator<=>(const history_stream &) const = default;
};

/* A READ of that stream was forwarded less than a second ago. */
struct history_held {
	uint64_t device = 0; /* of the reader */
	uint64_t seq = 0;
	std::string bytes; /* of the last READ; empty: it was not kept */
	bool waits = false; /* it is not forwarded yet */
};

/* The highest READ of a stream that this instance has heard of. */
struct history_heard {
	uint64_t seq = 0;
	int64_t until_ms = 0; /* monotonic */
};

struct history_due {
	int64_t ms; /* monotonic */
	history_stream stream;
};

/* An instance. */
struct history_plugin {
	plugin_context context;
	uint64_t want_events = 0, want_reads = 0; /* bits of a session's want; 0: nobody can want that */
	std::unordered_map<cs_conn, history_session> sessions;
	std::map<history_stream, history_held> held;
	std::deque<history_due> due; /* one for each of held, in the order of time */
	size_t held_bytes = 0;
	std::map<history_stream, history_heard> heard;
	std::deque<history_due> forgotten; /* one for each of heard; it may be forgotten a few seconds late */
	cs_timer *timer = nullptr; /* at the first of due */
};

/* ---- query.cpp: HISTORY and INBOX */

int history_on_history(void *state, const cs_frame *frame);
int history_on_inbox(void *state, const cs_frame *frame);

/* A request names a conversation by peer or groupid, exactly one. 0, or CS_REJECT after a refusal. */
[[nodiscard]] int history_get_conversation(const plugin_context &context, const cs_frame *frame,
                                           conversation_kind *kind_r, uint64_t *of_r);
/* Refuses the request for a result of the model or the store. */
void history_refuse(const plugin_context &context, cs_conn conn, const cs_request &request, conversation_kind kind,
                    int result);

/* ---- read.cpp: READ */

int history_on_read(void *state, const cs_frame *frame);

/* ---- forward.cpp: who hears of a READ */

/* Forwards the reader's bytes in the stream, now or within a second. */
void history_forward(history_plugin *p, const history_stream &stream, uint64_t seq, uint64_t device,
                     std::string_view bytes);
/* Forwards the account's last READs once more, to sessions on other nodes that these did not know. */
void history_forward_again(const history_plugin *p, cs_account account);
/* Delivers a READ that another instance has forwarded to a session here. */
void history_deliver(history_plugin *p, cs_conn conn, cs_account account, const cs_parcel *parcel);
inline constexpr uint32_t history_parcel_version = 1;

#endif
