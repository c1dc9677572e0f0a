/* SPDX-License-Identifier: MIT
 * The connection of chatctl: requests out, answers in. */
#include "wire.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>

#include <base/wipe.h>

#include "answer.h"
#include "text.h"

/* An answer is at most a page of 256 KiB and one item, which grows if it is quoted: core.max_frame is at most 16 MiB.
 * Whatever is longer comes from something else. */
static constexpr size_t chatctl_most_answer = 40 * 1024 * 1024;

static int64_t chatctl_clock_ms(void)
{
	struct timespec now {};

	clock_gettime(CLOCK_MONOTONIC, &now);
	return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

static void chatctl_explain(const std::string &path, int error)
{
	const std::string shown = chatctl_harmless(path);

	switch (error) {
	case ENOENT:
		(void)fprintf(
			stderr,
			"chatctl: no server: there is no socket %s; does the server run, with core.control set? -s "
			"SOCKET names another\n",
			shown.c_str());
		break;
	case ECONNREFUSED:
		(void)fprintf(stderr, "chatctl: no server listens on %s; it is stopped, or was killed\n",
		              shown.c_str());
		break;
	case EACCES:
		(void)fprintf(stderr, "chatctl: %s may be opened by root and the server's own user only: try sudo\n",
		              shown.c_str());
		break;
	default: (void)fprintf(stderr, "chatctl: cannot connect to %s: %s\n", shown.c_str(), strerror(error));
	}
}

bool chatctl_connect(struct chatctl_wire *w, const std::string &path, int64_t timeout_ms)
{
	const struct timeval patience = {static_cast<time_t>(timeout_ms / 1000), 0};
	sockaddr_un address = {};

	w->path = path;
	w->timeout_ms = timeout_ms;
	if (path.empty() || path.size() >= sizeof address.sun_path) {
		chatctl_explain(path, path.empty() ? ENOENT : ENAMETOOLONG);
		return false;
	}
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path.data(), path.size());
	w->fd.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (w->fd.fd == -1 || setsockopt(w->fd.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == -1 ||
	    connect(w->fd.fd, reinterpret_cast<const sockaddr *>(&address), sizeof address) == -1) {
		chatctl_explain(path, errno);
		return false;
	}
	return true;
}

/* cJSON frees texts that it has outgrown as they are, so it gets a buffer. */
static wiped_text chatctl_print_request(const cJSON *request)
{
	wiped_text bytes;

	for (size_t size = 1024;; size *= 2) {
		bytes.assign(size, '\0');
		if (!cJSON_PrintPreallocated(const_cast<cJSON *>(request), bytes.data(), static_cast<int>(size), 0))
			continue;
		bytes.resize(strlen(bytes.c_str()));
		bytes.push_back('\n');
		return bytes;
	}
}

/* The request may have a password. */
static bool chatctl_send(struct chatctl_wire *w, const cJSON *request)
{
	const wiped_text all = chatctl_print_request(request);
	std::string_view bytes = all;

	while (!bytes.empty()) {
		const ssize_t n = send(w->fd.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		/* What the server has said before it closed can be read: the reason. */
		if (n == -1 && errno != EAGAIN)
			return true;
		if (n == -1) {
			(void)fprintf(stderr, "chatctl: the server takes no request\n");
			return false;
		}
		bytes.remove_prefix(static_cast<size_t>(n));
	}
	return true;
}

/* false: nothing more comes, which is explained, or w->ending is readable. */
static bool chatctl_read_more(struct chatctl_wire *w, int64_t until)
{
	char part[65536];
	struct pollfd wait[] = {{w->fd.fd, POLLIN, 0}, {w->ending, POLLIN, 0}};
	const int64_t left = until - chatctl_clock_ms();
	const int ready = left > 0 ? poll(wait, 2, static_cast<int>(left)) : 0;

	if (ready == -1 && errno == EINTR)
		return true;
	if (wait[1].revents)
		return false;
	if (ready == 0) {
		(void)fprintf(stderr, "chatctl: the server does not answer within %lld s\n",
		              static_cast<long long>(w->timeout_ms / 1000));
		return false;
	}
	const ssize_t n = ready == -1 ? -1 : recv(w->fd.fd, part, sizeof part, 0);

	if (n > 0 && w->input.size() < chatctl_most_answer) {
		w->input.append(part, static_cast<size_t>(n));
		return true;
	}
	if (n > 0)
		(void)fprintf(stderr, "chatctl: what answers is no chatserverd\n");
	else
		(void)fprintf(stderr, "chatctl: the server has closed the connection without an answer\n");
	return false;
}

/* The next frame; null: there is none, or it is no JSON, which is explained. */
static chatctl_json_ptr chatctl_read_frame(struct chatctl_wire *w, int64_t until)
{
	size_t end;

	while ((end = w->input.find('\n')) == std::string::npos)
		if (!chatctl_read_more(w, until))
			return nullptr;
	const std::string line = w->input.substr(0, end);

	w->input.erase(0, end + 1);
	chatctl_json_ptr frame(cJSON_ParseWithLength(line.data(), line.size()));

	if (!frame)
		(void)fprintf(stderr, "chatctl: what answers is no chatserverd\n");
	return frame;
}

chatctl_json_ptr chatctl_ask(struct chatctl_wire *w, const cJSON *request)
{
	const int64_t until = chatctl_clock_ms() + w->timeout_ms;

	if (!chatctl_send(w, request))
		return nullptr;
	for (;;) {
		chatctl_json_ptr frame = chatctl_read_frame(w, until);

		if (!frame)
			return nullptr;
		/* of 0: the connection is refused, or the frame was no request for the server. */
		if (chatctl_number(frame.get(), "req") == chatctl_number(request, "req") ||
		    (chatctl_number(frame.get(), "of") == 0 && chatctl_number(frame.get(), "errno") > 0))
			return frame;
	}
}
