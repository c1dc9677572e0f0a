/* SPDX-License-Identifier: MIT
 * Owns bringing stored messages to attached connections: hints, reading what was missed, pace. It must not
 * know how messages get into the store. */
#ifndef MAILBOX_DELIVER_H
#define MAILBOX_DELIVER_H

#include <string_view>

#include "hint.h"
#include "mailbox.h"

/* A hint of a pair, for the session of conn. */
void mailbox_deliver_hint(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body);
/* A hint of a group, for every local session that is in it. */
void mailbox_deliver_group_hint(mailbox *m, const mailbox_hint &hint, std::string_view body);
/* seq of the conversation is stored: the line is read when that is news. */
void mailbox_deliver_heard(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq);

/* Queues one frame of the session's line; false: the connection is gone. */
bool mailbox_deliver_frame(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq,
                           std::string_view frame, const char *tail);
/* The kernel took bytes. */
void mailbox_deliver_written(mailbox *m, mailbox_session *s, uint64_t position, size_t unsent);

#endif
