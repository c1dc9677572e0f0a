/* SPDX-License-Identifier: MIT
 * Probes a connection: finds out by TCP whether the peer of an older session is still there. */
#include "core/net/conn.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "core/base/worker.h"
#include "core/net/conn_internal.h"

/* A peer that does not answer for so long is gone. */
static constexpr int64_t conn_probe_ms = 4000;
/* Pauses between two looks at the connection. */
static constexpr int64_t conn_probe_first_pause_ms = 10;
static constexpr int64_t conn_probe_longest_pause_ms = 200;
/* The kernel counts in ticks of up to 10 ms, so the difference of two times may be wrong by this much. */
static constexpr int64_t conn_probe_ticks_ms = 20;

struct conn_probe {
	struct conn *of;
	int64_t begun_ms;
	int64_t heard_ms; /* when the peer's last segment before the probe came */
	int64_t pause_ms = conn_probe_first_pause_ms;
	event_ptr timer;
	std::vector<cs_bus_address> askers; /* other nodes that asked; they are told the result */
};

enum conn_probe_result { CONN_PROBE_OPEN, CONN_PROBE_THERE, CONN_PROBE_GONE };

void conn_probe_deleter::operator()(struct conn_probe *p) const
{
	std::default_delete<struct conn_probe>()(p);
}

void conn_end_probe(struct conn *c)
{
	if (!c->probe)
		return;
	c->probe.reset();
	conn_set_keepalive(c->fd.fd, c->worker->conf->keepalive);
}

/* ---- what TCP knows */

/* Makes Linux send a segment that the peer must answer once nothing came for a second (at once if that is so already),
 * then one every second. TCP_KEEPIDLE is set last, because it starts the timer. TCP_KEEPCNT stays as it is, so that the
 * kernel does not end the connection before the probe does. */
static void conn_probe_ask(int fd)
{
	const int on = 1, seconds = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof seconds);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds);
}

static bool conn_probe_read(const struct conn *c, tcp_info *info_r)
{
	socklen_t size = sizeof *info_r;

	*info_r = {};
	return getsockopt(c->fd.fd, IPPROTO_TCP, TCP_INFO, info_r, &size) == 0;
}

static int64_t conn_probe_heard_ms(const tcp_info *info, int64_t now)
{
	return now - std::min(info->tcpi_last_ack_recv, info->tcpi_last_data_recv);
}

/* The peer takes no more bytes, but its machine has answered each time the kernel asked whether it does again. The
 * kernel asks ever less often and sends nothing else in between. */
static bool conn_probe_is_slow_reader(const struct conn *c, const tcp_info *info)
{
	int unsent = 0;

	return info->tcpi_unacked == 0 && info->tcpi_probes == 0 && ioctl(c->fd.fd, SIOCOUTQNSD, &unsent) == 0 &&
	       unsent > 0;
}

/* A connection whose peer closed its side ends without the probe, once its answers are sent. */
static enum conn_probe_result conn_probe_look(const struct conn *c, int64_t now)
{
	const bool is_late = now - c->probe->begun_ms >= conn_probe_ms;
	tcp_info info;

	if (!conn_probe_read(c, &info))
		return CONN_PROBE_THERE; /* no TCP: the peer is on this machine */
	if (info.tcpi_state == TCP_CLOSE)
		return CONN_PROBE_GONE;
	if (info.tcpi_state == TCP_ESTABLISHED &&
	    conn_probe_heard_ms(&info, now) > c->probe->heard_ms + conn_probe_ticks_ms)
		return CONN_PROBE_THERE;
	if (!is_late)
		return CONN_PROBE_OPEN;
	return conn_probe_is_slow_reader(c, &info) ? CONN_PROBE_THERE : CONN_PROBE_GONE;
}

/* ---- the probe */

static void conn_probe_wait(struct conn_probe *p, int64_t now)
{
	const int64_t wait = std::min(p->pause_ms, p->begun_ms + conn_probe_ms - now);
	const timeval time = {0, static_cast<suseconds_t>(std::max<int64_t>(wait, 1) * 1000)};

	p->pause_ms = std::min(p->pause_ms * 2, conn_probe_longest_pause_ms);
	event_add(p->timer.get(), &time);
}

static void conn_on_probe(evutil_socket_t, short, void *arg)
{
	struct conn *c = static_cast<struct conn_probe *>(arg)->of;
	const int64_t now = worker_monotonic_ms();
	const enum conn_probe_result result = conn_probe_look(c, now);

	if (result == CONN_PROBE_GONE) {
		conn_close(c, "another login came and this peer does not answer");
		return;
	}
	if (result == CONN_PROBE_THERE) {
		c->worker->shared->conn_calls->proved(c, c->probe->askers, now);
		conn_end_probe(c);
		return;
	}
	if (c->worker->draining)
		c->worker->shared->conn_calls->probe_waits(c);
	conn_probe_wait(c->probe.get(), now);
}

static void conn_probe_start(struct conn *c)
{
	const int64_t now = worker_monotonic_ms();
	tcp_info info;

	if (conn_probe_read(c, &info))
		conn_probe_ask(c->fd.fd);
	c->probe.reset(std::make_unique<struct conn_probe>(conn_probe{
								   .of = c,
								   .begun_ms = now,
								   .heard_ms = conn_probe_heard_ms(&info, now),
								   .timer = nullptr,
								   .askers = {},
							   })
	                       .release());
	c->probe->timer.reset(evtimer_new(c->worker->loop.base.get(), conn_on_probe, c->probe.get()));
	conn_probe_wait(c->probe.get(), now);
}

/* Bytes that wait unread in the kernel count as a sign of life. */
static bool conn_is_in_doubt(const struct conn *c)
{
	int unread = 0;

	return c->doubt != 0 && c->reading && c->paused_until == 0 && worker_monotonic_ms() - c->heard >= c->doubt &&
	       ioctl(c->fd.fd, FIONREAD, &unread) == 0 && unread == 0;
}

struct conn_to_probe {
	struct worker *worker;
	cs_conn handle;
	cs_account account;
	uint64_t device;
	cs_bus_address asker;
};

/* If the session has ended, nothing is probed: its end has woken the waiting claims. */
static void conn_probe_run(void *arg)
{
	const std::unique_ptr<struct conn_to_probe> order(static_cast<struct conn_to_probe *>(arg));
	struct conn *c = conn_find(order->worker, order->handle);

	if (!c || !conn_has_session(c, order->account, order->device))
		return;
	if (conn_is_in_doubt(c)) {
		conn_close(c, "another login came and this client was silent for too long");
		return;
	}
	if (!c->probe)
		conn_probe_start(c);
	std::vector<cs_bus_address> *askers = &c->probe->askers;

	if (order->asker != 0 && std::find(askers->begin(), askers->end(), order->asker) == askers->end())
		askers->push_back(order->asker);
}

void conn_begin_probe(struct worker_shared *shared, cs_conn handle, cs_account account, uint64_t device, uint64_t asker)
{
	const unsigned index = conn_worker_index(handle);

	if (index >= shared->workers.size())
		return;
	struct worker *w = shared->workers[index].get();
	auto order = std::make_unique<struct conn_to_probe>(conn_to_probe{w, handle, account, device, asker});

	loop_post(&w->loop, conn_probe_run, order.release());
}
