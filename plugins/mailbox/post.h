/* SPDX-License-Identifier: MIT
 * What a plugin may post or change, and the frame that is made of it. Any thread. */
#ifndef MAILBOX_POST_H
#define MAILBOX_POST_H

#include <string>
#include <string_view>

#include <chatserverd/mailbox.h>

#include "../model/messages.h"

/* The text as a JSON string. */
std::string mailbox_post_quote(std::string_view text);
/* false: the post has a value that mailbox.h does not allow. */
bool mailbox_post_is_valid(const cs_mailbox_post *post);
/* The members of the frame that the post gives, with a leading comma. */
std::string mailbox_post_said(const cs_mailbox_post *post);
/* The frame that a client of the account would have sent. */
std::string mailbox_post_frame(const message_append &append, std::string_view name, std::string_view said);
/* The same for a change. */
bool mailbox_post_is_valid_change(const cs_mailbox_change *change);
std::string mailbox_post_members(const cs_mailbox_change *change);
std::string mailbox_post_change_frame(const message_append &append, cs_account account, std::string_view name,
                                      std::string_view members);

#endif
