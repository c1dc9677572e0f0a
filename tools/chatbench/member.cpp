/* SPDX-License-Identifier: MIT
 * One account of a run: its connection, its bytes, and its way in by REGISTER, LOGIN and a group. */
#include "member.h"

#include <cerrno>
#include <charconv>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <chatserverd/msgid.h>

static const char member_password[] = "chatbench";

int64_t member_find_integer(std::string_view frame, std::string_view key)
{
	const size_t at = frame.find(key);
	int64_t value = -1;

	if (at == std::string_view::npos)
		return -1;
	const char *const begin = frame.data() + at + key.size();
	(void)std::from_chars(begin, frame.data() + frame.size(), value);
	return value;
}

void member_add(member *mb, std::string_view frame)
{
	mb->output += frame;
}

void member_flush(member *mb)
{
	if (mb->output.empty())
		return;
	const ssize_t sent = send(mb->fd.fd, mb->output.data(), mb->output.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent > 0)
		mb->output.erase(0, static_cast<size_t>(sent));
	else if (sent < 0 && errno != EAGAIN && errno != EINTR)
		mb->calls->failed(mb->arg, mb, "cannot send");
	if (!mb->output.empty())
		(void)event_add(mb->writable.get(), nullptr);
}

static void member_ask(member *mb, member_step step, const std::string &frame)
{
	mb->step = step;
	member_add(mb, frame);
	member_flush(mb);
}

static void member_log_in(member *mb, std::string_view frame)
{
	mb->id = static_cast<uint64_t>(member_find_integer(frame, "\"id\":"));
	member_ask(mb, MEMBER_LOGS_IN,
	           "{\"msgid\":1,\"id\":" + std::to_string(mb->id) + ",\"password\":\"" + member_password + "\"}\n");
}

static void member_be_ready(member *mb)
{
	mb->step = MEMBER_READY;
	mb->calls->ready(mb->arg, mb);
}

static void member_enter_group(member *mb)
{
	const std::string id = ",\"req\":1,\"id\":" + std::to_string(mb->id);

	if (!mb->wants_group)
		member_be_ready(mb);
	else if (mb->group == 0)
		member_ask(mb, MEMBER_GROUPS,
		           "{\"msgid\":8" + id + ",\"groupname\":\"" + mb->name + "\",\"groupdesc\":\"\"}\n");
	else
		member_ask(mb, MEMBER_GROUPS,
		           "{\"msgid\":9" + id + ",\"groupid\":" + std::to_string(mb->group) + "}\n");
}

/* Handles the answer to the current step of the member. */
static void member_take_step(member *mb, std::string_view frame)
{
	if (member_find_integer(frame, "\"errno\":") != CS_ERRNO_OK) {
		mb->calls->failed(mb->arg, mb, std::string(frame).c_str());
		return;
	}
	if (mb->step == MEMBER_REGISTERS) {
		member_log_in(mb, frame);
	} else if (mb->step == MEMBER_LOGS_IN) {
		member_enter_group(mb);
	} else {
		if (mb->group == 0)
			mb->group = static_cast<uint64_t>(member_find_integer(frame, "\"groupid\":"));
		member_be_ready(mb);
	}
}

/* Frames are split at LF: the server ends its frames with LF because the member does, and no frame contains one. */
static void member_take_frames(member *mb)
{
	size_t begin = 0, end;

	while ((end = mb->input.find('\n', begin)) != std::string::npos) {
		const std::string_view frame(mb->input.data() + begin, end - begin);
		begin = end + 1;
		if (mb->step == MEMBER_READY)
			mb->calls->frame(mb->arg, mb, frame);
		else
			member_take_step(mb, frame);
	}
	mb->input.erase(0, begin);
	mb->calls->read_all(mb->arg, mb);
}

static void member_on_readable(evutil_socket_t fd, short, void *arg)
{
	member *const mb = static_cast<member *>(arg);
	char bytes[65536];
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

int member_start(member *mb, event_base *base, const sockaddr *address, socklen_t size)
{
	const int on = 1;

	/* A blocking connect: on loopback it takes no time, and elsewhere the run has not begun yet. */
	mb->fd.reset(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (mb->fd.fd == -1 || connect(mb->fd.fd, address, size) != 0)
		return -1;
	(void)setsockopt(mb->fd.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	mb->readable.reset(event_new(base, mb->fd.fd, EV_READ | EV_PERSIST, member_on_readable, mb));
	mb->writable.reset(event_new(base, mb->fd.fd, EV_WRITE, member_on_writable, mb));
	if (!mb->readable || !mb->writable || event_add(mb->readable.get(), nullptr) != 0)
		return -1;
	member_ask(mb, MEMBER_REGISTERS,
	           "{\"msgid\":4,\"name\":\"" + mb->name + "\",\"password\":\"" + member_password + "\"}\n");
	return 0;
}
