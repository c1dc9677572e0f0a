/* SPDX-License-Identifier: MIT
 * Hints: notices between the instances of the mailbox that a message was stored. */
#ifndef MAILBOX_HINT_H
#define MAILBOX_HINT_H

#include <cstdint>
#include <string>
#include <string_view>

#include <chatserverd/mailbox.h>

enum mailbox_hint_type : uint8_t {
	MAILBOX_HINT_STORED = 1, /* a message, with its body */
	MAILBOX_HINT_OWN = 2, /* to the sender's session: its own message of a pair was stored; no body */
	MAILBOX_HINT_NEWS = 3, /* a message was sent again; its first hint may be lost; no body */
	MAILBOX_HINT_LOOK = 4 /* to the account's other session: this one ended and may have received the
	                                * other's hints; no body */
};

struct mailbox_hint {
	mailbox_hint_type type;
	cs_conversation_kind kind;
	uint64_t of; /* the other account of the pair, as the receiver sees it, or the group */
	uint64_t conversation;
	cs_account sender;
	uint64_t seq;
	int64_t created;
};

/* Raise it when the form of a hint or the meaning of a member changes. A node of another version drops the hint, and
 * its sessions find the message by their sweep. */
constexpr uint8_t mailbox_hint_version = 3;

/* The bytes are the same on every machine. Members that the type does not use are left out; the reader sets them to
 * 0. */
std::string mailbox_hint_encode(const mailbox_hint &hint, std::string_view body);
/* 0, or CS_EINVAL; then *why_r is a constant text with the reason. *body_r points into bytes. */
[[nodiscard]] int mailbox_hint_decode(std::string_view bytes, mailbox_hint *hint_r, std::string_view *body_r,
                                      const char **why_r);

/* Send a hint to all sessions of an account, or to all workers of all nodes. A failure is harmless: the account is
 * offline, or its sessions find the message by their sweep. Any thread. */
int mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, const mailbox_hint &hint,
                       std::string_view body);
void mailbox_hint_route_all(const cs_host *host, cs_self *self, const mailbox_hint &hint, std::string_view body);

#endif
