/* SPDX-License-Identifier: MIT
 * DELIVERED: the client says how far it has received. */
#ifndef MAILBOX_DELIVERED_H
#define MAILBOX_DELIVERED_H

#include "session.h"

/* mailbox.h of the public headers: delivered. */
int mailbox_delivered_confirm(void *context, const cs_frame *frame, cs_conversation_kind kind, uint64_t of,
                              uint64_t seq);

#endif
