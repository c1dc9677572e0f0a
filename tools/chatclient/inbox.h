/* SPDX-License-Identifier: MIT
 * Owns what of each conversation was shown and what of that the server knows (DELIVERED). It must not know
 * how messages look or are shown. */
#ifndef CHATCLIENT_INBOX_H
#define CHATCLIENT_INBOX_H

#include <cstdint>
#include <vector>

struct inbox_conversation {
	bool is_group = false;
	int64_t with = 0; /* the other account, or the group */
	int64_t shown = 0; /* the last seq that a person has seen */
	int64_t told = 0; /* the last that DELIVERED was sent for on this connection */
	int64_t confirmed = 0; /* the last that the server acknowledged */
	uint64_t told_req = 0;
};

struct inbox {
	std::vector<inbox_conversation> conversations;
};

/* Whether a message is new and to be shown; it counts as shown from here on. seq -1: the server gave none, always
 * new. One that is not above the last comes again because the server knows nothing of its
 * arrival: it is told once more. */
[[nodiscard]] bool inbox_accept(inbox *ib, bool is_group, int64_t with, int64_t seq);
/* Conversations for which DELIVERED is due; the caller sends it for shown, and sets told and told_req. */
[[nodiscard]] std::vector<inbox_conversation *> inbox_due(inbox *ib);
/* The answer to the DELIVERED with this req came: it is done, or due again. */
void inbox_take_answer(inbox *ib, int64_t req, bool done);
/* The connection is gone, and with it what was told on it and not acknowledged. */
void inbox_forget_told(inbox *ib);
/* Whether all that was shown is confirmed. */
[[nodiscard]] bool inbox_is_confirmed(const inbox *ib);

#endif
