/* SPDX-License-Identifier: MIT
 * What a notice says. Any thread; no state. */
#ifndef PUSH_NOTICE_H
#define PUSH_NOTICE_H

#include <string>
#include <string_view>

#include "../model/push.h"

/* The beginning of the message, of at most 100 characters; "" if the target wants no preview, or the message is not
 * there any more. */
[[nodiscard]] std::string notice_text(const push_note &note);
/* Who said it, and in which group. */
[[nodiscard]] std::string notice_title(const push_note &note);
/* {"account":A,"peer":P or "groupid":G,...}; at most 3,993 bytes, see encrypt.h. */
[[nodiscard]] std::string notice_document(const push_note &note, std::string_view text);
/* As the value of a header: on one line, in ASCII. */
[[nodiscard]] std::string notice_header(std::string_view text);

#endif
