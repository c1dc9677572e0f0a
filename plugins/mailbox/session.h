/* SPDX-License-Identifier: MIT
 * The sessions of a worker: for each conversation how far it was sent and received, which frames are on their way, and
 * which sessions are in which group. */
#ifndef MAILBOX_SESSION_H
#define MAILBOX_SESSION_H

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <chatserverd/mailbox.h>

/* A conversation as one account sees it: (kind, of) in one number. Ids are below 2^53. */
using mailbox_key = uint64_t;

constexpr mailbox_key mailbox_key_of(unsigned kind, uint64_t of)
{
	return of << 1 | (kind & 1);
}

constexpr cs_conversation_kind mailbox_key_kind(mailbox_key key)
{
	return key & 1 ? CS_CONVERSATION_GROUP : CS_CONVERSATION_PAIR;
}

constexpr uint64_t mailbox_key_other(mailbox_key key)
{
	return key >> 1;
}

/* A line: one conversation of one session. */
struct mailbox_line {
	bool known = false; /* conversation, sent, delivered and flushed are set */
	bool pulling = false; /* a read of it is under way: send no hint of it meanwhile */
	bool check = false; /* read the store, even if heard is not above sent */
	bool listed = false; /* in mailbox_session.behind */
	uint32_t in_flight = 0; /* its entries in mailbox_session.flights */
	uint64_t conversation = 0;
	uint64_t heard = 0; /* the highest seq that a hint or the store named */
	uint64_t sent = 0; /* everything up to this seq was queued, or is the account's own */
	uint64_t delivered = 0; /* everything up to this seq counts as received */
	uint64_t flushed = 0; /* the cursor that the store has */
	uint64_t used = 0; /* mailbox_lines.clock at the last use */
};

/* A delivered frame that does not count as received yet. */
struct mailbox_flight {
	uint64_t position; /* where it ends in the output; mailbox_unplaced until begin() */
	mailbox_key key;
	uint64_t seq;
};

constexpr uint64_t mailbox_unplaced = UINT64_MAX;

/* A hint that came before the hints of earlier messages (stash.h). */
struct mailbox_stashed {
	bool own = false; /* the account's own message: nothing to send */
	int64_t created = 0;
	std::string body;
};

/* The early hints of one session. */
struct mailbox_stash {
	std::map<std::pair<mailbox_key, uint64_t>, mailbox_stashed> hints; /* by key and seq; never empty */
	size_t bytes = 0;
};

constexpr size_t mailbox_window_size = 256; /* unconfirmed frames of an acknowledging session */
constexpr size_t mailbox_lines_kept = 64;
constexpr size_t mailbox_little_unsent = 16 * 1024; /* bytes; a client with less unsent is fast */

/* The lines of one session. */
struct mailbox_lines {
	std::unordered_map<mailbox_key, mailbox_line> by_key;
	uint64_t clock = 0; /* goes up with each use of a line */
	size_t tidy_at = mailbox_lines_kept; /* with so many lines, those not used for long are dropped */
};

enum mailbox_phase : uint8_t {
	MAILBOX_ATTACHING, /* the first page is being read */
	MAILBOX_PAGED, /* the caller has the first page; begin() comes next */
	MAILBOX_LIVE
};

struct mailbox_session {
	uint64_t id = 0; /* never used twice; conn is, if the client logs out and in again */
	cs_conn conn = 0;
	cs_account account = 0;
	size_t awaited = 0; /* the most frames that this pull can bring */
	uint64_t queued = 0; /* position in the output of the last frame that the mailbox queued */
	uint64_t written = 0; /* position up to which the kernel took the output */
	size_t unsent = 0; /* bytes that waited when the kernel last took some */
	std::unique_ptr<mailbox_lines> lines; /* NULL: none was made yet */
	std::vector<mailbox_key> behind; /* conversations to read, in the order in which they fell behind */
	std::vector<mailbox_flight> flights; /* as they were queued; an empty deque takes 600 bytes */
	std::unique_ptr<mailbox_stash> stash; /* NULL: no hint came too early */
	std::vector<uint64_t> groups;
	unsigned sends = 0; /* messages of this session under way to the store */
	mailbox_phase phase = MAILBOX_ATTACHING;
	bool acknowledges : 1 = false;
	bool gone : 1 = false; /* a send failed: the server will report the end of the connection */
	bool paused : 1 = false; /* the output is above the soft limit */
	bool reading : 1 = false; /* a pull is under way */
	bool waiting : 1 = false; /* in mailbox.pull_queue */
	bool dirty : 1 = false; /* in mailbox.dirty */
	bool held_back : 1 = false; /* a handler answered CS_PENDING because `sends` was too high */
};

struct mailbox_sessions {
	uint64_t last_id = 0;
	std::map<uint64_t, std::unique_ptr<mailbox_session>> by_id;
	std::unordered_map<cs_conn, mailbox_session *> by_conn;
	std::unordered_map<uint64_t, std::map<uint64_t, mailbox_session *>> by_group;
	size_t stash_bytes = 0; /* of all sessions */
};

mailbox_session *mailbox_session_add(mailbox_sessions *all, cs_conn conn, cs_account account);
/* NULL: the session has ended. */
mailbox_session *mailbox_session_find(const mailbox_sessions *all, uint64_t id);
mailbox_session *mailbox_session_of(const mailbox_sessions *all, cs_conn conn);
/* Frees it. */
void mailbox_session_remove(mailbox_sessions *all, mailbox_session *s);
/* Twice is harmless. */
void mailbox_session_join(mailbox_sessions *all, mailbox_session *s, uint64_t group);
void mailbox_session_leave(mailbox_sessions *all, mailbox_session *s, uint64_t group);

/* NULL: the session has no line for it. */
mailbox_line *mailbox_line_find(mailbox_session *s, mailbox_key key);
/* Makes the line if it is missing. It may drop other lines that were not used for long and have nothing to write. After
 * it, pointers to other lines are invalid. */
mailbox_line *mailbox_line_get(mailbox_session *s, mailbox_key key);
bool mailbox_line_is_behind(const mailbox_line *line);
/* Sets what the store knows about the conversation. Only for a line that is not known yet. */
void mailbox_line_learn(mailbox_line *line, uint64_t conversation, uint64_t delivered_seq);
/* Puts the line into mailbox_session.behind, if it is behind. */
void mailbox_line_list(mailbox_session *s, mailbox_key key, mailbox_line *line);
/* If no frame is on its way, everything that was sent counts as received. true: the cursor must be flushed. */
bool mailbox_line_settle(mailbox_line *line);

/* Notes a queued frame that ends at position. */
void mailbox_flight_add(mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq, uint64_t position);
/* Frames that the kernel took count as received, unless the client confirms. true: cursors must be flushed. */
bool mailbox_flights_written(mailbox_session *s);
/* The client received everything of the conversation up to seq. true: its cursor must be flushed. */
bool mailbox_flights_confirm(mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq);
/* How many more frames may be sent before the client must confirm some. Frames that a running pull can bring are
 * subtracted. */
size_t mailbox_window(const mailbox_session *s);

#endif
