/* SPDX-License-Identifier: MIT
 * The contract of the message log for handlers: send, catch up, confirm.
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

/* A message to send. Everything is copied. */
struct cs_outgoing {
	enum cs_conversation_kind kind;
	uint64_t to; /* the other account, or the group */
	const char *cid; /* NULL: the sender gave none */
	size_t cid_size;
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

struct cs_mailbox {
	uint32_t abi, size; /* CS_ABI, sizeof(struct cs_mailbox) */

	/* To be called after a granted claim(): reads the first page (at most 200 messages and 256 KiB) of messages
	 * that the account has not received. acknowledges: 1 for LOGIN with "ack":true. 0, CS_EBUSY, CS_EINVAL (it is
	 * attached). If 0, done is called exactly once. */
	int (*attach)(void *mailbox, cs_conn conn, cs_account account, int acknowledges, cs_mailbox_page_fn *done,
	              void *arg);
	/* To be called after the page was queued on the connection: position is that of the frame that carries the page
	 * (see send() of plugin.h). Deliveries start now, in order after the page. CS_ENOENT: not attached. */
	int (*begin)(void *mailbox, cs_conn conn, uint64_t position);

	/* Appends the message (frame's bytes) to the log and delivers it to receivers that are online. Answers the
	 * request itself when the message is safe, or refuses it (NO_SUCH_USER, NO_SUCH_GROUP, NOT_ALLOWED, BUSY,
	 * UNAVAILABLE). Returns the handler's verdict. */
	int (*send)(void *mailbox, const struct cs_frame *frame, const struct cs_outgoing *message);

	/* The client has received everything up to seq of that conversation. Answers the request itself, or refuses it:
	 * BAD_FRAME if seq is above the conversation's last, NOT_ALLOWED if the account is not in the group,
	 * NO_SUCH_USER or NO_SUCH_GROUP if there is no such conversation. Returns the handler's verdict. */
	int (*delivered)(void *mailbox, const struct cs_frame *frame, enum cs_conversation_kind kind, uint64_t of,
	                 uint64_t seq);

	/* The connection's account has become a member of the group. joined_seq is the group's last seq at that moment;
	 * later messages are delivered. */
	void (*joined)(void *mailbox, cs_conn conn, uint64_t group, uint64_t joined_seq);
};

#endif
