/* SPDX-License-Identifier: MIT
 * The codes of invitations to register: 100 random bits as 20 letters and digits that nobody mistakes for others. The
 * store has only their hashes, so that who reads the store cannot register. A hash without a salt is enough for so many
 * random bits, and it can be looked up by an index; how long that takes says nothing of a code. Any thread. */
#ifndef LOGIN_INVITE_CODE_H
#define LOGIN_INVITE_CODE_H

#include <string>
#include <string_view>

/* K7QWZ-0C5RJ-VX2MP-9AH3T */
[[nodiscard]] std::string invite_code_make(void);
/* The hash of a code as somebody has typed it: in small letters, without hyphens, with O for 0, I or L for 1. Empty: it
 * is none. */
[[nodiscard]] std::string invite_code_hash(std::string_view typed);

#endif
