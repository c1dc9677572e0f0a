/* SPDX-License-Identifier: MIT
 * A connection to the plugin websocket without a socket: a test gives it bytes, cut as it likes, and sees what the
 * server is told to do. */
#ifndef TESTS_UNIT_TEST_WEBSOCKET_H
#define TESTS_UNIT_TEST_WEBSOCKET_H

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <chatserverd/transport.h>

#include "tests/support/fake_host.h"

static const std::string_view websocket_request = "GET /ws HTTP/1.1\r\nHost: chat.example.com\r\nUpgrade: websocket\r\n"
						  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
						  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static const std::string_view websocket_accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
						   "Connection: Upgrade\r\n"
						   "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/* The plugin's table, that is linked into the test, with an instance on a fake host. */
struct ws_plugin {
	fake_host_ptr host = fake_host_open();
	void *state = nullptr;
	const cs_framing *table = static_cast<const cs_framing *>(cs_plugin.provides[0].table);
};

static inline void ws_plugin_start(ws_plugin *p)
{
	p->state = fake_self_state(fake_host_add(p->host.get(), &cs_plugin));
}

/* A connection, and all that the server was told. */
struct ws_peer {
	const cs_framing *table = nullptr;
	struct cs_filter *filter = nullptr;
	std::string sent; /* to the client */
	std::string frames; /* to the parser of frames */
	std::string why;
	int64_t timer_ms = 0; /* as it was set last */
	bool opened = false, closed = false;
	size_t held_most = 0;

	ws_peer() = default;
	ws_peer(const ws_peer &) = delete;
	ws_peer &operator=(const ws_peer &) = delete;
	~ws_peer()
	{
		if (filter)
			table->close(filter);
	}
};

static inline void ws_peer_take(ws_peer *peer, const cs_step &step)
{
	peer->sent.append(step.reply ? step.reply : "", step.reply_size);
	peer->frames.append(step.frames ? step.frames : "", step.frames_size);
	peer->opened = peer->opened || step.opened;
	peer->closed = peer->closed || step.close;
	if (step.why)
		peer->why = step.why;
	if (step.timer_ms)
		peer->timer_ms = step.timer_ms;
	peer->held_most = std::max(peer->held_most, peer->table->held(peer->filter));
}

static inline void ws_peer_open(ws_peer *peer, const ws_plugin &p)
{
	cs_step step = {};

	peer->table = p.table;
	peer->filter = p.table->open(p.state, 0, &step);
	ws_peer_take(peer, step);
}

/* One read of the server's. A copy of exactly its size shows reads beyond the end. */
static inline void ws_peer_read(ws_peer *peer, std::string_view bytes)
{
	const std::unique_ptr<char[]> copy = std::make_unique<char[]>(bytes.size());

	bytes.copy(copy.get(), bytes.size());
	for (size_t at = 0; at < bytes.size() && !peer->closed;) {
		cs_step step = {};
		const size_t used = peer->table->input(peer->filter, copy.get() + at, bytes.size() - at, &step);

		ws_peer_take(peer, step);
		if (used == 0 || used > bytes.size() - at)
			abort();
		at += used;
	}
}

static inline void ws_peer_timer(ws_peer *peer)
{
	cs_step step = {};

	peer->table->timer(peer->filter, &step);
	ws_peer_take(peer, step);
}

static inline void ws_peer_goodbye(ws_peer *peer, cs_goodbye why)
{
	cs_step step = {};

	peer->table->goodbye(peer->filter, why, &step);
	ws_peer_take(peer, step);
}

/* ---- frames of a client */

/* length_bytes: 0: the least that will do. */
static inline std::string ws_frame(unsigned first, std::string_view payload, size_t length_bytes = 0)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	const size_t size = payload.size();
	const size_t bytes = length_bytes ? length_bytes : size < 126 ? 1 : size <= 0xffff ? 2 : 8;
	std::string frame(1, static_cast<char>(first));

	frame += static_cast<char>(0x80 | (bytes == 1 ? size : bytes == 2 ? 126 : 127));
	for (size_t i = bytes; bytes > 1 && i > 0; i--)
		frame += static_cast<char>(size >> (8 * (i - 1)) & 0xff);
	frame.append(reinterpret_cast<const char *>(mask), sizeof(mask));
	for (size_t i = 0; i < size; i++)
		frame += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]);
	return frame;
}

static inline std::string ws_text(std::string_view payload)
{
	return ws_frame(0x81, payload);
}

static inline std::string ws_close(unsigned status, std::string_view reason = "")
{
	return ws_frame(0x88, std::string{static_cast<char>(status >> 8), static_cast<char>(status & 0xff)} +
	                              std::string(reason));
}

/* What the server has sent behind the handshake: "pong PAYLOAD", "ping PAYLOAD", "close STATUS", "close". Whatever a
 * server must not send is "bad". */
static inline std::vector<std::string> ws_replies(std::string_view sent)
{
	std::vector<std::string> replies;

	while (sent.size() >= 2) {
		const unsigned first = static_cast<unsigned char>(sent[0]), size = static_cast<unsigned char>(sent[1]);
		const std::string_view payload = sent.substr(2, size);

		if (size > 125 || payload.size() < size)
			break;
		if (first == 0x8a)
			replies.push_back("pong " + std::string(payload));
		else if (first == 0x89)
			replies.push_back("ping " + std::string(payload));
		else if (first == 0x88 && size == 0)
			replies.push_back("close");
		else if (first == 0x88 && size >= 2)
			replies.push_back("close " + std::to_string(static_cast<unsigned char>(payload[0]) << 8 |
			                                            static_cast<unsigned char>(payload[1])));
		else
			break;
		sent.remove_prefix(2 + size);
	}
	if (!sent.empty())
		replies.push_back("bad");
	return replies;
}

#endif
