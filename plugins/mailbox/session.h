/* SPDX-License-Identifier: MIT
 * Owns what the mailbox remembers of an attached connection: how far each conversation was sent and received,
 * what is on its way, which local sessions are in which group. It must not know the host or the store. */
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

/* A conversation as one account sees it, (kind, of) in one number: ids are below 2^53. */
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

/* One conversation of one session. */
struct mailbox_line {
	bool known = false;         /* conversation, sent, delivered, flushed mean something */
	bool pulling = false;       /* a read of it is under way: nothing may be sent beside it */
	bool check = false;         /* has to be read although heard says nothing of news */
	bool listed = false;        /* in mailbox_session.behind */
	uint32_t in_flight = 0;     /* its entries in mailbox_session.flights */
	uint64_t conversation = 0;
	uint64_t heard = 0;         /* the highest seq that somebody said is stored */
	uint64_t sent = 0;          /* everything up to here was queued, or is the account's own */
	uint64_t delivered = 0;     /* everything up to here counts as received */
	uint64_t flushed = 0;       /* the cursor that the store has */
	uint64_t used = 0;          /* mailbox_session.clock at the last use */
};

/* A delivered frame that does not count as received yet. */
struct mailbox_flight {
	uint64_t position;          /* of its end in the output; MAILBOX_UNPLACED until begin() */
	mailbox_key key;
	uint64_t seq;
};

constexpr uint64_t MAILBOX_UNPLACED = UINT64_MAX;

/* What a hint said that came before the one it follows (stash.h). */
struct mailbox_stashed {
	bool own = false;           /* the account's own message: nothing to send */
	int64_t created = 0;
	std::string body;
};

enum mailbox_phase {
	MAILBOX_ATTACHING,          /* the first page is being read */
	MAILBOX_PAGED,              /* the first page was handed out; begin() is awaited */
	MAILBOX_LIVE
};

struct mailbox_session {
	uint64_t id = 0;            /* never used twice: a connection can log out and in again */
	cs_conn conn = 0;
	cs_account account = 0;
	bool acknowledges = false;
	mailbox_phase phase = MAILBOX_ATTACHING;
	bool gone = false;          /* the connection took no frame: its end will be reported */
	bool paused = false;        /* over the soft output mark */
	bool reading = false;       /* a pull is under way */
	size_t awaited = 0;         /* frames that it may bring */
	bool waiting = false;       /* in the queue for a pull */
	bool dirty = false;         /* in the list for the next flush of cursors */
	bool held_back = false;     /* its handler answered CS_PENDING because of `sends` */
	unsigned sends = 0;         /* messages under way to the store */
	uint64_t queued = 0;        /* position of the last frame that was queued here */
	uint64_t written = 0;       /* what the kernel took */
	size_t unsent = 0;          /* bytes that waited when it last took some */
	uint64_t clock = 0;
	size_t tidy_at = 0;
	std::unordered_map<mailbox_key, mailbox_line> lines;
	std::vector<mailbox_key> behind;          /* lines to read, in the order they fell behind */
	std::vector<mailbox_flight> flights;      /* in the order they were queued; a deque takes 600 bytes when empty */
	std::map<std::pair<mailbox_key, uint64_t>, mailbox_stashed> stash;   /* by line and seq */
	size_t stash_bytes = 0;
	std::vector<uint64_t> groups;
};

constexpr size_t MAILBOX_WINDOW = 256;      /* unconfirmed frames of an acknowledging session */
constexpr size_t MAILBOX_LINES_KEPT = 64;
constexpr size_t MAILBOX_LITTLE_UNSENT = 16 * 1024;   /* bytes: what a client takes in no time */

struct mailbox_sessions {
	uint64_t last_id = 0;
	std::map<uint64_t, std::unique_ptr<mailbox_session>> by_id;
	std::unordered_map<cs_conn, mailbox_session *> by_conn;
	std::unordered_map<uint64_t, std::map<uint64_t, mailbox_session *>> by_group;
	size_t stash_bytes = 0;     /* of all */
};

mailbox_session *mailbox_session_add(mailbox_sessions *all, cs_conn conn, cs_account account);
/* NULL: ended. */
mailbox_session *mailbox_session_find(const mailbox_sessions *all, uint64_t id);
mailbox_session *mailbox_session_of(const mailbox_sessions *all, cs_conn conn);
/* Frees it. */
void mailbox_session_remove(mailbox_sessions *all, mailbox_session *s);
/* Twice is harmless. */
void mailbox_session_join(mailbox_sessions *all, mailbox_session *s, uint64_t group);
void mailbox_session_leave(mailbox_sessions *all, mailbox_session *s, uint64_t group);

/* NULL: nothing is remembered of it. */
mailbox_line *mailbox_line_find(mailbox_session *s, mailbox_key key);
/* Makes it where it is missing; may drop clean ones that were not used for long. Pointers to other lines
 * are invalid after it. */
mailbox_line *mailbox_line_get(mailbox_session *s, mailbox_key key);
bool mailbox_line_is_behind(const mailbox_line *line);
/* What the store knows about the conversation; only for a line that is not known yet. */
void mailbox_line_learn(mailbox_line *line, uint64_t conversation, uint64_t delivered_seq);
/* Lists the line for reading when it is behind. */
void mailbox_line_list(mailbox_session *s, mailbox_key key, mailbox_line *line);
/* Moves delivered to sent where nothing is on its way. true: the cursor is to be flushed. */
bool mailbox_line_settle(mailbox_line *line);

/* Notes a frame that was queued, ending at position. */
void mailbox_flight_add(mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq,
                        uint64_t position);
/* What the kernel took counts as received, unless the session acknowledges. true: there are cursors to
 * flush. */
bool mailbox_flights_written(mailbox_session *s);
/* Everything of the conversation up to seq counts as received. true: its cursor is to be flushed. */
bool mailbox_flights_confirm(mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq);
/* How many frames may be sent, beside those that a pull may bring, before the client has to confirm some. */
size_t mailbox_window(const mailbox_session *s);

#endif
