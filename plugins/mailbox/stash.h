/* SPDX-License-Identifier: MIT
 * Owns hints that came too early: those of one conversation can come from several nodes and overtake each other. Each
 * waits a moment for the ones before it; then the store is read. It must not know how a message is delivered. */
#ifndef MAILBOX_STASH_H
#define MAILBOX_STASH_H

#include <string_view>

#include "mailbox.h"

/* Keeps what was said of that seq. false: there is no room. */
[[nodiscard]] bool mailbox_stash_put(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, bool own,
                                     int64_t created, std::string_view body);
/* Takes it out again. false: it is not there. */
[[nodiscard]] bool mailbox_stash_take(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq,
                                      mailbox_stashed *taken_r);

#endif
