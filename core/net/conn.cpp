/* SPDX-License-Identifier: MIT
 * The table of a worker's connections, and the beginning and end of each connection. */
#include "core/net/conn.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"
#include "core/net/listener.h"
#include "core/net/network.h"

static constexpr uint32_t conn_most_slots = 1u << 24;
static constexpr int conn_keepalive_interval_s = 10;
static constexpr int conn_keepalive_count = 6;

void conn_assert_here(const struct worker *w)
{
	if (!loop_is_here(&w->loop))
		abort();
}

unsigned conn_worker_index(cs_conn handle)
{
	return static_cast<unsigned>(handle >> 24 & 0xff);
}

struct conn *conn_find(struct worker *w, cs_conn handle)
{
	const auto slot = static_cast<uint32_t>(handle & (conn_most_slots - 1));

	conn_assert_here(w);
	if (slot >= w->conns->slots.size())
		return nullptr;
	struct conn *c = w->conns->slots[slot].get();

	return !c || c->handle != handle || c->dead || c->closing ? nullptr : c;
}

void conn_table_deleter::operator()(struct conn_table *t) const
{
	std::default_delete<struct conn_table>()(t);
}

void conn_table_open(struct worker *w, const struct core_conf *conf)
{
	w->conns.reset(std::make_unique<struct conn_table>().release());
	w->conns->scratch = std::make_unique_for_overwrite<char[]>(conn_scratch_size);
	conn_table_set_conf(w, conf);
}

static bool conn_take_slot(struct conn_table *t, uint32_t *slot_r)
{
	if (!t->free_slots.empty()) {
		*slot_r = t->free_slots.back();
		t->free_slots.pop_back();
		return true;
	}
	if (t->slots.size() == conn_most_slots)
		return false;
	*slot_r = static_cast<uint32_t>(t->slots.size());
	t->slots.emplace_back();
	t->generations.push_back(0);
	return true;
}

static cs_conn conn_make_handle(struct worker *w, uint32_t slot)
{
	uint32_t *generation = &w->conns->generations[slot];

	if (++*generation == 0)
		++*generation;
	return static_cast<cs_conn>(*generation) << 32 | static_cast<cs_conn>(w->index) << 24 | slot;
}

static void conn_set_option(int fd, int level, int option, int value)
{
	/* An option that cannot be set is no error: a Unix socket in a test has none of them. */
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

void conn_set_keepalive(int fd, int64_t ms)
{
	const int idle_s = static_cast<int>(std::clamp<int64_t>(ms / 1000, 1, 32767));

	conn_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, ms != 0);
	if (ms == 0)
		return;
	conn_set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s);
	conn_set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, conn_keepalive_interval_s);
	conn_set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, conn_keepalive_count);
	conn_set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
	                (idle_s + conn_keepalive_interval_s * conn_keepalive_count) * 1000);
}

std::string conn_peer_text(const sockaddr *address)
{
	char host[INET6_ADDRSTRLEN] = "", text[INET6_ADDRSTRLEN + 16];

	if (address->sa_family == AF_INET) {
		const auto *in = reinterpret_cast<const sockaddr_in *>(address);

		inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
		snprintf(text, sizeof text, "%s:%u", host, ntohs(in->sin_port));
		return text;
	}
	if (address->sa_family == AF_INET6) {
		const auto *in = reinterpret_cast<const sockaddr_in6 *>(address);

		inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
		snprintf(text, sizeof text, "[%s]:%u", host, ntohs(in->sin6_port));
		return text;
	}
	return "local";
}

static int conn_make_events(struct conn *c)
{
	event_base *base = c->worker->loop.base.get();

	c->read_event.reset(event_new(base, c->fd.fd, EV_READ | EV_PERSIST, conn_on_read, c));
	if (!c->read_event || event_add(c->read_event.get(), nullptr) == -1)
		return CS_EINVAL;
	c->reading = true;
	return 0;
}

bool conn_reserve(struct worker *w)
{
	std::atomic<int64_t> *count = &w->shared->connections;
	int64_t n = count->load(std::memory_order_relaxed);

	do {
		if (n >= w->conf->max_connections)
			return false;
	} while (!count->compare_exchange_weak(n, n + 1, std::memory_order_relaxed));
	return true;
}

void conn_unreserve(struct worker *w)
{
	w->shared->connections.fetch_sub(1, std::memory_order_relaxed);
}

/* The connection is in its slot, and reading. */
static struct conn *conn_begin(std::unique_ptr<struct conn> c, uint32_t slot)
{
	struct conn *begun = c.get();
	struct worker *w = c->worker;

	w->conns->slots[slot] = std::move(c);
	w->conns->live++;
	worker_add(&conn_counters(begun)->accepted, 1);
	return begun;
}

int conn_open(struct worker *w, unique_fd fd, const sockaddr *address, const struct transport *transport)
{
	auto c = std::make_unique<struct conn>();
	uint32_t slot;

	conn_assert_here(w);
	if (!conn_take_slot(w->conns.get(), &slot)) {
		conn_unreserve(w);
		return CS_EBUSY;
	}
	conn_set_option(fd.fd, IPPROTO_TCP, TCP_NODELAY, 1);
	conn_set_keepalive(fd.fd, w->conf->keepalive);
	c->handle = conn_make_handle(w, slot);
	c->worker = w;
	c->fd = std::move(fd);
	c->peer = conn_peer_text(address);
	c->client = network_client(address);
	c->may_proxy = network_holds(w->conns->proxy_from, address);
	c->heard = worker_monotonic_ms();
	c->guest_since = c->heard;
	c->silence = w->conf->idle_timeout;
	limit_init(&c->bucket, w->conf->burst, c->heard);
	limit_init(&c->byte_bucket, w->conf->burst_bytes, c->heard);
	if (conn_make_events(c.get()) != 0) {
		w->conns->free_slots.push_back(slot);
		conn_unreserve(w);
		return CS_EINVAL;
	}
	conn_transport_prepare(c.get(), transport);
	conn_arm(c.get());
	log_debug("connection opened conn=%llx peer=%s transport=%s", static_cast<unsigned long long>(c->handle),
	          c->peer.c_str(), transport ? transport->label.c_str() : "plain");
	struct conn *opened = conn_begin(std::move(c), slot);

	if (!opened->may_proxy && !conn_enter_address(opened))
		return 0;
	if (opened->transport && !opened->may_proxy) {
		conn_leave_beginning(opened);
		conn_transport_start(opened);
	}
	conn_guest_check(opened);
	return 0;
}

int conn_adopt(struct worker *w, unique_fd *fd, const char *peer, cs_conn *handle_r)
{
	auto c = std::make_unique<struct conn>();
	uint32_t slot;

	conn_assert_here(w);
	if (!conn_take_slot(w->conns.get(), &slot)) {
		conn_unreserve(w);
		return CS_EBUSY;
	}
	c->handle = conn_make_handle(w, slot);
	c->worker = w;
	c->fd = std::move(*fd);
	c->peer = peer;
	c->client = network_of_adopted;
	c->is_adopted = true;
	c->beginning = false;
	c->heard = worker_monotonic_ms();
	c->guest_since = c->heard;
	limit_init(&c->bucket, w->conf->burst, c->heard);
	limit_init(&c->byte_bucket, w->conf->burst_bytes, c->heard);
	if (conn_make_events(c.get()) != 0) {
		*fd = std::move(c->fd);
		w->conns->free_slots.push_back(slot);
		conn_unreserve(w);
		return CS_EINVAL;
	}
	*handle_r = c->handle;
	log_debug("connection opened conn=%llx peer=%s transport=%s", static_cast<unsigned long long>(c->handle), peer,
	          transport_adopted_label);
	(void)conn_begin(std::move(c), slot);
	return 0;
}

/* Nothing of it is under way: no request, no answer that it has not read, no frame that is half here. */
static bool conn_is_idle(const struct conn *c)
{
	return !c->pending && !c->closing && !c->dead && !c->partial && conn_unsent(c) == 0;
}

/* The operator that was silent longest, of those that are idle; null: none is. */
static struct conn *conn_find_idle_operator(const struct conn_table *t, const struct conn *but)
{
	struct conn *idle = nullptr;

	for (const auto &c : t->slots)
		if (c && c->is_operator && c.get() != but && conn_is_idle(c.get()) && (!idle || c->heard < idle->heard))
			idle = c.get();
	return idle;
}

/* Silent operators, forgotten terminals for example, must not keep others out. */
static void conn_make_room_for_operator(struct conn *c)
{
	static const struct cs_request unknown = {.msgid = 0, .req = -1};
	static const char busy[] = "too many operators are connected";
	static const char why[] = "closed to make room for another operator";
	struct conn *idle = conn_find_idle_operator(c->worker->conns.get(), c);

	if (!idle) {
		conn_refuse(c, &unknown, CS_MSGID_ACK, CS_ERRNO_BUSY, busy);
		return conn_close_after_output(c, busy);
	}
	conn_refuse(idle, &unknown, CS_MSGID_ACK, CS_ERRNO_BUSY, why);
	if (!idle->dead && !idle->write_waiting)
		conn_write(idle);
	conn_close(idle, why);
}

int conn_open_operator(struct worker *w, unique_fd fd, unsigned uid)
{
	auto c = std::make_unique<struct conn>();
	uint32_t slot;

	conn_assert_here(w);
	if (!conn_take_slot(w->conns.get(), &slot))
		return CS_EBUSY;
	c->handle = conn_make_handle(w, slot);
	c->worker = w;
	c->fd = std::move(fd);
	c->peer = "operator:uid=" + std::to_string(uid);
	c->client = 1;
	c->is_operator = true;
	c->beginning = false;
	c->heard = worker_monotonic_ms();
	c->guest_since = c->heard;
	if (conn_make_events(c.get()) != 0) {
		w->conns->free_slots.push_back(slot);
		return CS_EINVAL;
	}
	struct conn *opened = conn_begin(std::move(c), slot);

	if (++w->conns->operators > conn_most_operators)
		conn_make_room_for_operator(opened);
	return 0;
}

/* A client can end connections as fast as it likes: without a limit it would fill the log. */
static bool conn_end_is_told(struct conn_table *t)
{
	const int64_t now = worker_monotonic_ms();

	if (now >= t->ends_told_until) {
		t->ends_told_until = now + 1000;
		t->ends_told = 0;
	}
	if (t->ends_told == conn_most_ends_told) {
		t->ends_held_back++;
		return false;
	}
	t->ends_told++;
	return true;
}

void conn_log_end(const struct conn *c, enum cs_log_level level, const char *why)
{
	const cs_account account = c->account != 0 ? c->account : c->ended;
	struct conn_table *t = c->worker->conns.get();

	conn_audit_end(c, why);
	if (account == 0 && level == CS_LOG_INFO && !conn_end_is_told(t))
		level = CS_LOG_DEBUG;
	if (log_enabled(level))
		log_write(level, "connection ends conn=%llx peer=%s account=%llu why=\"%s\" unsent=%zu held_back=%llu",
		          static_cast<unsigned long long>(c->handle), c->peer.c_str(),
		          static_cast<unsigned long long>(account), why, conn_unsent(c),
		          static_cast<unsigned long long>(std::exchange(t->ends_held_back, 0)));
}

/* End of turn: only its slot still points to the connection. */
static void conn_free(void *arg)
{
	auto *c = static_cast<struct conn *>(arg);
	struct worker *w = c->worker;
	const auto slot = static_cast<uint32_t>(c->handle & (conn_most_slots - 1));
	const bool is_operator = c->is_operator;

	if (!c->closed_told)
		conn_tell_closed(c);
	worker_add(&conn_counters(c)->ended, 1);
	if (c->transport && c->transport->handshake_until != 0)
		worker_add(&conn_counters(c)->failed, 1);
	w->conns->slots[slot].reset();
	w->conns->free_slots.push_back(slot);
	w->conns->live--;
	if (is_operator)
		w->conns->operators--;
	else
		conn_unreserve(w);
	listener_resume_all(w);
}

static void conn_die(struct conn *c)
{
	if (c->pending)
		c->worker->shared->conn_calls->abandoned(c);
	conn_leave(c);
	c->dead = true;
	event_del(c->read_event.get());
	for (const event_ptr *waits : {&c->write_event, &c->timer_event})
		if (*waits)
			event_del(waits->get());
	conn_guest_update(c);
	conn_leave_address(c);
	if (c->output)
		conn_note_unsent(c, 0);
	loop_at_end_of_turn(&c->worker->loop, conn_free, c);
}

void conn_close_logged(struct conn *c, enum cs_log_level level, const char *why)
{
	conn_assert_here(c->worker);
	if (c->dead)
		return;
	if (!c->closing)
		conn_log_end(c, level, why);
	conn_die(c);
}

void conn_close(struct conn *c, const char *why)
{
	conn_close_logged(c, CS_LOG_INFO, why);
}

void conn_close_quietly(struct conn *c, const char *why)
{
	conn_close_logged(c, c->account != 0 ? CS_LOG_INFO : CS_LOG_DEBUG, why);
}

void conn_close_softly(struct conn *c, enum cs_log_level level, const char *why)
{
	conn_assert_here(c->worker);
	if (c->dead || c->closing)
		return;
	conn_log_end(c, level, why);
	conn_leave(c);
	c->closing = true;
	c->end_at = worker_monotonic_ms() + conn_close_wait_ms;
	if (c->terminator == CONN_TERMINATOR_UNDECIDED)
		conn_decide_terminator(c, CONN_TERMINATOR_LF);
	conn_say_goodbye(c);
	if (!c->eof)
		conn_start_reading(c);
	conn_arm(c);
	conn_queue_flush(c);
	conn_guest_update(c);
}

void conn_close_after_output(struct conn *c, const char *why)
{
	conn_close_softly(c, CS_LOG_INFO, why);
}

void conn_check_end(struct conn *c)
{
	if (c->eof && !c->dead && !c->closing && !c->pending && c->owed == 0 && !c->waiting && !conn_has_unread(c) &&
	    conn_unsent(c) == 0)
		conn_close_quietly(c, "peer closed");
}
