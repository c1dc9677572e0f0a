/* SPDX-License-Identifier: MIT
 * Reads messages that a live session has missed: one read per session at a time, and a limited number per worker. */
#ifndef MAILBOX_PULL_H
#define MAILBOX_PULL_H

#include "mailbox.h"
#include "page.h"

/* Reads the missing messages of the session as soon as its output and its window have room. */
void mailbox_pull_want(mailbox *m, mailbox_session *s);
/* The conversation was read up to source.after, and those messages are queued. Updates the line of the session. */
void mailbox_pull_close(mailbox *m, mailbox_session *s, const mailbox_source &source);

#endif
