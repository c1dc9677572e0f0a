/* SPDX-License-Identifier: MIT
 * Checks the fields that frames which are forwarded have in common. Worker thread. */
#ifndef PLUGINS_SHARED_MESSAGE_H
#define PLUGINS_SHARED_MESSAGE_H

#include <chatserverd/mailbox.h>

#include "field.h"

/* Checks what every frame may have that becomes an entry of a log: name must be the account's own, and what the server
 * adds may not be there. 0, or CS_REJECT: the request was refused. */
[[nodiscard]] int message_check_entry(const plugin_context &context, const cs_frame *frame);
/* Checks cid, and sets that of message; it is valid as long as the frame. 0, or CS_REJECT: the request was refused. */
[[nodiscard]] int message_check_cid(const plugin_context &context, const cs_frame *frame, cs_outgoing *message);
/* All of this for a frame with a text, CHAT, GROUP_CHAT or EDIT, and msg and time. */
[[nodiscard]] int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message);

#endif
