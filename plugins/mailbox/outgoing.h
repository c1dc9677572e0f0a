/* SPDX-License-Identifier: MIT
 * From a message to the store, the hints and the answer. The order is: commit, then find the receivers' sessions, then
 * hint. */
#ifndef MAILBOX_OUTGOING_H
#define MAILBOX_OUTGOING_H

#include "session.h"

/* mailbox.h of the public headers: send, post. */
int mailbox_outgoing_send(void *context, const cs_frame *frame, const cs_outgoing *message);
int mailbox_outgoing_post(void *context, const cs_mailbox_post *post, cs_mailbox_posted_fn *done, void *arg);
int mailbox_outgoing_change(void *context, const cs_mailbox_change *change, cs_mailbox_changed_fn *done, void *arg);
/* The session ends: lets its connection go on, and returns how many of its messages are under way. */
unsigned mailbox_outgoing_end(mailbox *m, mailbox_session *s);

#endif
