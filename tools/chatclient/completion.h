/* SPDX-License-Identifier: MIT
 * What the word before the cursor can become: commands, and names that the client has heard of. */
#ifndef CHATCLIENT_COMPLETION_H
#define CHATCLIENT_COMPLETION_H

#include <string_view>

#include "roster.h"
#include "screen.h"

/* before: the line up to the cursor. */
[[nodiscard]] screen_choice completion_find(const roster *ro, std::string_view before);

#endif
