/* SPDX-License-Identifier: MIT
 * Builds the members of the answers to HISTORY and INBOX. Runs on store threads. */
#ifndef HISTORY_TEXT_H
#define HISTORY_TEXT_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "../model/history.h"
#include "../model/inbox.h"

/* Appends ,"messages":[...] and what belongs to it. */
void text_add_history(std::string *out, const history_page &page, history_direction direction);
/* Appends one element of `conversations`. last may be null. *state_r: where the state of a pair stands, written as
 * "offline", for text_set_online; 0: there is none, or the other account blocks this one. */
void text_add_item(std::string *out, const inbox_item &item, const message_row *last, uint64_t unread, size_t *state_r);
/* Makes that "online", in the same number of bytes. */
void text_set_online(std::string *out, size_t state);

/* A position as the text of `next`. read: 0, or CS_EINVAL. */
std::string text_of_position(const inbox_position &position);
[[nodiscard]] int text_read_position(std::string_view text, inbox_position *position_r);

#endif
