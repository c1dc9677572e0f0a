/* SPDX-License-Identifier: MIT
 * Reads a PROXY header, versions 1 and 2 (HAProxy's proxy-protocol.txt): in it a proxy names the client for which it
 * connects. Any thread. */
#ifndef CORE_PROXYPROTO_H
#define CORE_PROXYPROTO_H

#include <cstddef>
#include <string_view>

#include <sys/socket.h>

/* Longest headers in bytes. Version 1: a line with its CRLF; version 2: the fixed part and the rest. */
inline constexpr size_t proxyproto_most_v1 = 107;
inline constexpr size_t proxyproto_most_v2 = 536;

enum proxyproto_result {
	PROXYPROTO_MORE = 0, /* the bytes may begin a header, which is not complete */
	PROXYPROTO_ADDRESS, /* a header that names the client's address */
	PROXYPROTO_LOCAL, /* a header without a usable address: use the socket's address */
	PROXYPROTO_MALFORMED,
	PROXYPROTO_NONE /* no header begins here */
};

struct proxyproto_header {
	size_t size = 0; /* ADDRESS, LOCAL: bytes of the header; the client's bytes follow */
	sockaddr_storage source{}; /* ADDRESS: AF_INET or AF_INET6, with port */
	const char *fault = nullptr; /* MALFORMED: the mistake, a constant text */
};

/* bytes: all bytes of a connection so far; none behind the header is looked at. Every result but MORE is final: further
 * bytes do not change it. MORE is never returned for more bytes than the longest header has. */
enum proxyproto_result proxyproto_parse(std::string_view bytes, struct proxyproto_header *header_r);
/* Whether the bytes begin as only a header begins, complete or malformed. */
bool proxyproto_begins(std::string_view bytes);

#endif
