/* SPDX-License-Identifier: MIT
 * What a session reads besides its hints. A new session first reads what the store has above its cursors. The sweep
 * compares sessions with the store, so that a lost hint costs delay, never a message: all sessions from time to time,
 * more often while hints of other nodes may be lost, and once after hints may have been lost. */
#ifndef MAILBOX_CATCH_UP_H
#define MAILBOX_CATCH_UP_H

#include "session.h"

/* mailbox.h of the public headers: attach, begin. */
int mailbox_catch_up_attach(void *context, cs_conn conn, const cs_mailbox_session *session, cs_mailbox_page_fn *done,
                            void *arg);
int mailbox_catch_up_begin(void *context, cs_conn conn, uint64_t position);
/* A hint named this seq of the group: for the sessions that are in no index yet. */
void mailbox_catch_up_group_hint(mailbox *m, uint64_t group, uint64_t seq);

/* Plans the first round of the sweep, if the options ask for one. */
void mailbox_catch_up_start(mailbox *m);
/* plugin.h: cluster. */
void mailbox_catch_up_cluster(mailbox *m, cs_cluster_event event);
/* Compares this session with the store soon. */
void mailbox_catch_up_look(mailbox *m, mailbox_session *s);

#endif
