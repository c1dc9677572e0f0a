/* SPDX-License-Identifier: MIT
 * From a hint or a page of the store to the client. A session sends exactly the seq after the last one that it sent: an
 * earlier one is dropped; if one is missing, the store is read. Nobody else moves `sent`. */
#ifndef MAILBOX_INCOMING_H
#define MAILBOX_INCOMING_H

#include <span>
#include <string_view>

#include "hint.h"
#include "page.h"
#include "session.h"

/* A hint for session s. */
void mailbox_incoming_hint(mailbox *m, mailbox_session *s, const mailbox_hint &hint, std::string_view body);
/* A hint of a group, for every session of this worker that is in the group. */
void mailbox_incoming_group_hint(mailbox *m, const mailbox_hint &hint, std::string_view body);
/* The message with this seq is stored. If the session has not sent it yet, the store is read. */
void mailbox_incoming_heard(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq);
/* The first page of the session, which the caller sends: what it brings counts as sent. news: of all its
 * conversations. */
void mailbox_incoming_first_page(mailbox *m, mailbox_session *s, const mailbox_page &page,
                                 std::span<const message_news> news);
/* The first page ends at position of the output; the session is live. */
void mailbox_incoming_begin(mailbox *m, mailbox_session *s, uint64_t position);
/* The kernel took the output up to position; unsent bytes still wait. */
void mailbox_incoming_written(mailbox *m, mailbox_session *s, uint64_t position, size_t unsent);

/* The entry of seq makes the account a member: the session gets everything from it on. from_here: the session sent that
 * entry. */
void mailbox_incoming_join(mailbox *m, mailbox_session *s, uint64_t group, uint64_t seq, bool from_here);
/* The session sent that entry: it does not come back, even if the session is only now told of the group. */
void mailbox_incoming_has_sent(mailbox_session *s, mailbox_key key, uint64_t seq);
/* The account was a member of the group: the session gets what the store says that it may have. */
void mailbox_incoming_listen(mailbox *m, mailbox_session *s, uint64_t group);

/* The client says that it has received everything up to seq. false: the session has not sent so much; look the
 * conversation up. */
bool mailbox_incoming_confirm(mailbox *m, mailbox_session *s, mailbox_key key, uint64_t seq);
/* It has received that on an earlier connection, which ended before the client confirmed it. Do not send it again. */
void mailbox_incoming_skip_to(mailbox *m, mailbox_session *s, mailbox_key key, const message_news &news, uint64_t seq);

#endif
