/* SPDX-License-Identifier: MIT
 * Checks the fields that frames which are forwarded have in common. Worker thread. */
#ifndef PLUGINS_SHARED_MESSAGE_H
#define PLUGINS_SHARED_MESSAGE_H

#include <chatserverd/mailbox.h>

#include "field.h"

/* Checks a frame that others get as it came: its name, where it has one, is the account's, and it brings no member that
 * the server adds to frames of its msgid. 0, or CS_REJECT: the request was refused. */
[[nodiscard]] int message_check_forwarded(const plugin_context &context, const cs_frame *frame);
/* The same for an entry of a log. Sets its cid, which is valid as long as the frame. */
[[nodiscard]] int message_check_entry(const plugin_context &context, const cs_frame *frame, cs_outgoing *entry);
/* The same for a frame with a text, CHAT, GROUP_CHAT or EDIT: also msg and time. */
[[nodiscard]] int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message);

#endif
