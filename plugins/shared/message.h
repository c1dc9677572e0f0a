/* SPDX-License-Identifier: MIT
 * Owns what CHAT and GROUP_CHAT ask of a message alike. It must not know to whom it goes. Worker thread. */
#ifndef PLUGINS_SHARED_MESSAGE_H
#define PLUGINS_SHARED_MESSAGE_H

#include <chatserverd/mailbox.h>

#include "field.h"

/* Checks msg, time, name, cid, seq and ts, and sets message's cid (which lives as long as the frame). 0, or
 * CS_REJECT after the request was refused. */
[[nodiscard]] int message_check(const plugin_context &context, const cs_frame *frame, cs_outgoing *message);

#endif
