/* SPDX-License-Identifier: MIT
 * Sends stored messages to the clients of live sessions. */
#ifndef MAILBOX_DELIVER_H
#define MAILBOX_DELIVER_H

#include <string_view>

#include "hint.h"
#include "mailbox.h"

/* A hint for session s. */
void mailbox_deliver_hint(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body);
/* A hint of a group, for every session of this worker that is in the group. */
void mailbox_deliver_group_hint(mailbox *m, const mailbox_hint &hint, std::string_view body);
/* The message with this seq is stored. If the session has not sent it yet, the store is read. */
void mailbox_deliver_heard(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq);

/* Queues one frame for the client. false: the connection is gone. */
bool mailbox_deliver_frame(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_line *line, uint64_t seq,
                           std::string_view frame, const char *tail);
/* The kernel took the output up to position; unsent bytes still wait. */
void mailbox_deliver_written(mailbox *m, mailbox_session *s, uint64_t position, size_t unsent);

#endif
