/* SPDX-License-Identifier: MIT
 * What connections of one kind of listener have between socket and frames, and how much went through it. */
#ifndef CORE_TRANSPORT_H
#define CORE_TRANSPORT_H

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include <chatserverd/transport.h>

/* Listeners of at most so many kinds, the plain one included. */
inline constexpr unsigned transport_most = 8;

/* A kind of listener. The server makes it before any worker runs; then it is constant. */
struct transport {
	std::string label; /* "plain", "tls", "ws", "wss": for /metrics and the log */
	unsigned index = 0; /* below transport_most; 0: plain */
	const struct cs_stream *stream = nullptr; /* null: none */
	unsigned stream_plugin = 0; /* index of the plugin that provides it */
	const struct cs_framing *framing = nullptr; /* null: none */
	unsigned framing_plugin = 0;
};

/* Of one worker's connections of one kind; read by the admin page. */
struct transport_counters {
	std::atomic<uint64_t> accepted = 0, ended = 0;
	std::atomic<uint64_t> received = 0, sent = 0; /* bytes of frames and framing, not of the stream's own */
	std::atomic<uint64_t> failed = 0; /* whose handshake was not finished */
};

/* Where connections are counted that come over no listener: those that plugins adopt, and those of operators. */
inline constexpr unsigned transport_adopted = transport_most, transport_operator = transport_most + 1;
inline constexpr unsigned transport_kinds = transport_most + 2;

/* In /metrics, the log and the list of sessions. */
inline constexpr const char transport_adopted_label[] = "adopted";

using transport_traffic = std::array<struct transport_counters, transport_kinds>;

#endif
