/* SPDX-License-Identifier: MIT
 * The requests that are not acknowledged, in their order, and which of them may be sent now.
 *
 * Of one conversation only one message is on its way at a time. So if a message is refused for the moment, the next one
 * cannot overtake it. Every other request waits for all requests before it, and all requests after it wait for it. */
#ifndef CHATCLIENT_OUTBOX_H
#define CHATCLIENT_OUTBOX_H

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "command.h"

struct outbox_entry {
	uint64_t req = 0;
	int msgid = 0;
	uint64_t account = 0; /* the account that must be logged in; 0: none */
	command_verb verb = COMMAND_BLANK; /* what the user asked for */
	bool quiet = false; /* the client asked by itself: a refusal is not shown */
	bool is_group = false; /* target is a group */
	uint64_t target = 0; /* the account or group that it goes to */
	uint64_t whom = 0; /* the account in that group to which it is done */
	uint64_t of = 0; /* the seq of the message that it changes */
	std::string label; /* the name of the group or account that it creates or looks for */
	std::string text; /* of a message */
	std::string secret; /* the new password that it sets */
	bool is_tried = false; /* a login by that password was tried, because the answer was lost */
	std::string cid; /* of a message */
	std::string frame; /* sent with the same bytes each time, so with the same cid */
	bool on_its_way = false;
	unsigned sent_times = 0;
	unsigned delays = 0;
	int64_t not_before = 0; /* steady clock, ms */
};

struct outbox {
	std::deque<outbox_entry> entries;
	bool one_at_a_time = false; /* set to find the request for which the server closes the connection */
};

/* The next entry that may be sent on a connection with this account (0: not logged in), or nullptr. The caller sends it
 * and calls outbox_mark_sent. Valid until entries are added or removed. */
[[nodiscard]] outbox_entry *outbox_next(outbox *ob, uint64_t account, int64_t now);
void outbox_mark_sent(outbox_entry *entry);
/* nullptr: there is no such request. */
[[nodiscard]] outbox_entry *outbox_find(outbox *ob, int64_t req);
/* Whether the message with this cid is not acknowledged yet. */
[[nodiscard]] bool outbox_has_cid(const outbox *ob, std::string_view cid);
/* Frames of the user that were sent once are not sent again. */
void outbox_drop_raw(outbox *ob);
void outbox_remove(outbox *ob, uint64_t req);
/* Lets an entry wait for a pause, which grows with each call. */
void outbox_delay(outbox_entry *entry, int64_t now);
/* The connection is gone: no request is on its way any more. */
void outbox_forget_sent(outbox *ob);
/* The entry that is on its way, or nullptr if there is none or more than one. */
[[nodiscard]] outbox_entry *outbox_only_sent(outbox *ob);
[[nodiscard]] size_t outbox_count_sent(const outbox *ob);
/* The time when the next pause of an entry ends, or -1. */
[[nodiscard]] int64_t outbox_wake_time(const outbox *ob, int64_t now);
/* Whether a request waits that is no message: then the next command must wait. */
[[nodiscard]] bool outbox_holds_back(const outbox *ob);

#endif
