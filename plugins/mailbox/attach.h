/* SPDX-License-Identifier: MIT
 * Begins a session: reads the first page of stored messages and makes the session live. */
#ifndef MAILBOX_ATTACH_H
#define MAILBOX_ATTACH_H

#include "mailbox.h"

/* mailbox.h of the public headers: attach, begin. */
int mailbox_attach(void *context, cs_conn conn, cs_account account, int acknowledges, cs_mailbox_page_fn *done,
                   void *arg);
int mailbox_attach_begin(void *context, cs_conn conn, uint64_t position);

#endif
