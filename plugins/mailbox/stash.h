/* SPDX-License-Identifier: MIT
 * Hints that came too early. Hints of one conversation can come from several nodes, so a later one can be first. It
 * waits a moment for the ones before it, within limits of time and memory. */
#ifndef MAILBOX_STASH_H
#define MAILBOX_STASH_H

#include <string_view>

#include "session.h"

void mailbox_stash_start(mailbox *m, mailbox_stash_late_fn *late);
/* Keeps the hint of that seq. false: there is no room. If it waits too long, `late` is called for it. */
bool mailbox_stash_put(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, bool silent, int64_t created,
                       std::string_view body);
/* Removes the hint and returns it in *taken_r. false: it is not there. */
bool mailbox_stash_take(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, mailbox_stashed *taken_r);
/* The session ends. */
void mailbox_stash_end_session(mailbox *m, mailbox_session *s);

#endif
