/* SPDX-License-Identifier: MIT
 * One account of a run: its connection, its bytes, its way in by REGISTER, LOGIN and a group, and its way out. */
#include "member.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <chatserverd/msgid.h>

#include "process.h"

static const char member_password[] = "chatbench";

int64_t member_find_integer(std::string_view frame, std::string_view key)
{
	const void *const at = memmem(frame.data(), frame.size(), key.data(), key.size());
	int64_t value = -1;

	if (!at)
		return -1;
	(void)std::from_chars(static_cast<const char *>(at) + key.size(), frame.data() + frame.size(), value);
	return value;
}

static void member_flush_wire(member *mb)
{
	if (wire_send(mb->wire.get(), &mb->output) == 0)
		return;
	if (errno == EAGAIN || errno == EINTR)
		(void)event_add(mb->writable.get(), nullptr);
	else
		mb->calls->failed(mb->arg, mb, "cannot send");
}

void member_flush(member *mb)
{
	if (mb->wire)
		return member_flush_wire(mb);
	if (mb->output.empty())
		return;
	const ssize_t sent = send(mb->fd.fd, mb->output.data(), mb->output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0)
		mb->output.erase(0, static_cast<size_t>(sent));
	else if (sent < 0 && errno != EAGAIN && errno != EINTR)
		mb->calls->failed(mb->arg, mb, "cannot send");
	if (!mb->output.empty() && mb->writable)
		(void)event_add(mb->writable.get(), nullptr);
}

static void member_ask(member *mb, member_step step, const std::string &frame)
{
	mb->step = step;
	mb->asked = process_clock();
	mb->output += frame;
	member_flush(mb);
}

void member_register(member *mb)
{
	member_ask(mb, MEMBER_REGISTERS,
	           "{\"msgid\":4,\"name\":\"" + mb->name + "\",\"password\":\"" + member_password + "\"}\n");
}

static void member_log_in(member *mb)
{
	std::string frame = "{\"msgid\":1,\"id\":" + std::to_string(mb->id);

	if (mb->token.empty())
		frame += std::string(",\"password\":\"") + member_password + "\"";
	else
		frame += ",\"token\":\"" + mb->token + "\"";
	if (mb->wants_token && mb->token.empty())
		frame += ",\"remember\":true";
	member_ask(mb, MEMBER_LOGS_IN, frame + (mb->wants_signals ? ",\"want\":[\"signal\"]}\n" : "}\n"));
}

void member_leave(member *mb)
{
	member_ask(mb, MEMBER_LEAVES, "{\"msgid\":3,\"req\":1,\"id\":" + std::to_string(mb->id) + "}\n");
}

static void member_be_ready(member *mb, std::string_view answer)
{
	mb->step = MEMBER_READY;
	mb->calls->ready(mb->arg, mb, answer);
}

static void member_enter_group(member *mb)
{
	const std::string id = ",\"req\":1,\"id\":" + std::to_string(mb->id);

	if (mb->group == 0)
		member_ask(mb, MEMBER_GROUPS,
		           "{\"msgid\":8" + id + ",\"groupname\":\"" + mb->name + "\",\"groupdesc\":\"\"}\n");
	else
		member_ask(mb, MEMBER_GROUPS,
		           "{\"msgid\":9" + id + ",\"groupid\":" + std::to_string(mb->group) + "}\n");
}

static void member_take_group(member *mb, std::string_view answer)
{
	mb->wants_group = false;
	if (mb->group == 0)
		mb->group = static_cast<uint64_t>(member_find_integer(answer, "\"groupid\":"));
	member_be_ready(mb, {});
}

static void member_take_registration(member *mb, std::string_view answer)
{
	mb->id = static_cast<uint64_t>(member_find_integer(answer, "\"id\":"));
	if (mb->only_registers)
		member_be_ready(mb, answer);
	else
		member_log_in(mb);
}

/* The text after the key, with its escapes. */
static std::string_view member_find_text(std::string_view frame, std::string_view key)
{
	const size_t at = frame.find(key), begin = at + key.size();
	size_t end = begin;

	if (at == std::string_view::npos)
		return {};
	while (end < frame.size() && frame[end] != '"')
		end += frame[end] == '\\' ? 2 : 1;
	return frame.substr(begin, end - begin);
}

static void member_take_login(member *mb, std::string_view answer)
{
	if (mb->name.empty())
		mb->name = member_find_text(answer, "\"name\":\"");
	if (mb->wants_token && mb->token.empty())
		mb->token = member_find_text(answer, "\"token\":\"");
	if (mb->wants_group)
		member_enter_group(mb);
	else
		member_be_ready(mb, answer);
}

/* Handles the answer to the current step of the member. false: the connection may be another one now. */
static bool member_take_step(member *mb, std::string_view answer)
{
	const unsigned connection = mb->connection;

	if (mb->step == MEMBER_LEAVES && member_find_integer(answer, "\"msgid\":") != CS_MSGID_ACK)
		return true;
	if (member_find_integer(answer, "\"errno\":") != CS_ERRNO_OK) {
		mb->calls->refused(mb->arg, mb, answer);
		return false;
	}
	switch (mb->step) {
	case MEMBER_REGISTERS: member_take_registration(mb, answer); break;
	case MEMBER_LOGS_IN: member_take_login(mb, answer); break;
	case MEMBER_LEAVES:
		member_close(mb);
		mb->calls->left(mb->arg, mb);
		break;
	default: member_take_group(mb, answer); break;
	}
	return mb->step != MEMBER_AWAY && mb->connection == connection;
}

/* Frames are split at LF: the server ends its frames with LF because the member does, and no frame contains one. The
 * functions that are called can close the connection and open another, so the bytes are taken out before. */
static void member_take_frames(member *mb)
{
	std::string input;
	size_t begin = 0;

	input.swap(mb->input);
	while (const void *const at = memchr(input.data() + begin, '\n', input.size() - begin)) {
		const size_t end = static_cast<size_t>(static_cast<const char *>(at) - input.data());
		const std::string_view frame(input.data() + begin, end - begin);
		begin = end + 1;
		if (mb->step == MEMBER_READY)
			mb->calls->frame(mb->arg, mb, frame);
		else if (!member_take_step(mb, frame))
			return;
	}
	input.erase(0, begin);
	mb->input.swap(input);
	mb->calls->read_all(mb->arg, mb);
}

static void member_read_wire(member *mb)
{
	const unsigned connection = mb->connection;
	bool is_end = false;
	const ssize_t got = wire_receive(mb->wire.get(), &mb->input, &is_end);

	if (got > 0)
		member_take_frames(mb);
	if (mb->step == MEMBER_AWAY || mb->connection != connection)
		return;
	if (got >= 0 && !is_end) {
		member_flush(mb); /* a ping was answered, perhaps */
		return;
	}
	(void)event_del(mb->readable.get());
	mb->calls->failed(mb->arg, mb, "the connection was lost");
}

static void member_on_readable(evutil_socket_t fd, short, void *arg)
{
	member *const mb = static_cast<member *>(arg);
	char bytes[65536];

	if (mb->wire)
		return member_read_wire(mb);
	const ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (got > 0) {
		mb->input.append(bytes, static_cast<size_t>(got));
		member_take_frames(mb);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		(void)event_del(mb->readable.get());
		mb->calls->failed(mb->arg, mb, "the connection was lost");
	}
}

static void member_on_writable(evutil_socket_t, short, void *arg)
{
	member_flush(static_cast<member *>(arg));
}

/* With a reset, so that no port stays in use for a minute. */
void member_close(member *mb)
{
	const linger at_once = {1, 0};

	(void)setsockopt(mb->fd.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	mb->readable.reset();
	mb->writable.reset();
	mb->wire.reset();
	mb->fd.reset(-1);
	mb->input.clear();
	mb->output.clear();
	mb->step = MEMBER_AWAY;
}

int member_start(member *mb, event_base *base, const sockaddr *address, socklen_t size)
{
	const int on = 1;

	mb->connection++;
	/* A blocking connect: on loopback it takes no time. */
	mb->fd.reset(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (mb->fd.fd == -1 || connect(mb->fd.fd, address, size) != 0)
		return -1;
	(void)setsockopt(mb->fd.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (mb->kind) {
		mb->wire = wire_open(mb->kind, mb->fd.fd);
		if (!mb->wire) {
			errno = EPROTO;
			return -1;
		}
	}
	mb->readable.reset(event_new(base, mb->fd.fd, EV_READ | EV_PERSIST, member_on_readable, mb));
	mb->writable.reset(event_new(base, mb->fd.fd, EV_WRITE, member_on_writable, mb));
	if (!mb->readable || !mb->writable || event_add(mb->readable.get(), nullptr) != 0)
		return -1;
	if (mb->id == 0)
		member_register(mb);
	else
		member_log_in(mb);
	return 0;
}
