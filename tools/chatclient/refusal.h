/* SPDX-License-Identifier: MIT
 * Why the server refused something, in words for people: what is wrong, and what one may do instead. */
#ifndef CHATCLIENT_REFUSAL_H
#define CHATCLIENT_REFUSAL_H

#include <cstdint>
#include <string>
#include <string_view>

#include "command.h"

/* text: what the server says. until: ms since 1970 where it told one, else -1. The result may hold any characters. */
[[nodiscard]] std::string refusal_explain(command_verb verb, int64_t error, std::string_view text, int64_t until);

#endif
