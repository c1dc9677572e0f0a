/* SPDX-License-Identifier: MIT
 * Removes what was kept long enough, little by little: one worker of each node looks at all conversations, one after
 * the other, again and again. */
#ifndef MAILBOX_RETENTION_H
#define MAILBOX_RETENTION_H

#include "session.h"

/* Less than a day: somebody may have meant months by m. */
bool mailbox_retention_is_short(int64_t keep);
/* Plans the first round, if this is the worker that does it. */
void mailbox_retention_start(mailbox *m);
/* mailbox_conf.keep was changed: begins a round soon. */
void mailbox_retention_change(mailbox *m);

#endif
