/* SPDX-License-Identifier: MIT
 * Hints: notices between the instances of the mailbox that an entry was stored. */
#ifndef MAILBOX_HINT_H
#define MAILBOX_HINT_H

#include <cstdint>
#include <string_view>

#include <chatserverd/mailbox.h>

enum mailbox_hint_type : uint8_t {
	MAILBOX_HINT_STORED = 1, /* an entry, with its body */
	MAILBOX_HINT_NEWS = 2, /* an entry was sent again; its first hint may be lost; no body */
	MAILBOX_HINT_LOOK = 3, /* to other sessions of the account: this one may have received hints that were
	                                * theirs; no body */
	MAILBOX_HINT_FOLLOWED = 4 /* to the instance of a process that tells followers: an entry was committed; only
	                                * conversation is set, and process, which is that of the receiver */
};

/* The head of the parcel of a hint; the body of the parcel is the entry. Members that the type does not use are 0. */
struct mailbox_hint {
	uint64_t of; /* the other account of the pair, as the receiver sees it, or the group */
	uint64_t conversation;
	cs_account sender; /* 0: nobody, a change by the server */
	uint64_t seq;
	int64_t created;
	uint64_t type; /* enum mailbox_hint_type */
	uint64_t kind; /* enum cs_conversation_kind */
	uint64_t process; /* a random number of the process that stored the entry: its clock is that of created */
	uint64_t from; /* the sender's connection in that process; 0: none */
	uint64_t is_event; /* 1: only for sessions that want events */
	cs_account joins, leaves; /* whose membership begins or ends with this entry; 0: nobody's */
};

/* Raise it when the form of a hint or the meaning of a member changes. The server drops the hint of a node with another
 * version; its sessions then compare with the store. */
constexpr uint32_t mailbox_hint_version = 6;

/* A random number, the same for all instances of this process. */
uint64_t mailbox_hint_process(void);
/* Reads a parcel, of this node or another one. 0, or CS_EINVAL; then *why_r is a constant text with the reason. *body_r
 * points into the parcel. */
[[nodiscard]] int mailbox_hint_read(const cs_parcel *parcel, mailbox_hint *hint_r, std::string_view *body_r,
                                    const char **why_r);

/* Send a hint to the sessions of an account, of one device or CS_EVERY_DEVICE, or to all workers, on all nodes, that
 * have members of the group. body: NULL if the type has none. A failure is harmless: the account is offline, or its
 * sessions find the message by their sweep. Any thread. */
void mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, uint64_t device, const mailbox_hint &hint,
                        cs_shared *body);
void mailbox_hint_route_group(const cs_host *host, cs_self *self, const mailbox_hint &hint, cs_shared *body);
/* To the instance of a process that tells followers; it has subscribed to this topic. flags: enum cs_route_data_flag.
 */
uint64_t mailbox_hint_follow_topic(uint64_t node);
void mailbox_hint_route_followed(const cs_host *host, cs_self *self, uint64_t node, uint64_t conversation,
                                 unsigned flags);

#endif
