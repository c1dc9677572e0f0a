/* SPDX-License-Identifier: MIT
 * Owns what instances of the mailbox say to each other: hints that something was stored, relayed messages and
 * their fate. It must not know how they are acted upon. */
#ifndef MAILBOX_HINT_H
#define MAILBOX_HINT_H

#include <cstdint>
#include <string_view>

#include <chatserverd/plugin.h>

enum mailbox_hint_type : uint32_t {
	MAILBOX_HINT_STORED = 1,       /* a message, with its body */
	MAILBOX_HINT_OWN = 2,          /* to the sender's session: its message of a pair was stored */
	MAILBOX_HINT_NEWS = 3,         /* something is stored that may have been hinted at before; no body */
	MAILBOX_HINT_RELAY = 4,        /* a message that is not stored, with its body */
	MAILBOX_HINT_RELAY_WRITTEN = 5,/* back to the sender's instance: the kernel took it */
	MAILBOX_HINT_RELAY_REFUSED = 6,/* back to the sender's instance: store it */
	MAILBOX_HINT_LOOK = 7          /* to the account's session: another one of it ended, which may have been
	                                * hinted at in its place; no body */
};

/* Followed by the body, where it has one. It goes as it lies in memory, also to other nodes: one whose format
 * differs by version, size or byte order drops it and waits for its sweep. The version goes up whenever a member
 * or its meaning changes. */
struct mailbox_hint {
	uint32_t format;               /* set and checked by the functions below */
	mailbox_hint_type type;
	uint32_t kind;                 /* enum cs_conversation_kind */
	uint32_t unused;
	uint64_t of;                   /* the other account as the receiver sees it, or the group */
	uint64_t conversation;
	cs_account sender;
	uint64_t seq;                  /* of a relay: the last one stored that its sender knows of, or 0 */
	int64_t created;
	cs_place place;                /* of a relay: who waits for the answer, */
	uint64_t token;                /* by what name, */
	uint64_t previous;             /* and the token of the one before it that is unanswered, or 0 */
};

constexpr uint32_t MAILBOX_HINT_VERSION = 1;
constexpr uint32_t MAILBOX_HINT_FORMAT = 0x6d620000 | MAILBOX_HINT_VERSION << 8 | sizeof(mailbox_hint);

/* [any thread] flags: enum cs_route_data_flag. */
int mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, const mailbox_hint &hint,
                       std::string_view body, unsigned flags = 0);
void mailbox_hint_route_all(const cs_host *host, cs_self *self, const mailbox_hint &hint,
                            std::string_view body);
int mailbox_hint_route_place(const cs_host *host, cs_self *self, cs_place to, const mailbox_hint &hint);
/* body_r points into data. false: not a hint of this format. */
bool mailbox_hint_read(const void *data, size_t size, mailbox_hint *hint_r, std::string_view *body_r);

#endif
