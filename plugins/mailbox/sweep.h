/* SPDX-License-Identifier: MIT
 * Owns comparing sessions with the store (rules R4 and R5 of DESIGN 5): all of them now and then, more often while
 * other nodes may not be heard, once after something may have been missed; one of them when it is told to. So a hint
 * that was lost costs delay, never a message. It must not know hints. */
#ifndef MAILBOX_SWEEP_H
#define MAILBOX_SWEEP_H

#include "mailbox.h"

/* Plans the first round, where the options want one. */
void mailbox_sweep_start(mailbox *m);
/* plugin.h: cluster. */
void mailbox_sweep_cluster(mailbox *m, cs_cluster_event event);
/* Compares this session soon. */
void mailbox_sweep_look(mailbox *m, mailbox_session *s);

#endif
