/* SPDX-License-Identifier: MIT
 * Owns reading a PROXY header, versions 1 and 2 (HAProxy's proxy-protocol.txt): with it a proxy says on whose
 * behalf it connects. Pure: it must not know sockets, nor who may send one. Any thread. */
#ifndef CORE_PROXYPROTO_H
#define CORE_PROXYPROTO_H

#include <cstddef>
#include <string_view>

#include <sys/socket.h>

/* The longest headers: a line with its CRLF; the fixed part with what may follow. */
inline constexpr size_t proxyproto_most_v1 = 107;
inline constexpr size_t proxyproto_most_v2 = 536;

enum proxyproto_result {
	PROXYPROTO_MORE = 0, /* a header may begin here, and is not whole */
	PROXYPROTO_ADDRESS, /* a header that names the source */
	PROXYPROTO_LOCAL, /* a header that names nobody of use: the socket's address counts */
	PROXYPROTO_MALFORMED,
	PROXYPROTO_NONE /* no header begins here */
};

struct proxyproto_header {
	size_t size = 0; /* ADDRESS, LOCAL: bytes of the header; what follows is the client's */
	sockaddr_storage source{}; /* ADDRESS: AF_INET or AF_INET6, with port */
	const char *fault = nullptr; /* MALFORMED: what is wrong, a constant */
};

/* Looks at all bytes of a connection so far, and at none behind the header. An answer other than MORE is
 * final: further bytes do not change it. MORE is never answered for longer than the longest header. */
enum proxyproto_result proxyproto_parse(std::string_view bytes, struct proxyproto_header *header_r);
/* The bytes begin with what only a header begins with, whole or malformed. */
bool proxyproto_begins(std::string_view bytes);

#endif
