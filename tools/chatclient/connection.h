/* SPDX-License-Identifier: MIT
 * Owns the connection to the server: resolving, connecting, bytes to frames, and coming back after a pause
 * whenever it is lost. It must not know what is in a frame or who is logged in. */
#ifndef CHATCLIENT_CONNECTION_H
#define CHATCLIENT_CONNECTION_H

#include <memory>
#include <string>
#include <string_view>

#include <event2/bufferevent.h>
#include <netdb.h>

#include <base/raii.h>
#include "frames.h"

using bufferevent_ptr = std::unique_ptr<bufferevent, function_deleter<bufferevent_free>>;
using addrinfo_ptr = std::unique_ptr<addrinfo, function_deleter<freeaddrinfo>>;

/* Called on the loop. frame and down may call any connection_ function. */
struct connection_calls {
	void (*up)(void *arg);
	void (*frame)(void *arg, std::string_view text);
	void (*down)(void *arg, const char *reason); /* also for a failed attempt; the next one is timed */
};

struct connection {
	std::string host;
	std::string port;
	const connection_calls *calls = nullptr;
	void *arg = nullptr;
	event_base *base = nullptr;
	event_ptr retry;
	addrinfo_ptr addresses;
	const addrinfo *address = nullptr; /* the one that is tried */
	bufferevent_ptr stream;
	unsigned generation = 0; /* of stream, to notice in a loop that it was replaced */
	frames input;
	unsigned failures = 0; /* since the last connection_is_good */
	bool host_is_unknown = false; /* the last attempt found no address for it */
	bool is_up = false;
	bool rests = false; /* no attempt is timed */
};

/* Sets up and times the first attempt at once; calls and arg stay the caller's. -1: out of memory. */
[[nodiscard]] int connection_open(connection *cn, event_base *base, const connection_calls *calls, void *arg);
/* Queues a frame; of no effect while the connection is not up. */
void connection_send(connection *cn, std::string_view text);
/* Drops the connection and comes back after a pause; calls down. */
void connection_lose(connection *cn, const char *reason);
/* After a loss, from within down: no further attempt until connection_resume. */
void connection_rest(connection *cn);
/* Connects at once where the connection rests, else does nothing and says false. */
bool connection_resume(connection *cn);
/* The server serves us: the next loss begins with a short pause again. */
void connection_is_good(connection *cn);
/* Drops the connection for good, without a call. */
void connection_close(connection *cn);

#endif
