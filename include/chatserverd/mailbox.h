/* SPDX-License-Identifier: MIT
 * Owns the contract of the message log as handlers use it: send, catch up, confirm. It must not know a
 * frame's fields, SQL or a socket.
 *
 * The service CS_MAILBOX_SERVICE, version CS_MAILBOX_VERSION, is a struct cs_mailbox; its context goes first
 * into every call. All on the caller's worker; nothing calls back before it returns. */
#ifndef CHATSERVERD_MAILBOX_H
#define CHATSERVERD_MAILBOX_H

#include <stddef.h>
#include <stdint.h>

#include <chatserverd/plugin.h>

#define CS_MAILBOX_SERVICE "mailbox"
#define CS_MAILBOX_VERSION 1u

enum cs_conversation_kind { CS_CONVERSATION_PAIR = 0, CS_CONVERSATION_GROUP = 1 };

/* A message to send. Everything is copied. */
struct cs_outgoing {
	enum cs_conversation_kind kind;
	uint64_t to;                /* the other account, or the group */
	const char *cid;            /* NULL: the sender gave none */
	size_t cid_size;
};

/* A message for offlinemsg: the sender's frame with seq and ts already added. */
struct cs_mailbox_entry {
	const char *frame;
	size_t size;
};

/* The first page of what was kept, oldest first; valid during the call. result as for cs_done_fn; on
 * anything but 0 count is 0 and the session was not attached. arg is the caller's. */
typedef void cs_mailbox_page_fn(void *arg, cs_conn conn, int result, const struct cs_mailbox_entry *entries,
                                size_t count);

struct cs_mailbox {
	uint32_t abi, size;         /* CS_ABI, sizeof(struct cs_mailbox) */

	/* After a granted claim(): reads the first page (at most 200 messages and 256 KiB) of what the
	 * account has not received. acknowledges: 1 for LOGIN with "ack":true. 0, CS_EBUSY, CS_EINVAL (it is
	 * attached). done exactly once when 0. */
	int (*attach)(void *mailbox, cs_conn conn, cs_account account, int acknowledges,
	              cs_mailbox_page_fn *done, void *arg);
	/* After the page was queued on the connection: position is that of the frame which carries it (see
	 * send() of plugin.h). Deliveries start here, in order after the page. CS_ENOENT: not attached. */
	int (*begin)(void *mailbox, cs_conn conn, uint64_t position);

	/* Appends frame (its bytes are the message) and hands it to whoever is online; answers the request
	 * itself when the message is safe, or refuses it (NO_SUCH_USER, NO_SUCH_GROUP, NOT_ALLOWED, BUSY,
	 * UNAVAILABLE). Returns what the handler returns. */
	int (*send)(void *mailbox, const struct cs_frame *frame, const struct cs_outgoing *message);

	/* The client received everything up to seq of that conversation. Answers the request itself: refuses
	 * BAD_FRAME where seq is above the conversation's last, NOT_ALLOWED where the account is not in the
	 * group, NO_SUCH_USER or NO_SUCH_GROUP where there is no such conversation. Returns what the handler
	 * returns. */
	int (*delivered)(void *mailbox, const struct cs_frame *frame, enum cs_conversation_kind kind, uint64_t of,
	                 uint64_t seq);

	/* The connection's account has become a member of the group; joined_seq is the group's last seq at
	 * that moment: what comes after it is delivered. */
	void (*joined)(void *mailbox, cs_conn conn, uint64_t group, uint64_t joined_seq);
};

#endif
