/* SPDX-License-Identifier: MIT
 * For each conversation: which messages were shown, and which of these the server knows as delivered (DELIVERED). */
#ifndef CHATCLIENT_INBOX_H
#define CHATCLIENT_INBOX_H

#include <cstdint>
#include <vector>

struct inbox_conversation {
	bool is_group = false;
	int64_t with = 0; /* the other account, or the group */
	int64_t shown = 0; /* the last seq that was shown */
	int64_t told = 0; /* the last seq that DELIVERED was sent for on this connection */
	int64_t confirmed = 0; /* the last seq that the server acknowledged */
	uint64_t told_req = 0;
	std::vector<int64_t> own; /* seqs above shown that the answers to own messages told */
};

struct inbox {
	std::vector<inbox_conversation> conversations;
};

/* Whether a message is new and must be shown; then it counts as shown. seq -1: the server gave none, so it is always
 * new. If a shown message comes again, the server does not know that it arrived: DELIVERED for it is due again. */
[[nodiscard]] bool inbox_accept(inbox *ib, bool is_group, int64_t with, int64_t seq);
/* An own message is stored: the server need not send it to this device. Only where the session gets every entry, own
 * ones of other devices too: else nobody knows what is between. */
void inbox_note_own(inbox *ib, bool is_group, int64_t with, int64_t seq);
/* The conversations for which DELIVERED is due. The caller sends DELIVERED for `shown`, and sets told and told_req. */
[[nodiscard]] std::vector<inbox_conversation *> inbox_due(inbox *ib);
/* The answer to the DELIVERED with this req has come: it is done, or due again. */
void inbox_take_answer(inbox *ib, int64_t req, bool done);
/* The connection is gone: each DELIVERED without an answer is due again. */
void inbox_forget_told(inbox *ib);
/* Whether everything that was shown is confirmed. */
[[nodiscard]] bool inbox_is_confirmed(const inbox *ib);

#endif
