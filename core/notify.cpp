/* SPDX-License-Identifier: MIT
 * Tells the service manager in which state the server is, by the protocol of sd_notify(3). */
#include "core/notify.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>

#include <sys/socket.h>
#include <sys/un.h>

#include "core/base/log.h"
#include <base/raii.h>

/* flags: MSG_DONTWAIT for what is said again soon. The others wait: the manager must hear them. */
static void notify_send_state(std::string_view state, int flags = 0)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address {};

	if (!name || (*name != '/' && *name != '@') || strlen(name) >= sizeof(address.sun_path))
		return;
	const unique_fd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	const size_t size = strlen(name);

	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, name, size);
	if (*name == '@')
		address.sun_path[0] = '\0'; /* the abstract namespace */
	if (sendto(fd.fd, state.data(), state.size(), MSG_NOSIGNAL | flags,
	           reinterpret_cast<const struct sockaddr *>(&address),
	           static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + size)) == -1)
		log_warning("service manager not told errno=%d", errno);
}

static void notify_send_time(const char *state, int64_t most_ms, int flags = 0)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%sEXTEND_TIMEOUT_USEC=%lld", state, static_cast<long long>(most_ms) * 1000);
	notify_send_state(text, flags);
}

void notify_starting(int64_t most_ms)
{
	notify_send_time("", most_ms, MSG_DONTWAIT);
}

void notify_ready()
{
	notify_send_state("READY=1");
}

void notify_watchdog()
{
	notify_send_state("WATCHDOG=1", MSG_DONTWAIT);
}

/* The time tells the manager which of its reload requests this answers. */
void notify_reloading()
{
	struct timespec now;
	char state[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	               static_cast<long long>(now.tv_sec) * 1000000 + now.tv_nsec / 1000);
	notify_send_state(state);
}

/* Asks for enough time: else the manager would kill the server too early. */
void notify_stopping(int64_t most_ms)
{
	notify_send_time("STOPPING=1\n", most_ms);
}
