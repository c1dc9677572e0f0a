/* SPDX-License-Identifier: MIT
 * Judges a WebSocket handshake: its form, and the page that it comes from. */
#include "handshake.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <openssl/evp.h>

/* ---- origins */

struct handshake_origin {
	std::string_view scheme, host, port;
};

/* Takes the port from host:port or [address]:port. False: that is no host. */
static bool handshake_split_host(std::string_view text, std::string_view *host_r, std::string_view *port_r)
{
	const size_t bracket = text.rfind(']');
	const size_t colon = text.find(':', bracket == text.npos ? 0 : bracket);

	*host_r = text.substr(0, colon);
	*port_r = colon == text.npos ? std::string_view() : text.substr(colon + 1);
	if (host_r->empty() || (colon != text.npos && port_r->empty()) || port_r->size() > 5)
		return false;
	if (bracket != text.npos && (text.front() != '[' || bracket != host_r->size() - 1))
		return false;
	return std::all_of(port_r->begin(), port_r->end(), [](char c) { return c >= '0' && c <= '9'; });
}

/* scheme://host or scheme://host:port, and nothing behind it. */
static bool handshake_parse_origin(std::string_view text, struct handshake_origin *origin_r)
{
	const size_t at = text.find("://");

	if (at == text.npos || at == 0)
		return false;
	origin_r->scheme = text.substr(0, at);
	text.remove_prefix(at + 3);
	return text.find_first_of("/?#@ \t") == text.npos &&
	       handshake_split_host(text, &origin_r->host, &origin_r->port);
}

/* Whether two ports of one scheme are the same; "" is the scheme's own. */
static bool handshake_is_same_port(std::string_view scheme, std::string_view a, std::string_view b)
{
	const std::string_view own = http_is_same(scheme, "https") ? "443" : http_is_same(scheme, "http") ? "80" : "";

	return (a.empty() ? own : a) == (b.empty() ? own : b);
}

static bool handshake_is_same_origin(const struct handshake_origin *a, const struct handshake_origin *b)
{
	return http_is_same(a->scheme, b->scheme) && http_is_same(a->host, b->host) &&
	       handshake_is_same_port(a->scheme, a->port, b->port);
}

/* Takes the next item of the option from it; "": there is none. */
static std::string_view handshake_next_item(std::string_view *origins)
{
	origins->remove_prefix(std::min(origins->find_first_not_of(", \t"), origins->size()));
	const std::string_view item = origins->substr(0, origins->find_first_of(", \t"));

	origins->remove_prefix(item.size());
	return item;
}

/* Whether the option lists the origin; parsed is null for one that has no host, as "null". */
static bool handshake_is_listed(std::string_view origin, const struct handshake_origin *parsed,
                                std::string_view origins)
{
	for (std::string_view item; !(item = handshake_next_item(&origins)).empty();) {
		struct handshake_origin listed;

		if (item == "*" || (item == "null" && item == origin))
			return true;
		if (parsed && handshake_parse_origin(item, &listed) && handshake_is_same_origin(parsed, &listed))
			return true;
	}
	return false;
}

/* Host has no scheme, and TLS may end at a proxy: the client has used the same scheme for the page and for this. */
static bool handshake_is_from_host(const struct handshake_origin *origin, std::string_view host)
{
	std::string_view name, port;

	return (http_is_same(origin->scheme, "http") || http_is_same(origin->scheme, "https")) &&
	       handshake_split_host(host, &name, &port) && http_is_same(origin->host, name) &&
	       handshake_is_same_port(origin->scheme, origin->port, port);
}

std::string_view handshake_bad_origin(std::string_view origins)
{
	std::string_view item;

	while (!(item = handshake_next_item(&origins)).empty()) {
		struct handshake_origin parsed;

		if (item != "*" && item != "null" && !handshake_parse_origin(item, &parsed))
			return item;
	}
	return {};
}

/* ---- the handshake */

/* 16 bytes in base64. */
static bool handshake_is_key(std::string_view key)
{
	return key.size() == 24 && key.substr(22) == "==" && std::all_of(key.begin(), key.end() - 2, [](char c) {
		       return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
		              c == '/';
	       });
}

unsigned handshake_judge(const struct http_request *request, std::string_view origins)
{
	struct handshake_origin origin;

	if (request->method != "GET")
		return 405;
	if (!request->upgrade || request->version != "13")
		return 426;
	if (request->keys != 1 || !handshake_is_key(request->key))
		return 400;
	if (!request->origins)
		return 101;
	if (request->origins > 1)
		return 403;
	const bool is_parsed = handshake_parse_origin(request->origin, &origin);

	if (is_parsed && handshake_is_from_host(&origin, request->host))
		return 101;
	return handshake_is_listed(request->origin, is_parsed ? &origin : nullptr, origins) ? 101 : 403;
}

size_t handshake_put_answer(std::string_view key, char *bytes_r)
{
	static const std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 4.2.2 */
	char text[64];
	unsigned char digest[EVP_MAX_MD_SIZE], accept[EVP_MAX_MD_SIZE * 2];
	unsigned size = 0;

	key.copy(text, key.size());
	guid.copy(text + key.size(), guid.size());
	if (EVP_Digest(text, key.size() + guid.size(), digest, &size, EVP_sha1(), nullptr) != 1)
		return 0;
	(void)EVP_EncodeBlock(accept, digest, static_cast<int>(size));
	return static_cast<size_t>(snprintf(bytes_r, handshake_answer_most,
	                                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
	                                    "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	                                    reinterpret_cast<const char *>(accept)));
}
