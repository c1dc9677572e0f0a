/* SPDX-License-Identifier: MIT
 * Encryption of what only a client shall read, with the keys that its browser or its distributor made for it: RFC 8291,
 * in one record of RFC 8188 (aes128gcm). Any thread; no state. */
#ifndef PUSH_ENCRYPT_H
#define PUSH_ENCRYPT_H

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include <openssl/evp.h>

/* What can be encrypted, in bytes: the outcome has at most 4,096. */
inline constexpr size_t encrypt_text_most = 3993;

using encrypt_point = std::array<unsigned char, 65>; /* on P-256, not compressed */
using encrypt_salt = std::array<unsigned char, 16>;

/* Of a client. */
struct encrypt_keys {
	encrypt_point p256dh;
	std::array<unsigned char, 16> auth;
};

/* Reads keys in base64url without padding, as a PushSubscription gives them. NULL, or what is wrong with them. */
[[nodiscard]] const char *encrypt_read_keys(std::string_view p256dh, std::string_view auth, encrypt_keys *keys_r);

/* Encrypts the text with a key and a salt that are made for it. false: it is too long, or OpenSSL has no memory. */
[[nodiscard]] bool encrypt_text(const encrypt_keys &keys, std::string_view text, std::string *body_r);
/* The same with this key pair, which is of P-256, and salt. A pair of them is good for one text. */
[[nodiscard]] bool encrypt_text_with(const encrypt_keys &keys, EVP_PKEY *sender, const encrypt_salt &salt,
                                     std::string_view text, std::string *body_r);

#endif
