/* SPDX-License-Identifier: MIT
 * The beginning of a connection: whether a PROXY header comes, who may send one, and what follows from it. */
#include "core/net/conn.h"

#include <memory>
#include <string>
#include <utility>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"
#include "core/net/network.h"
#include "core/net/proxyproto.h"

void conn_wait_for_header(struct conn *c, std::string_view begun)
{
	if (!c->start) {
		c->start = std::make_unique<struct conn_start>();
		c->start->header_until = worker_monotonic_ms() + conn_header_wait_ms;
		conn_arm(c);
	}
	c->start->header.assign(begun);
}

bool conn_set_client(struct conn *c, const sockaddr_storage *source)
{
	const std::string proxy = std::exchange(c->peer, conn_peer_text(reinterpret_cast<const sockaddr *>(source)));

	c->client = network_client(reinterpret_cast<const sockaddr *>(source));
	log_debug("connection is forwarded conn=%llx peer=%s proxy=%s", static_cast<unsigned long long>(c->handle),
	          c->peer.c_str(), proxy.c_str());
	return conn_enter_address(c);
}

std::string conn_take_header(struct conn *c)
{
	return c->start ? std::exchange(c->start->header, std::string()) : std::string();
}

void conn_leave_beginning(struct conn *c)
{
	c->beginning = false;
	c->start.reset();
}

void conn_take_beginning(struct conn *c, char *input, size_t size)
{
	std::string begun = conn_take_header(c);
	struct proxyproto_header header;

	if (!begun.empty()) {
		begun.append(input, size);
		input = begun.data();
		size = begun.size();
	}
	const std::string_view bytes(input, size);
	const enum proxyproto_result result = proxyproto_parse(bytes, &header);

	if (!c->may_proxy && proxyproto_begins(bytes)) {
		conn_leave_beginning(c);
		conn_refuse_input(c, CS_ERRNO_BAD_FRAME, "PROXY header from an address that is not in core.proxy_from");
		return;
	}
	if (result == PROXYPROTO_MORE) {
		conn_wait_for_header(c, bytes);
		return;
	}
	if (result == PROXYPROTO_MALFORMED) {
		conn_close(c, (std::string("malformed PROXY header: ") + header.fault).c_str());
		return;
	}
	if (result == PROXYPROTO_ADDRESS && !conn_set_client(c, &header.source))
		return;
	conn_leave_beginning(c);
	conn_transport_start(c);
	conn_take_input(c, input + header.size, size - header.size);
}

/* Version 2 begins with bytes that may also stand between frames. */
static bool conn_is_blank(std::string_view bytes)
{
	return frame_skip_blanks(bytes.data(), bytes.size()) == bytes.size();
}

void conn_end_beginning(struct conn *c)
{
	std::string begun = conn_take_header(c);

	if (conn_has_stream(c))
		return conn_end_stream_beginning(c, !begun.empty());
	conn_leave_beginning(c);
	conn_transport_start(c);
	if (c->dead)
		return;
	if (c->may_proxy && !begun.empty() && !conn_is_blank(begun))
		conn_close(c, "incomplete PROXY header");
	else
		conn_take_input(c, begun.data(), begun.size());
}
