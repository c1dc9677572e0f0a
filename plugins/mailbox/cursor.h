/* SPDX-License-Identifier: MIT
 * Owns bringing cursors to the store: in batches while sessions live, at once when they end. It must not know
 * what moves a cursor. */
#ifndef MAILBOX_CURSOR_H
#define MAILBOX_CURSOR_H

#include "mailbox.h"
#include "../model/messages.h"

/* One write of cursors, from hand-in to completion. */
struct mailbox_flush {
	std::vector<message_cursor> cursors;
	std::vector<std::pair<uint64_t, mailbox_key>> owners;   /* session id and line of each */
	uint64_t ending = 0;    /* the session whose end waits for it, or 0 */
	unsigned attempts = 0;  /* to hand it in */
};

/* The session has a cursor that the store does not have: it goes with the next flush. */
void mailbox_cursor_dirty(mailbox *m, mailbox_session *s);
/* The session ends: true when its cursors are on their way and its ending (by s->id) must wait for them. */
[[nodiscard]] bool mailbox_cursor_end(mailbox *m, mailbox_session *s);

#endif
