/* SPDX-License-Identifier: MIT
 * Owns reading one page of the message log for one account: which conversations have news, their messages
 * merged in the order they were sent. It must not know sessions or connections. Store threads. */
#ifndef MAILBOX_PAGE_H
#define MAILBOX_PAGE_H

#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "../model/messages.h"
#include "session.h"

constexpr size_t MAILBOX_PAGE_MESSAGES = 200;
constexpr size_t MAILBOX_PAGE_BYTES = 256 * 1024;
constexpr size_t MAILBOX_PAGE_SOURCES = 100;   /* conversations that one page is merged from */

/* One conversation to read. */
struct mailbox_source {
	mailbox_key key = 0;
	bool known = false;          /* conversation and from are right; else they are looked up */
	uint64_t conversation = 0;
	uint64_t from = 0;           /* the last seq that is not wanted */
	uint64_t after = 0;          /* out: the last that was read */
	uint64_t heard = 0;          /* the caller's, as check */
	bool check = false;
	int outcome = 0;             /* out: 0, MODEL_NONE, MODEL_NOT_MEMBER */
	uint64_t delivered = 0;      /* out, where it was looked up: the cursor */
	uint64_t last = 0;           /* out, where it was looked up: the conversation's last seq */
	bool ended = false;          /* out: nothing was stored above `after` */

	/* The reader's own: */
	std::vector<message_row> rows;
	size_t at = 0;
	bool last_rows = false;      /* there were none behind them when they were read */
};

struct mailbox_page_message {
	mailbox_key key;
	uint64_t seq;
	std::string frame;           /* the sender's, with seq and ts added */
};

struct mailbox_page {
	cs_account account = 0;
	size_t most_messages = MAILBOX_PAGE_MESSAGES;
	std::vector<mailbox_source> sources;
	std::vector<mailbox_page_message> messages;   /* out */
};

/* The members that are added at a delivered frame's end, the closing brace included. */
std::string mailbox_tail(uint64_t seq, int64_t created);

/* 0 or an enum cs_db_result; may be run again. */
[[nodiscard]] int mailbox_page_read(cs_db *db, mailbox_page *page);

#endif
