/* SPDX-License-Identifier: MIT
 * Keeps hints that came too early. Hints of one conversation can come from several nodes, so a later one can be first.
 * It waits a moment for the ones before it; after that the store is read. */
#ifndef MAILBOX_STASH_H
#define MAILBOX_STASH_H

#include <string_view>

#include "mailbox.h"

/* Keeps the hint of that seq. false: there is no room. */
[[nodiscard]] bool mailbox_stash_put(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq, bool own,
                                     int64_t created, std::string_view body);
/* Removes the hint and returns it in *taken_r. false: it is not there. */
[[nodiscard]] bool mailbox_stash_take(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq,
                                      mailbox_stashed *taken_r);

#endif
