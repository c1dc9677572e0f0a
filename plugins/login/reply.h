/* SPDX-License-Identifier: MIT
 * Owns the bytes of LOGIN_ACK and REGISTER_ACK. It must not know how their contents came about. Any thread. */
#ifndef LOGIN_REPLY_H
#define LOGIN_REPLY_H

#include <cstdint>
#include <string>
#include <string_view>

#include <chatserverd/plugin.h>

/* Appends text as a JSON string, quotes included. */
void reply_quote(std::string *out, std::string_view text);
/* Appends text, quoted, as one more element of the array that items is to become: "a","b" */
void reply_add_item(std::string *items, std::string_view text);

/* The frames of success. req -1: none. */
[[nodiscard]] std::string reply_registered(int64_t req, uint64_t id);
/* have: null-ended, null: it is left out. The three lists are elements, comma between, without brackets; an empty one is left out. */
[[nodiscard]] std::string reply_logged_in(int64_t req, uint64_t id, std::string_view name,
                                          const char *const *have,
                                          std::string_view messages, std::string_view friends,
                                          std::string_view groups);

#endif
