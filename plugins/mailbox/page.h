/* SPDX-License-Identifier: MIT
 * Reads one page of the message log for one device of an account: the conversations with news, their messages merged in
 * the order in which they were sent. Runs on store threads. */
#ifndef MAILBOX_PAGE_H
#define MAILBOX_PAGE_H

#include <cstdint>
#include <string>
#include <vector>

#include <chatserverd/db.h>

#include "../model/messages.h"
#include "session.h"

constexpr size_t mailbox_page_messages = 200;
constexpr size_t mailbox_page_bytes = 256 * 1024;
constexpr size_t mailbox_page_sources = 100; /* conversations of one page */

/* One conversation to read. */
struct mailbox_source {
	mailbox_key key = 0;
	bool known = false; /* conversation and from are set; if not, they are looked up */
	uint64_t conversation = 0;
	uint64_t from = 0; /* read what is above this seq */
	uint64_t after = 0; /* out: the last seq that was read */
	uint64_t heard = 0; /* heard and check belong to the caller */
	bool check = false;
	bool judged = false; /* is_member and last are set; if not, those of a group are looked up */
	bool is_member = true; /* false: the account was a member of the group, and lacks nothing above last */
	int outcome = 0; /* out: 0, MODEL_NONE, MODEL_NOT_MEMBER */
	uint64_t delivered = 0; /* out: the cursor, if it was looked up */
	uint64_t last = 0; /* out: message_news.last_seq, if it was looked up */
	bool ended = false; /* out: the store had nothing above `after`; of a group: nothing up to last */

	/* For mailbox_page_read only: */
	std::vector<message_row> rows;
	size_t at = 0;
	bool last_rows = false; /* the store had no more rows after these */
};

struct mailbox_page_message {
	mailbox_key key;
	uint64_t seq;
	std::string frame; /* the frame of the sender, with seq and ts added */
};

struct mailbox_page {
	message_reader reader;
	mailbox_want want;
	size_t most_messages = mailbox_page_messages;
	std::vector<mailbox_source> sources;
	std::vector<mailbox_page_message> messages; /* out */
};

mailbox_key mailbox_page_key_of(const message_news &news);
/* The end of a delivered frame: seq, ts and the closing brace. */
std::string mailbox_page_tail(uint64_t seq, int64_t created);

/* Sets what is marked "out". 0 or an enum cs_db_result. It may run again after a failure. */
[[nodiscard]] int mailbox_page_read(cs_db *db, mailbox_page *page);

#endif
