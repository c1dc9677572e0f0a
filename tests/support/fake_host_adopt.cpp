/* SPDX-License-Identifier: MIT
 * Adopted connections of the fake host: the plugin's end is a real socket. */
#include "fake_host_internal.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

#include "core/net/adopt.h"

int fake_adopted_make(fake_self *self, int fd, const char *peer, unsigned flags, cs_conn *conn_r)
{
	fake_host *host = self->host;
	const bool has_started = std::find(host->selves.begin(), host->selves.end(), self) != host->selves.end();

	if (!has_started || flags != 0 || !adopt_is_possible(fd, peer))
		return CS_EINVAL;
	if (self->stopping || fake_host_node(host, self->worker)->is_stopping)
		return CS_ECANCELED;
	if (const int result = fake_fault_take(host, FAKE_ADOPT, true))
		return result;
	if (!adopt_prepare(fd))
		return CS_EINVAL;
	*conn_r = fake_host_connect(host, 0, "", self->worker);
	fake_conn *conn = fake_host_conn(host, *conn_r);

	conn->is_adopted = true;
	conn->peer = peer;
	conn->end.reset(fd);
	fake_host_record(host, {"adopt", *conn_r, 0, 0, peer});
	return 0;
}

void fake_adopted_write(fake_conn *conn, const std::string &frame)
{
	conn->output += frame + "\n";
}

/* false: nothing was to be written, or the other end takes nothing. */
static bool fake_adopted_flush(fake_conn *conn)
{
	const ssize_t n =
		conn->output.empty() ? 0 : send(conn->end.fd, conn->output.data(), conn->output.size(), MSG_NOSIGNAL);

	if (n > 0)
		conn->output.erase(0, static_cast<size_t>(n));
	else if (n == -1 && errno != EAGAIN)
		conn->output.clear();
	return n > 0;
}

void fake_adopted_end(fake_conn *conn)
{
	if (!conn->is_adopted)
		return;
	(void)fake_adopted_flush(conn);
	conn->end.reset(-1);
}

/* Gives the frames that are whole. */
static void fake_adopted_take(fake_host *host, fake_conn *conn)
{
	for (size_t at; conn->open && (at = conn->input.find('\n')) != std::string::npos;) {
		const std::string frame = conn->input.substr(0, at);

		conn->input.erase(0, at + 1);
		(void)fake_host_frame(host, conn->handle, frame);
	}
}

static bool fake_adopted_read(fake_host *host, fake_conn *conn)
{
	const bool waits = conn->pending || conn->entering || conn->hooked;
	char bytes[4096];
	const ssize_t n = recv(conn->end.fd, bytes, sizeof bytes, waits ? MSG_PEEK : 0);

	if (n == 0 || (n == -1 && errno != EAGAIN)) {
		fake_host_drop(host, conn->handle);
		return true;
	}
	if (n < 0 || waits)
		return false;
	conn->input.append(bytes, static_cast<size_t>(n));
	fake_adopted_take(host, conn);
	return true;
}

static bool fake_adopted_go_on(fake_host *host, fake_conn *conn)
{
	if (!fake_adopted_flush(conn))
		return fake_adopted_read(host, conn);
	fake_host_written(host, conn->handle, conn->position - conn->output.size());
	return true;
}

bool fake_adopted_step(fake_host *host)
{
	bool did = false;

	/* A deque: those that are added meanwhile do not move the others. */
	for (size_t i = 0; i < host->conns.size() && !did; i++)
		did = host->conns[i].is_adopted && host->conns[i].open && fake_adopted_go_on(host, &host->conns[i]);
	return did;
}
