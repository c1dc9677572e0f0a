/* SPDX-License-Identifier: MIT
 * Connections of the bench over TLS and WebSocket (RFC 6455). */
#include "wire.h"

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <sys/socket.h>

#include "wire_tls.h"

struct wire {
	int fd = -1;
	bool websocket = false;
	wire_tls *tls = nullptr; /* null: none */
	std::string input; /* of the WebSocket, a part of a message */
	std::string output; /* as the server is to get it, not sent yet */
};

void wire_deleter::operator()(wire *w) const
{
	wire_tls_close(w->tls);
	std::default_delete<wire>()(w);
}

void wire_kind_deleter::operator()(wire_kind *kind) const
{
	if (kind->context)
		wire_tls_free(kind->context);
	std::default_delete<wire_kind>()(kind);
}

wire_kind_ptr wire_kind_make(bool tls, bool websocket)
{
	wire_kind_ptr kind(std::make_unique<wire_kind>().release());

	kind->tls = tls;
	kind->websocket = websocket;
	if (!tls)
		return kind;
	kind->context = wire_tls_make();
	return kind->context ? std::move(kind) : nullptr;
}

/* ---- bytes */

static ssize_t wire_read(wire *w, char *bytes, size_t size)
{
	return w->tls ? wire_tls_read(w->tls, bytes, size) : recv(w->fd, bytes, size, 0);
}

static ssize_t wire_write(wire *w, std::string_view bytes)
{
	return w->tls ? wire_tls_write(w->tls, bytes.data(), bytes.size())
	              : send(w->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

/* ---- WebSocket */

static void wire_put_message(std::string *out, uint8_t opcode, std::string_view payload)
{
	static const char mask[4] = {0x37, 0x11, 0x5e, 0x2d};

	out->push_back(static_cast<char>(0x80 | opcode));
	if (payload.size() < 126) {
		out->push_back(static_cast<char>(0x80 | payload.size()));
	} else {
		/* No frame of the bench is longer than 64 KiB. */
		out->push_back(static_cast<char>(0x80 | 126));
		out->push_back(static_cast<char>(payload.size() >> 8));
		out->push_back(static_cast<char>(payload.size()));
	}
	out->append(mask, sizeof mask);
	for (size_t i = 0; i < payload.size(); i++)
		out->push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
}

static void wire_put_frames(wire *w, std::string_view frames)
{
	while (!frames.empty()) {
		const size_t end = frames.find('\n');

		wire_put_message(&w->output, 1, frames.substr(0, end));
		frames.remove_prefix(end + 1);
	}
}

static uint64_t wire_number(std::string_view bytes)
{
	uint64_t number = 0;

	for (const char byte : bytes)
		number = number << 8 | static_cast<unsigned char>(byte);
	return number;
}

/* Takes whole messages out of w->input. */
static void wire_take_messages(wire *w, std::string *input, bool *end_r)
{
	std::string_view rest = w->input;

	while (rest.size() >= 2) {
		const auto opcode = static_cast<uint8_t>(rest[0] & 0x0f), length = static_cast<uint8_t>(rest[1] & 0x7f);
		const size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;

		if (rest.size() < 2 + more)
			break;
		const uint64_t size = more ? wire_number(rest.substr(2, more)) : length;

		if (rest.size() - 2 - more < size)
			break;
		const std::string_view payload = rest.substr(2 + more, size);

		if (opcode == 1)
			input->append(payload).push_back('\n');
		else if (opcode == 8)
			*end_r = true;
		else if (opcode == 9)
			wire_put_message(&w->output, 10, payload);
		rest.remove_prefix(2 + more + size);
	}
	w->input.erase(0, w->input.size() - rest.size());
}

static bool wire_upgrade(wire *w)
{
	static const char request[] =
		"GET /ws HTTP/1.1\r\nHost: chatbench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2hhdGJlbmNoY2hhdGJlbg==\r\n\r\n";
	std::string head;
	char byte;

	if (wire_write(w, request) != static_cast<ssize_t>(sizeof request - 1))
		return false;
	while (!head.ends_with("\r\n\r\n")) {
		if (wire_read(w, &byte, 1) != 1)
			return false;
		head.push_back(byte);
	}
	return head.starts_with("HTTP/1.1 101 ");
}

/* ---- the connection */

wire_ptr wire_open(const wire_kind *kind, int fd)
{
	wire_ptr w(std::make_unique<wire>().release());

	w->fd = fd;
	w->websocket = kind->websocket;
	if (kind->tls) {
		w->tls = wire_tls_open(kind->context, fd);
		if (!w->tls)
			return nullptr;
	}
	if (kind->websocket && !wire_upgrade(w.get()))
		return nullptr;
	return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 ? std::move(w) : nullptr;
}

ssize_t wire_receive(wire *w, std::string *input, bool *end_r)
{
	const size_t before = input->size();
	char bytes[65536];
	ssize_t n;

	*end_r = false;
	while ((n = wire_read(w, bytes, sizeof bytes)) > 0) {
		(w->websocket ? &w->input : input)->append(bytes, static_cast<size_t>(n));
		if (!w->tls)
			break;
	}
	if (w->websocket)
		wire_take_messages(w, input, end_r);
	*end_r = *end_r || n == 0;
	if (n < 0 && errno != EAGAIN)
		return -1;
	return static_cast<ssize_t>(input->size() - before);
}

int wire_send(wire *w, std::string *output)
{
	if (w->websocket)
		wire_put_frames(w, *output);
	else
		w->output += *output;
	output->clear();
	while (!w->output.empty()) {
		const ssize_t n = wire_write(w, w->output);

		if (n < 0)
			return -1;
		w->output.erase(0, static_cast<size_t>(n));
	}
	return 0;
}
