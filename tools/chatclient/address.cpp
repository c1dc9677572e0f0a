/* SPDX-License-Identifier: MIT
 * Where the server is, and how it is spoken to. */
#include "address.h"

#include <cstdint>

#include "text.h"

static const char address_default_path[] = "/ws";

bool address_is_url(std::string_view text)
{
	return text.find("://") != std::string_view::npos;
}

static const char *address_default_port(bool tls)
{
	return tls ? "443" : "80";
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT. */
static const char *address_read_host(std::string_view text, address *at)
{
	uint64_t port = 0;
	const bool brackets = text.starts_with('[');
	const size_t end = brackets ? text.find(']') : text.find(':');

	if (brackets && end == std::string_view::npos)
		return "a bracket is missing behind the host of the address";
	at->host = brackets ? text.substr(1, end - 1) : text.substr(0, end);
	std::string_view rest =
		end == std::string_view::npos ? std::string_view() : text.substr(end + (brackets ? 1 : 0));
	if (at->host.empty())
		return "the address has no host";
	at->port = address_default_port(at->tls);
	if (rest.empty())
		return nullptr;
	if (!rest.starts_with(':') || !text_to_id(rest.substr(1), &port) || port > 65535)
		return "the port of the address is a number from 1 to 65535";
	at->port = rest.substr(1);
	return nullptr;
}

const char *address_read_url(std::string_view url, address *address_r)
{
	address at;

	at.tls = url.starts_with("wss://");
	if (!at.tls && !url.starts_with("ws://"))
		return "an address begins with ws:// or wss://, or is HOST PORT";
	url.remove_prefix(at.tls ? 6 : 5);
	const size_t slash = url.find('/');
	const std::string_view path = slash == std::string_view::npos ? std::string_view() : url.substr(slash);
	for (const char c : url)
		if (c <= ' ' || c == '\x7f' || c == '#' || c == '@' || static_cast<unsigned char>(c) >= 0x80)
			return "the address has a character that cannot be in it";
	at.path = path.size() <= 1 ? address_default_path : path;
	const char *const problem = address_read_host(url.substr(0, slash), &at);
	if (!problem)
		*address_r = at;
	return problem;
}

std::string address_host_header(const address &at)
{
	const bool is_v6 = at.host.find(':') != std::string::npos;
	const std::string host = is_v6 ? "[" + at.host + "]" : at.host;

	return at.port == address_default_port(at.tls) ? host : host + ":" + at.port;
}

std::string address_key(const address &at)
{
	const char *const scheme = at.path.empty() ? (at.tls ? "tls" : "tcp") : (at.tls ? "wss" : "ws");
	const bool is_v6 = at.host.find(':') != std::string::npos;

	return std::string(scheme) + "://" + (is_v6 ? "[" + at.host + "]" : at.host) + ":" + at.port + at.path;
}
