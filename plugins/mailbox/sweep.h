/* SPDX-License-Identifier: MIT
 * Compares sessions with the store, so a lost hint costs delay, never a message. All sessions
 * are compared from time to time, more often while hints of other nodes may be lost, and once after hints may have been
 * lost. A single session is compared on request. */
#ifndef MAILBOX_SWEEP_H
#define MAILBOX_SWEEP_H

#include "mailbox.h"

/* Plans the first round, if the options ask for one. */
void mailbox_sweep_start(mailbox *m);
/* plugin.h: cluster. */
void mailbox_sweep_cluster(mailbox *m, cs_cluster_event event);
/* Compares this session soon. */
void mailbox_sweep_look(mailbox *m, mailbox_session *s);

#endif
