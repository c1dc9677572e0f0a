/* SPDX-License-Identifier: MIT
 * Handles DELIVERED: the client says which messages it received. */
#ifndef MAILBOX_CONFIRM_H
#define MAILBOX_CONFIRM_H

#include "mailbox.h"

/* mailbox.h of the public headers: delivered. */
int mailbox_confirm_delivered(void *context, const cs_frame *frame, cs_conversation_kind kind, uint64_t of,
                              uint64_t seq);

#endif
