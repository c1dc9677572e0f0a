/* SPDX-License-Identifier: MIT
 * Owns the sweep (rule R5 of DESIGN 5): now and then every session is compared with the store, so that a hint
 * that was lost costs delay, never a message. It must not know hints. */
#ifndef MAILBOX_SWEEP_H
#define MAILBOX_SWEEP_H

#include "mailbox.h"

/* Starts the timer; nothing where the options say 0. */
void mailbox_sweep_start(mailbox *m);

#endif
