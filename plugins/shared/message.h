/* SPDX-License-Identifier: MIT
 * Checks the fields that CHAT and GROUP_CHAT have in common. Worker thread. */
#ifndef PLUGINS_SHARED_MESSAGE_H
#define PLUGINS_SHARED_MESSAGE_H

#include <chatserverd/mailbox.h>

#include "field.h"

/* Checks msg, time, name, cid, seq and ts. Sets the cid of message; it is valid as long as the frame. 0, or CS_REJECT:
 * the request was refused. */
[[nodiscard]] int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message);
/* The part of that which every entry of a log has: its name and cid, and what the server adds. */
[[nodiscard]] int message_check_entry(const plugin_context &context, const cs_frame *frame, cs_outgoing *entry);

#endif
