/* SPDX-License-Identifier: MIT
 * What is between the socket and the frames: nothing, TLS, WebSocket, or both. It works on bytes in memory. */
#include "channel.h"

#include <utility>

/* Into TLS, or to the socket. */
static bool channel_put(channel *ch, std::string_view bytes)
{
	if (!ch->to->tls) {
		ch->out += bytes;
		return true;
	}
	if (tls_write(&ch->tl, bytes, &ch->out))
		return true;
	ch->problem = "TLS failed";
	return false;
}

/* TLS is open, or there is none. */
static bool channel_begin_inner(channel *ch)
{
	std::string request;

	if (ch->to->path.empty()) {
		ch->is_open = true;
		return true;
	}
	websocket_begin(&ch->ws, *ch->to, &request);
	return channel_put(ch, request);
}

bool channel_begin(channel *ch, const address *to, ssl_ctx_st *context)
{
	*ch = {};
	ch->to = to;
	ch->context = context;
	if (!to->tls)
		return channel_begin_inner(ch);
	if (context && tls_begin(&ch->tl, context, to->host, &ch->out))
		return true;
	ch->problem = "TLS cannot be set up";
	return false;
}

static bool channel_take_inner(channel *ch, std::string_view bytes)
{
	std::string out;

	if (ch->to->path.empty()) {
		ch->text += bytes;
		return true;
	}
	const bool good = websocket_take(&ch->ws, bytes, &ch->text, &out, &ch->problem);
	ch->is_open = ch->ws.is_open;
	ch->is_final = ch->is_final || ch->ws.is_final;
	return channel_put(ch, out) && good;
}

bool channel_take(channel *ch, std::string_view bytes)
{
	std::string plain;

	if (!ch->to->tls)
		return channel_take_inner(ch, bytes);
	const bool was_open = ch->tl.is_open;
	const bool good = tls_take(&ch->tl, bytes, &plain, &ch->out, &ch->problem, &ch->is_final);
	if (!was_open && ch->tl.is_open && !channel_begin_inner(ch))
		return false;
	return (plain.empty() || channel_take_inner(ch, plain)) && good;
}

bool channel_write(channel *ch, std::string_view frame)
{
	std::string out;

	if (ch->to->path.empty())
		return channel_put(ch, frame);
	websocket_write(&ch->ws, frame, &out);
	return channel_put(ch, out);
}

void channel_end(channel *ch)
{
	std::string out;

	if (!ch->is_open)
		return;
	if (!ch->to->path.empty())
		websocket_finish(&ch->ws, &out);
	if (!out.empty())
		(void)channel_put(ch, out);
	if (ch->to->tls)
		tls_end(&ch->tl, &ch->out);
}
