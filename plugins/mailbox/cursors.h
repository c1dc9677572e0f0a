/* SPDX-License-Identifier: MIT
 * How far each conversation was received: a cursor moves when the kernel took the bytes of a frame, or when the client
 * confirms. Cursors go to the store in batches; those of a session that ends, at once. */
#ifndef MAILBOX_CURSORS_H
#define MAILBOX_CURSORS_H

#include "session.h"

/* Sets the cursor that the store has. */
void mailbox_cursor_learn(mailbox_view *view, uint64_t delivered_seq);
/* A frame was queued. It ends at position of the output, or at mailbox_unplaced until mailbox_cursor_place. */
void mailbox_cursor_note_queued(mailbox_session *s, mailbox_key key, mailbox_view *view, uint64_t seq,
                                uint64_t position);
void mailbox_cursor_place(mailbox_session *s, uint64_t position);
/* The kernel took the output up to position: frames before it count as received, unless the client confirms. */
void mailbox_cursor_written(mailbox *m, mailbox_session *s, uint64_t position);
/* The client received everything of the conversation up to seq. */
void mailbox_cursor_confirm(mailbox *m, mailbox_session *s, mailbox_key key, mailbox_view *view, uint64_t seq);
/* If no frame is on its way, everything that was sent counts as received. */
void mailbox_cursor_note_sent(mailbox *m, mailbox_session *s, mailbox_view *view);
/* How many more frames may be sent before the client must confirm some. Frames that a running pull can bring are
 * subtracted. */
size_t mailbox_cursor_window(const mailbox_session *s);
/* The session ends, and the kernel took its output up to position: writes its cursors. true: the write is under way,
 * and mailbox_session_was_flushed follows. */
[[nodiscard]] bool mailbox_cursor_end(mailbox *m, mailbox_session *s, uint64_t position);

#endif
