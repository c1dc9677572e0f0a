/* SPDX-License-Identifier: MIT
 * What lies between a test client's bytes and its socket: nothing, TLS, WebSocket, or both.
 *
 * CS_TRANSPORT says which of them the servers and clients of a test use: plain (the default), tls, ws, wss. A test that
 * asks what cannot hold on a transport asks transport_is_message_based() once. */
#ifndef TESTS_SUPPORT_TRANSPORT_H
#define TESTS_SUPPORT_TRANSPORT_H

#include <memory>
#include <string>
#include <string_view>

#include "tests/support/certificate.h"
#include "tests/support/websocket.h"

enum transport_kind { TRANSPORT_PLAIN, TRANSPORT_TLS, TRANSPORT_WS, TRANSPORT_WSS };

/* CS_TRANSPORT; another word than those above ends the program. */
transport_kind transport_wanted(void);
/* Its name in CS_TRANSPORT, which is also that of the label "transport" of the server's figures. */
const char *transport_name(transport_kind kind);
/* With TLS, with WebSocket. */
bool transport_has_tls(transport_kind kind);
bool transport_has_messages(transport_kind kind);
/* Whether the tests run over WebSocket: there frames have no terminators, text is UTF-8, and HTTP is served. */
bool transport_is_message_based(void);
/* The certificate of all servers of this program, which its clients trust; made when it is first asked for. */
const test_certificate *transport_certificate(void);

struct transport_tls; /* an SSL and its buffers */
struct transport_tls_deleter {
	void operator()(transport_tls *tls) const;
};

struct test_transport {
	transport_kind kind = TRANSPORT_PLAIN;
	std::string host; /* for the request and for the check of the certificate */
	std::unique_ptr<transport_tls, transport_tls_deleter> tls;
	test_websocket ws;
	bool has_begun = false;
	bool has_notify = false; /* the server has said by TLS that it sends nothing more */
	std::string waiting; /* bytes that may go once the handshakes are done */
	std::string error; /* the first thing that went wrong in TLS */
};

/* Begins the handshakes; once. The functions below append to out what shall go to the socket. */
void transport_begin(test_transport *t, std::string *out);
/* Whether bytes can be sent. */
bool transport_is_open(const test_transport *t);
/* Sends bytes, now or once it is open. stays_open: see websocket_put. */
void transport_put(test_transport *t, std::string_view bytes, bool stays_open, std::string *out);
/* Bytes for below WebSocket, where one is: a whole WebSocket frame, or HTTP. */
void transport_put_below(test_transport *t, std::string_view bytes, std::string *out);
/* Bytes came from the socket; what they mean is appended to bytes_r, each message with
 * websocket_message_end behind it. */
void transport_take(test_transport *t, std::string_view raw, std::string *bytes_r, std::string *out);
/* What the server did wrong, or "". */
std::string transport_error(const test_transport *t);
/* Whether the server has said that this is the end, as far as the transport can say so. */
bool transport_said_end(const test_transport *t);

#endif
