/* SPDX-License-Identifier: MIT
 * Owns the reads on behalf of sessions: the first page of an attach, and what a session has missed, one read
 * per session at a time and a bounded number per worker. It must not know hints. */
#ifndef MAILBOX_PULL_H
#define MAILBOX_PULL_H

#include "mailbox.h"

/* mailbox.h of the public headers: attach, begin. */
int mailbox_pull_attach(void *context, cs_conn conn, cs_account account, int acknowledges,
                        cs_mailbox_page_fn *done, void *arg);
int mailbox_pull_begin(void *context, cs_conn conn, uint64_t position);

/* Reads what the session is behind in as soon as its output and its window allow. */
void mailbox_pull_want(mailbox *m, mailbox_session *s);

#endif
