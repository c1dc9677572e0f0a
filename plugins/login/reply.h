/* SPDX-License-Identifier: MIT
 * Writes the frames LOGIN_ACK and REGISTER_ACK. Any thread. */
#ifndef LOGIN_REPLY_H
#define LOGIN_REPLY_H

#include <cstdint>
#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

#include <base/wipe.h>

/* Appends text as a JSON string, quotes included. */
void reply_quote(std::string *out, std::string_view text);
/* Appends text in quotes as one more element of an array without brackets: "a","b" */
void reply_add_item(std::string *items, std::string_view text);

/* The frames of success. req -1: none. */
[[nodiscard]] std::string reply_registered(int64_t req, uint64_t id);
/* have: words, ended by a null pointer; null: leave it and the text of the store out. An empty token is left out. The
 * three lists are elements with
 * commas between them, without brackets; an empty list is left out. */
[[nodiscard]] wiped_text reply_logged_in(int64_t req, uint64_t id, std::string_view name, const char *const *have,
                                         std::string_view store, std::string_view token, std::string_view messages,
                                         std::string_view friends, std::string_view groups);

#endif
