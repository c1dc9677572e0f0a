/* SPDX-License-Identifier: MIT
 * Tells followers of entries that were committed: the first worker of each node reads them from the store, one
 * conversation after the other, from the last confirmed one on. */
#ifndef MAILBOX_FOLLOW_H
#define MAILBOX_FOLLOW_H

#include "session.h"

/* mailbox.h of the public headers: follow, unfollow, followed. */
int mailbox_follow_begin(void *context, const char *name, cs_mailbox_followed_fn *fn, void *arg);
void mailbox_follow_end(void *context, const char *name, void *arg);
void mailbox_follow_confirm(void *context, const char *name, uint64_t conversation, uint64_t seq);

/* The names that are followed: what is appended is noted for each. Empty: nobody follows. */
std::vector<std::string> mailbox_follow_names(const mailbox *m);
/* For how long a node holds a row that nobody renews, in ms. */
constexpr int64_t mailbox_follow_hold_ms = 10000;
/* An entry of the conversation was committed, here or, if this process holds its row, elsewhere. node: who is to tell
 * it; others hear of it as well. */
void mailbox_follow_committed(mailbox *m, uint64_t node, uint64_t conversation);

void mailbox_follow_start(mailbox *m);
/* The number of this process, as rows have it. Any thread. */
uint64_t mailbox_follow_node(void);

#endif
