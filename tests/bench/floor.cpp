/* SPDX-License-Identifier: MIT
 * The least that a server can do here, for comparison: one thread, no JSON, no checks, no store.
 *
 * It finds the end of a frame by memchr and the receiver by memmem, and each frame that it sends is one system call.
 * It speaks just enough for chatbench with pairs: REGISTER, LOGIN, LOGOUT, CHAT, SIGNAL, PING. It listens on a free
 * port of 127.0.0.1, prints its number, and serves until a signal ends it. */
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chatserverd/msgid.h>

struct floor_server {
	int epoll = -1;
	int listener = -1;
	std::unordered_map<int, std::string> partial; /* by descriptor: the begin of a frame that is not whole */
	std::vector<int> online = {-1}; /* by account: its descriptor, or -1 */
};

static int64_t floor_number(std::string_view frame, std::string_view key)
{
	const void *const at = memmem(frame.data(), frame.size(), key.data(), key.size());
	int64_t value = 0;

	if (at)
		(void)std::from_chars(static_cast<const char *>(at) + key.size(), frame.data() + frame.size(), value);
	return value;
}

/* The sockets block, so that this waits for a receiver that does not read. */
static void floor_say(int fd, std::string_view text)
{
	if (fd != -1)
		(void)!send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

static void floor_answer(int fd, int64_t of, std::string_view frame)
{
	char text[128];

	floor_say(fd, {text, static_cast<size_t>(snprintf(text, sizeof text,
	                                                  "{\"msgid\":100,\"of\":%lld,\"req\":%lld,\"errno\":0}\n",
	                                                  static_cast<long long>(of),
	                                                  static_cast<long long>(floor_number(frame, "\"req\":"))))});
}

static void floor_register(floor_server *s, int fd)
{
	floor_say(fd, "{\"msgid\":5,\"errno\":0,\"id\":" + std::to_string(s->online.size()) + "}\n");
	s->online.push_back(-1);
}

static void floor_log_in(floor_server *s, int fd, std::string_view frame)
{
	const size_t id = static_cast<size_t>(floor_number(frame, "\"id\":"));

	if (id >= s->online.size())
		return;
	s->online[id] = fd;
	floor_say(fd, "{\"msgid\":2,\"errno\":0,\"id\":" + std::to_string(id) + ",\"name\":\"x\"}\n");
}

/* The frame has its LF. */
static void floor_take(floor_server *s, int fd, std::string_view frame)
{
	const int64_t msgid = floor_number(frame, "\"msgid\":");
	size_t to;

	switch (msgid) {
	case CS_MSGID_CHAT:
	case CS_MSGID_SIGNAL:
		to = static_cast<size_t>(floor_number(frame, "\"toid\":"));
		floor_say(to < s->online.size() ? s->online[to] : -1, frame);
		floor_answer(fd, msgid, frame);
		break;
	case CS_MSGID_REGISTER: floor_register(s, fd); break;
	case CS_MSGID_LOGIN: floor_log_in(s, fd, frame); break;
	case CS_MSGID_LOGOUT:
		s->online[static_cast<size_t>(floor_number(frame, "\"id\":")) % s->online.size()] = -1;
		floor_answer(fd, msgid, frame);
		break;
	case CS_MSGID_PING: floor_say(fd, "{\"msgid\":103}\n"); break;
	default: break;
	}
}

static void floor_close(floor_server *s, int fd)
{
	for (int &other : s->online)
		if (other == fd)
			other = -1;
	s->partial.erase(fd);
	(void)close(fd);
}

static void floor_read(floor_server *s, int fd)
{
	static char bytes[65536];
	const ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

	if (got <= 0) {
		if (got == 0 || errno != EAGAIN)
			floor_close(s, fd);
		return;
	}
	std::string *const partial = &s->partial[fd];
	std::string_view input(bytes, static_cast<size_t>(got));
	if (!partial->empty())
		input = partial->append(input);
	size_t begin = 0;
	while (const void *const at = memchr(input.data() + begin, '\n', input.size() - begin)) {
		const size_t end = static_cast<size_t>(static_cast<const char *>(at) - input.data()) + 1;
		floor_take(s, fd, input.substr(begin, end - begin));
		begin = end;
	}
	*partial = std::string(input.substr(begin));
}

static void floor_watch(const floor_server *s, int fd)
{
	epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

	(void)epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event);
}

static void floor_accept(const floor_server *s)
{
	const int fd = accept4(s->listener, nullptr, nullptr, SOCK_CLOEXEC), on = 1;

	if (fd == -1)
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	floor_watch(s, fd);
}

static int floor_listen(floor_server *s)
{
	sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t size = sizeof address;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listener, reinterpret_cast<sockaddr *>(&address), size) != 0 || listen(s->listener, 4096) != 0 ||
	    getsockname(s->listener, reinterpret_cast<sockaddr *>(&address), &size) != 0) {
		perror("floor");
		return -1;
	}
	floor_watch(s, s->listener);
	printf("%u\n", ntohs(address.sin_port));
	return fflush(stdout);
}

int main(void)
{
	floor_server s;
	epoll_event events[256];

	if (floor_listen(&s) != 0)
		return 1;
	for (;;) {
		const int count = epoll_wait(s.epoll, events, 256, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == s.listener)
				floor_accept(&s);
			else
				floor_read(&s, events[i].data.fd);
		}
	}
}
