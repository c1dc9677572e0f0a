/* SPDX-License-Identifier: MIT
 * Checks the fields that frames which are forwarded have in common. Worker thread. */
#ifndef PLUGINS_SHARED_MESSAGE_H
#define PLUGINS_SHARED_MESSAGE_H

#include <chatserverd/mailbox.h>

#include "field.h"

/* Checks the fields of a frame with a text, CHAT, GROUP_CHAT or EDIT: msg, time, name, cid, and that what the server
 * adds is not there. Sets the cid of message; it is valid as long as the frame. 0, or CS_REJECT: the request was
 * refused. */
[[nodiscard]] int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message);
/* The part of that which every entry of a log has: its name and cid, and what the server adds. */
[[nodiscard]] int message_check_entry(const plugin_context &context, const cs_frame *frame, cs_outgoing *entry);

#endif
