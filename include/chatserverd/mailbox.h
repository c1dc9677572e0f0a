/* SPDX-License-Identifier: MIT
 * The contract of the message log: handlers send, catch up and confirm; any plugin may say something as an account.
 *
 * The service CS_MAILBOX_SERVICE, version CS_MAILBOX_VERSION, is a struct cs_mailbox; its context is the first argument
 * of every call. All on the caller's worker; nothing calls back before it returns. */
#ifndef CHATSERVERD_MAILBOX_H
#define CHATSERVERD_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

#include <chatserverd/plugin.h>

#define CS_MAILBOX_SERVICE "mailbox"
#define CS_MAILBOX_VERSION 1u

enum cs_conversation_kind { CS_CONVERSATION_PAIR = 0, CS_CONVERSATION_GROUP = 1 };

#define CS_EFFECT_TEXT_MAX 128u

/* What an entry changes besides the log. The mailbox sets the first part before each run, the effect the second. */
struct cs_effect {
	cs_account actor; /* who sent the frame; of change(): whom the entry names */
	/* Locked to the end of the transaction. 0: there is no such conversation; then an effect with a group and
	 * to 0 may make one and set this; if it refuses, and sets this to a group that the actor is in already, the
	 * actor's sessions get what is said there. */
	uint64_t conversation;
	uint64_t seq; /* that the entry takes; 1 if there is no conversation yet */
	int64_t created; /* ms; its ts */

	/* All are 0 or "" before each run. */
	cs_account joins; /* this entry is the first that this account sees as a member: its joined_seq is seq - 1 */
	cs_account leaves; /* this entry is the last that this account sees as a member: its left_seq is seq */
	const char *errmsg; /* of a refusal: a constant text */
	char answer
		[CS_EFFECT_TEXT_MAX]; /* further members of the answer or the refusal, with a leading comma, NUL-ended */
	char added[CS_EFFECT_TEXT_MAX]; /* the same, of the stored frame */
};

enum cs_effect_result { CS_EFFECT_IS_THERE = -1000, CS_EFFECT_NO_ENTRY = -1001 };

/* [writer thread] Runs in the transaction that stores the entry, in a part of its own, which is undone unless it
 * answers 0 or CS_EFFECT_NO_ENTRY. It may run again, so it must change nothing else. It changes at most the
 * conversation, its entries, members and invitations, and the rows of cs_outgoing.lock. Answers
 *   0                    the entry takes the seq
 *   CS_EFFECT_IS_THERE   all that it would change is so already: no entry; the request is answered with errno 0
 *   CS_EFFECT_NO_ENTRY   done, but members need not hear of it: no entry; the request is answered with errno 0
 *   above 0              an errno of the wire: the request is refused with errmsg
 *   enum cs_db_result    (below 0) the transaction fails */
typedef int cs_effect_fn(struct cs_db *db, struct cs_effect *effect, void *arg);

/* [worker] Called exactly once for each send() with an effect, before the request is answered or refused (inside
 * send(), if that refuses it at once); arg is the caller's again. result: what the
 * effect answered at last (an entry whose cid was stored before: 0, or
 * CS_ERRNO_BAD_FRAME if that has another msgid, and the effect did not run), or as for cs_done_fn.
 * effect: as the last run left it; valid during the call. */
typedef void cs_effect_done_fn(void *arg, cs_conn conn, int result, const struct cs_effect *effect);

/* A message or another entry to send. Everything but arg is copied. */
struct cs_outgoing {
	enum cs_conversation_kind kind;
	uint64_t to; /* the other account, or the group; 0: a group that the effect makes */
	const char *cid; /* NULL: the sender gave none. The same one with another msgid is refused: BAD_FRAME */
	size_t cid_size;
	/* NULL: a message, which only members of a group, and those whom nobody blocks, may send. Else an event:
	 * sessions get it that want events; whether it is allowed is judged by the effect alone. The frame is stored
	 * with `name`, if it has none, and what the effect adds. */
	cs_effect_fn *effect;
	cs_effect_done_fn *done; /* with an effect only; NULL: not wanted */
	void *arg;
	cs_account lock; /* with an effect: this account's row is locked before the conversation; 0: none */
	uint64_t spare[4]; /* 0; else send() refuses with UNAVAILABLE and logs an error */
};

/* A session to attach. */
struct cs_mailbox_session {
	cs_account account;
	uint64_t device; /* as in cs_claim */
	uint64_t want; /* as in cs_claim: events go only to a session with `event`, own entries to one with `echo` */
	int acknowledges; /* 1: LOGIN with "ack":true */
	uint32_t spare_flags; /* 0 */
	uint64_t spare[4]; /* 0 */
};

/* A message for offlinemsg: the sender's frame, with seq and ts already added. */
struct cs_mailbox_entry {
	const char *frame;
	size_t size;
};

/* The first page of kept messages, oldest first; valid during the call. result as for cs_done_fn; on anything but 0
 * count is 0 and the session was not attached. arg is the caller's. */
typedef void cs_mailbox_page_fn(void *arg, cs_conn conn, int result, const struct cs_mailbox_entry *entries,
                                size_t count);

#define CS_MAILBOX_TEXT_MAX 61440u
#define CS_MAILBOX_CID_MAX 64u

/* A message that a plugin says as an account, without a connection. Everything is copied. */
struct cs_mailbox_post {
	cs_account account; /* who says it */
	enum cs_conversation_kind kind;
	uint64_t to; /* the other account (the same one: a note to itself), or the group */
	/* Its `msg`: UTF-8 without NUL. As a JSON string (json.h) it has at most CS_MAILBOX_TEXT_MAX bytes. */
	const char *text;
	size_t text_size;
	/* As a client's cid: UTF-8 without NUL, 1 to CS_MAILBOX_CID_MAX bytes, unlike the cids of the account's other
	 * messages; begin it with the plugin's name. NULL: none. */
	const char *cid;
	size_t cid_size;
	const void *spare[2]; /* NULL */
};

/* The end of a post. result 0: the message is stored with this seq, and goes to its receivers; if an earlier post
 * had the same cid, nothing was stored, and seq is that of the first. Otherwise seq is 0, and nothing was stored,
 * unless CS_EUNKNOWN is the result:
 *   CS_ERRNO_NO_SUCH_USER, CS_ERRNO_NO_SUCH_GROUP   account or to names nobody; to names no group
 *   CS_ERRNO_NOT_ALLOWED                            the account is no member of the group; the other account blocks it,
 *                                                   or takes nothing from strangers
 *   CS_ERRNO_BAD_FRAME                              the store cannot hold a value of it; the account used the cid for
 *                                                   another request of this conversation
 *   CS_ENOSTORE                                     the store cannot do it now (it is away, its disk is full)
 *   CS_EUNKNOWN                                     perhaps it was stored
 *   CS_ECANCELED                                    the server is stopping
 * After the last three, post it again later with the same cid: then it is stored once. The others, all above 0, are for
 * ever; further errnos of the wire may be added. arg is the caller's. */
typedef void cs_mailbox_posted_fn(void *arg, int result, uint64_t seq);

/* An entry with an effect on a group, made by the server or its operator, without a connection. Everything but arg is
 * copied. The stored frame is {"msgid":M,"id":A,"name":"...","groupid":G, then `members` and what the effect adds, with
 * the name that the account has. The frame is nobody's own: every session of a member that wants events gets it,
 * those of the account, too, with or without `echo`. */
struct cs_mailbox_change {
	uint64_t group;
	uint32_t msgid; /* REMOVE_MEMBER, SET_ROLE, SET_GROUP or MUTE */
	uint32_t spare_flags; /* 0 */
	/* Who does it, as clients show it: the account that leaves, or the group's creator for what an operator does;
	 * an id of the protocol is never 0. 0: the effect sets effect->actor before it answers 0. */
	cs_account account;
	/* Further members of the frame, JSON of at most CS_MAILBOX_TEXT_MAX bytes: each begins with a comma. What an
	 * operator ordered has ,"operator":true here; an account that is erased leaves its groups without it. NULL:
	 * none. */
	const char *members;
	size_t members_size;
	/* As of cs_mailbox_post, but unlike the cids of the group's other changes. It is added to the frame. */
	const char *cid;
	size_t cid_size;
	cs_effect_fn *effect; /* as of cs_outgoing; it alone judges what is allowed */
	cs_account lock; /* as of cs_outgoing */
	const void *spare[2]; /* NULL */
};

/* The end of a change. result 0: the entry is stored with this seq, its effect with it, and goes to the members; if an
 * earlier change had the same cid, the effect did not run, and seq is that of the first. Otherwise seq is 0, and
 * nothing was changed, unless CS_EFFECT_NO_ENTRY or CS_EUNKNOWN is the result:
 *   CS_EFFECT_IS_THERE, CS_EFFECT_NO_ENTRY, or an errno of the wire   what the effect answered at last
 *   CS_ERRNO_NO_SUCH_USER                                             the account has no name: it does not exist
 *   CS_ERRNO_BAD_FRAME, CS_ENOSTORE, CS_EUNKNOWN, CS_ECANCELED        as for cs_mailbox_posted_fn
 * A group that is not there, or has ended, is the effect's to refuse: its conversation is 0. effect: as the last run
 * left it, all 0 if none ran; valid during the call. arg is the caller's, and was the effect's. */
typedef void cs_mailbox_changed_fn(void *arg, int result, uint64_t seq, const struct cs_effect *effect);

/* ---- following: a plugin hears of every entry that is committed, whoever is online, and comes back where it was. */

/* An entry that was committed, as it is in the store now; valid during the call. */
struct cs_mailbox_followed {
	enum cs_conversation_kind kind;
	uint32_t is_event; /* 1: no message (mailbox.h: send with an effect), such as a JOIN or an EDIT */
	uint64_t conversation; /* its id; of a group: the group */
	uint64_t seq;
	cs_account sender; /* 0: the server or its operator changed a group (change) */
	cs_account to; /* of a pair: the other account; the sender: a note to itself. Of a group: 0 */
	int64_t created; /* ms; its ts */
	/* The frame, from { to }, without seq and ts. If the message was edited or recalled since: what is stored by
	 * now. Size 0: it was blanked. */
	const char *frame;
	size_t size;
	uint64_t spare[4]; /* 0 */
};

/* [the first worker] */
typedef void cs_mailbox_followed_fn(void *arg, const struct cs_mailbox_followed *entry);

#define CS_FOLLOWER_NAME_MOST 32u /* characters, a-z, 0-9 and _ */

struct cs_mailbox {
	uint32_t abi, size; /* CS_ABI, sizeof(struct cs_mailbox) */

	/* To be called after a granted claim(): reads the first page (at most 200 messages and 256 KiB) of messages
	 * that the account's device has not received. session is copied. 0, CS_EBUSY, CS_EINVAL (it is attached, or a
	 * spare member is not 0). If 0, done is called exactly once. */
	int (*attach)(void *mailbox, cs_conn conn, const struct cs_mailbox_session *session, cs_mailbox_page_fn *done,
	              void *arg);
	/* To be called after the page was queued on the connection: position is that of the frame that carries the page
	 * (see send() of plugin.h), or 0 if the caller itself takes the entries of the page, for an adopted connection
	 * that acknowledges. Deliveries start now, in order after the page. CS_ENOENT: not attached. */
	int (*begin)(void *mailbox, cs_conn conn, uint64_t position);

	/* Appends the entry (frame's bytes) to the log and delivers it to receivers that are online; an account that it
	 * makes a member gets what follows, too, on any node. Answers the
	 * request itself when the entry is safe, with its seq, or refuses it (NO_SUCH_USER, NO_SUCH_GROUP, NOT_ALLOWED,
	 * BUSY, UNAVAILABLE, or what the effect says). Returns the handler's verdict. */
	int (*send)(void *mailbox, const struct cs_frame *frame, const struct cs_outgoing *message);

	/* The client has received everything up to seq of that conversation. Answers the request itself, or refuses it:
	 * BAD_FRAME if seq is above the conversation's last, NOT_ALLOWED if the account was never in the group,
	 * NO_SUCH_USER or NO_SUCH_GROUP if there is no such conversation. Returns the handler's verdict. */
	int (*delivered)(void *mailbox, const struct cs_frame *frame, enum cs_conversation_kind kind, uint64_t of,
	                 uint64_t seq);

	/* Says something as an account: a CHAT or GROUP_CHAT with its id, its name and the server's local time is
	 * appended to the log and delivered as any message; it waits for receivers that are away. The account need
	 * not be online; of its own sessions those that want `echo` get it, and all of them a note to itself. Posts of
	 * one worker into one conversation keep their order. If 0, done is called exactly once, on this worker, never
	 * inside this call, and before `stop`; also if the post was made inside a start() that then fails, so arg must
	 * live until then. CS_EBUSY: 256 posts of this worker are under way, or the store's queue is full: nothing was
	 * accepted, post again after a completion, or some time later. CS_EINVAL: a value that the struct does not
	 * allow; it is for ever. CS_ENOSTORE: the server has no store. CS_ECANCELED: the server is stopping. On any
	 * result but 0 arg stays the caller's. */
	int (*post)(void *mailbox, const struct cs_mailbox_post *post, cs_mailbox_posted_fn *done, void *arg);

	/* 1 if mailbox.strangers is `refuse`: then what is said to an account reaches it only if it has the sender on
	 * its list or wrote to it first. Else 0. SIGHUP can change it. */
	int (*refuses_strangers)(void *mailbox);

	/* Changes a group as the server: appends an entry with an effect to its log, and delivers it as the entry of a
	 * client is. It is to send() what post() is to it: the same queue, order and hints. An account that the effect
	 * makes a member gets what follows; one that leaves gets this entry as its last. If 0, done is called
	 * exactly once, on this worker, never inside this call, and before `stop`; also if the change was made
	 * inside a start() that then fails, so arg must live until then. The effect runs on a writer thread in
	 * between, so arg is not to be touched meanwhile. CS_EBUSY (posts and changes count together), CS_EINVAL,
	 * CS_ENOSTORE and CS_ECANCELED as for post(): then arg stays the caller's. */
	int (*change)(void *mailbox, const struct cs_mailbox_change *change, cs_mailbox_changed_fn *done, void *arg);

	/* ---- following. Members from here on are there if `size` says so: CS_MAILBOX_HAS. */

	/* Makes the caller the follower of that name, which is mostly the plugin's. To be called in start() of the
	 * instance of every worker; fn is called on the first worker only (see worker() of plugin.h), never inside a
	 * call of the mailbox.
	 *
	 * What is promised: an entry that a node commits while the name has a follower there is told again and again
	 * until it is confirmed by followed(): the entry and the note that it is to be told are one transaction, so
	 * neither a crash nor the end of a node loses it. Mostly it is told once. It may be told more than once, also
	 * on two nodes: after a restart, when the follower of the name changes, when a node did not renew its hold for
	 * 10 s; so a follower that must not do a thing twice notes it by conversation and seq in the store, with what
	 * it does. It is told on one node: that which has the hold of the conversation, mostly the one that committed
	 * the first of its entries that are not confirmed. When that node has died, another one with a follower of the
	 * name goes on after at most 15 s; clocks of nodes must agree within a few seconds.
	 *
	 * Order: of one conversation, fn is called with rising seqs and without a gap: first the lowest seq above what
	 * was confirmed. (If the follower changes, or the hold has come from another node, it begins there again. A
	 * seq is passed over only if its entry was removed by `keep`, or was committed by a node whose plugins did not
	 * follow.) At most 1,024 entries of a conversation are told and not confirmed; the others wait in the store.
	 * Entries from before there was a follower of the name are not told.
	 *
	 * If several instances on one worker have followed under one name (a plugin that is being replaced), the one
	 * that came last is told, and everything that is not confirmed is told to it again.
	 *
	 * 0; CS_EINVAL: the name is not allowed, or fn is NULL; CS_EBUSY: 8 other names are followed on this worker. */
	int (*follow)(void *mailbox, const char *name, cs_mailbox_followed_fn *fn, void *arg);
	/* Ends what follow() began with this name and arg; to be called by stop() at the latest, on every worker. What
	 * is not confirmed is told to the next follower of the name. */
	void (*unfollow)(void *mailbox, const char *name, void *arg);
	/* On the first worker: confirms that everything up to seq of the conversation needs not be told again. It is
	 * written with others after mailbox.cursor_flush; a crash before may bring it again. Also out of fn. A seq
	 * above what was told, or an unknown conversation, changes nothing. */
	void (*followed)(void *mailbox, const char *name, uint64_t conversation, uint64_t seq);
};

#define CS_MAILBOX_HAS(table, member)                                                                                  \
	((table)->size >= offsetof(struct cs_mailbox, member) + sizeof((table)->member) && (table)->member)

#endif
