/* SPDX-License-Identifier: MIT
 * The opening handshake of RFC 6455: whether a request may become a WebSocket, and the answer to it. */
#ifndef WEBSOCKET_HANDSHAKE_H
#define WEBSOCKET_HANDSHAKE_H

#include <cstddef>
#include <string_view>

#include "http.h"

inline constexpr size_t handshake_answer_most = 160; /* bytes */

/* Judges a request to /ws. origins: the option. Returns 101, or the status to refuse it with. */
unsigned handshake_judge(const struct http_request *request, std::string_view origins);

/* Writes the answer 101. Returns its size, or 0 if this machine's libcrypto has no SHA-1. */
size_t handshake_put_answer(std::string_view key, char *bytes_r);

/* The first item of the option that is no origin; "": all are. */
std::string_view handshake_bad_origin(std::string_view origins);

#endif
