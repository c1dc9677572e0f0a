/* SPDX-License-Identifier: MIT
 * Secrets of receivers, and the signatures by which they know that a request comes from this server. Any thread. */
#ifndef PUSH_SIGN_H
#define PUSH_SIGN_H

#include <cstdint>
#include <string>
#include <string_view>

#include <base/wipe.h>

/* Of a secret, in characters. */
inline constexpr size_t sign_secret_size = 43;

/* Call it at least once per process. 0 or CS_EINVAL. */
[[nodiscard]] int sign_init();
/* A new secret: random, and URL-safe base64 without padding. */
[[nodiscard]] wiped_text sign_make_secret();
/* The text of a hash that no password fits. */
[[nodiscard]] std::string sign_make_no_password();
/* As base64, with padding. */
[[nodiscard]] std::string sign_base64(std::string_view text);
/* Any number. */
[[nodiscard]] uint32_t sign_random();
/* The value of the header Chatserverd-Signature: t=SECONDS,v1=HEX, where HEX is HMAC-SHA256 of "SECONDS.body" with the
 * secret's characters as the key. seconds since 1970. */
[[nodiscard]] std::string sign_header(std::string_view secret, int64_t seconds, std::string_view body);

#endif
