/* SPDX-License-Identifier: MIT
 * WebSocket (RFC 6455) of a client, on bytes in memory: the request, its answer, and messages of text. */
#ifndef CHATCLIENT_WEBSOCKET_H
#define CHATCLIENT_WEBSOCKET_H

#include <string>
#include <string_view>

#include "address.h"

struct websocket {
	std::string accept; /* what the server must answer; empty: the request was not sent */
	std::string input; /* bytes that are not handled yet */
	std::string message; /* the parts of the message that came so far */
	bool in_message = false;
	bool is_open = false; /* the server has agreed */
	bool is_closing = false; /* a Close was sent: nothing follows */
	bool is_final = false; /* another attempt is useless */
};

/* Adds the request to *out. */
void websocket_begin(websocket *ws, const address &to, std::string *out);
/* Bytes of the server. Messages that are whole are added to *text, what must be sent to *out. false: the connection
 * ends, and *problem_r says why. */
[[nodiscard]] bool websocket_take(websocket *ws, std::string_view bytes, std::string *text, std::string *out,
                                  std::string *problem_r);
/* One message. Only when it is open. */
void websocket_write(websocket *ws, std::string_view text, std::string *out);
void websocket_finish(websocket *ws, std::string *out);

#endif
