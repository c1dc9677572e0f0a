/* SPDX-License-Identifier: MIT
 * The connection to the server: resolving, connecting, turning bytes into frames, and connecting again after a
 * pause. */
#include "connection.h"

#include <cerrno>
#include <cstring>

#include <event2/buffer.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "random.h"

static const int64_t connection_first_pause = 250;
static const int64_t connection_longest_pause = 30000;
static const timeval connection_connect_time = {10, 0};
/* The client sends PING every 30 s. Without an answer for this time the server or the network is dead. */
static const timeval connection_silence = {45, 0};

static void connection_try(connection *cn);

static void connection_drop(connection *cn)
{
	cn->is_up = false;
	cn->generation++;
	cn->stream.reset();
	frames_clear(&cn->input);
}

static void connection_time_retry(connection *cn)
{
	const int64_t pause = random_pause(connection_first_pause, cn->failures++, connection_longest_pause);
	const timeval wait = {pause / 1000, pause % 1000 * 1000};

	(void)event_add(cn->retry.get(), &wait);
}

void connection_lose(connection *cn, const char *reason)
{
	connection_drop(cn);
	connection_time_retry(cn);
	cn->calls->down(cn->arg, reason);
}

static void connection_on_read(bufferevent *stream, void *arg)
{
	connection *const cn = static_cast<connection *>(arg);
	evbuffer *const input = bufferevent_get_input(stream);
	const size_t size = evbuffer_get_length(input);
	const unsigned generation = cn->generation;
	std::string_view text;
	int found = 0;

	frames_add(&cn->input, {reinterpret_cast<const char *>(evbuffer_pullup(input, -1)), size});
	(void)evbuffer_drain(input, size);
	while (generation == cn->generation && (found = frames_next(&cn->input, &text)) == 1)
		cn->calls->frame(cn->arg, text);
	if (generation == cn->generation && found < 0)
		connection_lose(cn, "the answer is no chat protocol");
}

static void connection_set_up(connection *cn)
{
	const int on = 1;

	cn->is_up = true;
	(void)setsockopt(bufferevent_getfd(cn->stream.get()), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	(void)bufferevent_set_timeouts(cn->stream.get(), &connection_silence, nullptr);
	(void)bufferevent_enable(cn->stream.get(), EV_READ);
	cn->calls->up(cn->arg);
}

static void connection_on_event(bufferevent *, short what, void *arg)
{
	connection *const cn = static_cast<connection *>(arg);
	const int error = EVUTIL_SOCKET_ERROR();

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		connection_set_up(cn);
		return;
	}
	if (!cn->is_up && cn->address && cn->address->ai_next) {
		cn->address = cn->address->ai_next;
		connection_drop(cn);
		connection_try(cn);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) != 0)
		connection_lose(cn, cn->is_up ? "the server is silent" : "no answer in time");
	else if ((what & BEV_EVENT_EOF) != 0)
		connection_lose(cn, "closed by the server");
	else
		connection_lose(cn, error != 0 ? strerror(error) : "connection failed");
}

static void connection_try(connection *cn)
{
	cn->stream.reset(bufferevent_socket_new(cn->base, -1, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
	if (!cn->stream) {
		connection_lose(cn, "out of memory");
		return;
	}
	bufferevent_setcb(cn->stream.get(), connection_on_read, nullptr, connection_on_event, cn);
	(void)bufferevent_set_timeouts(cn->stream.get(), nullptr, &connection_connect_time);
	(void)bufferevent_enable(cn->stream.get(), EV_WRITE);
	/* The event callback reports an immediate failure too. */
	(void)bufferevent_socket_connect(cn->stream.get(), cn->address->ai_addr,
	                                 static_cast<int>(cn->address->ai_addrlen));
}

/* Resolving blocks as long as the system's resolver does. Each try resolves again, so a changed address is found. */
static void connection_on_retry(evutil_socket_t, short, void *arg)
{
	connection *const cn = static_cast<connection *>(arg);
	const addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	addrinfo *found = nullptr;
	const int result = getaddrinfo(cn->host.c_str(), cn->port.c_str(), &wanted, &found);

	cn->host_is_unknown = result == EAI_NONAME;
	if (result != 0) {
		connection_lose(cn, result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
		return;
	}
	cn->addresses.reset(found);
	cn->address = found;
	connection_try(cn);
}

void connection_rest(connection *cn)
{
	(void)event_del(cn->retry.get());
	cn->failures = 0;
	cn->rests = true;
}

bool connection_resume(connection *cn)
{
	const timeval at_once = {0, 0};

	if (!cn->rests)
		return false;
	cn->rests = false;
	(void)event_add(cn->retry.get(), &at_once);
	return true;
}

int connection_open(connection *cn, event_base *base, const connection_calls *calls, void *arg)
{
	const timeval at_once = {0, 0};

	cn->base = base;
	cn->calls = calls;
	cn->arg = arg;
	cn->retry.reset(event_new(base, -1, 0, connection_on_retry, cn));
	return cn->retry != nullptr && event_add(cn->retry.get(), &at_once) == 0 ? 0 : -1;
}

void connection_send(connection *cn, std::string_view text)
{
	if (cn->is_up)
		(void)bufferevent_write(cn->stream.get(), text.data(), text.size());
}

void connection_is_good(connection *cn)
{
	cn->failures = 0;
}

void connection_close(connection *cn)
{
	if (cn->is_up) {
		evbuffer *const output = bufferevent_get_output(cn->stream.get());
		(void)evbuffer_unfreeze(output, 1); /* only the stream itself may take from its beginning */
		(void)evbuffer_write(output, bufferevent_getfd(cn->stream.get()));
	}
	connection_drop(cn);
	(void)event_del(cn->retry.get());
}
