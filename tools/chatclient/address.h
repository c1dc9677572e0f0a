/* SPDX-License-Identifier: MIT
 * Where the server is, and how it is spoken to. */
#ifndef CHATCLIENT_ADDRESS_H
#define CHATCLIENT_ADDRESS_H

#include <string>
#include <string_view>

struct address {
	std::string host; /* a name or an IP address, without brackets; empty: none is known */
	std::string port;
	std::string path; /* of a WebSocket; empty: frames without WebSocket */
	bool tls = false;
};

/* ws://HOST[:PORT][/PATH] or wss://...: nullptr, and *address_r is set. Else what is wrong. */
[[nodiscard]] const char *address_read_url(std::string_view url, address *address_r);
[[nodiscard]] bool address_is_url(std::string_view text);
/* HOST or HOST:PORT, as a Host header has it: with brackets around an IPv6 address, without the usual port. */
[[nodiscard]] std::string address_host_header(const address &at);
/* One text for each server and way to it. A token that TLS protected is never sent without it. */
[[nodiscard]] std::string address_key(const address &at);

#endif
