/* SPDX-License-Identifier: MIT
 * The connection of a test client: bytes out, frames in, and the conversation to print when a test fails. */
#include "tests/support/client.h"

#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/server.h"

test_client::~test_client()
{
	if (fd != -1)
		close(fd);
}

static void note(test_client *c, const char *mark, std::string_view text)
{
	std::string line = mark;

	for (const char byte : text.substr(0, 400))
		if (static_cast<unsigned char>(byte) < 0x20)
			line += check_format("\\x%02x", byte);
		else
			line += byte;
	if (text.size() > 400)
		line += check_format(" ... (%zu bytes)", text.size());
	c->talk.push_back(std::move(line));
	if (c->talk.size() > 40)
		c->talk.pop_front();
}

void client_fail(const test_client *c, test_at at, const char *format, ...)
{
	const std::string log = test_server_log(c->server);
	va_list arguments;

	va_start(arguments, format);
	const std::string text = check_format_list(format, arguments);
	va_end(arguments);
	print_error("---- conversation of account %lld\n", static_cast<long long>(c->id));
	for (const std::string &line : c->talk)
		check_report(line);
	check_report("---- end of the server's log\n" + log.substr(log.size() > 2000 ? log.size() - 2000 : 0) + "----");
	check_fail(at, "%s", text.c_str());
}

/* source: nullptr for whichever the system takes. */
static test_client *connect_from(test_server *s, const char *source, int receive_buffer, test_at at)
{
	auto owner = std::make_unique<test_client>();
	test_client *c = owner.get();
	struct sockaddr_in address = {};
	const int one = 1;

	c->server = s;
	c->transport.kind = s->transport;
	c->transport.host = s->address;
	c->transport.ws.random += ++s->opened;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (receive_buffer)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->clients.push_back(std::move(owner));
	address.sin_family = AF_INET;
	if (source && (inet_pton(AF_INET, source, &address.sin_addr) != 1 ||
	               bind(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0))
		client_fail(c, at, "bind to %s: %s", source, strerror(errno));
	address.sin_port = htons(s->port);
	(void)inet_pton(AF_INET, s->address.c_str(), &address.sin_addr);
	if (connect(c->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		client_fail(c, at, "connect to port %u: %s", s->port, strerror(errno));
	return c;
}

static bool read_more(test_client *c, int64_t end);
static void flush(test_client *c, int flags);

static void begin(test_client *c)
{
	if (c->transport.kind == TRANSPORT_PLAIN || c->transport.has_begun)
		return;
	transport_begin(&c->transport, &c->output);
	flush(c, 0);
}

/* Not for ever: a server that is full or stopped does not answer. Its next clients wait less. */
test_client *client_open(test_server *s, int receive_buffer, test_at at)
{
	test_client *c = connect_from(s, nullptr, receive_buffer, at);

	begin(c);
	if (!c->transport.has_begun)
		return c;
	const int64_t end = check_now() + (s->is_slow ? 20 : 1000) * check_patience_factor();
	while (!transport_is_open(&c->transport) && read_more(c, end))
		;
	s->is_slow = !transport_is_open(&c->transport) && !c->ended;
	return c;
}

test_client *client_open_from(test_server *s, const char *source, test_at at)
{
	return connect_from(s, source, 0, at);
}

void client_close(test_client *c)
{
	auto &all = c->server->clients;

	for (size_t i = 0; i < all.size(); i++)
		if (all[i].get() == c) {
			all[i].swap(all.back());
			all.pop_back();
			return;
		}
}

void client_reset(test_client *c)
{
	const struct linger now = {1, 0};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	client_close(c);
}

static void take_bytes(test_client *c, std::string_view raw)
{
	if (c->transport.kind == TRANSPORT_PLAIN) {
		c->input += raw;
		return;
	}
	transport_take(&c->transport, raw, &c->input, &c->output);
	const std::string wrong = transport_error(&c->transport);

	if (!wrong.empty())
		note(c, "< ", wrong);
	flush(c, 0);
}

/* Reads what is there, waiting at most until the end. false: nothing came, or the connection ended. */
static bool read_more(test_client *c, int64_t end)
{
	static char part[65536];
	const int64_t left = end - check_now();
	struct pollfd wait = {c->fd, POLLIN, 0};

	if (!c->is_raw)
		begin(c);
	if (c->ended || poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0) <= 0)
		return false;
	const ssize_t got = recv(c->fd, part, sizeof(part), 0);

	if (got > 0) {
		take_bytes(c, std::string_view(part, static_cast<size_t>(got)));
		return true;
	}
	c->ended = true;
	c->reset = got < 0;
	note(c, "< ", got < 0 ? strerror(errno) : "(end)");
	return false;
}

void client_answer_transport(test_client *c)
{
	while (read_more(c, 0))
		;
	if (c->ended)
		shutdown(c->fd, SHUT_WR);
}

/* What the kernel takes of the output. -1: the connection is gone. Another error leaves errno. */
static int push(test_client *c, int flags)
{
	while (!c->output.empty()) {
		const ssize_t sent =
			send(c->fd, c->output.data(), c->output.size(), MSG_NOSIGNAL | MSG_DONTWAIT | flags);

		if (sent > 0) {
			c->output.erase(0, static_cast<size_t>(sent));
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return -1;
		return 0;
	}
	return 0;
}

/* What is left goes with the next bytes, and whether the connection is gone is seen then. */
static void flush(test_client *c, int flags)
{
	(void)push(c, flags);
}

static void put(test_client *c, std::string_view bytes, bool stays_open)
{
	c->is_raw = false;
	begin(c);
	if (c->transport.kind == TRANSPORT_PLAIN)
		c->output += bytes;
	else
		transport_put(&c->transport, bytes, stays_open, &c->output);
}

/* Until the kernel has all of the output. */
static bool send_output(test_client *c, int flags, test_at at)
{
	const int64_t end = check_now() + check_patience_ms();

	for (;;) {
		struct pollfd wait = {c->fd, POLLIN | POLLOUT, 0};

		if (push(c, flags) < 0) {
			note(c, "> ", strerror(errno));
			return false;
		}
		if (c->output.empty())
			return true;
		if (errno != EAGAIN)
			client_fail(c, at, "send: %s", strerror(errno));
		if (check_now() > end)
			client_fail(c, at, "the server does not read");
		poll(&wait, 1, 100);
		if (wait.revents & POLLIN)
			read_more(c, 0);
	}
}

static bool try_send(test_client *c, std::string_view bytes, bool stays_open, test_at at)
{
	note(c, "> ", bytes);
	put(c, bytes, stays_open);
	if (!send_output(c, 0, at))
		return false;
	/* Bytes that wait for the handshakes of a connection that has ended are not sent. */
	return !c->ended || c->transport.waiting.empty();
}

bool client_try_send(test_client *c, std::string_view bytes, test_at at)
{
	return try_send(c, bytes, false, at);
}

int client_pour(test_client *c, std::string_view bytes, test_at at)
{
	if (c->output.empty())
		put(c, bytes, false);
	const size_t before = c->output.size();

	if (push(c, 0) < 0 || c->ended)
		return -1;
	if (!c->output.empty() && errno != EAGAIN)
		client_fail(c, at, "send: %s", strerror(errno));
	return c->output.size() < before;
}

bool client_send_raw(test_client *c, std::string_view bytes, bool has_more, test_at at)
{
	note(c, "> ", bytes);
	c->is_raw = true;
	c->output += bytes;
	return send_output(c, has_more ? MSG_MORE : 0, at);
}

bool client_send_below(test_client *c, std::string_view bytes, test_at at)
{
	transport_put_below(&c->transport, bytes, &c->output);
	return send_output(c, 0, at);
}

bool client_send_message(test_client *c, unsigned first, std::string_view payload, test_at at)
{
	std::string message;

	note(c, "> (message) ", payload);
	websocket_put_frame(&c->transport.ws, first, payload, &message);
	return client_send_below(c, message, at);
}

void client_send(test_client *c, std::string_view bytes, test_at at)
{
	if (!client_try_send(c, bytes, at))
		client_fail(c, at, "the server closed the connection before all was sent");
}

void client_sendf(test_client *c, const char *format, ...)
{
	va_list arguments, again;

	va_start(arguments, format);
	va_copy(again, arguments);
	std::string frame(static_cast<size_t>(vsnprintf(nullptr, 0, format, arguments)), '\0');
	vsnprintf(frame.data(), frame.size() + 1, format, again);
	va_end(again);
	va_end(arguments);
	client_send(c, frame + c->ending);
}

void client_send_bytewise(test_client *c, std::string_view bytes)
{
	for (size_t i = 0; i < bytes.size(); i++)
		if (!try_send(c, bytes.substr(i, 1), true, test_at::current()))
			client_fail(c, test_at::current(), "the server closed the connection before all was sent");
}

/* Where the first object of the text ends (behind its brace), npos when it is not whole. begin_r: where it
 * begins. */
static size_t object_end(const std::string &text, size_t *begin_r)
{
	size_t depth = 0;
	bool in_string = false;

	*begin_r = text.find('{');
	for (size_t i = *begin_r; i < text.size(); i++) {
		const char byte = text[i];

		if (in_string && byte == '\\')
			i++;
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && byte == '{')
			depth++;
		else if (!in_string && byte == '}' && --depth == 0)
			return i + 1;
	}
	return text.npos;
}

/* Takes a whole frame and the byte behind it out of the input. */
static bool take_frame(test_client *c, test_frame *frame_r)
{
	size_t begin;
	const size_t end = object_end(c->input, &begin);

	if (end == std::string::npos || end == c->input.size())
		return false;
	frame_r->bytes = c->input.substr(begin, end - begin);
	frame_r->terminator = c->input[end];
	frame_r->json.reset(cJSON_Parse(frame_r->bytes.c_str()));
	note(c, "< ", c->input.substr(0, end + 1));
	if (!frame_r->json)
		client_fail(c, test_at::current(), "the server sent what is no JSON");
	if (transport_has_messages(c->transport.kind) && (begin != 0 || frame_r->terminator != websocket_message_end))
		client_fail(c, test_at::current(), "a message that is not exactly one frame");
	if (c->input.find_first_not_of(std::string_view("\n\0 \r\t", 5)) != begin)
		client_fail(c, test_at::current(), "bytes of the server in front of a frame");
	c->input.erase(0, end + 1);
	return true;
}

bool client_frame_ends_with(const test_frame *frame, char terminator)
{
	return frame->terminator == terminator || frame->terminator == websocket_message_end;
}

bool client_try_read(test_client *c, test_frame *frame_r, int timeout_ms)
{
	const int64_t end = check_now() + timeout_ms;

	if (!c->kept.empty()) {
		*frame_r = std::move(c->kept.front());
		c->kept.pop_front();
		return true;
	}
	for (;;) {
		if (take_frame(c, frame_r))
			return true;
		if (!read_more(c, end))
			return false;
	}
}

const std::string &client_read_text(test_client *c, std::string_view text, test_at at)
{
	const int64_t end = check_now() + check_patience_ms();

	while (!c->ended && c->input.find(text) == std::string::npos)
		if (!read_more(c, end) && !c->ended)
			client_fail(c, at, "waited in vain for \"%.*s\", got: %s", static_cast<int>(text.size()),
			            text.data(), c->input.substr(0, 2000).c_str());
	return c->input;
}

const std::string &client_read_text_to_end(test_client *c, test_at at)
{
	const int64_t end = check_now() + check_patience_ms();

	while (!c->ended)
		if (!read_more(c, end) && !c->ended)
			client_fail(c, at, "the connection does not end");
	return c->input;
}

test_frame client_read(test_client *c, test_at at)
{
	test_frame frame;

	if (!client_try_read(c, &frame, (int)check_patience_ms()))
		client_fail(c, at, c->ended ? "the connection ended instead of a frame" : "no frame came");
	return frame;
}

test_frame client_read_answer(test_client *c, int64_t req, test_at at)
{
	std::deque<test_frame> before;

	for (;;) {
		test_frame frame = client_read(c, at);

		if (json_integer(frame.json.get(), "msgid") == 100 && json_integer(frame.json.get(), "req") == req) {
			for (; !before.empty(); before.pop_back())
				c->kept.push_front(std::move(before.back()));
			return frame;
		}
		before.push_back(std::move(frame));
	}
}

test_frame client_expect(test_client *c, std::string_view members, test_at at)
{
	test_frame frame = client_read(c, at);

	if (!json_matches(frame.json.get(), members))
		client_fail(c, at, "expected %.*s\n     got %s", (int)members.size(), members.data(),
		            frame.bytes.substr(0, 1000).c_str());
	return frame;
}

std::vector<test_frame> client_read_all(test_client *c, test_at at)
{
	const std::string answer =
		check_format("{\"msgid\":100,\"of\":102,\"req\":%lld,\"errno\":0}", 900000LL + c->next_req);
	std::vector<test_frame> frames;

	client_sendf(c, "{\"msgid\":102,\"req\":%lld}", 900000LL + c->next_req++);
	for (;;) {
		test_frame frame = client_read(c, at);

		if (json_matches(frame.json.get(), answer))
			return frames;
		frames.push_back(std::move(frame));
	}
}

std::vector<test_frame> client_read_many(test_client *c, size_t count, test_at at)
{
	std::vector<test_frame> frames;

	while (frames.size() < count)
		frames.push_back(client_read(c, at));
	client_expect_quiet(c, at);
	return frames;
}

void client_expect_quiet(test_client *c, test_at at)
{
	const std::vector<test_frame> frames = client_read_all(c, at);

	if (!frames.empty())
		client_fail(c, at, "expected nothing, got %s", frames[0].bytes.substr(0, 1000).c_str());
}

std::vector<test_frame> client_read_to_end(test_client *c, test_at at)
{
	const int64_t end = check_now() + check_patience_ms();
	std::vector<test_frame> frames;

	while (!c->ended) {
		test_frame frame;

		if (client_try_read(c, &frame, static_cast<int>(end - check_now())))
			frames.push_back(std::move(frame));
		else if (!c->ended)
			client_fail(c, at, "the connection does not end");
	}
	return frames;
}

void client_expect_end(test_client *c, test_at at)
{
	const std::vector<test_frame> frames = client_read_to_end(c, at);

	if (!frames.empty())
		client_fail(c, at, "expected the end, got %s", frames[0].bytes.substr(0, 1000).c_str());
}
