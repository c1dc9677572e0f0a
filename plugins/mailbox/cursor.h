/* SPDX-License-Identifier: MIT
 * Writes cursors to the store: in batches while sessions live, at once when a session ends. */
#ifndef MAILBOX_CURSOR_H
#define MAILBOX_CURSOR_H

#include "../model/messages.h"
#include "mailbox.h"

/* One write of cursors, from the call of batch() to done(). */
struct mailbox_flush {
	std::vector<message_cursor> cursors;
	std::vector<std::pair<uint64_t, mailbox_key>> owners; /* session id and key of each cursor */
	uint64_t ending = 0; /* the ended session that holds its place until this is done, or 0 */
	unsigned attempts = 0; /* failed retries of batch() */
};

/* The session has a cursor that the store does not have. Writes it with the next flush. */
void mailbox_cursor_dirty(mailbox *m, mailbox_session *s);
/* The session ends: writes its cursors. true: the write is under way, and the account's place must be held until it is
 * done (mailbox.ending, by s->id). */
[[nodiscard]] bool mailbox_cursor_end(mailbox *m, mailbox_session *s);

#endif
