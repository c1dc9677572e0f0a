/* SPDX-License-Identifier: MIT
 * Owns storing messages: one item per message from its handler to the writer and back to its answer. It must
 * not know how stored messages are delivered. */
#ifndef MAILBOX_APPEND_H
#define MAILBOX_APPEND_H

#include <string>

#include "mailbox.h"
#include "../model/messages.h"

constexpr unsigned MAILBOX_SENDS = 256;        /* under way per connection */

/* A message that has not been answered yet. */
struct mailbox_item {
	const cs_host *host = nullptr;
	uint64_t session = 0;
	cs_conn conn = 0;
	cs_request request = {};
	std::string cid, body;
	message_append append;         /* its views are into cid and body */
	bool laned = false;            /* a lane (relay.h) counts its commit */
	bool relaying = false;         /* its receiver was asked to take it; */
	uint64_t token = 0;            /* by this name, */
	int64_t asked = 0;             /* then (ms) */
};

/* mailbox.h of the public headers: send. */
int mailbox_append_send(void *context, const cs_frame *frame, const cs_outgoing *message);

/* Hands the item to a writer. 0 or a CS_E; then the item stays the caller's. */
[[nodiscard]] int mailbox_append_commit(mailbox *m, std::unique_ptr<mailbox_item> &item);
/* Answers the request of an item that is dealt with; its session may send again. result as for cs_batch.done. */
void mailbox_append_answer(mailbox *m, const mailbox_item &item, int result, bool stored);

#endif
