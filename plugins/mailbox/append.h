/* SPDX-License-Identifier: MIT
 * Stores messages: from the handler to the writer, and back to the answer. */
#ifndef MAILBOX_APPEND_H
#define MAILBOX_APPEND_H

#include <string>

#include "../model/messages.h"
#include "mailbox.h"

constexpr unsigned mailbox_sends = 256; /* under way per connection */

/* A message that has not been answered yet. */
struct mailbox_item {
	const cs_host *host = nullptr;
	uint64_t session = 0;
	cs_conn conn = 0;
	cs_request request = {};
	std::string cid, body;
	message_append append; /* its views point into cid and body */
};

/* mailbox.h of the public headers: send. */
int mailbox_append_send(void *context, const cs_frame *frame, const cs_outgoing *message);

#endif
