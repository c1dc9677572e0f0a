/* SPDX-License-Identifier: MIT
 * The message log in the database: conversations, messages, cursors. Functions run on store threads.
 *
 * (kind, of) names a conversation as one account sees it: of is the other account, or the group. seq counts 1, 2, 3...
 * per conversation without a gap. It is assigned in the transaction that stores the row. */
#ifndef MODEL_MESSAGES_H
#define MODEL_MESSAGES_H

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/db.h>

#include "result.h"

enum conversation_kind { CONVERSATION_PAIR = 0, CONVERSATION_GROUP = 1 };

struct message_append;

/* What an entry changes besides the log. It runs in a part of its own, which is undone unless it answers 0 or
 * MODEL_NO_ENTRY. The item's seq, created and conversation are set; conversation 0: there is none, or the group has
 * ended. It may set body, and conversation if it makes the group. Answers 0, MODEL_REFUSED, MODEL_NO_ENTRY (done, but
 * nothing of the conversation has changed) or an enum cs_db_result. */
using message_effect = int(cs_db *db, message_append *item, void *arg);

/* ENTRY_PURGED: the newest entry of a conversation, blanked because it was too old; nobody gets it. */
enum entry_kind { ENTRY_MESSAGE = 0, ENTRY_RECALLED = 1, ENTRY_EVENT = 2, ENTRY_PURGED = 3 };

/* The week of a time in ms. 0 is none. It has 15 bits. */
static inline uint64_t message_week_of(int64_t created)
{
	static constexpr int64_t week = INT64_C(7) * 24 * 60 * 60 * 1000, most = (1 << 15) - 2;

	return static_cast<uint64_t>(std::clamp(created / week + 1, INT64_C(1), most));
}

/* An entry to append. The caller sets the first part; message_append_all sets the second. */
struct message_append {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t sender = 0;
	uint64_t to = 0; /* the other account (may be the sender), or the group; 0: a group that the effect makes */
	std::string_view cid; /* empty: stored as NULL */
	uint32_t msgid = 0; /* a stored entry with the cid is the same one if its msgid is; 0: in any case */
	std::string_view body;
	int64_t created = 0; /* ms */
	uint64_t known = 0; /* the id of the pair's conversation, if the caller knows it: it need not be looked up */
	bool strangers_may = true; /* a message to a pair: see pair_lets_write */
	message_effect *effect = nullptr; /* NULL: a message; else an event */
	void *arg = nullptr; /* of the effect */
	uint64_t lock = 0; /* with an effect: an account whose row is locked before any conversation; 0: none */

	/* 0, MODEL_NONE (no such user or group), MODEL_NOT_MEMBER, MODEL_MUTED, MODEL_UNWANTED, MODEL_OTHER_CID,
	 * MODEL_REFUSED or MODEL_NO_ENTRY */
	int outcome = 0;
	uint64_t until = 0; /* of MODEL_MUTED: ms */
	bool repeated = false; /* the cid was stored before: conversation, seq, created are the first one's */
	uint64_t conversation = 0;
	uint64_t seq = 0;
};

/* Appends all entries inside the open transaction: those of one conversation in their order, and those with an effect
 * in theirs; messages with statements for many rows. Locks first accounts, then conversations, each in the order of
 * their ids; makes pairs in which a message is the first. Whether a message is allowed is judged anew behind each
 * effect in its conversation; an effect judges for itself. Sets the second part of each entry anew on each run; an
 * entry with an outcome other than 0 gets no seq, and changes nothing. careful false: a cid that was stored before, or
 * a wrong `known`, makes the call answer CS_DB_DUPLICATE for all; roll back, and call again with careful true. careful
 * true: looks for repeated cids first, also within the batch, and does not rely on `known`. Writer. */
[[nodiscard]] int message_append_all(cs_db *db, std::span<message_append *const> messages, bool careful);

/* Whose cursors are meant. */
struct message_reader {
	uint64_t account = 0;
	uint64_t device = 0;

	auto operator<=>(const message_reader &) const = default;
};

/* The state of one conversation for one device of an account: it may lack the messages above delivered_seq. */
struct message_news {
	conversation_kind kind = CONVERSATION_PAIR;
	uint64_t of = 0; /* the other account, or the group */
	uint64_t conversation = 0;
	uint64_t delivered_seq = 0; /* the cursor; never below a member's joined_seq */
	uint64_t joined_seq = 0; /* of a group */
	uint64_t last_seq = 0; /* of a former member of a group: its left_seq, the last entry that it gets */
	bool is_member = true; /* false: a former member of a group */
};

/* The conversations of the account whose last_seq is above the device's cursor. In no order. */
[[nodiscard]] int message_news_list(cs_db *db, const message_reader &reader, std::vector<message_news> *news_r);
struct reader_news {
	message_reader reader;
	message_news news;
};

/* The same for many, in few statements. Each may be listed only once. */
[[nodiscard]] int message_news_of(cs_db *db, std::span<const message_reader> readers, std::vector<reader_news> *news_r);
/* One conversation, with or without news. MODEL_NONE: there is no such pair or group; MODEL_NOT_MEMBER: the account
 * was never in the group. */
[[nodiscard]] int message_news_find(cs_db *db, const message_reader &reader, conversation_kind kind, uint64_t of,
                                    message_news *news_r);
/* The ids of the groups that the account is in now. */
[[nodiscard]] int message_group_ids(cs_db *db, uint64_t account, std::vector<uint64_t> *groups_r);

/* The end of a delivered message: seq, ts and the closing brace. */
static inline std::string message_tail(uint64_t seq, int64_t created)
{
	return ",\"seq\":" + std::to_string(seq) + ",\"ts\":" + std::to_string(created) + "}";
}

struct message_row {
	uint64_t seq = 0;
	uint64_t sender = 0;
	entry_kind kind = ENTRY_MESSAGE;
	int64_t created = 0;
	std::string body;
};

/* Rows of one conversation with seq > after, in order, at most limit. Appends to rows_r. */
[[nodiscard]] int message_read(cs_db *db, uint64_t conversation, uint64_t after, size_t limit,
                               std::vector<message_row> *rows_r);

struct message_cursor {
	message_reader reader;
	uint64_t conversation = 0;
	uint64_t delivered_seq = 0;
};

/* Moves cursors forward, never back; many in one statement. Writer. */
[[nodiscard]] int message_cursor_store(cs_db *db, std::span<const message_cursor> cursors);

#endif
