/* SPDX-License-Identifier: MIT
 * Owns the beginning of a session: the first page of what was kept, and the moment from which it is live. It
 * must not know hints. */
#ifndef MAILBOX_ATTACH_H
#define MAILBOX_ATTACH_H

#include "mailbox.h"

/* mailbox.h of the public headers: attach, begin. */
int mailbox_attach(void *context, cs_conn conn, cs_account account, int acknowledges, cs_mailbox_page_fn *done,
                   void *arg);
int mailbox_attach_begin(void *context, cs_conn conn, uint64_t position);

#endif
