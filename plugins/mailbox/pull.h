/* SPDX-License-Identifier: MIT
 * Owns the reads on behalf of live sessions: what a session has missed, one read per session at a time and a
 * bounded number per worker. It must not know hints. */
#ifndef MAILBOX_PULL_H
#define MAILBOX_PULL_H

#include "mailbox.h"
#include "page.h"

/* Reads what the session is behind in as soon as its output and its window allow. */
void mailbox_pull_want(mailbox *m, mailbox_session *s);
/* The conversation was read up to source.after, and what was read is queued. */
void mailbox_pull_close(mailbox *m, mailbox_session *s, const mailbox_source &source);

#endif
