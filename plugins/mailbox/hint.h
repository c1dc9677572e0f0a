/* SPDX-License-Identifier: MIT
 * Owns what instances of the mailbox say to each other: hints that something was stored. It must not know how they are acted upon. */
#ifndef MAILBOX_HINT_H
#define MAILBOX_HINT_H

#include <cstdint>
#include <string>
#include <string_view>

#include <chatserverd/mailbox.h>

enum mailbox_hint_type : uint8_t {
	MAILBOX_HINT_STORED = 1,       /* a message, with its body */
	MAILBOX_HINT_OWN = 2,          /* to the sender's session: its message of a pair was stored */
	MAILBOX_HINT_NEWS = 3,         /* something is stored that may have been hinted at before; no body */
	MAILBOX_HINT_LOOK = 4          /* to the account's session: another one of it ended, which may have been
	                                * hinted at in its place; no body */
};

struct mailbox_hint {
	mailbox_hint_type type;
	cs_conversation_kind kind;
	uint64_t of;                   /* the other account as the receiver sees it, or the group */
	uint64_t conversation;
	cs_account sender;
	uint64_t seq;
	int64_t created;
};

/* Goes up whenever the form of a hint or the meaning of a member changes: nodes of another version drop it, and
 * their sessions find the message by their sweep. */
constexpr uint8_t MAILBOX_HINT_VERSION = 3;

/* The same bytes on every machine. What the type has no use for is left out, and is 0 when it is read. */
std::string mailbox_hint_encode(const mailbox_hint &hint, std::string_view body);
/* 0, or CS_EINVAL with a constant text that says what is odd about the bytes. body_r points into them. */
[[nodiscard]] int mailbox_hint_decode(std::string_view bytes, mailbox_hint *hint_r, std::string_view *body_r,
                                      const char **why_r);

/* [any thread] */
int mailbox_hint_route(const cs_host *host, cs_self *self, cs_account to, const mailbox_hint &hint,
                       std::string_view body);
void mailbox_hint_route_all(const cs_host *host, cs_self *self, const mailbox_hint &hint,
                            std::string_view body);

#endif
