/* SPDX-License-Identifier: MIT
 * The connection to the server: resolving, connecting, turning bytes into frames, and connecting again after a
 * pause. */
#ifndef CHATCLIENT_CONNECTION_H
#define CHATCLIENT_CONNECTION_H

#include <memory>
#include <string>
#include <string_view>

#include <event2/bufferevent.h>
#include <netdb.h>

#include "channel.h"
#include "frames.h"
#include <base/raii.h>

using bufferevent_ptr = std::unique_ptr<bufferevent, function_deleter<bufferevent_free>>;
using addrinfo_ptr = std::unique_ptr<addrinfo, function_deleter<freeaddrinfo>>;

/* Called on the loop. frame and down may call any connection_ function. */
struct connection_calls {
	void (*up)(void *arg);
	void (*frame)(void *arg, std::string_view text);
	void (*down)(void *arg, const char *reason); /* also after a failure to connect; a timer starts the next try */
};

struct connection {
	address to;
	tls_context_ptr context; /* for TLS */
	const connection_calls *calls = nullptr;
	void *arg = nullptr;
	event_base *base = nullptr;
	event_ptr retry;
	addrinfo_ptr addresses;
	const addrinfo *tried = nullptr; /* the address that is tried now */
	bufferevent_ptr stream;
	channel ch; /* between stream and input */
	std::string problem; /* why the channel failed */
	unsigned generation = 0; /* number of the stream; shows a loop that the stream was replaced */
	frames input;
	unsigned failures = 0; /* failures since the last connection_is_good */
	int64_t delay = 0; /* ms, added to the next pause */
	bool is_hopeless =
		false; /* after the last try another one is useless: the host is unknown, the certificate wrong */
	bool is_up = false;
	bool has_said = false; /* a frame was sent on this connection */
	bool has_heard = false; /* and bytes came */
	bool rests = false; /* no timer for the next try is set */
};

/* Sets up and tries to connect at once, from the loop; to and context are set. calls and arg still belong to the
 * caller. -1: out of memory. */
[[nodiscard]] int connection_open(connection *cn, event_base *base, const connection_calls *calls, void *arg);
/* Queues a frame. Does nothing while there is no connection. */
void connection_send(connection *cn, std::string_view text);
/* Drops the connection, calls down, and connects again after a pause. */
void connection_lose(connection *cn, const char *reason);
/* The server asks for so many ms more before the next try, as long as the longest pause; below 0: it does not ask. */
void connection_delay(connection *cn, int64_t ms);
/* Call it from down: do not connect again until connection_resume. */
void connection_rest(connection *cn);
/* If the connection rests: connects at once and answers true. Else false. */
bool connection_resume(connection *cn);
/* The server works: after the next loss the pause is short again. */
void connection_is_good(connection *cn);
/* Drops the connection for ever, without calling down. What was queued is sent before, as far as it goes at once. */
void connection_close(connection *cn);

#endif
