/* SPDX-License-Identifier: MIT
 * The connection to the server: resolving, connecting, turning bytes into frames, and connecting again after a
 * pause. */
#include "connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

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
	cn->has_said = false;
	cn->has_heard = false;
	cn->generation++;
	cn->stream.reset();
	cn->ch = {};
	frames_clear(&cn->input);
}

static void connection_time_retry(connection *cn)
{
	const int64_t pause = random_pause(connection_first_pause, cn->failures++, connection_longest_pause) +
	                      std::exchange(cn->delay, 0);
	const timeval wait = {pause / 1000, pause % 1000 * 1000};

	(void)event_add(cn->retry.get(), &wait);
}

void connection_lose(connection *cn, const char *reason)
{
	connection_drop(cn);
	connection_time_retry(cn);
	cn->calls->down(cn->arg, reason);
}

/* What the channel has for the socket. */
static void connection_flush(connection *cn)
{
	if (!cn->ch.out.empty())
		(void)bufferevent_write(cn->stream.get(), cn->ch.out.data(), cn->ch.out.size());
	cn->ch.out.clear();
}

static void connection_set_up(connection *cn)
{
	cn->is_up = true;
	(void)bufferevent_set_timeouts(cn->stream.get(), &connection_silence, nullptr);
	cn->calls->up(cn->arg);
}

/* What is queued, as far as it goes at once. */
static void connection_write_now(connection *cn)
{
	evbuffer *const output = bufferevent_get_output(cn->stream.get());

	connection_flush(cn);
	(void)evbuffer_unfreeze(output, 1); /* only the stream itself may take from its beginning */
	(void)evbuffer_write(output, bufferevent_getfd(cn->stream.get()));
}

static void connection_fail(connection *cn)
{
	cn->problem = cn->ch.problem;
	cn->is_hopeless = cn->ch.is_final;
	connection_write_now(cn); /* an alert, or a Close, tells the server why */
	connection_lose(cn, cn->problem.c_str());
}

/* A server that waits for TLS may just close. */
static const char *connection_explain_end(const connection *cn)
{
	return cn->has_said && !cn->has_heard && !cn->to.tls && cn->to.path.empty()
	               ? "closed by the server without an answer: does this port want --tls?"
	               : "closed by the server";
}

/* Or it answers by an alert. */
static const char *connection_explain_answer(const connection *cn)
{
	return !cn->to.tls && cn->to.path.empty() && cn->input.bytes.starts_with('\x15')
	               ? "this port of the server wants TLS: connect with --tls"
	               : "the answer is no chat protocol";
}

static void connection_take_frames(connection *cn)
{
	const unsigned generation = cn->generation;
	std::string_view text;
	int found = 0;

	frames_add(&cn->input, cn->ch.text);
	cn->ch.text.clear();
	while (generation == cn->generation && (found = frames_next(&cn->input, &text)) == 1)
		cn->calls->frame(cn->arg, text);
	if (generation == cn->generation && found < 0)
		connection_lose(cn, connection_explain_answer(cn));
}

static void connection_on_read(bufferevent *stream, void *arg)
{
	connection *const cn = static_cast<connection *>(arg);
	evbuffer *const input = bufferevent_get_input(stream);
	const size_t size = evbuffer_get_length(input);
	const unsigned generation = cn->generation;

	const bool good = channel_take(&cn->ch, {reinterpret_cast<const char *>(evbuffer_pullup(input, -1)), size});
	(void)evbuffer_drain(input, size);
	cn->has_heard = true;
	connection_flush(cn);
	if (!cn->is_up && cn->ch.is_open)
		connection_set_up(cn);
	if (generation == cn->generation)
		connection_take_frames(cn);
	if (generation == cn->generation && !good)
		connection_fail(cn);
}

/* The socket is connected. */
static void connection_begin(connection *cn)
{
	const int on = 1;

	(void)setsockopt(bufferevent_getfd(cn->stream.get()), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	/* TLS and WebSocket begin with an answer of the server. */
	(void)bufferevent_set_timeouts(cn->stream.get(), &connection_connect_time, nullptr);
	(void)bufferevent_enable(cn->stream.get(), EV_READ);
	const bool good = channel_begin(&cn->ch, &cn->to, cn->context.get());
	connection_flush(cn);
	if (!good)
		connection_fail(cn);
	else if (cn->ch.is_open)
		connection_set_up(cn);
}

static void connection_on_event(bufferevent *, short what, void *arg)
{
	connection *const cn = static_cast<connection *>(arg);
	const int error = EVUTIL_SOCKET_ERROR();

	if ((what & BEV_EVENT_CONNECTED) != 0) {
		connection_begin(cn);
		return;
	}
	if (!cn->is_up && cn->tried && cn->tried->ai_next) {
		cn->tried = cn->tried->ai_next;
		connection_drop(cn);
		connection_try(cn);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) != 0)
		connection_lose(cn, cn->is_up ? "the server is silent" : "no answer in time");
	else if ((what & BEV_EVENT_EOF) != 0)
		connection_lose(cn, connection_explain_end(cn));
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
	(void)bufferevent_socket_connect(cn->stream.get(), cn->tried->ai_addr, static_cast<int>(cn->tried->ai_addrlen));
}

/* Resolving blocks as long as the system's resolver does. Each try resolves again, so a changed address is found. */
static void connection_on_retry(evutil_socket_t, short, void *arg)
{
	connection *const cn = static_cast<connection *>(arg);
	const addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	addrinfo *found = nullptr;
	const int result = getaddrinfo(cn->to.host.c_str(), cn->to.port.c_str(), &wanted, &found);

	cn->is_hopeless = result == EAI_NONAME;
	if (result != 0) {
		connection_lose(cn, result == EAI_SYSTEM ? strerror(errno) : gai_strerror(result));
		return;
	}
	cn->addresses.reset(found);
	cn->tried = found;
	connection_try(cn);
}

void connection_delay(connection *cn, int64_t ms)
{
	cn->delay = std::clamp<int64_t>(ms, 0, connection_longest_pause);
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
	if (!cn->is_up)
		return;
	if (!channel_write(&cn->ch, text))
		return; /* the next bytes of the server, or its silence, end it */
	connection_flush(cn);
	cn->has_said = true;
}

void connection_is_good(connection *cn)
{
	cn->failures = 0;
}

void connection_close(connection *cn)
{
	if (cn->is_up) {
		channel_end(&cn->ch);
		connection_write_now(cn);
	}
	connection_drop(cn);
	(void)event_del(cn->retry.get());
}
