/* SPDX-License-Identifier: MIT
 * Owns the requests that are not acknowledged, in their order, and which of them may be sent now. It must not
 * know connections or frames' contents.
 *
 * The order that is kept: of the messages of one conversation only one is on its way at a time, so that one
 * that is refused for the moment is not overtaken by the next. Every other request waits for all before it
 * and holds back all behind it. */
#ifndef CHATCLIENT_OUTBOX_H
#define CHATCLIENT_OUTBOX_H

#include <cstdint>
#include <deque>
#include <string>

struct outbox_entry {
	uint64_t req = 0;
	int msgid = 0;
	uint64_t account = 0; /* who must be logged in for it; 0: nobody */
	uint64_t target = 0; /* account or group that it is about */
	std::string label; /* the name of a group or account that it makes */
	std::string frame; /* the same bytes each time, so with the same cid */
	bool on_its_way = false;
	unsigned sent_times = 0;
	unsigned delays = 0;
	int64_t not_before = 0; /* steady clock, ms */
};

struct outbox {
	std::deque<outbox_entry> entries;
	bool one_at_a_time = false; /* set to find the request that makes the server close the connection */
};

/* The next entry that may be sent now on a connection where account is logged in (0: nobody), or nullptr.
 * The caller sends it and calls outbox_mark_sent. Valid until entries are added or removed. */
[[nodiscard]] outbox_entry *outbox_next(outbox *ob, uint64_t account, int64_t now);
void outbox_mark_sent(outbox_entry *entry);
/* nullptr: no such request waits. */
[[nodiscard]] outbox_entry *outbox_find(outbox *ob, int64_t req);
void outbox_remove(outbox *ob, uint64_t req);
/* Puts an entry back for a pause that grows with each call. */
void outbox_delay(outbox_entry *entry, int64_t now);
/* The connection is gone: nothing is on its way any more. */
void outbox_forget_sent(outbox *ob);
/* The only entry that is on its way, or nullptr where there is none or more than one. */
[[nodiscard]] outbox_entry *outbox_only_sent(outbox *ob);
[[nodiscard]] size_t outbox_count_sent(const outbox *ob);
/* When the next entry whose pause is not over may go, or -1. */
[[nodiscard]] int64_t outbox_wake_time(const outbox *ob, int64_t now);
/* Whether something else than messages waits: the next command must wait for it. */
[[nodiscard]] bool outbox_holds_back(const outbox *ob);

#endif
