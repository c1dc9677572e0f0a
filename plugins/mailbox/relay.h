/* SPDX-License-Identifier: MIT
 * Owns `durability = relay`: messages that an online receiver takes at once are not stored. It must not know
 * how messages are stored or read.
 *
 * What one account sends to another passes through a lane of the sender's instance, so that its order is kept
 * whether a message is relayed or stored: a message is relayed only while nothing of the lane is on its way to
 * the store, and stored only when the receiver has answered every relayed one before it. A relayed message
 * names its unanswered predecessor, and the last stored one that its sender knows of, whose hint can come from
 * another node; a session that did not take those takes none after them, so a refusal, a
 * lost message or a receiver that logs in elsewhere never turns the order round. The sender's place is held until
 * its lanes are empty (mailbox_ending), so its next session, which may be another instance's, cannot overtake what is
 * in them. */
#ifndef MAILBOX_RELAY_H
#define MAILBOX_RELAY_H

#include <deque>
#include <memory>
#include <string_view>

#include "append.h"
#include "hint.h"
#include "mailbox.h"

/* A relayed message is taken so long after it was sent (ms, by the clocks of two nodes); the sender stores what
 * was not answered for twice as long. One that the bus held back must not come behind its own stored copy; where
 * clocks differ more, messages are stored instead. */
constexpr int64_t MAILBOX_RELAY_FRESH = 1000;

struct mailbox_lane {
	std::deque<std::unique_ptr<mailbox_item>> items;   /* relayed or waiting for those before them */
	unsigned committing = 0;
};

/* Sends the item by its lane: relayed where that is wanted and possible, stored otherwise. 0 or a CS_E; then
 * the item stays the caller's. */
[[nodiscard]] int mailbox_relay_send(mailbox *m, mailbox_session *s, std::unique_ptr<mailbox_item> &item, bool relay);
/* An item of a lane was stored, or was not. */
void mailbox_relay_committed(mailbox *m, const mailbox_item &item);
/* The receiver's instance has answered. */
void mailbox_relay_answered(mailbox *m, const mailbox_hint &hint);
/* Nobody has the account. */
void mailbox_relay_returned(mailbox *m, const mailbox_hint &hint);

/* A relayed message for the session (NULL: there is none): takes it, or answers that it is refused. */
void mailbox_relay_take(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body);
/* Tells the senders what the kernel took. */
void mailbox_relay_written(mailbox *m, mailbox_session *s);
/* The session ends: tells the senders of what was not written to store it. */
void mailbox_relay_end(mailbox *m, mailbox_session *s);

#endif
