/* SPDX-License-Identifier: MIT
 * The state of a worker's mailbox and of its sessions: one struct for each room, and only that room writes it. All
 * of it belongs to the worker's thread.
 *
 * The mailbox is the message log. Its rooms are files; scripts/check-layers says which may call which:
 *   mailbox   the root: hands the server's calls to the rooms
 *   catch_up  a new session reads what the store has above its cursors; the sweep compares sessions with the store
 *   outgoing  a message goes to the store, its hints to the receivers, the answer to the sender
 *   incoming  a hint or a page goes to the client, seq after seq
 *   stash     hints that came too early
 *   delivered the client says how far it has received
 *   cursors   how far each conversation was received
 *   retention removes what was kept long enough
 *   follow    tells followers of entries that were committed, until they confirm them
 *   post      what a plugin may post or change, and the frame of it
 *   page, hint, session   what they share */
#ifndef MAILBOX_SESSION_H
#define MAILBOX_SESSION_H

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <chatserverd/mailbox.h>

#include "../model/follow.h"
#include "../model/messages.h"
#include "../model/retention.h"

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

/* What a session gets besides the messages of others. */
struct mailbox_want {
	bool event = false; /* entries that are no messages */
	bool echo = false; /* what other sessions of its account sent */
};

/* ---- a view: one conversation of one session */

struct mailbox_view_incoming {
	bool known = false; /* conversation, sent and the cursor are set */
	bool pulling = false; /* a read of it is under way: send no hint of it meanwhile */
	bool check = false; /* read the store, even if heard is not above sent */
	bool listed = false; /* in mailbox_views.behind */
	uint64_t conversation = 0;
	uint64_t heard = 0; /* the highest seq that a hint or the store named */
	uint64_t sent = 0; /* everything up to this seq was queued, or is not for this session */
};

struct mailbox_view_cursor {
	uint32_t in_flight = 0; /* its entries in mailbox_views.flights */
	uint64_t delivered = 0; /* everything up to this seq counts as received */
	uint64_t flushed = 0; /* the cursor that the store has */
};

struct mailbox_view {
	mailbox_view_incoming incoming;
	mailbox_view_cursor cursor;
	uint64_t used = 0; /* mailbox_views.clock at the last use */
};

/* A delivered frame that does not count as received yet. */
struct mailbox_flight {
	uint64_t position; /* where it ends in the output; mailbox_unplaced until begin() */
	mailbox_key key;
	uint64_t seq;
};

constexpr uint64_t mailbox_unplaced = UINT64_MAX;

constexpr size_t mailbox_views_kept = 64;
constexpr size_t mailbox_views_mine_at_most = 256;

/* The views of one session and what is under way for them. */
struct mailbox_views {
	std::unordered_map<mailbox_key, mailbox_view> by_key;
	std::vector<mailbox_key> behind; /* incoming: what to read, in the order in which it fell behind */
	std::vector<mailbox_flight> flights; /* cursor: as they were queued; an empty deque takes 600 bytes */
	/* incoming: entries above `sent` that this session sent itself. With echo only, when the store brings them: the
	 * client has their seqs by the answers. At most mailbox_views_mine_at_most; what is more is sent to the client
	 * as if another session had sent it. */
	std::set<std::pair<mailbox_key, uint64_t>> mine;
	uint64_t clock = 0; /* goes up with each use of a view */
	size_t tidy_at = mailbox_views_kept; /* with so many views, those not used for long are dropped */
	bool dropped = false; /* some were dropped since mailbox_session.new_from was set */
};

/* ---- a session */

struct mailbox_session_outgoing {
	unsigned sends : 31 = 0; /* messages of this session under way to the store */
	bool held_back : 1 = false; /* a handler answered CS_PENDING because `sends` was too high */
};

/* A hint that came before the hints of earlier messages. */
struct mailbox_stashed {
	bool silent = false; /* not for this session: nothing to send */
	int64_t created = 0;
	std::string body;
};

/* The early hints of one session. */
struct mailbox_stash {
	std::map<std::pair<mailbox_key, uint64_t>, mailbox_stashed> hints; /* by key and seq; never empty */
	size_t bytes = 0;
};

struct mailbox_session_incoming {
	uint64_t queued = 0; /* position in the output of the last frame that the mailbox queued */
	uint64_t written = 0; /* position up to which the kernel took the output */
	size_t unsent = 0; /* bytes that waited when the kernel last took some */
	uint32_t awaited = 0; /* the most frames that this pull can bring */
	bool gone : 1 = false; /* a send failed: the server will report the end of the connection */
	bool paused : 1 = false; /* the output is above the soft limit */
	bool reading : 1 = false; /* a pull is under way */
	bool waiting : 1 = false; /* in mailbox_incoming.pull_queue */
};

struct mailbox_session_cursor {
	bool dirty = false; /* in mailbox_cursors.dirty */
};

enum mailbox_phase : uint8_t {
	MAILBOX_ATTACHING, /* the first page is being read */
	MAILBOX_PAGED, /* the caller has the first page; begin() comes next */
	MAILBOX_LIVE
};

struct mailbox_session_catch_up {
	mailbox_phase phase = MAILBOX_ATTACHING;
};

struct mailbox_session {
	uint64_t id = 0; /* never used twice; conn is, if the client logs out and in again */
	cs_conn conn = 0;
	cs_account account = 0;
	std::unique_ptr<mailbox_views> views; /* NULL: none was made yet */
	std::vector<uint64_t> groups;
	/* ms, host->now(). What this process stores later has been in no earlier session of the account, and in no view
	 * that this one has dropped. */
	int64_t new_from = 0;
	std::unique_ptr<mailbox_stash> stash; /* NULL: no hint came too early */
	mailbox_session_incoming incoming;
	mailbox_session_outgoing outgoing;
	mailbox_session_cursor cursor;
	mailbox_session_catch_up catch_up;
	bool acknowledges = false; /* the client confirms with DELIVERED */
	mailbox_want want;
	uint32_t device = 0;
};

struct mailbox_sessions {
	const cs_host *host = nullptr; /* it knows the groups that this worker has members of */
	cs_self *self = nullptr;
	uint64_t last_id = 0;
	std::map<uint64_t, mailbox_session> by_id;
	std::unordered_map<cs_conn, mailbox_session *> by_conn;
	std::unordered_map<uint64_t, std::vector<mailbox_session *>> by_group;
};

/* A session whose connection ended, but which still holds its place: its cursors or its messages are on their way to
 * the store. The device's next session, on any node, must not read the store before they are there. */
struct mailbox_ending {
	cs_account account = 0;
	uint64_t device = 0;
	bool flushing = false;
	unsigned sends = 0;
};

/* ---- the instance */

struct mailbox_conf {
	int64_t sweep, sweep_away, cursor_flush; /* ms */
	int64_t keep; /* ms; 0: for ever */
	int strangers; /* 1: refused, see cs_mailbox.refuses_strangers */
};

struct mailbox_outgoing {
	uint64_t cids = 0; /* that the mailbox made itself */
	unsigned posts = 0; /* under way to the store; changes, too */
};

/* When a stashed hint gives up waiting for the ones before it. */
struct mailbox_stash_end {
	int64_t due; /* ms */
	uint64_t session;
	mailbox_key key;
	uint64_t seq;
};

/* The hint has waited long enough for the ones before it: the store is to be read. */
typedef void mailbox_stash_late_fn(struct mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq);

struct mailbox_stashes {
	mailbox_stash_late_fn *late = nullptr;
	std::deque<mailbox_stash_end> ends; /* in order */
	cs_timer *timer = nullptr;
	size_t bytes = 0; /* of all sessions */
};

struct mailbox_incoming {
	std::deque<uint64_t> pull_queue; /* session ids */
	unsigned pulls = 0; /* under way */
	cs_timer *pull_timer = nullptr;
};

/* One write of cursors, from the call of batch() to done(). */
struct mailbox_flush {
	std::vector<message_cursor> cursors;
	std::vector<std::pair<uint64_t, mailbox_key>> owners; /* session id and key of each cursor */
	uint64_t ending = 0; /* the ended session that holds its place until this is done, or 0 */
	unsigned tries = 0; /* failed retries of batch() */
};

struct mailbox_cursors {
	std::vector<uint64_t> dirty; /* session ids with cursors to flush */
	unsigned flushes = 0; /* under way, without those of ended sessions */
	cs_timer *flush_timer = nullptr;
	std::vector<std::unique_ptr<mailbox_flush>> stuck; /* of ended sessions; tried again later */
};

/* The sweep. A round visits every session once. */
struct mailbox_sweep {
	cs_timer *timer = nullptr;
	bool reading = false;
	bool degraded = false; /* hints of other nodes may be lost */
	bool missed = false; /* hints may have been lost: a round must run, whatever the options say */
	bool running = false; /* a round is under way */
	bool catching_up = false; /* the round was started because of `missed` */
	int64_t next = 0; /* when the next round begins (ms) */
	int64_t begun = 0, period = 0; /* of this round: its start and its length (ms) */
	int64_t missed_next = 0; /* before this no round starts because of `missed` (ms) */
	int64_t missed_space = 0; /* from the start of the last such round to missed_next (ms) */
	int64_t not_before = 0; /* the next read may not start before this (ms) */
	size_t total = 0, visited = 0; /* sessions of the round */
	uint64_t at = 0, last = 0; /* session ids: the last one visited, the last one of the round */
	std::vector<uint64_t> looks; /* session ids to visit at once */
	uint64_t random = 0;
};

struct mailbox_catch_up {
	/* A session that reads its first page is in no group's index yet. While there are such sessions, heard_groups
	 * keeps the highest seq that a hint named, by group. It is empty while nobody attaches. */
	unsigned attaching = 0;
	std::unordered_map<uint64_t, uint64_t> heard_groups;
	mailbox_sweep sweep;
};

/* A round of retention: it looks at conversations, removes the old entries of those that have any, and gives the room
 * back at the end. */
struct mailbox_retention {
	cs_timer *timer = nullptr; /* of the next step */
	bool working = false; /* a step is with the store */
	bool changed = false; /* the option was changed meanwhile */
	uint64_t after = 0; /* conversations up to this id were looked at */
	bool all_looked = false;
	std::vector<retention_old> old; /* the next one is the last */
	uint64_t removed = 0; /* entries, in this round */
	bool shrunk = false; /* the round is over */
};

/* A conversation of which a follower is told: this node holds its row, or is about to read it. */
struct mailbox_held {
	bool known = false; /* told and confirmed are set */
	bool listed = false; /* in mailbox_follower.queue */
	bool asked = false; /* a read of it is under way */
	bool dirty = false; /* in mailbox_follower.dirty */
	bool committed = false; /* an entry was committed here since it was read */
	bool is_full = false; /* so much is not confirmed that no more is told */
	uint64_t told = 0; /* everything up to it was told, or is for nobody */
	uint64_t last = 0; /* the last one of which fn was called */
	uint64_t confirmed = 0;
	int64_t until = 0; /* ms, host->now(): then another node may take the row */
};

/* Who is told: the last one of the list is. */
struct mailbox_following {
	cs_mailbox_followed_fn *fn;
	void *arg;
};

/* A name that is followed. The work is done on the first worker; others need the name only. */
struct mailbox_follower {
	uint64_t id = 0; /* never used twice */
	std::string name;
	std::vector<mailbox_following> followings; /* never empty */
	std::unordered_map<uint64_t, mailbox_held> held; /* by conversation */
	std::deque<uint64_t> queue; /* conversations to read */
	std::vector<uint64_t> dirty; /* conversations with something to confirm */
	bool reading = false, confirming = false, taking = false; /* with the store */
	bool is_new = false; /* the next take begins anew, with all rows that this process may have */
	bool takes_own = false; /* this take is such a one */
	uint64_t take_after = 0; /* conversations up to this id were looked at */
	int64_t take_next = 0; /* ms, monotonic: no take begins before */
};

struct mailbox_follow {
	std::vector<std::unique_ptr<mailbox_follower>> followers;
	uint64_t node = 0; /* of the rows that this process holds */
	cs_timer *flush_timer = nullptr, *tick_timer = nullptr;
	uint64_t last_id = 0;
};

/* Whether this node's clock can be trusted: with one that is ahead, retention would remove what is not old. */
struct mailbox_clock {
	int64_t begun = 0, begun_monotonic = 0; /* ms; the start of the instance */
	int64_t not_before = 0; /* ms, monotonic: until then nothing is removed */
	bool looked = false; /* the newest entry of the time before the start was looked at */
	bool warned = false;
};

struct mailbox {
	const cs_host *host = nullptr;
	cs_self *self = nullptr;
	mailbox_conf conf = {};
	uint64_t seed[2] = {}; /* random */
	uint64_t event_bit = 0, echo_bit = 0; /* of a session's want */
	bool hints_are_complete = false; /* each message has a hint, in order: no other process stores any */
	bool told_strange = false; /* a hint that could not be read was logged */
	mailbox_sessions sessions;
	std::map<uint64_t, mailbox_ending> ending; /* by session id */
	mailbox_outgoing outgoing;
	mailbox_stashes stash;
	mailbox_incoming incoming;
	mailbox_cursors cursors;
	mailbox_catch_up catch_up;
	mailbox_retention retention;
	int64_t removed = 0; /* entries that retention removed or blanked since the start */
	mailbox_clock clock;
	mailbox_follow follow;
};

/* ---- what every room may call */

mailbox_session *mailbox_session_add(mailbox_sessions *all, cs_conn conn, const message_reader &reader,
                                     bool acknowledges, mailbox_want want);
message_reader mailbox_session_reader(const mailbox_session *s);
/* NULL: the session has ended. */
mailbox_session *mailbox_session_find(mailbox_sessions *all, uint64_t id);
mailbox_session *mailbox_session_of(const mailbox_sessions *all, cs_conn conn);
/* Whether a session of the account with this want gets the entry as a frame; if not, its cursor passes over it. The one
 * rule for hints, pages and what is stashed. from_here: this session sent the entry. */
bool mailbox_session_gets(mailbox_want want, cs_account account, mailbox_key key, cs_account sender, bool is_event,
                          bool from_here);
/* Frees it. */
void mailbox_session_remove(mailbox_sessions *all, mailbox_session *s);
/* The index of groups. A session is in it if the store's last word to it was that its account is a member, or if a read
 * is due that asks the store again; else it is not. So whoever has reason to doubt asks for a check, and what that read
 * finds decides. false: it was in it. Else read the store after it: hints of earlier entries were not sent
 * here. */
bool mailbox_session_join(mailbox_sessions *all, mailbox_session *s, uint64_t group);
void mailbox_session_leave(mailbox_sessions *all, mailbox_session *s, uint64_t group);
bool mailbox_session_is_in(const mailbox_session *s, uint64_t group);

/* Keeps the place after the session was removed, until its cursors were flushed and so many sends have come
 * back. */
void mailbox_session_hold(mailbox *m, uint64_t session, const mailbox_ending &ending);
/* The flush of an ended session is done. */
void mailbox_session_was_flushed(mailbox *m, uint64_t session);
/* A send of an ended session is done. */
void mailbox_session_has_sent(mailbox *m, uint64_t session);

/* NULL: the session has no view for it. */
mailbox_view *mailbox_view_find(mailbox_session *s, mailbox_key key);
/* The id of the conversation; 0: the session does not know it. */
uint64_t mailbox_view_conversation(mailbox_session *s, mailbox_key key);
/* Makes the view if it is missing. It may drop other views that were not used for long and have nothing to write. After
 * it, pointers to other views are invalid. */
mailbox_view *mailbox_view_get(mailbox_session *s, mailbox_key key);
bool mailbox_view_is_behind(const mailbox_view *view);

#endif
