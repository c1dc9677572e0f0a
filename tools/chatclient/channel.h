/* SPDX-License-Identifier: MIT
 * What is between the socket and the frames: nothing, TLS, WebSocket, or both. It works on bytes in memory. */
#ifndef CHATCLIENT_CHANNEL_H
#define CHATCLIENT_CHANNEL_H

#include <string>
#include <string_view>

#include "address.h"
#include "tls.h"
#include "websocket.h"

struct channel {
	const address *to = nullptr;
	ssl_ctx_st *context = nullptr; /* for TLS */
	tls tl;
	websocket ws;
	bool is_open = false; /* frames can be written */
	std::string out; /* for the socket; the caller takes it */
	std::string text; /* frames of the server; the caller takes it */
	std::string problem; /* why it failed */
	bool is_final = false; /* another attempt is useless */
};

/* The socket is connected. false: problem says why it cannot go on. */
[[nodiscard]] bool channel_begin(channel *ch, const address *to, ssl_ctx_st *context);
/* Bytes of the socket. false: problem says why it cannot go on; what is in text and out is still good. */
[[nodiscard]] bool channel_take(channel *ch, std::string_view bytes);
/* A frame. Only when it is open. */
[[nodiscard]] bool channel_write(channel *ch, std::string_view frame);
/* Nothing follows. */
void channel_end(channel *ch);

#endif
